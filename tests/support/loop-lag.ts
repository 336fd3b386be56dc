/**
 * How far this process's own event loop is behind, so that a slow machine is not taken for a slow member.
 *
 * Owns: the measuring: a timer each few milliseconds, and how late it ran.
 */
const STEP_MS = 5

export class LoopLag {
  /** Lateness of each tick, with the time at which it ran (of `performance.now()`). */
  readonly #ticks: { readonly atMs: number; readonly lateMs: number }[] = []
  readonly #timer: NodeJS.Timeout

  constructor() {
    let dueMs = performance.now() + STEP_MS
    this.#timer = setInterval(() => {
      const atMs = performance.now()
      this.#ticks.push({ atMs, lateMs: Math.max(0, atMs - dueMs) })
      dueMs = atMs + STEP_MS
    }, STEP_MS)
  }

  /** The worst lateness of a timer that was due or ran in this span. */
  worstBetween(fromMs: number, toMs: number): number {
    const near = this.#ticks.filter(({ atMs, lateMs }) => atMs >= fromMs && atMs - lateMs <= toMs)
    return Math.max(0, ...near.map(({ lateMs }) => lateMs))
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
