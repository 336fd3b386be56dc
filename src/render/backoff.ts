/**
 * How long to wait after failures: a second, then ever longer, up to a minute, never quite the same.
 */

const MS_MIN = 1_000
const MS_MAX = 60_000

export class Backoff {
  #ms = MS_MIN

  /** Milliseconds to wait after one more failure. */
  next(): number {
    const ms = this.#ms * (0.75 + Math.random() / 2)
    this.#ms = Math.min(this.#ms * 2, MS_MAX)
    return ms
  }

  /** It has succeeded. */
  reset(): void {
    this.#ms = MS_MIN
  }
}
