/**
 * Work that is dear: few at a time, one at a time for each client address, addresses in turn.
 *
 * Owns: the order and the bounds. Leaves to others: the work.
 *
 * Passwords are hashed by the threads that also serve the disk, so only some of the four may be taken. Whoever guesses passwords
 * waits for himself, not others for him.
 */

export interface FairQueueLimits {
  /** How many run at a time. */
  readonly runningMax: number
  /** How many may wait, all addresses together. One more is refused. */
  readonly waitingMax: number
  /** How many of one address may wait. One more is refused. */
  readonly waitingPerAddressMax: number
}

/** Work to do. It calls `finished` exactly once, later. */
export type Work = (finished: () => void) => void

/** Runs work within bounds. */
export class FairQueue {
  readonly #limits: FairQueueLimits
  /** What waits, by address. An address stays while something of it waits or runs. */
  readonly #waiting = new Map<string, Work[]>()
  /** Addresses of which something waits and nothing runs, the next first. */
  readonly #ready: string[] = []
  #waitingCount = 0
  #running = 0

  constructor(limits: FairQueueLimits) {
    this.#limits = limits
  }

  /** Runs it when its turn comes, maybe before this returns. False: too many wait, and it will not be run. */
  add(address: string, work: Work): boolean {
    const own = this.#waiting.get(address)
    if (own === undefined) {
      if (this.#running >= this.#limits.runningMax && this.#waitingCount >= this.#limits.waitingMax) return false
      this.#waiting.set(address, [work])
      this.#ready.push(address)
    } else {
      const { waitingMax, waitingPerAddressMax } = this.#limits
      if (this.#waitingCount >= waitingMax || own.length >= waitingPerAddressMax) return false
      own.push(work)
    }
    this.#waitingCount += 1
    this.#next()
    return true
  }

  #next(): void {
    while (this.#running < this.#limits.runningMax) {
      const address = this.#ready.shift()
      const work = address === undefined ? undefined : this.#waiting.get(address)?.shift()
      if (address === undefined || work === undefined) return
      this.#running += 1
      this.#waitingCount -= 1
      work(() => this.#finished(address))
    }
  }

  #finished(address: string): void {
    this.#running -= 1
    if (this.#waiting.get(address)?.length === 0) this.#waiting.delete(address)
    else this.#ready.push(address)
    this.#next()
  }
}
