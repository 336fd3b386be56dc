/**
 * An answer that takes long to make and is the same for all who wait for it.
 *
 * Owns: that it is made once at a time, in slices; whoever asks meanwhile shares the next one. Leaves to others: making it.
 */
import type { ServerResponse } from 'node:http'
import type { Slices } from './keys/slices.ts'

interface Waiting {
  readonly response: ServerResponse
  readonly done: (text: string) => void
}

/** Makes a text for those who wait, again and again while somebody does. */
export class SharedWork {
  readonly #slices: Slices
  readonly #begin: () => Generator<void, string, void>
  readonly #waitingMax: number
  #waiting: Waiting[] = []
  #busy = false

  /**
   * @param begin Notes what the text is about; the generator makes it, a millisecond or so each step.
   * @param waitingMax How many may wait for one that has not begun.
   */
  constructor(slices: Slices, waitingMax: number, begin: () => Generator<void, string, void>) {
    this.#slices = slices
    this.#waitingMax = waitingMax
    this.#begin = begin
  }

  /** Calls `done` with a text that was begun after this; never when the client goes away. False: too many wait. */
  ask(response: ServerResponse, done: (text: string) => void): boolean {
    if (this.#waiting.length >= this.#waitingMax) return false
    this.#waiting.push({ response, done })
    this.#next()
    return true
  }

  #next(): void {
    if (this.#busy || this.#waiting.length === 0) return
    this.#busy = true
    let served: readonly Waiting[] = []
    let steps: Generator<void, string, void> | undefined
    this.#slices.add((pause) => {
      if (steps === undefined) {
        served = this.#waiting
        this.#waiting = []
        steps = this.#begin()
      }
      while (served.some(({ response }) => !response.destroyed)) {
        const next = steps.next()
        if (next.done === true) {
          for (const { done } of served) done(next.value)
          break
        }
        if (pause()) return false
      }
      this.#busy = false
      this.#next()
      return true
    })
  }
}
