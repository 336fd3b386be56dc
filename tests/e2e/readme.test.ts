/**
 * The README is true: its commands run, in order, and print what stands below them.
 *
 * Ports become free ones; what differs from run to run (times of expiry) is masked. A command that starts something that
 * stays is started as it stands, with flags that keep it off the fixed ports and out of this folder.
 */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Child } from '../support/child.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { commandBlocks } from '../support/page-blocks.ts'
import { scratchDir, startChild } from '../support/scratch.ts'

/** Commands that another test runs: the image and a network of three. */
const RUN_ELSEWHERE: ReadonlySet<string> = new Set(['docker compose up --build'])

function masked(output: string): string {
  return output.trim().replaceAll(/"expiration":"[^"]+"/g, '"expiration":"T"')
}

/** Starts `npm …` with more words for what it runs. */
function startNpm(command: string, words: readonly string[]): Child {
  return startChild('npm', [...command.split(' ').slice(1), '--', ...words])
}

/** `npm start` on the given client port. */
async function startSingle(command: string, folder: string, port: number): Promise<Child> {
  const clients = `http://127.0.0.1:${port}`
  const peers = `http://127.0.0.1:${await freePort()}`
  const child = startNpm(command, [
    ...['--data-dir', join(folder, 'single')],
    ...['--listen-client-urls', clients, '--advertise-client-urls', clients],
    ...['--listen-peer-urls', peers, '--initial-advertise-peer-urls', peers],
  ])
  await child.untilOutput(/^musterd is ready: /m)
  return child
}

/** `npm run cluster` on the given client ports. */
async function startThree(command: string, folder: string, ports: readonly number[]): Promise<Child> {
  const peers = [await freePort(), await freePort(), await freePort()]
  const places = [
    '--client-ports',
    ports.join(','),
    '--peer-ports',
    peers.join(','),
    '--data-dir',
    join(folder, 'three'),
  ]
  const child = startNpm(command, places)
  for (const name of ['m1', 'm2', 'm3']) await child.untilOutput(new RegExp(`^${name} \\| musterd is ready: `, 'm'))
  const url = `http://127.0.0.1:${ports[0]}/health`
  await eventually('three members to be healthy', async () => (await fetch(url)).ok)
  return child
}

async function run(commands: string): Promise<string> {
  const child = startChild('bash', ['-e', '-c', commands])
  const { code } = await child.exited
  expect({ commands, code, stderr: code === 0 ? '' : child.stderr }).toEqual({ commands, code: 0, stderr: '' })
  return child.stdout
}

test('every command of the README works, and prints what the README shows', async () => {
  const folder = await scratchDir()
  const ports = [await freePort(), await freePort(), await freePort()]
  const withPorts = (text: string) =>
    text.replaceAll(/\b(2379|22379|32379)\b/g, (port) => String(ports[['2379', '22379', '32379'].indexOf(port)]))
  let running: Child | undefined

  for (const { commands, shown } of commandBlocks('README.md')) {
    if (RUN_ELSEWHERE.has(commands)) continue
    if (commands === 'npm start') {
      running = await startSingle(commands, folder, ports[0] ?? 0)
    } else if (commands === 'npm run cluster') {
      await stop(running)
      running = await startThree(commands, folder, ports)
    } else {
      const output = await run(withPorts(commands))
      if (shown !== undefined) expect(masked(output), commands).toBe(masked(shown))
      else for (const line of output.trim().split('\n')) expect(() => JSON.parse(line), commands).not.toThrow()
    }
  }
  await stop(running)
})

/** Ctrl-C. What was started has to end in order, and by itself. */
async function stop(child: Child | undefined): Promise<void> {
  if (child === undefined) throw new Error('the README starts nothing')
  child.kill('SIGINT')
  expect(await child.exited).toEqual({ code: 0, signal: null })
}
