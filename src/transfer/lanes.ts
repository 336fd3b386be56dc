/**
 * Work side by side, so many at a time.
 */

/** Starts tasks, at most `width` at once; whoever adds one more waits. */
export class Lanes {
  readonly #width: number
  readonly #waiting: (() => void)[] = []
  #busy = 0
  #failure: { readonly error: unknown } | undefined

  constructor(width: number) {
    this.#width = width
  }

  /** Starts a task once there is room. @throws what an earlier task threw. */
  async add(task: () => Promise<void>): Promise<void> {
    while (this.#busy >= this.#width) await this.#next()
    this.check()
    this.#busy += 1
    task()
      .catch((error: unknown) => {
        this.#failure ??= { error }
      })
      .finally(() => {
        this.#busy -= 1
        for (const go of this.#waiting.splice(0)) go()
      })
  }

  /** Waits until nothing runs. @throws what a task threw. */
  async drain(): Promise<void> {
    await this.settle()
    this.check()
  }

  /** Waits until nothing runs, whatever came of it. */
  async settle(): Promise<void> {
    while (this.#busy > 0) await this.#next()
  }

  /** @throws what a task threw. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  #next(): Promise<void> {
    return new Promise((go) => this.#waiting.push(go))
  }
}
