/**
 * `muster` with etcdctl's words, for whoever has `alias etcdctl=muster`: each command line is given to etcdctl and to muster, each
 * with a server of its own, of the same kind: etcd 3.4, and a member of muster. What they print and how they end is compared.
 */
import { describe, expect, test } from 'vitest'
import { etcdctlVersion, startEtcdLike } from './etcd-servers.ts'
import {
  AUTH_COMMANDS,
  CLUSTER_COMMANDS,
  type Command,
  KEY_COMMANDS,
  MEMBER_COMMANDS,
  USER_COMMANDS,
  WATCH_COMMANDS,
  WORD_COMMANDS,
} from './etcdctl-commands.ts'
import { MUSTER, run, type Server } from './etcdctl-run.ts'
import { startSetup } from './setups.ts'

/** Some 120 command lines a list, each with two processes to start. */
const LIST_MS_MAX = 900_000

const LISTS: Readonly<Record<string, readonly Command[]>> = {
  keys: KEY_COMMANDS,
  'watches and the cluster': [...WATCH_COMMANDS, ...CLUSTER_COMMANDS],
  'users and roles': [...USER_COMMANDS, ...AUTH_COMMANDS],
}

// Skipped where Debian's etcd-client and etcd-server 3.4 are not installed.
describe.skipIf(etcdctlVersion() === undefined)('muster prints and ends as etcdctl', () => {
  describe.each(['etcd', 'muster'])('against %s', (kind) => {
    test.each(Object.keys(LISTS))(
      '%s',
      async (list) => {
        await compare(await startOne(kind), await startOne(kind), LISTS[list] ?? [])
      },
      LIST_MS_MAX,
    )
  })

  test(
    'whatever is said in whichever form, and what is wrong with it',
    async () => {
      await compare(await startOne('etcd'), await startOne('etcd'), WORD_COMMANDS)
    },
    LIST_MS_MAX,
  )

  test(
    'against three members, which are added and removed',
    async () => {
      // Members take no other until they have been connected for some seconds, which the first lists last.
      const commands = [...WATCH_COMMANDS, ...CLUSTER_COMMANDS, ...MEMBER_COMMANDS]
      await compare(await startSetup('three'), await startSetup('three'), commands)
    },
    LIST_MS_MAX,
  )

  test('over TLS, the authority being named by a variable', async () => {
    await compare(await startSetup('tls'), await startSetup('tls'), CLUSTER_COMMANDS)
  })
})

async function compare(theirs: Server, ours: Server, commands: readonly Command[]): Promise<void> {
  for (const command of commands) {
    if (command.args.includes('--version')) continue
    const [expected, found] = await Promise.all([run(theirs, command), run(ours, command, MUSTER)])
    expect.soft(comparable(found), command.args.join(' ')).toBe(comparable(expected))
  }
}

async function startOne(kind: string): Promise<Server> {
  if (kind === 'muster') return startSetup('one')
  const shape = { urls: [''], caFile: undefined, certificate: undefined, cluster: undefined }
  return { urls: await startEtcdLike(shape), caFile: undefined }
}

/**
 * Help is each program's own, and muster has more to say of a command that there is not. It does not send a change to a second server
 * when the first may have made it, and says so.
 */
function comparable(said: string): string {
  const [stdout = '', rest = ''] = said.split('--- stderr\n')
  const wrong = /^Incorrect Usage.*$/m.exec(stdout)?.[0]
  const shown = wrong ?? (/^(Usage: muster|NAME:)/m.test(stdout) ? 'help' : stdout)
  const stderr = rest.replace(
    /\n(did you mean |muster .*--help lists|stty: |; error #|muster: the change may have)[^\n]*(?=\n|--- ended)/g,
    '',
  )
  return `${shown}--- stderr\n${stderr}`
}
