/**
 * What losing the leader costs: by kill -9, and by SIGTERM under load. A writer starts a write every few milliseconds
 * (open-writer.ts), so that the length of an outage does not depend on who waited for what.
 */
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from '../cluster.ts'
import { OpenWriter, type Write } from '../open-writer.ts'
import type { Job, JobContext, Row, Sample } from '../row.ts'
import { median } from '../statistics.ts'

const KILL_EVERY_MS = 5
const TERM_EVERY_MS = 2
/** Writes before the leader ends, to fill connections and to warm the code. */
const LEAD_MS = 1000
/** How long the writer goes on after writes succeed again, so that a second outage would be seen. */
const TAIL_MS = 1000
const OUTAGE_MS_MAX = 20_000

const kill: Row = {
  name: 'kill9',
  title: 'kill -9 of the leader, writes through the others',
  measures: [
    { id: 'nextWriteMs', label: 'ms to the next write', digits: 0, goal: { of: 'ratio', bound: 'max', limit: 0.3 } },
    {
      id: 'failingMs',
      label: 'ms in which writes began that failed',
      digits: 0,
      goal: { of: 'value', bound: 'max', limit: 500 },
    },
    { id: 'failed', label: 'failed writes of 200/s', digits: 0 },
    { id: 'longestMs', label: 'longest wait ms', digits: 0 },
  ],
}

const term: Row = {
  name: 'sigterm',
  title: 'SIGTERM of the leader, 500 writes/s through all',
  measures: [
    { id: 'failed', label: 'failed writes', digits: 0, goal: { of: 'value', bound: 'max', limit: 0 } },
    { id: 'longestMs', label: 'longest wait ms', digits: 0, goal: { of: 'value', bound: 'max', limit: 50 } },
    { id: 'lost', label: 'writes to the leaving member, no answer', digits: 0 },
  ],
}

/** Two jobs: each ends the leader of a fresh cluster, several times. */
export const failoverJobs: readonly Job[] = [
  { rows: [kill], ownCluster: true, run: (context) => repeat(kill, context, killOnce) },
  { rows: [term], ownCluster: true, run: (context) => repeat(term, context, termOnce) },
]

async function repeat(
  row: Row,
  { cluster, effort }: JobContext,
  once: (cluster: Cluster) => Promise<Sample>,
): Promise<readonly Sample[]> {
  const samples: Sample[] = []
  for (let round = 0; round < effort.failovers; round++) samples.push(await once(cluster))
  const ids = row.measures.map((measure) => measure.id)
  const values = ids.map((id) => [id, median(samples.map((sample) => sample.values[id] ?? Number.NaN))] as const)
  return [{ row: row.name, values: Object.fromEntries(values), errors: samples.flatMap((sample) => sample.errors) }]
}

async function killOnce(cluster: Cluster): Promise<Sample> {
  const leader = await cluster.leader()
  const writer = new OpenWriter(await cluster.followers(), KILL_EVERY_MS)
  await sleep(LEAD_MS)
  const killedMs = performance.now()
  await cluster.end(leader, 'SIGKILL')
  const next = await writer.untilWritten(killedMs, OUTAGE_MS_MAX)
  await sleep(TAIL_MS)
  await writer.stop()
  cluster.startAgain(leader)
  await cluster.untilServing()
  const failed = writer.writes.filter((write) => write.end !== 'written')
  const errors = next === undefined ? [`no write within ${OUTAGE_MS_MAX} ms`] : []
  if (writer.skipped > 0) errors.push(`${writer.skipped} writes were left out`)
  return {
    row: kill.name,
    values: {
      nextWriteMs: (next?.endedMs ?? Number.NaN) - killedMs,
      failingMs: failed.reduce((last, write) => Math.max(last, write.beganMs - killedMs), 0),
      failed: failed.length,
      longestMs: longest(writer.writes, killedMs),
    },
    errors,
  }
}

async function termOnce(cluster: Cluster): Promise<Sample> {
  const leader = await cluster.leader()
  const writer = new OpenWriter(cluster.members, TERM_EVERY_MS)
  await sleep(LEAD_MS)
  const termMs = performance.now()
  await cluster.end(leader, 'SIGTERM')
  const next = await writer.untilWritten(performance.now(), OUTAGE_MS_MAX)
  await sleep(TAIL_MS)
  await writer.stop()
  cluster.startAgain(leader)
  await cluster.untilServing()
  const { writes } = writer
  const lostWithTheLeader = writes.filter((write) => write.end === 'lost' && write.member === leader)
  const failed = writes.filter((write) => write.end !== 'written').length - lostWithTheLeader.length
  const errors = next === undefined ? [`no write within ${OUTAGE_MS_MAX} ms`] : []
  return {
    row: term.name,
    values: {
      failed,
      longestMs: longest(
        writes.filter((write) => write.end !== 'lost'),
        termMs,
      ),
      lost: lostWithTheLeader.length,
    },
    errors,
  }
}

/** The longest that a write took which was under way at that moment or began after it. */
function longest(writes: readonly Write[], sinceMs: number): number {
  return writes.reduce(
    (most, write) => (write.endedMs < sinceMs ? most : Math.max(most, write.endedMs - write.beganMs)),
    0,
  )
}
