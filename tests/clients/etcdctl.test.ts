/**
 * etcdctl 3.4 in its v2 form, as Debian has it (etcd-client): each command is given to a real etcd and to muster, and what it
 * prints and how it ends are compared. It is also the test of the Go client.
 */
import { spawn } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { startChild } from '../support/scratch.ts'
import { etcdctlVersion, startEtcdLike } from './etcd-servers.ts'
import {
  AUTH_COMMANDS,
  CLUSTER_COMMANDS,
  type Command,
  KEY_COMMANDS,
  MEMBER_COMMANDS,
  USER_COMMANDS,
  WATCH_COMMANDS,
} from './etcdctl-commands.ts'
import { noteWhenPassed, SETUPS, type Setup } from './results.ts'
import { type Served, startSetup } from './setups.ts'

const COMMAND_MS_MAX = 60_000
/** What a command may take on a busy machine; it would be 2 s and 5 s. */
const PATIENT = ['--timeout', '20s', '--total-timeout', '30s']

const version = etcdctlVersion()

interface Server {
  readonly urls: readonly string[]
  readonly caFile: string | undefined
}

/** What a command printed and how it ended, without what has to differ. */
async function run({ urls, caFile }: Server, { args, stdin }: Command): Promise<string> {
  const known: string[] = []
  for (const arg of args) {
    if (arg.startsWith('@')) known.push(`${await indexOf(urls, caFile, arg.slice(1))}`)
    else known.push(arg === '#' ? await unstartedId(urls) : arg)
  }
  const child = spawn('etcdctl', ['--endpoints', urls.join(','), ...PATIENT, ...known], {
    env: { PATH: process.env['PATH'], ETCDCTL_API: '2', ...(caFile === undefined ? {} : { ETCDCTL_CA_FILE: caFile }) },
    timeout: COMMAND_MS_MAX,
  })
  // Most commands read none, and may be gone before it is written.
  child.stdin.on('error', () => {})
  child.stdin.end(stdin ?? '')
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const end = await new Promise<string>((done) => child.on('close', (code, signal) => done(`${signal ?? code}`)))
  return `${mask(stdout)}--- stderr\n${mask(stderr)}--- ended ${end}`
}

/** Through etcdctl as well: it knows about certificates, and auth is off. */
async function indexOf(urls: readonly string[], caFile: string | undefined, key: string): Promise<number> {
  const args = ['--endpoints', urls.join(','), '-o', 'json', 'get', key]
  const env = { ETCDCTL_API: '2', ...(caFile === undefined ? {} : { ETCDCTL_CA_FILE: caFile }) }
  const child = startChild('etcdctl', args, { env })
  await child.exited
  return (JSON.parse(child.stdout) as { readonly node: { readonly modifiedIndex: number } }).node.modifiedIndex
}

async function unstartedId(urls: readonly string[]): Promise<string> {
  const child = startChild('etcdctl', ['--endpoints', urls.join(','), 'member', 'list'], { env: { ETCDCTL_API: '2' } })
  await child.exited
  return /^([0-9a-f]+)\[unstarted\]/m.exec(child.stdout)?.[1] ?? 'none'
}

/** Ids, ports, indexes and times are the server's own, and so is the order in which unsorted listings and members come. */
function mask(text: string): string {
  return text
    .replace(/127\.0\.0\.1:\d+/g, 'HOST')
    .replace(/name=m\d/g, 'name=M')
    .replace(/\b[0-9a-f]{15,16}\b/g, 'ID')
    .replace(/\[\d+ != \d+\]/g, '[N != N]')
    .replace(/(Index: |"(?:modified|created)Index":|_INDEX=|\[)\d+/g, '$1N')
    .replace(/ \[N\]|(?<=\/q\/)\d{20}/g, 'N')
    .replace(/(TTL: |"ttl":)\d+/g, '$1N')
    .replace(/"expiration":"[^"]*"/g, '"expiration":"T"')
    .replace(/waitIndex=\d+/g, 'waitIndex=N')
    .replace(/(?<=INITIAL_CLUSTER=")[^"]*/, (members) => members.split(',').sort().join(','))
    .split('\n')
    .sort()
    .join('\n')
}

/** Gives each command to both, and expects the same of both. */
async function compare(etcd: Server, muster: Server, commands: readonly Command[]): Promise<void> {
  for (const command of commands) {
    const [theirs, ours] = await Promise.all([run(etcd, command), run(muster, command)])
    expect.soft(ours, `etcdctl ${command.args.join(' ')}`).toBe(theirs)
  }
}

// Skipped where Debian's etcd-client and etcd-server 3.4 are not installed.
describe.skipIf(version === undefined)('etcdctl prints and ends alike on etcd and on muster', () => {
  test.each(SETUPS)('%s', async (setup) => {
    const ours = await startSetup(setup)
    const etcd = { urls: await startEtcdLike(ours), caFile: ours.caFile }
    for (const commands of listsOf(setup)) await compare(etcd, ours, commands)
    await follows(ours)
    noteWhenPassed({ client: 'etcdctl', version: version ?? '', setup })
  })
})

function listsOf(setup: Setup): readonly (readonly Command[])[] {
  if (setup === 'auth') return [USER_COMMANDS, AUTH_COMMANDS]
  // Over TLS a command takes several times as long, and what differs is below all of them.
  if (setup === 'tls') return [WATCH_COMMANDS, CLUSTER_COMMANDS]
  const common = [KEY_COMMANDS, WATCH_COMMANDS, CLUSTER_COMMANDS]
  return setup === 'three' ? [...common, MEMBER_COMMANDS] : common
}

/** `watch --forever` prints each change once, in order. */
async function follows({ urls, caFile }: Served): Promise<void> {
  const env = { ETCDCTL_API: '2', ...(caFile === undefined ? {} : { ETCDCTL_CA_FILE: caFile }) }
  const etcdctl = (...args: readonly string[]) =>
    startChild('etcdctl', ['--endpoints', urls.join(','), ...args], { env })
  await etcdctl('set', '/follow/0', 'start').exited
  const from = `${await indexOf(urls, caFile, '/follow/0')}`
  const watch = etcdctl('watch', '-f', '-r', '--after-index', from, '/follow')
  const expected: string[] = []
  for (let n = 1; n <= 20; n++) {
    await etcdctl('set', `/follow/${n % 3}`, `${n}`).exited
    expected.push(`[set] /follow/${n % 3}\n${n}\n`)
  }
  await watch.untilOutput(/^20$/m, COMMAND_MS_MAX)
  expect(watch.stdout).toBe(expected.join(''))
}
