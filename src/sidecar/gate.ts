/**
 * So many at a time, the others in order.
 *
 * Owns: the counting. An agent with hundreds of instances asks the store through one gate, and runs its checks through another.
 */

export class Gate {
  readonly #max: number
  readonly #waiting: (() => void)[] = []
  #running = 0

  /** @param max how many may run at a time. How many wait is bounded by those who use it: each waits for one thing. */
  constructor(max: number) {
    this.#max = max
  }

  /** Runs the work when its turn comes; settles as the work does. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#max) await new Promise<void>((turn) => this.#waiting.push(turn))
    else this.#running++
    try {
      return await work()
    } finally {
      // The place is handed on, so that nobody who comes new slips in between.
      const next = this.#waiting.shift()
      if (next === undefined) this.#running--
      else next()
    }
  }
}
