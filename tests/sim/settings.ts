/**
 * How the members of a simulated cluster are set up: times short, bounds small, so that a few simulated seconds hold many
 * elections, snapshots and full queues.
 *
 * Owns: the numbers that a run's settings are drawn from.
 */
import type { MemberId } from '../../src/raft/types.ts'
import type { ReplicaSettings } from '../../src/replica/parts.ts'
import type { HistoryLimits } from '../../src/store/options.ts'
import type { Prng } from './prng.ts'

/** One tick of a member's own clock, milliseconds. */
export const TICK_MS = 10
export const ELECTION_TICKS = 20
export const HEARTBEAT_TICKS = 4
/** The election timeout: also how long a leader may be away without stepping down. */
export const ELECTION_MS = TICK_MS * ELECTION_TICKS
/** Clocks run at most this much too fast or too slow. */
export const DRIFT_MAX = 0.05

/** What all members of one run have in common. */
export interface WorldSettings {
  readonly logEntriesMax: number
  readonly logBytesMax: number
  readonly requestsMax: number
  readonly requestMsMax: number
  readonly appendBytesMax: number
  readonly inflightCountMax: number
  readonly inflightBytesMax: number
  readonly appliedBytesMax: number
  readonly appliedCountMax: number
  readonly uncommittedBytesMax: number
  readonly proposeBytesMax: number
  readonly readsMax: number
  readonly inboxMax: number
  readonly unflushedEntriesMax: number
  readonly unflushedBytesMax: number
  readonly history: HistoryLimits
}

/** Room enough everywhere; for scenarios that are about something else. */
export const ROOMY: WorldSettings = {
  logEntriesMax: 1000,
  logBytesMax: 1024 * 1024,
  requestsMax: 1000,
  requestMsMax: 1500,
  appendBytesMax: 64 * 1024,
  inflightCountMax: 64,
  inflightBytesMax: 1024 * 1024,
  appliedBytesMax: 1024 * 1024,
  appliedCountMax: 1000,
  uncommittedBytesMax: 1024 * 1024,
  proposeBytesMax: 64 * 1024,
  readsMax: 1000,
  inboxMax: 10_000,
  unflushedEntriesMax: 64,
  unflushedBytesMax: 64 * 1024,
  history: { eventsMax: 10_000, eventsBytesMax: 4 * 1024 * 1024, memoryEventsMax: 1000, memoryBytesMax: 1024 * 1024 },
}

/** Draws settings, each bound sometimes so small that it is reached. */
export function drawSettings(random: Prng): WorldSettings {
  const tight = random.chance(0.3)
  const memoryEventsMax = random.pick([3, 20, 1000])
  return {
    logEntriesMax: random.pick([20, 20, 30, 60, 200]),
    logBytesMax: random.pick([4 * 1024, 64 * 1024, 1024 * 1024]),
    requestsMax: random.pick([4, 100, 1000]),
    requestMsMax: random.pick([500, 1500, 1500]),
    appendBytesMax: random.pick([300, 2000, 64 * 1024]),
    inflightCountMax: random.pick([1, 4, 64]),
    inflightBytesMax: random.pick([1000, 1024 * 1024]),
    appliedBytesMax: random.pick([250, 4000, 1024 * 1024]),
    appliedCountMax: random.pick([1, 20, 1000]),
    uncommittedBytesMax: tight ? random.pick([400, 1500]) : 1024 * 1024,
    proposeBytesMax: random.pick([200, 64 * 1024]),
    readsMax: tight ? 2 : 1000,
    inboxMax: tight ? random.pick([8, 40]) : 10_000,
    unflushedEntriesMax: Math.min(memoryEventsMax, random.pick([1, 5, 20, 64])),
    unflushedBytesMax: random.pick([200, 64 * 1024]),
    history: {
      eventsMax: random.pick([10, 60, 1000, 1000]),
      eventsBytesMax: random.pick([4 * 1024, 1024 * 1024, 1024 * 1024]),
      memoryEventsMax,
      memoryBytesMax: random.pick([4 * 1024, 1024 * 1024]),
    },
  }
}

/** One member's settings. */
export function replicaSettings(settings: WorldSettings, id: MemberId, random: () => number): ReplicaSettings {
  return {
    raft: {
      id,
      electionTicks: ELECTION_TICKS,
      heartbeatTicks: HEARTBEAT_TICKS,
      goneTicksMax: 3,
      appendBytesMax: settings.appendBytesMax,
      inflightCountMax: settings.inflightCountMax,
      inflightBytesMax: settings.inflightBytesMax,
      appliedBytesMax: settings.appliedBytesMax,
      appliedCountMax: settings.appliedCountMax,
      uncommittedBytesMax: settings.uncommittedBytesMax,
      proposeBytesMax: settings.proposeBytesMax,
      readsMax: settings.readsMax,
      random,
    },
    log: { entriesMax: settings.logEntriesMax, bytesMax: settings.logBytesMax },
    requestsMax: settings.requestsMax,
    requestBytesMax: 1024 * 1024,
    requestMsMax: settings.requestMsMax,
    awayMsMax: ELECTION_MS,
    farewellMs: 2 * ELECTION_MS,
    inboxMax: settings.inboxMax,
    unflushedEntriesMax: settings.unflushedEntriesMax,
    unflushedBytesMax: settings.unflushedBytesMax,
  }
}
