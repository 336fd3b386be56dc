/** The command that lives with its files: one at a time, however often it is told. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
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

test('that we may not signal makes telling and restarting fail, as often as it is tried, and its end is waited for', async () => {
  const command = new Supervised({ command: 'sleep', args: ['600'], killSignal: 'SIGTERM', killMs: 5_000 })
  command.start(process.env)
  const { pid = 0 } = command
  const refused = vi.spyOn(process, 'kill').mockImplementation(() => {
    throw Object.assign(new Error('kill EPERM'), { code: 'EPERM' })
  })
  const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  onTestFinished(() => void vi.restoreAllMocks())
  for (let time = 0; time < 2; time += 1) {
    await expect(command.tell('SIGHUP')).rejects.toThrow(`cannot signal process ${pid}: kill EPERM`)
    await expect(command.restart(process.env)).rejects.toThrow(`cannot signal process ${pid}: kill EPERM`)
  }
  const ended = command.end()
  await eventually('the word of it', () =>
    said.mock.calls.some(([text]) => String(text).includes('waiting for its end')),
  )
  refused.mockRestore()
  process.kill(pid, 'SIGUSR1')
  await ended
  expect(await command.done).toBe(128 + 10)
})

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
