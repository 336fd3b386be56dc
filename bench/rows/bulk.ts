/**
 * What many keys cost: memory they take, how long a recursive list of them takes, and how long a killed member that holds
 * them needs until it serves again. One filling of a fresh cluster serves all three rows.
 */
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster, ClusterMember } from '../cluster.ts'
import { cpuMicros, residentBytes } from '../cpu.ts'
import { runLoad } from '../load.ts'
import type { LoadSpec } from '../load-spec.ts'
import { getSize, getText } from '../requests.ts'
import type { Job, JobContext, Measure, Row, Sample } from '../row.ts'
import { median } from '../statistics.ts'

const VALUE_BYTES = 100
const CONNECTIONS = 64
/** Writes before the first look at memory, so that code and buffers that every member needs are not counted to the keys. */
const WARM_UP_WRITES = 5000
/** Time for collectors and compactions before each look. Milliseconds. */
const SETTLE_MS = 3000
const LISTS = 7
const RESTART_MS_MAX = 60_000
const RESTART_POLL_MS = 5
const MEBIBYTE = 1024 * 1024
const AT_MOST_ETCD = { of: 'ratio', bound: 'max', limit: 1 } as const

function rowOf(name: string, title: string, measure: Omit<Measure, 'goal' | 'digits'>, ...more: Measure[]): Row {
  return { name, title, measures: [{ ...measure, digits: 0, goal: AT_MOST_ETCD }, ...more] }
}

const ROWS = {
  memory: rowOf('memory', '100,000 keys of 100 bytes', { id: 'growthMebibytes', label: 'growth of a member, MiB' }),
  list: rowOf('list', 'recursive list of them', { id: 'listMs', label: 'ms' }),
  restart: rowOf(
    'restart',
    'a follower with them, after kill -9',
    { id: 'restartMs', label: 'ms until it serves' },
    { id: 'restartCpuMs', label: 'CPU ms until then', digits: 0 },
  ),
} as const

/** The one job of this family. */
export const bulkJob: Job = { rows: Object.values(ROWS), ownCluster: true, run }

async function run({ cluster, workspace, effort, wanted }: JobContext): Promise<readonly Sample[]> {
  const samples: Sample[] = []
  const leader = await cluster.leader()
  const { bulkKeys } = effort
  const fill: LoadSpec = {
    url: leader.clientUrl,
    method: 'PUT',
    connections: CONNECTIONS,
    seconds: 0,
    keys: bulkKeys,
    layout: 'nested',
    valueBytes: VALUE_BYTES,
    query: '',
    operationsMax: bulkKeys,
  }
  await runLoad(workspace, { ...fill, operationsMax: Math.min(WARM_UP_WRITES, bulkKeys) })
  await sleep(SETTLE_MS)
  const before = meanResidentBytes(cluster)
  const filled = await runLoad(workspace, fill)
  await sleep(SETTLE_MS)
  const growth = (meanResidentBytes(cluster) - before) / MEBIBYTE
  const errors = filled.errors > 0 ? [`${filled.errors} of ${bulkKeys} writes failed`] : []
  if (wanted.has('memory')) samples.push({ row: 'memory', values: { growthMebibytes: growth }, errors })
  if (wanted.has('list')) samples.push(await list(leader, bulkKeys))
  if (wanted.has('restart')) samples.push(await restart(cluster))
  return samples
}

async function list(leader: ClusterMember, keys: number): Promise<Sample> {
  const errors: string[] = []
  const times: number[] = []
  for (let round = 0; round < LISTS; round++) {
    const begin = performance.now()
    const { status, bytes } = await getSize(`${leader.clientUrl}/v2/keys/bulk?recursive=true`)
    times.push(performance.now() - begin)
    if (status !== 200 || bytes < keys * VALUE_BYTES) errors.push(`a list answered ${status} with ${bytes} bytes`)
  }
  return { row: 'list', values: { listMs: median(times) }, errors }
}

async function restart(cluster: Cluster): Promise<Sample> {
  const [follower] = await cluster.followers()
  if (follower === undefined) throw new Error('the cluster has no follower')
  await cluster.end(follower, 'SIGKILL')
  const begin = performance.now()
  cluster.startAgain(follower)
  const errors = (await untilReads(`${follower.clientUrl}/v2/keys/bulk/0/0`)) ? [] : ['the member did not come back']
  const restartMs = performance.now() - begin
  return { row: 'restart', values: { restartMs, restartCpuMs: cpuMicros([follower.pid]) / 1000 }, errors }
}

async function untilReads(url: string): Promise<boolean> {
  const deadline = performance.now() + RESTART_MS_MAX
  while (performance.now() < deadline) {
    const status = await getText(url).then(
      (answer) => answer.status,
      () => 0,
    )
    if (status === 200) return true
    await sleep(RESTART_POLL_MS)
  }
  return false
}

function meanResidentBytes({ pids }: Cluster): number {
  return pids.reduce((sum, pid) => sum + residentBytes(pid), 0) / pids.length
}
