/**
 * A watcher that looks back catches up with the present: from disk, then from memory, then it joins the live ones.
 *
 * Owns: the cursor's way through the history, in pieces that the sink paces and that share the passes of the loop; how
 * many watchers read the disk at once. Leaves to others: live delivery and registration (watch.ts), reading rows
 * (history-reader.ts), how much fits into a pass (passes.ts).
 *
 * Joining is one synchronous step with finding nothing more in memory, so no event falls between. Nothing is buffered:
 * a watcher that is slow keeps its cursor, and ends with 'cleared' when the window passes it.
 */
import assert from 'node:assert'
import { type Event, eventBytes, matchesPast } from './event.ts'
import type { HistoryReader } from './history-reader.ts'
import { Passes } from './passes.ts'
import { StoreError } from './store-error.ts'
import type { LiveWatcher, WatchEnd, WatchSource } from './watch.ts'

/** Events that a sink gets between two questions whether it is ready. */
const PIECE_EVENTS_MAX = 64

/** Events looked at in one piece. */
const PIECE_SCAN_MAX = 2048

/** What looking at an event costs, and what delivering one costs besides a unit for each of its bytes. Nanoseconds. */
const SCAN_COST = 20
const DELIVERY_COST = 2_000

/** Watchers that read the disk at the same time; the others wait for a slot. */
const READERS_MAX = 8

/** What catching up needs from the hub. */
export interface CatchUpHub {
  join(watcher: LiveWatcher): void
  /** False: the sink did not take the event, which the watcher still wants. */
  deliver(watcher: LiveWatcher, event: Event): boolean
  end(watcher: LiveWatcher, reason: WatchEnd): void
}

/** Events in order, by position; undefined behind the last. The history in memory is one, an array another. */
interface Events {
  at(position: number): Event | undefined
}

/** All watchers of a hub that are still in the past. */
export class CatchUp {
  readonly #source: WatchSource
  readonly #reader: HistoryReader | undefined
  readonly #hub: CatchUpHub
  readonly #passes: Passes
  /** Waiting for a slot; bounded by the number of watchers. */
  readonly #waiting: (() => void)[] = []
  #reading = 0
  /** What the piece under way has cost so far. */
  #cost = 0

  /** @param nextPass See `StoreOptions`. */
  constructor(
    source: WatchSource,
    reader: HistoryReader | undefined,
    hub: CatchUpHub,
    nextPass: ((act: () => void) => void) | undefined,
  ) {
    this.#source = source
    this.#reader = reader
    this.#hub = hub
    this.#passes = new Passes(nextPass ?? setImmediate)
  }

  /** The newest store index that cannot be looked back to. */
  clearedTo(): number {
    const { history } = this.#source
    return this.#reader === undefined ? history.memoryFrom - 1 : history.clearedTo
  }

  /** Sets a watcher on its way from `watcher.nextIndex`. Delivers nothing before it returned. */
  start(watcher: LiveWatcher): void {
    void this.#run(watcher).catch((error: unknown) => {
      // Only the disk is forgiven: anything else is a bug, and as an unhandled rejection it ends the process.
      if (!(error instanceof StoreError)) throw error
      this.#hub.end(watcher, 'failed')
    })
  }

  async #run(watcher: LiveWatcher): Promise<void> {
    for (;;) {
      await watcher.request.ready?.()
      if (this.#isOver(watcher)) return
      if (watcher.nextIndex < this.#source.history.memoryFrom) await this.#deliverFromDisk(watcher)
      else if (await this.#inPass(() => this.#deliverFromMemory(watcher))) return
    }
  }

  /** Whether the watcher has ended, which it does here when the window has passed it. */
  #isOver(watcher: LiveWatcher): boolean {
    if (!watcher.ended && watcher.nextIndex <= this.clearedTo()) this.#hub.end(watcher, 'cleared')
    return watcher.ended
  }

  /** One piece from memory. True when the watcher is done here: it joined, or ended. */
  #deliverFromMemory(watcher: LiveWatcher): boolean {
    const { history, storeIndex } = this.#source
    if (this.#isOver(watcher)) return true
    // The window in memory moved on since the piece was asked for.
    if (watcher.nextIndex < history.memoryFrom) return false
    const position = this.#offerPiece(watcher, history, history.positionOf(watcher.nextIndex))
    if (watcher.ended) return true
    if (history.at(position) !== undefined) return false
    watcher.nextIndex = Math.max(watcher.nextIndex, storeIndex + 1)
    this.#hub.join(watcher)
    return true
  }

  /** What one read of the disk brings. */
  async #deliverFromDisk(watcher: LiveWatcher): Promise<void> {
    const { generation } = this.#source
    const events = await this.#read(watcher.nextIndex)
    // Rows may have gone while they were read: with the window, or with the state that they were of.
    if (this.#isOver(watcher) || generation !== this.#source.generation) return
    const { memoryFrom } = this.#source.history
    assert(events.length > 0 || watcher.nextIndex >= memoryFrom, 'an event of the window is in memory or on disk')
    for (let position = 0; position < events.length; ) {
      position = await this.#inPass(() => (watcher.ended ? position : this.#offerPiece(watcher, events, position)))
      if (watcher.ended) return
      if (position < events.length) await watcher.request.ready?.()
    }
  }

  /**
   * Offers the events from `position` on, as many as one piece may hold and the sink takes.
   *
   * @returns the position of the next.
   */
  #offerPiece(watcher: LiveWatcher, events: Events, position: number): number {
    const { path, recursive } = watcher.request
    let delivered = 0
    let next = position
    for (; next < position + PIECE_SCAN_MAX && delivered < PIECE_EVENTS_MAX; next += 1) {
      const event = events.at(next)
      if (event === undefined || watcher.ended) break
      this.#cost += SCAN_COST
      if (event.index < watcher.nextIndex) continue
      if (!matchesPast(path, recursive, event)) {
        watcher.nextIndex = event.index + 1
        continue
      }
      this.#cost += DELIVERY_COST + eventBytes(event)
      if (!this.#hub.deliver(watcher, event)) {
        // It was ready, and takes nothing: asking again would never end.
        if (delivered === 0) this.#hub.end(watcher, 'overflow')
        break
      }
      delivered += 1
    }
    return next
  }

  /** Does a piece of work when the loop has a turn for it. */
  #inPass<T>(piece: () => T): Promise<T> {
    return new Promise((resolve) => {
      this.#passes.add(() => {
        this.#cost = 0
        resolve(piece())
        return this.#cost
      })
    })
  }

  async #read(fromIndex: number): Promise<readonly Event[]> {
    assert(this.#reader !== undefined, 'only a reader makes a watcher look back past memory')
    if (this.#reading === READERS_MAX) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#reading += 1
    try {
      return await this.#reader.read(this.#source.generation, fromIndex)
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#reading -= 1
      else next()
    }
  }
}
