/**
 * One turn's batch from the core, as rows.
 *
 * Owns: which rows make a batch durable, and what of the log stands on disk. Leaves to `applier.ts` what the committed
 * entries do to the tree.
 */
import assert from 'node:assert'
import type { Ready } from '../raft/ready.ts'
import type { Index, SnapshotMeta } from '../raft/types.ts'
import type { Row } from '../store/rows.ts'
import { deleteEntryRows, entryRow, hardStateRow, logStartRow, membershipRow } from './raft-rows.ts'

/** What the driver writes in one atomic batch. */
export interface DiskWrite {
  readonly rows: readonly Row[]
  /** Whether promises rest on it: it must reach the platter before `written()`. */
  readonly sync: boolean
  /** A generation of store rows that this batch retired; to be cleared some time after it. */
  readonly retiredGeneration: number | undefined
}

/** Keeps track of which entries stand on disk, so that rows that became void go in the same batch. */
export class LogRows {
  /** Index of the first entry on disk, when there is one. */
  #firstIndex: Index
  #lastIndex: Index

  /** @param logStart index up to which the log was compacted; @param lastIndex of the last entry on disk, or `logStart`. */
  constructor(logStart: Index, lastIndex: Index) {
    this.#firstIndex = logStart + 1
    this.#lastIndex = lastIndex
  }

  /** Appends to `rows` what `ready` wants persisted: snapshot switch first, then entries, then hard state. */
  add(ready: Ready, rows: Row[]): void {
    if (ready.snapshot !== undefined) this.#replaceBy(ready.snapshot, rows)
    const first = ready.entries[0]
    if (first !== undefined) {
      assert(first.index <= this.#lastIndex + 1 && first.index >= this.#firstIndex, 'the log on disk has no holes')
      for (const entry of ready.entries) rows.push(entryRow(entry))
      const lastIndex = first.index + ready.entries.length - 1
      if (lastIndex < this.#lastIndex) rows.push(...deleteEntryRows(lastIndex + 1, this.#lastIndex))
      this.#lastIndex = lastIndex
    }
    if (ready.hardState !== undefined) rows.push(hardStateRow(ready.hardState))
  }

  /** The log now starts after `start`: its row, and the end of the entries before it. */
  trim(start: SnapshotMeta, rows: Row[]): void {
    assert(start.index >= this.#firstIndex - 1 && start.index <= this.#lastIndex, 'only what stands in the log is trimmed')
    rows.push(logStartRow(start), ...deleteEntryRows(this.#firstIndex, start.index))
    this.#firstIndex = start.index + 1
  }

  #replaceBy(snapshot: SnapshotMeta, rows: Row[]): void {
    rows.push(...deleteEntryRows(this.#firstIndex, this.#lastIndex))
    rows.push(logStartRow(snapshot), membershipRow(snapshot.membership))
    this.#firstIndex = snapshot.index + 1
    this.#lastIndex = snapshot.index
  }
}
