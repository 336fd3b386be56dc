/**
 * How long a poll may wait.
 *
 * Owns: keeping watches inside the history of a busy server. A poll that found nothing is begun anew where the server stood when
 * it began, and by then the store may have gone on further than etcd's thousand events: the history would be lost though
 * nothing of interest happened (etcd issue 2047).
 */

/** The first polls, until it is known how fast the store goes. Milliseconds. */
const POLL_MS_MIN = 1_000
/** What may happen in the store during one poll: half of what etcd remembers. */
const EVENTS_PER_POLL = 500

/** The pace of one watch. */
export class Pace {
  readonly #pollMsMax: number
  #pollMs: number
  #index = 0
  #atMs = 0

  /** @param pollMsMax that long on a quiet server. */
  constructor(pollMsMax: number) {
    this.#pollMsMax = pollMsMax
    this.#pollMs = Math.min(POLL_MS_MIN, pollMsMax)
  }

  /** How long the next poll may wait. Milliseconds. */
  get pollMs(): number {
    return this.#pollMs
  }

  /**
   * A poll has ended.
   * @param index where the server stood when it began.
   * @param atMs when that was.
   */
  polled(index: number, atMs: number): void {
    const events = index - this.#index
    const ms = atMs - this.#atMs
    if (this.#atMs !== 0 && ms > 0) {
      const fitting = events > 0 ? (EVENTS_PER_POLL * ms) / events : Number.POSITIVE_INFINITY
      const bounded = Math.min(this.#pollMsMax, Math.max(POLL_MS_MIN, fitting))
      this.#pollMs = Math.min(bounded, this.#pollMs * 2)
    }
    this.#index = index
    this.#atMs = atMs
  }
}
