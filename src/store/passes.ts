/**
 * Work that many have to do at once, spread over passes of the loop.
 *
 * Owns: the order in which pieces get their turn, how much is done in one pass. Leaves to others: what a piece does and
 * what it costs (watch-catchup.ts).
 */

/** What the pieces of one pass may cost together, about nanoseconds; the last may go over it. */
const PASS_COST_MAX = 2_000_000

/** Does pieces of work, first come, first served. */
export class Passes {
  readonly #nextPass: (act: () => void) => void
  /** Bounded by the number of those who have one piece each here. */
  #queue: (() => number)[] = []
  #isPlanned = false

  /** @param nextPass Calls `act` once, later, after others had their turn. */
  constructor(nextPass: (act: () => void) => void) {
    this.#nextPass = nextPass
  }

  /** Has `piece` called in a pass to come. It returns its cost, about nanoseconds, and must be short itself. */
  add(piece: () => number): void {
    this.#queue.push(piece)
    this.#plan()
  }

  #plan(): void {
    if (this.#isPlanned) return
    this.#isPlanned = true
    this.#nextPass(() => this.#pass())
  }

  #pass(): void {
    this.#isPlanned = false
    const queue = this.#queue
    let cost = 0
    let taken = 0
    while (taken < queue.length && cost < PASS_COST_MAX) {
      cost += (queue[taken] as () => number)()
      taken += 1
    }
    this.#queue = queue.slice(taken)
    if (this.#queue.length > 0) this.#plan()
  }
}
