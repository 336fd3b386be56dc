/**
 * Patroni with its `etcd:` section, as Debian has it, and two PostgreSQL servers: a primary is chosen, and another one when it is
 * killed; and it is left in peace when a member of muster is.
 */
import { chmod, rm } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, onTestFailed, onTestFinished, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { makeScratchDir } from '../support/scratch.ts'
import { enableAuth, ROOT } from './auth.ts'
import { PatroniNode, patroniVersion } from './patroni.ts'
import { noteWhenPassed, SETUPS, type Setup } from './results.ts'
import { type Served, startSetup } from './setups.ts'

const MS_MAX = 60_000
/** For so long a primary is looked at after a member of muster was killed: longer than Patroni's TTL. */
const PEACE_MS = 12_000
const LOOK_MS = 250

const version = patroniVersion()

interface Pair {
  readonly primary: PatroniNode
  readonly replica: PatroniNode
}

async function startNodes(setup: Setup, served: Served): Promise<readonly PatroniNode[]> {
  const folder = await makeScratchDir()
  // The user postgres has to get through it to its own folders.
  await chmod(folder, 0o711)
  const nodes: PatroniNode[] = []
  onTestFailed(() => {
    for (const { name, output } of nodes) console.error(`--- ${name}:\n${output.slice(-6000)}`)
  })
  onTestFinished(async () => {
    await Promise.all(nodes.map((node) => node.stop()))
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  })
  for (const name of ['pg1', 'pg2']) {
    nodes.push(await PatroniNode.make(name, folder, served, setup === 'auth' ? ROOT : undefined))
  }
  for (const node of nodes) node.start()
  return nodes
}

/** Waits for one primary, and one replica that follows it. */
function untilPair(nodes: readonly PatroniNode[]): Promise<Pair> {
  return eventually(
    'a primary and a running replica',
    async () => {
      const seen = await Promise.all(nodes.map((node) => node.status()))
      const primary = nodes[seen.findIndex((status) => status?.role === 'master' || status?.role === 'primary')]
      const replica = nodes[seen.findIndex((status) => status?.role === 'replica')]
      if (primary === undefined || replica === undefined) return undefined
      if (seen.some((status) => status?.state !== 'running')) return undefined
      return { primary, replica }
    },
    MS_MAX,
  )
}

/** Waits until a node is the primary and takes writes. */
async function untilPrimary(node: PatroniNode): Promise<void> {
  await eventually(
    `${node.name} to take over`,
    async () => /master|primary/.test((await node.status())?.role ?? ''),
    MS_MAX,
  )
  await eventually(`${node.name} to take writes`, () => node.sql('SELECT pg_is_in_recovery()') === 'f', MS_MAX)
}

async function untilSeen(node: PatroniNode, rows: string): Promise<void> {
  await eventually('the rows on the other server', () => node.sql('SELECT count(*) FROM t') === rows, MS_MAX)
}

// Skipped where patroni or postgresql is not installed, and for users other than root, who cannot become postgres.
describe.skipIf(version === undefined)('Patroni', () => {
  test.each(SETUPS)('elects a primary, keeps it, and elects another one when that is killed: %s', async (setup) => {
    const served = await startSetup(setup)
    if (setup === 'auth') await enableAuth(served)
    const nodes = await startNodes(setup, served)
    const { primary, replica } = await untilPair(nodes)
    primary.sql('CREATE TABLE t (n int); INSERT INTO t VALUES (1)')
    await untilSeen(replica, '1')

    if (served.cluster !== undefined && setup === 'three') {
      const leader = await served.cluster.leader()
      await leader.kill()
      await staysPrimary(primary)
      await leader.start()
    }

    // Over TLS and with auth it is the same once more, and the wait for the lock to expire is long.
    if (setup === 'one' || setup === 'three') await failOver({ primary, replica })
    noteWhenPassed({ client: 'Patroni', version: version ?? '', setup })
  })
})

/** Looks at a primary for longer than its lock lasts: it is one all the time, and takes writes. */
async function staysPrimary(primary: PatroniNode): Promise<void> {
  const before = await primary.status()
  for (const untilMs = performance.now() + PEACE_MS; performance.now() < untilMs; await wait(LOOK_MS)) {
    expect(await primary.status()).toMatchObject({ role: before?.role, timeline: before?.timeline })
    expect(primary.sql('INSERT INTO t VALUES (0); DELETE FROM t WHERE n = 0; SELECT pg_is_in_recovery()')).toMatch(/f$/)
  }
  expect(primary.output).not.toMatch(/demot/i)
}

/** The primary is killed: the replica takes over, and the old primary comes back as its replica. */
async function failOver({ primary, replica }: Pair): Promise<void> {
  await primary.kill()
  await untilPrimary(replica)
  replica.sql('INSERT INTO t VALUES (2)')
  primary.start()
  await untilPair([primary, replica])
  await untilSeen(primary, '2')
}
