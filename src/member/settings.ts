/**
 * From the user's settings to those of the parts.
 *
 * Owns: where milliseconds become ticks, and the bounds that no flag moves.
 */
import type { Config } from '../config/config.ts'
import { RAFT_DEFAULTS } from '../raft/config.ts'
import type { MemberId } from '../raft/types.ts'
import type { ReplicaSettings } from '../replica/parts.ts'
import type { Disk } from '../store/disk.ts'
import { diskHistoryReader } from '../store/history-reader.ts'
import { HISTORY_LIMITS_DEFAULT, type StoreOptions } from '../store/options.ts'

/** Ticks in a heartbeat interval, at most: how finely an election wait is drawn, and how late an expiry may be noticed. */
const TICKS_PER_HEARTBEAT_MAX = 5
/** Bytes of applied log kept for slow followers, and of memory for them. */
const LOG_BYTES_MAX = 64 * 1024 * 1024
const INBOX_MESSAGES_MAX = 100_000
/** What a restart may have to replay; see `ReplicaSettings`. */
const UNFLUSHED_ENTRIES_MAX = 1024
const UNFLUSHED_BYTES_MAX = 1024 * 1024
/** Bytes of commands that may wait in this member. */
const REQUEST_BYTES_MAX = 256 * 1024 * 1024
/** How long a removed member still gets the log: longer than its clients' last answers may take (`DRAIN_MS_MAX` in `musterd.ts`). */
const FAREWELL_MS = 2000
/** A request waits 5 s and two election timeouts (API page, 6.2). */
const REQUEST_MS_BASE = 5000

/** How long one unit of logical time is, milliseconds. A whole number: timers know no fractions of one. */
export function tickMsOf({ heartbeatIntervalMs }: Config): number {
  return Math.max(1, Math.floor(heartbeatIntervalMs / TICKS_PER_HEARTBEAT_MAX))
}

/** Settings of the replica and the core of member `id`. */
export function replicaSettings(config: Config, id: MemberId): ReplicaSettings {
  const tickMs = tickMsOf(config)
  return {
    raft: {
      ...RAFT_DEFAULTS,
      id,
      heartbeatTicks: Math.round(config.heartbeatIntervalMs / tickMs),
      electionTicks: Math.round(config.electionTimeoutMs / tickMs),
      random: Math.random,
    },
    log: { entriesMax: config.snapshotCount, bytesMax: LOG_BYTES_MAX },
    requestsMax: config.maxRequestsInFlight,
    requestBytesMax: REQUEST_BYTES_MAX,
    requestMsMax: REQUEST_MS_BASE + 2 * config.electionTimeoutMs,
    awayMsMax: config.electionTimeoutMs,
    farewellMs: FAREWELL_MS,
    inboxMax: INBOX_MESSAGES_MAX,
    unflushedEntriesMax: UNFLUSHED_ENTRIES_MAX,
    unflushedBytesMax: UNFLUSHED_BYTES_MAX,
  }
}

/** Settings of the store, which reads old events from `disk`. */
export function storeSettings(config: Config, disk: Disk): StoreOptions {
  return {
    history: { ...HISTORY_LIMITS_DEFAULT, eventsMax: config.eventHistory, eventsBytesMax: config.eventHistoryBytes },
    watchersMax: config.maxWatchers,
    historyReader: diskHistoryReader(disk),
  }
}
