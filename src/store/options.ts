/**
 * The limits of one store, with their defaults.
 *
 * Owns: names, units and defaults. Leaves to others: flags (config), what happens at each limit (where it is used).
 */
import type { HistoryReader } from './history-reader.ts'

/** How many events are kept for watchers that look back. All four bounds hold at once. */
export interface HistoryLimits {
  /** Events that can be looked back to, exact by count. 1,000 gives etcd's window. */
  readonly eventsMax: number
  /** Bytes of event rows on disk; the oldest rows go, whole. */
  readonly eventsBytesMax: number
  /** Events kept in memory as well. */
  readonly memoryEventsMax: number
  /** Rough bytes of those. */
  readonly memoryBytesMax: number
}

export const HISTORY_LIMITS_DEFAULT: HistoryLimits = {
  eventsMax: 100_000,
  eventsBytesMax: 64 * 1024 * 1024,
  memoryEventsMax: 4096,
  memoryBytesMax: 8 * 1024 * 1024,
}

/** Watchers at once, when nothing else is said. */
export const WATCHERS_MAX_DEFAULT = 100_000

export interface StoreOptions {
  /** Default `HISTORY_LIMITS_DEFAULT`. */
  readonly history?: HistoryLimits
  /** Watchers at once; one more is refused. Default `WATCHERS_MAX_DEFAULT`. */
  readonly watchersMax?: number
  /** Reads events that are on disk only. Without one, watchers can look back as far as memory goes. */
  readonly historyReader?: HistoryReader | undefined
  /**
   * Calls `act` once, in the next pass of the loop: watchers that catch up share passes with everybody else. Default
   * `setImmediate`; the simulator has a loop of its own.
   */
  readonly nextPass?: (act: () => void) => void
  /** Which generation of rows this state is kept in (rows.ts). Default `FIRST_GENERATION`. */
  readonly generation?: number
}
