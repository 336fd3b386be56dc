/**
 * Long pieces of work, a slice at a time.
 *
 * Owns: that all of them together hold the loop for one slice per pass, in turns, however many there are.
 */

/** Works until `pause` says that the slice is over. Returns true when all is done. */
export type SlicedWork = (pause: () => boolean) => boolean

/** Runs long work in the gaps between other events of the loop. */
export class Slices {
  readonly #sliceMsMax: number
  readonly #queue: SlicedWork[] = []
  #scheduled = false

  constructor(sliceMsMax: number) {
    this.#sliceMsMax = sliceMsMax
  }

  /** Adds work; it begins in a later pass of the loop. */
  add(work: SlicedWork): void {
    this.#queue.push(work)
    this.#schedule()
  }

  /** Does a first slice at once; true when that was all. Otherwise call `add` to go on. */
  first(work: SlicedWork): boolean {
    return work(this.#pause())
  }

  #schedule(): void {
    if (this.#scheduled || this.#queue.length === 0) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      const work = this.#queue.shift()
      if (work !== undefined && !work(this.#pause())) this.#queue.push(work)
      this.#schedule()
    })
  }

  #pause(): () => boolean {
    const endMs = performance.now() + this.#sliceMsMax
    return () => performance.now() >= endMs
  }
}
