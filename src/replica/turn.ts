/**
 * One turn's batch from the core, as rows.
 *
 * Owns: which rows make a batch durable, and what of the log stands on disk. Leaves to `applier.ts` what the committed
 * entries do to the tree.
 */
import assert from 'node:assert'
import type { Ready } from '../raft/ready.ts'
import type { Index, Membership, SnapshotMeta } from '../raft/types.ts'
import type { Row } from '../store/rows.ts'
import { addPages, pageKey } from './log-pages.ts'
import { hardStateRow, logStartRow, membershipRow, type RaftState } from './raft-rows.ts'

/** What the driver writes in one atomic batch. */
export interface DiskWrite {
  readonly rows: readonly Row[]
  /** Whether promises rest on it: it must reach the platter before `written()`. */
  readonly sync: boolean
  /** A generation of store rows that this batch retired; to be cleared some time after it. */
  readonly retiredGeneration: number | undefined
}

/** Keeps track of which pages of the log stand on disk, so that what became void goes in the same batch. */
export class LogRows {
  /** Up to here the log is compacted. */
  #startIndex: Index
  #lastIndex: Index
  /** First indexes of the pages on disk, ascending. */
  #pageStarts: Index[]
  /** As the disk has it: that of the state's rows. */
  #membership: Membership

  constructor(restored: Pick<RaftState, 'logStart' | 'membership' | 'entries' | 'pageStarts'>) {
    this.#membership = restored.membership
    this.#startIndex = restored.logStart.index
    this.#lastIndex = restored.entries.at(-1)?.index ?? restored.logStart.index
    this.#pageStarts = [...restored.pageStarts]
  }

  /** Appends to `rows` what `ready` wants persisted: snapshot switch first, then entries, then hard state. */
  add(ready: Ready, rows: Row[]): void {
    if (ready.snapshot !== undefined) this.#replaceBy(ready.snapshot, rows)
    const first = ready.entries[0]
    if (first !== undefined) {
      assert(first.index <= this.#lastIndex + 1 && first.index > this.#startIndex, 'the log on disk has no holes')
      this.#dropPagesFrom(first.index, rows)
      this.#pageStarts.push(...addPages(ready.entries, rows))
      this.#lastIndex = first.index + ready.entries.length - 1
    }
    if (ready.hardState !== undefined) rows.push(hardStateRow(ready.hardState))
  }

  /** The rows of the state go with this batch, and this membership belongs to them. */
  membership(membership: Membership, rows: Row[]): void {
    if (membership === this.#membership) return
    this.#membership = membership
    rows.push(membershipRow(membership))
  }

  /** The log now starts after `start`: its row, and the end of the pages that lie before it. */
  trim(start: SnapshotMeta, rows: Row[]): void {
    assert(start.index >= this.#startIndex && start.index <= this.#lastIndex, 'only what stands in the log is trimmed')
    rows.push(logStartRow(start))
    this.#startIndex = start.index
    let gone = 0
    // From the front only: a page is what makes the tail of the one before it void.
    while (gone < this.#pageStarts.length && (this.#pageStarts[gone + 1] ?? this.#lastIndex + 1) <= start.index + 1) {
      rows.push({ type: 'del', key: pageKey(this.#pageStarts[gone] as Index) })
      gone++
    }
    this.#pageStarts.splice(0, gone)
  }

  #replaceBy(snapshot: SnapshotMeta, rows: Row[]): void {
    this.#dropPagesFrom(0, rows)
    rows.push(logStartRow(snapshot), membershipRow(snapshot.membership))
    this.#membership = snapshot.membership
    this.#startIndex = snapshot.index
    this.#lastIndex = snapshot.index
  }

  #dropPagesFrom(index: Index, rows: Row[]): void {
    for (let last = this.#pageStarts.at(-1); last !== undefined && last >= index; last = this.#pageStarts.at(-1)) {
      rows.push({ type: 'del', key: pageKey(last) })
      this.#pageStarts.pop()
    }
  }
}
