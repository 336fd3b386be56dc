/**
 * The clocks of one simulated member.
 *
 * Owns: a monotonic clock that runs a little too fast or too slow and starts anew with each process, and a wall clock that
 * may be set to anything at any time.
 */
import type { Clock } from '../../src/replica/ports.ts'
import type { Timeline } from './timeline.ts'

/** Wall time at which every world begins. */
const WORLD_BEGAN_WALL_MS = Date.UTC(2026, 0, 1)

/** The wall clock of one member's machine; it outlives processes. */
export class SimMachineClock {
  readonly #timeline: Timeline
  /** Milliseconds of this machine for one of the world. */
  readonly rate: number
  #jumpedMs = 0

  constructor(timeline: Timeline, rate: number) {
    this.#timeline = timeline
    this.rate = rate
  }

  /** Sets the wall clock forwards or backwards. */
  jump(ms: number): void {
    this.#jumpedMs += ms
  }

  /** Clocks for a process that starts now. */
  newProcess(monotonicFromMs: number): Clock {
    const bornMs = this.#timeline.nowMs
    return {
      monotonicMs: () => monotonicFromMs + (this.#timeline.nowMs - bornMs) * this.rate,
      wallMs: () => Math.floor(WORLD_BEGAN_WALL_MS + this.#timeline.nowMs * this.rate + this.#jumpedMs),
    }
  }
}
