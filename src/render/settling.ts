/**
 * When to act on changes: soon after a single one, seldom while they rain.
 *
 * Owns: the timer. A run begins when nothing has changed for `minMs`, and at the latest `maxMs` after the first change. Each run
 * that follows the one before within `maxMs` waits twice as long for quiet, up to `maxMs`: changes that never quite stop end
 * in a run per `maxMs`, those that come alone are not delayed.
 */
import type { Wait } from './duration.ts'

export class Settling {
  readonly #wait: Wait
  readonly #run: () => void
  #timer: NodeJS.Timeout | undefined
  #firstMs = 0
  #quietMs: number
  #ranAtMs = Number.NEGATIVE_INFINITY

  /** @param run Called when changes have settled. */
  constructor(wait: Wait, run: () => void) {
    this.#wait = wait
    this.#run = run
    this.#quietMs = wait.minMs
  }

  /** Changes have been seen that no run has begun for. */
  get waits(): boolean {
    return this.#timer !== undefined
  }

  /** Something has changed. */
  change(): void {
    const nowMs = performance.now()
    const { minMs, maxMs } = this.#wait
    if (this.#timer === undefined) {
      this.#firstMs = nowMs
      const follows = nowMs - this.#ranAtMs < maxMs
      this.#quietMs = follows ? Math.min(Math.max(this.#quietMs * 2, 1), maxMs) : minMs
    }
    clearTimeout(this.#timer)
    const leftMs = this.#firstMs + maxMs - nowMs
    this.#timer = setTimeout(() => this.#fire(), Math.max(0, Math.min(this.#quietMs, leftMs)))
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #fire(): void {
    this.#timer = undefined
    this.#ranAtMs = performance.now()
    this.#run()
  }
}
