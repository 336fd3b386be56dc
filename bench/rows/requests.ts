/**
 * Rates and latencies of reads and writes: to the leader with 1, 64 and 256 connections, through a follower, and reads with
 * and without quorum.
 */
import { cpuMicros } from '../cpu.ts'
import { runLoad } from '../load.ts'
import type { LoadSpec } from '../load-spec.ts'
import type { Goal, Job, JobContext, Measure, Row, Sample } from '../row.ts'

const VALUE_BYTES = 256
const KEYS = 1000

interface Work {
  readonly name: string
  readonly title: string
  readonly method: 'PUT' | 'GET'
  readonly connections: number
  readonly at: 'leader' | 'follower'
  readonly query: string
  readonly goals: { readonly rate?: number; readonly cpu?: number; readonly p50?: number }
}

const HALF = 0.5
const WORKS: readonly Work[] = [
  {
    name: 'put64',
    title: 'PUT, 64 connections',
    method: 'PUT',
    connections: 64,
    at: 'leader',
    query: '',
    goals: { rate: 2, cpu: HALF },
  },
  {
    name: 'put256',
    title: 'PUT, 256 connections',
    method: 'PUT',
    connections: 256,
    at: 'leader',
    query: '',
    goals: { rate: 2, cpu: HALF },
  },
  {
    name: 'put1',
    title: 'PUT, 1 connection',
    method: 'PUT',
    connections: 1,
    at: 'leader',
    query: '',
    goals: { p50: 0.8, cpu: HALF },
  },
  {
    name: 'putfollower64',
    title: 'PUT through a follower, 64',
    method: 'PUT',
    connections: 64,
    at: 'follower',
    query: '',
    goals: { rate: 2 },
  },
  {
    name: 'get64',
    title: 'GET, 64 connections',
    method: 'GET',
    connections: 64,
    at: 'leader',
    query: '',
    goals: { rate: 1.5 },
  },
  {
    name: 'qget64',
    title: 'GET quorum=true, 64',
    method: 'GET',
    connections: 64,
    at: 'leader',
    query: '?quorum=true',
    goals: { rate: 3 },
  },
]

/** One job a row: each puts its load on a cluster that others use too. */
export const requestJobs: readonly Job[] = WORKS.map((work) => {
  const row: Row = { name: work.name, title: work.title, measures: measuresOf(work) }
  return { rows: [row], ownCluster: false, run: async (context) => [await run(work, context)] }
})

async function run(work: Work, { cluster, workspace, effort }: JobContext): Promise<Sample> {
  const leader = await cluster.leader()
  const target = work.at === 'leader' ? leader : (await cluster.followers())[0]
  if (target === undefined) throw new Error('the cluster has no follower')
  const { method, connections, query } = work
  const spec: LoadSpec = {
    url: target.clientUrl,
    method,
    connections,
    query,
    seconds: effort.seconds,
    keys: KEYS,
    layout: 'flat',
    valueBytes: VALUE_BYTES,
  }
  if (method === 'GET') await runLoad(workspace, { ...spec, method: 'PUT', query: '', operationsMax: KEYS })
  await runLoad(workspace, { ...spec, seconds: effort.warmUpSeconds })
  const before = cpuMicros(cluster.pids)
  const leaderBefore = cpuMicros([leader.pid])
  const result = await runLoad(workspace, spec)
  const cpu = cpuMicros(cluster.pids) - before
  const cpuOfLeader = cpuMicros([leader.pid]) - leaderBefore
  const errors: string[] = []
  if (result.errors > 0) errors.push(`${result.errors} of ${result.operations} requests failed`)
  if ((await cluster.leader()) !== leader) errors.push('the leader changed under load')
  return {
    row: work.name,
    values: {
      rate: result.operations / result.seconds,
      p50Ms: result.p50Ms,
      p99Ms: result.p99Ms,
      cpuMicros: cpu / result.operations,
      leaderCpuMicros: cpuOfLeader / result.operations,
    },
    errors,
  }
}

function measuresOf({ goals }: Work): readonly Measure[] {
  return [
    { id: 'rate', label: 'operations/s', digits: 0, ...goal(goals.rate, 'min') },
    { id: 'p50Ms', label: 'p50 ms', digits: 2, ...goal(goals.p50, 'max') },
    { id: 'p99Ms', label: 'p99 ms', digits: 2 },
    { id: 'cpuMicros', label: 'CPU us/operation', digits: 1, ...goal(goals.cpu, 'max') },
    { id: 'leaderCpuMicros', label: 'of which the leader', digits: 1 },
  ]
}

function goal(limit: number | undefined, bound: 'min' | 'max'): { readonly goal?: Goal } {
  return limit === undefined ? {} : { goal: { of: 'ratio', bound, limit } }
}
