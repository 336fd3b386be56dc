/**
 * A watcher that looks back catches up with the present: from disk, then from memory, then it joins the live ones.
 *
 * Owns: the cursor's way through the history, in pieces that the sink paces; how many watchers read the disk at once.
 * Leaves to others: live delivery and registration (watch.ts), reading rows (history-reader.ts).
 *
 * Joining is one synchronous step with finding nothing more in memory, so no event falls between. Nothing is buffered:
 * a watcher that is slow keeps its cursor, and ends with 'cleared' when the window passes it.
 */
import assert from 'node:assert'
import { type Event, matchesPast } from './event.ts'
import type { HistoryReader } from './history-reader.ts'
import { StoreError } from './store-error.ts'
import type { LiveWatcher, WatchEnd, WatchSource } from './watch.ts'

/** Events that a sink gets between two questions whether it is ready. */
const PIECE_EVENTS_MAX = 64

/** Events looked at before the loop gets its turn again. */
const SCAN_EVENTS_MAX = 2048

/** Watchers that read the disk at the same time; the others wait for a slot. */
const READERS_MAX = 8

/** What catching up needs from the hub. */
export interface CatchUpHub {
  join(watcher: LiveWatcher): void
  deliver(watcher: LiveWatcher, event: Event): void
  end(watcher: LiveWatcher, reason: WatchEnd): void
}

/** All watchers of a hub that are still in the past. */
export class CatchUp {
  readonly #source: WatchSource
  readonly #reader: HistoryReader | undefined
  readonly #hub: CatchUpHub
  /** Waiting for a slot; bounded by the number of watchers. */
  readonly #waiting: (() => void)[] = []
  #reading = 0

  constructor(source: WatchSource, reader: HistoryReader | undefined, hub: CatchUpHub) {
    this.#source = source
    this.#reader = reader
    this.#hub = hub
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
      if (watcher.ended) return
      if (watcher.nextIndex <= this.clearedTo()) {
        this.#hub.end(watcher, 'cleared')
        return
      }
      if (watcher.nextIndex < this.#source.history.memoryFrom) {
        if (!(await this.#deliverFromDisk(watcher))) return
      } else if (this.#deliverFromMemory(watcher)) {
        return
      }
    }
  }

  /** One piece from memory. True when the watcher is done here: it joined, or ended. */
  #deliverFromMemory(watcher: LiveWatcher): boolean {
    const { history, storeIndex } = this.#source
    const first = history.positionOf(watcher.nextIndex)
    let delivered = 0
    for (let position = first; position < first + SCAN_EVENTS_MAX; position += 1) {
      const event = history.at(position)
      if (event === undefined) {
        watcher.nextIndex = Math.max(watcher.nextIndex, storeIndex + 1)
        this.#hub.join(watcher)
        return true
      }
      if (this.#offer(watcher, event)) delivered += 1
      if (watcher.ended) return true
      if (delivered === PIECE_EVENTS_MAX) break
    }
    return false
  }

  /** What one read of the disk brings. False when the watcher ended. */
  async #deliverFromDisk(watcher: LiveWatcher): Promise<boolean> {
    const events = await this.#read(watcher.nextIndex)
    let delivered = 0
    for (const event of events) {
      if (watcher.ended) return false
      if (event.index < watcher.nextIndex) continue
      if (delivered === PIECE_EVENTS_MAX) {
        await watcher.request.ready?.()
        delivered = 0
        if (watcher.ended) return false
      }
      if (this.#offer(watcher, event)) delivered += 1
    }
    if (watcher.ended) return false
    const { memoryFrom } = this.#source.history
    const stuck = events.length === 0 && watcher.nextIndex < memoryFrom && watcher.nextIndex > this.clearedTo()
    assert(!stuck, 'an event of the window is in memory or on disk')
    return true
  }

  #offer(watcher: LiveWatcher, event: Event): boolean {
    const matches = matchesPast(watcher.request.path, watcher.request.recursive, event)
    if (matches) this.#hub.deliver(watcher, event)
    else watcher.nextIndex = event.index + 1
    return matches
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
