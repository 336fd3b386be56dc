/**
 * Work that is dear: few at a time, one at a time for each client address, addresses in turn.
 *
 * Owns: the order and the bounds. Leaves to others: the work.
 *
 * Passwords are hashed by the threads that also serve the disk, so only some of the four may be taken. Whoever guesses passwords
 * waits for himself, not others for him: when there is no room left, one of whom nothing waits takes a place of whoever has most.
 */

export interface FairQueueLimits {
  /** How many run at a time. */
  readonly runningMax: number
  /** How many may wait, all addresses together. One more is refused, or the last of the address that has most. */
  readonly waitingMax: number
  /** How many of one address may wait. One more is refused. */
  readonly waitingPerAddressMax: number
}

/** Work to do. It calls `finished` exactly once, later. */
export type Work = (finished: () => void) => void

interface Entry {
  readonly work: Work
  readonly drop: () => void
}

/** Runs work within bounds. */
export class FairQueue {
  readonly #limits: FairQueueLimits
  /** What waits, by address. An address stays while something of it waits or runs. */
  readonly #waiting = new Map<string, Entry[]>()
  /** Addresses of which something waits and nothing runs, the next first. */
  readonly #ready: string[] = []
  #waitingCount = 0
  #running = 0

  constructor(limits: FairQueueLimits) {
    this.#limits = limits
  }

  /**
   * Runs it when its turn comes, maybe before this returns. False: too many wait, and it will not be run.
   *
   * @param drop Called instead of `work` when its place is given to another address.
   */
  add(address: string, work: Work, drop: () => void): boolean {
    const own = this.#waiting.get(address)
    if (own === undefined) {
      const isFull = this.#running >= this.#limits.runningMax && this.#waitingCount >= this.#limits.waitingMax
      if (isFull && !this.#makeRoom()) return false
      this.#waiting.set(address, [{ work, drop }])
      this.#ready.push(address)
    } else {
      const { waitingMax, waitingPerAddressMax } = this.#limits
      if (this.#waitingCount >= waitingMax || own.length >= waitingPerAddressMax) return false
      own.push({ work, drop })
    }
    this.#waitingCount += 1
    this.#next()
    return true
  }

  /** Takes its last place from the address that has most; false: none has more than one. */
  #makeRoom(): boolean {
    let most: Entry[] = []
    for (const entries of this.#waiting.values()) if (entries.length > most.length) most = entries
    const last = most.length > 1 ? most.pop() : undefined
    if (last === undefined) return false
    this.#waitingCount -= 1
    last.drop()
    return true
  }

  #next(): void {
    while (this.#running < this.#limits.runningMax) {
      const address = this.#ready.shift()
      const entry = address === undefined ? undefined : this.#waiting.get(address)?.shift()
      if (address === undefined || entry === undefined) return
      this.#running += 1
      this.#waitingCount -= 1
      entry.work(() => this.#finished(address))
    }
  }

  #finished(address: string): void {
    this.#running -= 1
    if (this.#waiting.get(address)?.length === 0) this.#waiting.delete(address)
    else this.#ready.push(address)
    this.#next()
  }
}
