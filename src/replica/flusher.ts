/**
 * When the rows of what was applied go to the disk, and who waits for it.
 *
 * Owns: the count of what is outstanding, and the callers of `requestFlush`. Leaves to `replica.ts` the rows themselves.
 * Rows of the state are drawn for many turns at once, since the log is on disk and can be replayed (DESIGN.md).
 */
import type { Entry } from '../raft/types.ts'
import type { StateMachine } from '../store/state-machine.ts'

export interface FlushBounds {
  /** Applied entries, or events, whose rows may be outstanding. Too low: more bytes to sync. Too high: a longer replay. */
  readonly unflushedEntriesMax: number
  /** Bytes of commands of such entries. */
  readonly unflushedBytesMax: number
}

export class Flusher {
  readonly #bounds: FlushBounds
  #waiting: (() => void)[] = []
  /** Who waits for the disk to have the flush of the open turn. */
  #underWay: (() => void)[] = []
  #entries = 0
  #bytes = 0

  constructor(bounds: FlushBounds) {
    this.#bounds = bounds
  }

  /** Calls `done` when everything that is applied by then is on disk. */
  request(done: () => void): void {
    this.#waiting.push(done)
  }

  /** Whether somebody asked for a flush that has not begun. */
  get isAsked(): boolean {
    return this.#waiting.length > 0
  }

  /** Whether somebody waits for the disk to have the open turn. */
  get isUnderWay(): boolean {
    return this.#underWay.length > 0
  }

  /**
   * Counts what a turn applied.
   *
   * @returns whether a bound is reached, or the store has old rows to clear away.
   */
  isDueAfter(committed: readonly Entry[], store: Pick<StateMachine, 'undrainedEvents' | 'sweeping'>): boolean {
    this.#entries += committed.length
    for (const entry of committed) this.#bytes += entry.data.length
    const { unflushedEntriesMax, unflushedBytesMax } = this.#bounds
    return (
      this.#entries >= unflushedEntriesMax ||
      this.#bytes >= unflushedBytesMax ||
      store.undrainedEvents >= unflushedEntriesMax ||
      store.sweeping
    )
  }

  /** The open turn draws the rows of everything that is applied. */
  begin(): void {
    this.#underWay = this.#waiting
    this.#waiting = []
    this.#entries = 0
    this.#bytes = 0
  }

  /** The open turn is on disk. */
  written(): void {
    const flushed = this.#underWay
    this.#underWay = []
    for (const done of flushed) done()
  }
}
