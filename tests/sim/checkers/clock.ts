/**
 * The replicated clock never runs faster than real time, whoever leads.
 *
 * Between the moments at which two committed entries were appended, at least as much time passed as between their stamps,
 * but for the drift of a leader's own clock. So what a TTL measures is never shorter than it says.
 */
import { EntryKind } from '../../../src/raft/types.ts'
import type { DiskWrite } from '../../../src/replica/turn.ts'
import type { Applied, Checker, TurnView, WatchedMember } from '../checker.ts'
import { wrong } from '../failure.ts'
import { DRIFT_MAX } from '../settings.ts'

/** Stamps are whole milliseconds, rounded down. */
const ROUNDING_MS = 1.01
/** Terms of a run stay far below. */
const TERMS_MAX = 2 ** 20

export class ClockChecker implements Checker {
  readonly name = 'clock'
  readonly #appendedMs = new Map<number, number>()
  /** The least lead of the clock over the fastest that drift allows, seen so far. */
  #leadMs = Number.POSITIVE_INFINITY

  turned(_member: WatchedMember, _write: DiskWrite, { entries, nowMs }: TurnView): void {
    for (const { index, term } of entries) {
      const key = index * TERMS_MAX + term
      if (!this.#appendedMs.has(key)) this.#appendedMs.set(key, nowMs)
    }
  }

  applied({ entry, first }: Applied): void {
    if (!first) return
    const appendedMs = this.#appendedMs.get(entry.index * TERMS_MAX + entry.term)
    // A leader stamps its first entry when it is elected, which may be a turn before it is seen.
    if (appendedMs === undefined || entry.kind === EntryKind.noop) return
    const leadMs = entry.stampMs - appendedMs * (1 + DRIFT_MAX)
    if (leadMs > this.#leadMs + ROUNDING_MS) {
      throw wrong(
        `entry ${entry.index} of term ${entry.term} is stamped ${leadMs - this.#leadMs} ms ahead of the time that passed`,
      )
    }
    this.#leadMs = Math.min(this.#leadMs, leadMs)
  }
}
