/**
 * The log in memory: the tail since the last compaction, and the marks on it.
 *
 * Owns: entries, the compaction point, and which index is committed, handed out for applying, handed out for writing, on
 * disk. Leaves to others: when an entry may be committed (`leader.ts`), where entries come from, and the disk itself.
 */
import assert from 'node:assert'
import type { Entry, Index, MemberId, Proposal, SnapshotMeta, Term } from './types.ts'
import { EntryKind } from './types.ts'

/** What an entry costs besides its data, in memory and in a message, roughly; so that empty entries count too. */
const ENTRY_OVERHEAD_BYTES = 64

/** Dead slots before the tail is copied down. Below this a copy would cost more than the memory is worth. */
const DEAD_SLOTS_MIN = 1024

const NO_ENTRIES: readonly Entry[] = []

/** The size by which every limit in bytes counts an entry or a proposal. */
export function entryBytes(entry: Proposal): number {
  return entry.data.byteLength + ENTRY_OVERHEAD_BYTES
}

/** What the log starts from. */
export interface LogStart {
  /** The compaction point: the entry before the first one kept. Index 0 and term 0 for a new log. */
  readonly snapshot: SnapshotMeta
  /** Contiguous from `snapshot.index + 1`; all on disk. */
  readonly entries: readonly Entry[]
  readonly commitIndex: Index
  readonly appliedIndex: Index
}

/**
 * Invariants: compactIndex ≤ appliedIndex ≤ commitIndex ≤ lastIndex; writtenIndex ≤ handedIndex ≤ lastIndex; indexes are
 * contiguous; terms and stamps never decrease from one entry to the next.
 */
export class RaftLog {
  #tail: Entry[]
  /** Slots of `#tail` that hold compacted entries. The entry at index i lies in slot `#dead + i - #compactIndex - 1`. */
  #dead = 0
  #compactIndex: Index
  #compactTerm: Term
  #compactStampMs: number
  #commitIndex: Index
  #appliedIndex: Index
  #handedIndex: Index
  #writtenIndex: Index

