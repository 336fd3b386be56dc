/**
 * Milliseconds that never go back and count the time for which the machine slept.
 *
 * Owns: putting the two clocks together that each have one half of that. `performance.now()` never jumps, but stands still while
 * the machine sleeps; the time since the machine was started goes on, but is coarse, and on some systems follows the wall clock.
 */
import { uptime } from 'node:os'
import process from 'node:process'

/** By so much the time since the start may run ahead without meaning a sleep. Linux tells it in steps of 10 ms, others in seconds. */
const GRAIN_MS = process.platform === 'linux' ? 50 : 1_500

/** A clock made of two. */
export class WakingClock {
  readonly #steadyMs: () => number
  readonly #uptimeMs: () => number
  readonly #grainMs: number
  /** By how much the time since the start was ahead in the beginning. */
  readonly #baseMs: number
  #sleptMs = 0

  /**
   * @param steadyMs never goes back, and may stand still while the machine sleeps.
   * @param uptimeMs counts sleep. That it falls behind means nothing.
   * @param grainMs by so much it may run ahead without meaning anything either.
   */
  constructor(steadyMs: () => number, uptimeMs: () => number, grainMs: number) {
    this.#steadyMs = steadyMs
    this.#uptimeMs = uptimeMs
    this.#grainMs = grainMs
    this.#baseMs = uptimeMs() - steadyMs()
  }

  /** Milliseconds since some moment. */
  nowMs(): number {
    const steadyMs = this.#steadyMs()
    const aheadMs = this.#uptimeMs() - steadyMs - this.#baseMs
    if (aheadMs > this.#sleptMs + this.#grainMs) this.#sleptMs = aheadMs
    return steadyMs + this.#sleptMs
  }
}

const clock = new WakingClock(() => performance.now(), uptimeMs, GRAIN_MS)

/** Milliseconds by this machine's clock, sleep included. For the deadlines of sessions. */
export function wakingNowMs(): number {
  return clock.nowMs()
}

function uptimeMs(): number {
  try {
    return uptime() * 1000
  } catch {
    // Where the system does not tell it, sleep is not seen.
    return 0
  }
}
