/**
 * How much log to keep.
 *
 * Owns: the decision when the head of the log goes, by count and by bytes. What is kept is what a slow follower may still be
 * sent as entries instead of a snapshot.
 */
import type { Entry, Index } from '../raft/types.ts'

export interface LogBounds {
  /** Applied entries to keep. Too low: a member that restarts needs a snapshot. Too high: memory, and longer restarts. */
  readonly entriesMax: number
  /** Bytes of applied entries to keep. */
  readonly bytesMax: number
}

/** What an entry costs beside its data, in memory and on disk, roughly. */
const ENTRY_OVERHEAD_BYTES = 100

export class LogKeeper {
  readonly #bounds: LogBounds
  /** Applied entries since the log's start, in steps of at most `#step` entries. */
  #steps: { lastIndex: Index; count: number; bytes: number }[] = []
  readonly #step: number
  #count = 0
  #bytes = 0

  constructor(bounds: LogBounds) {
    this.#bounds = bounds
    this.#step = Math.max(1, Math.floor(bounds.entriesMax / 16))
  }

  /** An entry was applied (or found applied at the start). */
  applied(entry: Entry): void {
    const bytes = entry.data.length + ENTRY_OVERHEAD_BYTES
    const last = this.#steps.at(-1)
    if (last === undefined || last.count >= this.#step || last.bytes >= this.#bounds.bytesMax / 16) {
      this.#steps.push({ lastIndex: entry.index, count: 1, bytes })
    } else {
      last.lastIndex = entry.index
      last.count++
      last.bytes += bytes
    }
    this.#count += 1
    this.#bytes += bytes
  }

  /**
   * Index up to which the log should now go, or undefined. Asking takes the entries off the books. To be asked only when the rows of
   * all that was applied go to the disk with the same batch: the log is what they would otherwise be replayed from.
   *
   * @param heldIndex up to here the followers that are being heard have the log. The bound by count waits for them, or one that was just
   *   given a snapshot would need the next one at once under load; the bound by bytes does not.
   */
  trimTo(heldIndex: Index): Index | undefined {
    let index: Index | undefined
    while (this.#steps.length > 1) {
      const oldest = this.#steps[0]
      if (oldest === undefined) break
      // Whole steps go, so at least entriesMax stay: what is promised to a slow follower is kept.
      const tooMany = this.#count - oldest.count >= this.#bounds.entriesMax && oldest.lastIndex <= heldIndex
      const tooLarge = this.#bytes > this.#bounds.bytesMax
      if (!tooMany && !tooLarge) break
      this.#steps.shift()
      this.#count -= oldest.count
      this.#bytes -= oldest.bytes
      index = oldest.lastIndex
    }
    return index
  }

  /** A snapshot replaced the log. */
  reset(): void {
    this.#steps = []
    this.#count = 0
    this.#bytes = 0
  }
}
