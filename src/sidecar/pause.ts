/**
 * Waiting that can be cut short, and the pauses after failures.
 *
 * Owns: one alarm clock for one loop; how long to back off. Leaves to others: what is done on waking.
 */

const PAUSE_MS_MIN = 100

/** The alarm clock of one loop. */
export class Alarm {
  #timer: NodeJS.Timeout | undefined
  #wake: (() => void) | undefined
  #poked = false

  /** Resolves at that time (`performance.now()`), or when poked, at once when it was since the last sleep. */
  sleepUntil(atMs: number): Promise<void> {
    if (this.#poked) {
      this.#poked = false
      return Promise.resolve()
    }
    return new Promise((resolve) => {
      this.#wake = () => {
        clearTimeout(this.#timer)
        this.#wake = undefined
        resolve()
      }
      this.#timer = setTimeout(this.#wake, Math.max(0, atMs - performance.now()))
    })
  }

  /** Ends the sleep, or the next one. */
  poke(): void {
    if (this.#wake === undefined) this.#poked = true
    else this.#wake()
  }
}

/** How long to wait after so many failures in a row: doubled each time, bounded, and never the same for two. Milliseconds. */
export function backOffMs(failures: number, maxMs: number): number {
  const fullMs = Math.min(maxMs, PAUSE_MS_MIN * 2 ** Math.min(failures - 1, 20))
  return fullMs * (0.5 + Math.random() / 2)
}