  constructor(start: LogStart) {
    const { snapshot, entries } = start
    this.#tail = entries.slice()
    this.#compactIndex = snapshot.index
    this.#compactTerm = snapshot.term
    this.#compactStampMs = snapshot.stampMs
    this.#handedIndex = this.lastIndex
    this.#writtenIndex = this.lastIndex
    // The commit index on disk may lag behind what was applied; both were learnt from a majority.
    this.#commitIndex = Math.max(start.commitIndex, start.appliedIndex, snapshot.index)
    this.#appliedIndex = Math.max(start.appliedIndex, snapshot.index)
    let term = snapshot.term
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i] as Entry
      assert(entry.index === snapshot.index + 1 + i, 'entries on disk are contiguous from the compaction point')
      assert(entry.term >= term, 'terms on disk never decrease')
      term = entry.term
    }
    assert(this.#commitIndex <= this.lastIndex, 'what was committed is on disk')
  }

  /** The entry before the first one kept; its term and stamp are still known. */
  get compactIndex(): Index {
    return this.#compactIndex
  }

  get firstIndex(): Index {
    return this.#compactIndex + 1
  }

  get lastIndex(): Index {
    return this.#compactIndex + this.#tail.length - this.#dead
  }

  get lastTerm(): Term {
    return this.#tail.length === this.#dead ? this.#compactTerm : (this.#tail[this.#tail.length - 1] as Entry).term
  }

  /** The highest stamp in the log: stamps never decrease. */
  get lastStampMs(): number {
    return this.#tail.length === this.#dead
      ? this.#compactStampMs
      : (this.#tail[this.#tail.length - 1] as Entry).stampMs
  }

  /** Up to here a majority's disks hold the log. */
  get commitIndex(): Index {
    return this.#commitIndex
  }

  /** Up to here entries were handed out for applying. */
  get appliedIndex(): Index {
    return this.#appliedIndex
  }

  /** Up to here entries were handed out for writing. */
  get handedIndex(): Index {
    return this.#handedIndex
  }

  /** Up to here this member's own disk holds the log. */
  get writtenIndex(): Index {
    return this.#writtenIndex
  }

  /** Term of the entry at `index`; undefined when it is compacted or not there yet. */
  termAt(index: Index): Term | undefined {
    if (index === this.#compactIndex) return this.#compactTerm
    return this.#at(index)?.term
  }

  /** Stamp of the entry at `index`, which must be the compaction point or kept. */
  stampAt(index: Index): number {
    if (index === this.#compactIndex) return this.#compactStampMs
    const entry = this.#at(index)
    assert(entry !== undefined, 'a stamp is asked of a kept entry')
    return entry.stampMs
  }

  /** Whether a log that ends so is at least as complete as ours (Raft paper, 5.4.1). */
  isUpToDate(lastIndex: Index, lastTerm: Term): boolean {
    return lastTerm > this.lastTerm || (lastTerm === this.lastTerm && lastIndex >= this.lastIndex)
  }

  /** Whether the entry at `index` has `term`. What is committed equals the log of every later leader (5.4.3). */
  matches(index: Index, term: Term): boolean {
    return index <= this.#commitIndex || this.termAt(index) === term
  }

  /**
   * The highest index at or below `index` whose term is at most `term`: the last place at which a log with an entry of
   * `term` at `index` can agree with this one. Stops at the compaction point.
   */
  agreeAt(index: Index, term: Term): Index {
    let at = Math.min(index, this.lastIndex)
    while (at > this.#compactIndex && (this.#at(at) as Entry).term > term) at--
    return at
  }

  /** Whether a membership change is among the entries that are committed and not yet handed out for applying. */
  hasUnappliedMembership(): boolean {
    for (let index = this.#appliedIndex + 1; index <= this.#commitIndex; index++) {
      if ((this.#at(index) as Entry).kind === EntryKind.membership) return true
    }
    return false
  }

  /** Appends one entry of a leader. */
  append(entry: Entry): void {
    assert(entry.index === this.lastIndex + 1, 'a leader appends at the end')
    assert(entry.term >= this.lastTerm && entry.stampMs >= this.lastStampMs, 'terms and stamps never decrease')
    this.#tail.push(entry)
  }

  /**
   * Takes over a leader's entries after `prevIndex`, which must match. Skips those that are here already, and cuts off
   * what conflicts (Raft paper, figure 2, AppendEntries 3 and 4). Never cuts because a message is short: it may be old.
   */
  merge(prevIndex: Index, entries: readonly Entry[]): void {
    let skip = Math.max(0, this.#compactIndex - prevIndex)
    const known = Math.min(entries.length, this.lastIndex - prevIndex)
    while (skip < known && this.termAt(prevIndex + 1 + skip) === (entries[skip] as Entry).term) skip++
    if (skip >= entries.length) return
    if (prevIndex + 1 + skip <= this.lastIndex) this.#truncateFrom(prevIndex + 1 + skip)
    for (let i = skip; i < entries.length; i++) this.#tail.push(entries[i] as Entry)
    assert((this.#tail[this.#tail.length - 1] as Entry).index === this.lastIndex, "a leader's entries are contiguous")
  }

  /** Entries from `from` on, up to `bytesMax` but at least one. `from` must be kept. */
  slice(from: Index, bytesMax: number): readonly Entry[] {
    assert(from > this.#compactIndex, 'only kept entries can be read')
    return this.#take(from, this.lastIndex, bytesMax)
  }

  /** Bytes of the entries after `after` up to `to`. */
  bytesBetween(after: Index, to: Index): number {
    let bytes = 0
    for (let index = after + 1; index <= to; index++) bytes += entryBytes(this.#at(index) as Entry)
    return bytes
  }

  /** Whose client waits for the entry at `index`, which must be kept. */
  originAt(index: Index): MemberId {
    const entry = this.#at(index)
    assert(entry !== undefined, 'an origin is asked of a kept entry')
    return entry.origin
  }

  /** Raises the commit index. Never lowers it. */
  commitTo(index: Index): void {
    assert(index <= this.lastIndex, 'only entries that are here can be committed')
    if (index > this.#commitIndex) this.#commitIndex = index
  }

  /** Whether `takeUnwritten` would return something. */
  hasUnwritten(): boolean {
    return this.#handedIndex < this.lastIndex
  }

  /** Hands out what the disk does not have yet. */
  takeUnwritten(): readonly Entry[] {
    const from = Math.max(this.#handedIndex, this.#compactIndex) + 1
    this.#handedIndex = this.lastIndex
    return from > this.lastIndex ? NO_ENTRIES : this.#take(from, this.lastIndex, Number.POSITIVE_INFINITY)
  }

  /** What was handed out is on disk, except what was cut off since. */
  markWritten(): void {
    this.#writtenIndex = this.#handedIndex
  }

  /** Whether `takeCommitted` would return something. */
  hasCommitted(): boolean {
    return this.#appliedIndex < this.#commitIndex
  }

  /** Hands out committed entries for applying, up to `bytesMax` and `countMax` (1 or more) but at least one, if any. */
  takeCommitted(bytesMax: number, countMax: number): readonly Entry[] {
    if (!this.hasCommitted()) return NO_ENTRIES
    const to = Math.min(this.#commitIndex, this.#appliedIndex + countMax)
    const entries = this.#take(this.#appliedIndex + 1, to, bytesMax)
    this.#appliedIndex += entries.length
    return entries
  }

  /** Forgets entries up to `index`, at most the applied index. Copies the tail down only now and then. */
  compact(index: Index): void {
    assert(index <= this.#appliedIndex, 'only applied entries can be forgotten')
    if (index <= this.#compactIndex) return
    const entry = this.#at(index) as Entry
    this.#dead += index - this.#compactIndex
    this.#compactIndex = index
    this.#compactTerm = entry.term
    this.#compactStampMs = entry.stampMs
    if (this.#dead >= DEAD_SLOTS_MIN && this.#dead * 2 >= this.#tail.length) {
      this.#tail = this.#tail.slice(this.#dead)
      this.#dead = 0
    }
  }

  /** Becomes the empty log after a snapshot, of which the disk knows nothing until the next batch is written. */
  restore(snapshot: SnapshotMeta): void {
    assert(snapshot.index > this.#commitIndex, 'a snapshot never takes back what is committed')
    this.#tail = []
    this.#dead = 0
    this.#compactIndex = snapshot.index
    this.#compactTerm = snapshot.term
    this.#compactStampMs = snapshot.stampMs
    this.#commitIndex = snapshot.index
    this.#appliedIndex = snapshot.index
    this.#handedIndex = 0
    this.#writtenIndex = 0
  }

  /** Asserts the class invariants, in constant time. */
  check(): void {
    assert(this.#compactIndex <= this.#appliedIndex, 'only applied entries are compacted')
    assert(this.#appliedIndex <= this.#commitIndex, 'only committed entries are applied')
    assert(this.#commitIndex <= this.lastIndex, 'only entries that are here are committed')
    assert(this.#writtenIndex <= this.#handedIndex, 'only what was handed out is written')
    assert(this.#handedIndex <= this.lastIndex, 'only entries that are here are handed out')
  }

  #at(index: Index): Entry | undefined {
    return index > this.#compactIndex ? this.#tail[this.#dead + index - this.#compactIndex - 1] : undefined
  }

  #take(from: Index, to: Index, bytesMax: number): readonly Entry[] {
    const first = this.#dead + from - this.#compactIndex - 1
    const end = this.#dead + to - this.#compactIndex
    let last = first
    let bytes = 0
    while (last < end) {
      bytes += entryBytes(this.#tail[last] as Entry)
      if (bytes > bytesMax && last > first) break
      last++
    }
    return this.#tail.slice(first, last)
  }

  #truncateFrom(index: Index): void {
    assert(index > this.#commitIndex, 'a committed entry is never cut off')
    this.#tail.length = this.#dead + index - this.#compactIndex - 1
    // The disk may still hold what was cut off. It counts as unwritten, so that the new entries overwrite it.
    this.#handedIndex = Math.min(this.#handedIndex, index - 1)
    this.#writtenIndex = Math.min(this.#writtenIndex, index - 1)
  }
}
