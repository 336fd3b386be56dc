/**
 * A log that does not repeat itself: the same line about the same subject at most once per interval.
 *
 * Owns: who was told what, and when. Strangers cause most lines here, so their number must not matter.
 */
import type { Clock, Log } from '../replica/ports.ts'

const INTERVAL_MS = 10_000
const SUBJECTS_MAX = 1_024

export class QuietLog {
  readonly #log: Log
  readonly #clock: Clock
  readonly #lastMs = new Map<string, number>()

  constructor(log: Log, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  /**
   * Logs a warning unless the same `reason` about the same `subject` (an address, a member) was logged in the last
   * 10 s. Past 1,024 pairs the oldest is forgotten.
   */
  warn(subject: string, reason: string, fields: object, message: string): void {
    const key = `${subject} ${reason}`
    const nowMs = this.#clock.monotonicMs()
    const lastMs = this.#lastMs.get(key)
    if (lastMs !== undefined && nowMs - lastMs < INTERVAL_MS) return
    this.#lastMs.delete(key)
    if (this.#lastMs.size >= SUBJECTS_MAX) {
      const oldest = this.#lastMs.keys().next()
      if (oldest.done !== true) this.#lastMs.delete(oldest.value)
    }
    this.#lastMs.set(key, nowMs)
    this.#log.warn(fields, message)
  }
}
