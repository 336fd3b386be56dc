/**
 * `npm run cluster`: three members on this machine, their output behind coloured prefixes. Ctrl-C ends all in order.
 *
 * `--client-ports`, `--peer-ports` (three, comma-separated) and `--data-dir` change where; what follows a `--` goes to every
 * member. When a member ends by itself the others go on, as in a real cluster.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { parseArgs } from 'node:util'

interface Place {
  readonly name: string
  readonly clientUrl: string
  readonly peerUrl: string
  readonly dataDir: string
  readonly colour: number
}

const root = join(import.meta.dirname, '..')
const COLOURS = [36, 33, 35]

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'client-ports': { type: 'string', default: '2379,22379,32379' },
    'peer-ports': { type: 'string', default: '2380,22380,32380' },
    'data-dir': { type: 'string', default: 'cluster.muster' },
  },
})

const clientPorts = values['client-ports'].split(',')
const peerPorts = values['peer-ports'].split(',')
if (clientPorts.length !== peerPorts.length || !clientPorts.concat(peerPorts).every((port) => /^\d+$/.test(port))) {
  process.stderr.write('cluster: --client-ports and --peer-ports take as many port numbers each, comma-separated\n')
  process.exit(2)
}
const places: readonly Place[] = clientPorts.map((port, at) => ({
  name: `m${at + 1}`,
  clientUrl: `http://127.0.0.1:${port}`,
  peerUrl: `http://127.0.0.1:${peerPorts[at]}`,
  dataDir: join(values['data-dir'], `m${at + 1}`),
  colour: COLOURS[at % COLOURS.length] ?? 0,
}))
const initialCluster = places.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',')

const running = new Set<ChildProcess>()
for (const place of places) start(place)
process.on('SIGINT', stop)
process.on('SIGTERM', stop)

/** Under npm, Ctrl-C comes from the terminal and again from npm: so soon after the first, it is the same one. */
const SAME_SIGNAL_MS = 1_000
let stoppingSinceMs: number | undefined

/** The first signal asks the members to stop in order, a second one ends them. */
function stop(): void {
  const nowMs = performance.now()
  if (stoppingSinceMs !== undefined && nowMs - stoppingSinceMs < SAME_SIGNAL_MS) return
  for (const child of running) child.kill(stoppingSinceMs === undefined ? 'SIGTERM' : 'SIGKILL')
  stoppingSinceMs ??= nowMs
}

function start(place: Place): void {
  const { name, clientUrl, peerUrl, dataDir } = place
  const flags = [
    ...['--name', name, '--data-dir', dataDir],
    ...['--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl],
    ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
    ...['--initial-cluster', initialCluster, '--initial-cluster-token', 'muster-cluster'],
    ...positionals,
  ]
  // In a process group of its own: a Ctrl-C reaches the members once, through us, and not also from the terminal.
  const child = spawn(process.execPath, [join(root, 'bin', 'musterd.ts'), ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  running.add(child)
  process.stdout.write(`${prefix(place)}starting ${clientUrl} as process ${child.pid}\n`)
  copyLines(child.stdout, place, process.stdout)
  copyLines(child.stderr, place, process.stderr)
  child.on('exit', (code, signal) => {
    running.delete(child)
    if (stoppingSinceMs === undefined && code !== 0) process.exitCode = 1
    process.stdout.write(`${prefix(place)}ended with ${signal ?? `status ${code}`}\n`)
  })
}

function copyLines(from: Readable, place: Place, to: NodeJS.WriteStream): void {
  createInterface({ input: from }).on('line', (line) => to.write(`${prefix(place)}${line}\n`))
}

function prefix({ name, colour }: Place): string {
  return process.stdout.isTTY ? `\u001b[${colour}m${name} |\u001b[0m ` : `${name} | `
}
