/**
 * What happened lately: the recent events in memory, and how far back one may look at all.
 *
 * Owns: the window in memory (by count and bytes), the exact window by count, what `waitIndex` may ask for. Leaves to
 * others: rows (event-rows.ts), watchers (watch.ts).
 *
 * Invariant: every event with an index in `memoryFrom`.. is in memory; every one in `clearedTo`+1.. is in memory or in
 * rows that were drawn. So an event whose row was not drawn stays in memory, past the bounds if need be; how many those
 * are is the replica's to bound.
 */
import assert from 'node:assert'
import { type Event, eventBytes } from './event.ts'
import { NumberQueue } from './number-queue.ts'
import type { HistoryLimits } from './options.ts'

/** The events of one store. */
export class History {
  readonly #limits: HistoryLimits
  /** Indexes of all events of the window, so that its bound by count is exact whatever rows hold them. */
  readonly #indexes = new NumberQueue()
  #events: Event[] = []
  #head = 0
  #bytes = 0
  #clearedTo: number
  #memoryFrom: number
  #drawnTo = 0

  /** An empty history whose events up to `clearedTo` are gone. */
  constructor(limits: HistoryLimits, clearedTo: number) {
    assert(limits.eventsMax >= 1 && limits.memoryEventsMax >= 1, 'a history keeps at least one event')
    this.#limits = limits
    this.#clearedTo = clearedTo
    this.#memoryFrom = clearedTo + 1
  }

  /** Store index of the newest event that is gone; 0: none is. The oldest usable `waitIndex` is one more. */
  get clearedTo(): number {
    return this.#clearedTo
  }

  /** Events from this store index on are in memory. */
  get memoryFrom(): number {
    return this.#memoryFrom
  }

  /** How many events can be looked back to. */
  get length(): number {
    return this.#indexes.length
  }

  /** How many of them are in memory. */
  get memoryLength(): number {
    return this.#events.length - this.#head
  }

  /** Notes an event that just happened. */
  record(event: Event): void {
    this.noteIndex(event.index)
    this.remember(event)
  }

  /** Notes that an event exists, in memory or not. Indexes rise. */
  noteIndex(index: number): void {
    if (index <= this.#clearedTo) return
    assert(this.#indexes.length === 0 || this.#indexes.last() < index, 'events are numbered upwards')
    this.#indexes.push(index)
    if (this.#indexes.length > this.#limits.eventsMax) this.clear(this.#indexes.first())
  }

  /** Keeps an event in memory. Events come in order. */
  remember(event: Event): void {
    if (event.index <= this.#clearedTo) return
    this.#events.push(event)
    this.#bytes += eventBytes(event)
    this.#keepBounds()
  }

  /** Says that rows were drawn for all events up to `index`. */
  drawn(index: number): void {
    this.#drawnTo = index
    this.#keepBounds()
  }

  /** Gives up all events up to `clearedTo`. */
  clear(clearedTo: number): void {
    if (clearedTo <= this.#clearedTo) return
    this.#clearedTo = clearedTo
    while (this.#indexes.length > 0 && this.#indexes.first() <= clearedTo) this.#indexes.shift()
    while (this.memoryLength > 0 && (this.#events[this.#head] as Event).index <= clearedTo) this.#forgetOldest()
    if (this.#memoryFrom <= clearedTo) this.#memoryFrom = clearedTo + 1
  }

  /** Says that memory begins at `index`: what is older is on disk only. */
  beginMemoryAt(index: number): void {
    assert(this.memoryLength === 0 && index > this.#clearedTo, 'the window in memory begins before it is filled')
    this.#memoryFrom = index
  }

  /** Position, for `at`, of the first event in memory with an index of `index` or more. */
  positionOf(index: number): number {
    let low = this.#head
    let high = this.#events.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#events[middle] as Event).index < index) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The event at a position, or undefined behind the last. Positions hold until the next event is recorded. */
  at(position: number): Event | undefined {
    return this.#events[position]
  }

  #keepBounds(): void {
    const { memoryEventsMax, memoryBytesMax } = this.#limits
    while (this.memoryLength > memoryEventsMax || (this.#bytes > memoryBytesMax && this.memoryLength > 1)) {
      if ((this.#events[this.#head] as Event).index > this.#drawnTo) return
      this.#forgetOldest()
    }
  }

  #forgetOldest(): void {
    const event = this.#events[this.#head] as Event
    this.#events[this.#head] = undefined as unknown as Event
    this.#head += 1
    this.#bytes -= eventBytes(event)
    this.#memoryFrom = event.index + 1
    if (this.#head > 1024 && this.#head * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#head)
      this.#head = 0
    }
  }
}
