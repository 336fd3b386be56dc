/**
 * What happens when: the simulated time and the events to come.
 *
 * Owns: order. Events at equal times run in the order in which they were planned, so a run depends on its seed only. Knows
 * nothing of members.
 */

interface Planned {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

/** Simulated time. Nothing in a run looks at a real clock. */
export class Timeline {
  readonly #heap: Planned[] = []
  #order = 0
  #nowMs = 0

  /** Milliseconds since the world began. */
  get nowMs(): number {
    return this.#nowMs
  }

  /** Plans `run` for `delayMs` from now. */
  in(delayMs: number, run: () => void): void {
    this.#push({ atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, run })
  }

  /** When the next event is due; undefined when nothing is planned. */
  nextMs(): number | undefined {
    return this.#heap[0]?.atMs
  }

  /** Moves to the next event and runs it. */
  step(): void {
    const next = this.#pop()
    if (next === undefined) return
    this.#nowMs = next.atMs
    next.run()
  }

  /** Moves on without an event. */
  advanceTo(atMs: number): void {
    if (atMs > this.#nowMs) this.#nowMs = atMs
  }

  #push(event: Planned): void {
    const heap = this.#heap
    let slot = heap.length
    heap.push(event)
    while (slot > 0) {
      const above = (slot - 1) >> 1
      const parent = heap[above] as Planned
      if (!isBefore(event, parent)) break
      heap[slot] = parent
      slot = above
    }
    heap[slot] = event
  }

  #pop(): Planned | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let slot = 0
    for (;;) {
      let below = slot * 2 + 1
      if (below >= heap.length) break
      const right = below + 1
      if (right < heap.length && isBefore(heap[right] as Planned, heap[below] as Planned)) below = right
      const child = heap[below] as Planned
      if (!isBefore(child, last)) break
      heap[slot] = child
      slot = below
    }
    heap[slot] = last
    return first
  }
}

function isBefore(a: Planned, b: Planned): boolean {
  return a.atMs !== b.atMs ? a.atMs < b.atMs : a.order < b.order
}
