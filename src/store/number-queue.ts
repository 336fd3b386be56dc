/**
 * A first-in-first-out queue of numbers that stays small with a hundred thousand in it.
 */
import assert from 'node:assert'

/** A ring of doubles that doubles when it is full. */
export class NumberQueue {
  #ring = new Float64Array(64)
  #head = 0
  #length = 0

  get length(): number {
    return this.#length
  }

  push(value: number): void {
    if (this.#length === this.#ring.length) this.#grow()
    this.#ring[(this.#head + this.#length) & (this.#ring.length - 1)] = value
    this.#length += 1
  }

  /** Takes the oldest. The queue must not be empty. */
  shift(): number {
    const value = this.first()
    this.#head = (this.#head + 1) & (this.#ring.length - 1)
    this.#length -= 1
    return value
  }

  /** The oldest. The queue must not be empty. */
  first(): number {
    assert(this.#length > 0, 'the queue has a first number')
    return this.#ring[this.#head] as number
  }

  /** The newest. The queue must not be empty. */
  last(): number {
    assert(this.#length > 0, 'the queue has a last number')
    return this.#ring[(this.#head + this.#length - 1) & (this.#ring.length - 1)] as number
  }

  #grow(): void {
    const ring = new Float64Array(this.#ring.length * 2)
    const tail = this.#ring.subarray(this.#head)
    ring.set(tail, 0)
    ring.set(this.#ring.subarray(0, this.#head), tail.length)
    this.#ring = ring
    this.#head = 0
  }
}
