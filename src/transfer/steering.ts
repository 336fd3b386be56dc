/**
 * When a transfer that follows its source is to end.
 */

/**
 * - `follow`: go on until told otherwise.
 * - `quiet`: end once nothing has changed at the source for a while.
 * - `now`: carry over what has happened until now, and end.
 */
export type Wish = 'follow' | 'quiet' | 'now'

/** What is wished now; it may change while the transfer runs, but never back. */
export class Steering {
  #wish: Wish

  constructor(wish: Wish) {
    this.#wish = wish
  }

  get wish(): Wish {
    return this.#wish
  }

  /** Asks for an end. `quiet` does not take `now` back. */
  ask(wish: 'quiet' | 'now'): void {
    if (this.#wish !== 'now') this.#wish = wish
  }
}
