/**
 * Seeded random numbers for the simulator.
 *
 * Owns: one small generator (sfc32) and the draws that the simulator needs. The same seed gives the same numbers on every
 * machine. Not for secrets.
 */

/** A stream of random numbers. */
export class Prng {
  #a: number
  #b: number
  #c: number
  #count = 1

  /** @param seed any safe integer, 0 or more. */
  constructor(seed: number) {
    this.#a = seed >>> 0
    this.#b = Math.floor(seed / 0x1_0000_0000) >>> 0
    this.#c = 0x9e3779b9
    for (let i = 0; i < 12; i++) this.#next()
  }

  /** A float in [0, 1). Bound, so that it can be handed on as a plain function. */
  readonly float = (): number => this.#next() / 0x1_0000_0000

  /** A whole number in [0, n). */
  below(n: number): number {
    return Math.floor(this.float() * n)
  }

  /** A float in [from, to). */
  between(from: number, to: number): number {
    return from + this.float() * (to - from)
  }

  /** A whole number from `from` to `to`, both included. */
  whole(from: number, to: number): number {
    return from + this.below(to - from + 1)
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return probability > 0 && this.float() < probability
  }

  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    const found = list[this.below(list.length)]
    if (found === undefined) throw new TypeError('cannot pick from an empty list')
    return found
  }

  /** A wait whose mean is `meanMs`, as between events that know nothing of each other. */
  wait(meanMs: number): number {
    return -Math.log(1 - this.float()) * meanMs
  }

  /** A stream of its own, so that what one part draws does not shift what another draws. */
  fork(): Prng {
    return new Prng(this.#next() * 0x20_0000 + (this.#next() >>> 11))
  }

  #next(): number {
    const sum = (this.#a + this.#b + this.#count) | 0
    this.#count = (this.#count + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum
    return sum >>> 0
  }
}
