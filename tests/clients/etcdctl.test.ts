/**
 * etcdctl 3.4 in its v2 form, as Debian has it (etcd-client): each command is given to a real etcd and to muster, and what it
 * prints and how it ends are compared. It is also the test of the Go client.
 */
import { describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
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
import { indexOf, run, type Server } from './etcdctl-run.ts'
import { noteWhenPassed, SETUPS, type Setup } from './results.ts'
import { type Served, startSetup } from './setups.ts'

const OUTPUT_MS_MAX = 60_000
/** etcd calls its cluster unhealthy, and adds no member, until all have been connected for 5 s. */
const ETCD_HEALTHY_MS = 6_000

const version = etcdctlVersion()

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
    const servesMs = performance.now()
    for (const commands of listsOf(setup)) {
      if (commands === MEMBER_COMMANDS) {
        await eventually('etcd to change members', () => performance.now() - servesMs > ETCD_HEALTHY_MS)
      }
      await compare(etcd, ours, commands)
    }
    await follows(ours)
    noteWhenPassed({ client: 'etcdctl', version: version ?? '', setup })
  })
})

function listsOf(setup: Setup): readonly (readonly Command[])[] {
  const auth = [USER_COMMANDS, AUTH_COMMANDS]
  if (setup === 'auth') return auth
  const common = [KEY_COMMANDS, WATCH_COMMANDS, CLUSTER_COMMANDS]
  if (setup === 'tls') return [...common, ...auth]
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
  await watch.untilOutput(/^20$/m, OUTPUT_MS_MAX)
  expect(watch.stdout).toBe(expected.join(''))
}
