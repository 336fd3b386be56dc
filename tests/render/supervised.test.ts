/** The command that lives with its files: one at a time, however often it is told. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Supervised } from '../../src/render/supervised.ts'
import { eventually } from '../support/eventually.ts'
import { scratchDir } from '../support/scratch.ts'

test('is restarted once when two files want it at the same time, and never runs twice', async () => {
  const file = join(await scratchDir(), 'started')
  const script = `echo $$ >>${file}; while :; do sleep 0.05; done`
  const command = new Supervised({ command: 'sh', args: ['-c', script], killSignal: 'SIGTERM', killMs: 5_000 })
  onTestFinished(() => command.end())
  const started = async () => (await readFile(file, 'utf8').catch(() => '')).trim().split('\n').filter(Boolean)
  command.start(process.env)
  await eventually('the first', async () => (await started()).length === 1)
  await Promise.all([command.restart(process.env), command.restart(process.env)])
  await eventually('the second', async () => (await started()).length > 1)
  await command.restart(process.env)
  await eventually('the third', async () => (await started()).length > 2)
  const pids = (await started()).map(Number)
  onTestFinished(() => pids.filter(isAlive).forEach((pid) => void process.kill(pid, 'SIGKILL')))
  expect(pids).toHaveLength(3)
  expect(pids.filter(isAlive)).toEqual([command.pid])
})

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
