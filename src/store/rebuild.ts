/**
 * From rows back to a state machine, row by row.
 *
 * Owns: the order in which rows come, what is built from them, orphans that a crash left (keyspace.ts). Synchronous, so
 * that the simulator restarts its members with it too. Leaves to others: reading rows (restore.ts), receiving them
 * (snapshot.ts).
 */
import assert from 'node:assert'
import { decodeEventIndexes, decodeEvents, EventRowWindow, indexOfEventKey } from './event-rows.ts'
import { History } from './history.ts'
import { Keyspace } from './keyspace.ts'
import { HISTORY_LIMITS_DEFAULT, type HistoryLimits, type StoreOptions } from './options.ts'
import { decodeMarks, decodeNode, type Marks, pathOfKey, Section, zeroMarks } from './rows.ts'
import { StateMachine } from './state-machine.ts'

/** Builds one state from its rows, which must come in key order: events, marks, nodes. */
export class Rebuilder {
  readonly #options: StoreOptions
  readonly #generation: number
  readonly #limits: HistoryLimits
  readonly #eventRows: EventRowWindow
  readonly #indexes: number[][] = []
  /** The newest event rows, as far as they may fit into memory. */
  readonly #recent: Buffer[] = []
  #recentBytes = 0
  #recentEvents = 0
  #marks: Marks | undefined
  #tree: Keyspace | undefined
  #orphans: Buffer[] = []
  #rows = 0

  constructor(options: StoreOptions, generation: number) {
    this.#options = options
    this.#generation = generation
    this.#limits = options.history ?? HISTORY_LIMITS_DEFAULT
    this.#eventRows = new EventRowWindow(this.#limits.eventsBytesMax)
  }

  /** Rows so far. */
  get rows(): number {
    return this.#rows
  }

  /**
   * Keys of node rows that belong to no node: a removed directory held them, and they were still to be swept when the
   * process ended. They may be deleted.
   */
  get orphans(): readonly Buffer[] {
    return this.#orphans
  }

  /**
   * Takes a row of this generation. Throws StoreError MUSTER_DATA_DAMAGED or MUSTER_DATA_FORMAT_NEWER.
   */
  add(key: Buffer, value: Buffer): void {
    this.#rows += 1
    switch (key[0]) {
      case Section.events:
        this.#addEvents(key, value)
        return
      case Section.marks:
        this.#marks = decodeMarks(value)
        return
      case Section.nodes:
        this.#tree ??= new Keyspace(this.#marks?.storeIndex ?? 0)
        if (!this.#tree.restore(decodeNode(pathOfKey(key), value))) this.#orphans.push(key)
        return
      default:
        assert.fail('a row of a state is an event, node or marks row')
    }
  }

  /** Ends the rows. Of no rows at all an empty store is made. */
  finish(): StateMachine {
    const marks = this.#marks ?? zeroMarks()
    assert(this.#marks !== undefined || this.#rows === 0, 'a state that has rows has marks')
    return new StateMachine(this.#options, {
      tree: this.#tree ?? new Keyspace(marks.storeIndex),
      history: this.#makeHistory(marks),
      eventRows: this.#eventRows,
      marks,
      generation: this.#generation,
    })
  }

  #addEvents(key: Buffer, value: Buffer): void {
    const indexes = decodeEventIndexes(value)
    const first = indexes[0]
    assert(first !== undefined && first === indexOfEventKey(key), 'an event row is filed under its first event')
    this.#indexes.push(indexes)
    this.#eventRows.note(first, indexes[indexes.length - 1] as number, value.length)
    this.#recent.push(value)
    this.#recentBytes += value.length
    this.#recentEvents += indexes.length
    for (;;) {
      const oldest = this.#indexes[this.#indexes.length - this.#recent.length] as number[]
      const enough = this.#recentEvents - oldest.length >= this.#limits.memoryEventsMax
      const full = this.#recentBytes > this.#limits.memoryBytesMax && this.#recent.length > 1
      if (!enough && !full) return
      this.#recentBytes -= this.#recent.shift()?.length ?? 0
      this.#recentEvents -= oldest.length
    }
  }

  #makeHistory(marks: Marks): History {
    const history = new History(this.#limits, marks.clearedTo)
    for (const row of this.#indexes) for (const index of row) history.noteIndex(index)
    history.drawn(marks.storeIndex)
    const recent = this.#recent.flatMap(decodeEvents)
    const first = recent[0]
    if (first !== undefined && this.#recent.length < this.#indexes.length && first.index > history.clearedTo) {
      history.beginMemoryAt(first.index)
    }
    for (const event of recent) history.remember(event)
    return history
  }
}
