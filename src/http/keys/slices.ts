/**
 * Long pieces of work, a slice at a time.
 *
 * Owns: that all of them together hold the loop for one slice per pass, in turns, however many there are; and those that may
 * begin at once for another.
 */

/** Works until `pause` says that the slice is over. Returns true when all is done. */
export type SlicedWork = (pause: () => boolean) => boolean

/** Runs long work in the gaps between other events of the loop. */
export class Slices {
  readonly #sliceMsMax: number
  readonly #queue: SlicedWork[] = []
  #scheduled = false
  /** What `first` has taken of this pass. Milliseconds. */
  #spentMs = 0

  constructor(sliceMsMax: number) {
    this.#sliceMsMax = sliceMsMax
  }

  /** Adds work; it begins in a later pass of the loop. */
  add(work: SlicedWork): void {
    this.#queue.push(work)
    this.#schedule()
  }

  /**
   * Does a first slice at once, if others have left some of it in this pass; true when that was all. Otherwise call `add` to
   * go on, or to begin.
   */
  first(work: SlicedWork): boolean {
    const leftMs = this.#sliceMsMax - this.#spentMs
    if (leftMs <= 0) return false
    const startMs = performance.now()
    const over = work(pauseAt(startMs + leftMs))
    this.#spentMs += performance.now() - startMs
    this.#schedule()
    return over
  }

  #schedule(): void {
    if (this.#scheduled || (this.#queue.length === 0 && this.#spentMs === 0)) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#spentMs = 0
      const work = this.#queue.shift()
      if (work !== undefined && !work(pauseAt(performance.now() + this.#sliceMsMax))) this.#queue.push(work)
      this.#schedule()
    })
  }
}

function pauseAt(endMs: number): () => boolean {
  return () => performance.now() >= endMs
}
