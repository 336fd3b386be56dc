/**
 * One follower as its leader sees it: what it has, what to send next, how much is on its way.
 *
 * Owns: the three states (probe, replicate, snapshot) and the window of appends in flight. Leaves to others: making and
 * sending the messages (`replication.ts`), reading the answers (`leader.ts`).
 */
import assert from 'node:assert'
import type { Index, MemberId } from './types.ts'

/**
 * - `probe`: where the logs agree is not known; one append at a time, repeated after a heartbeat.
 * - `replicate`: it is known; appends go out ahead of the answers, as far as the window reaches.
 * - `snapshot`: a snapshot was offered; no appends until the follower has it or the transfer failed.
 */
export type ProgressState = 'probe' | 'replicate' | 'snapshot'

/** Bounds of the window of appends in flight. The last append may overshoot `bytesMax`. */
export interface Window {
  readonly countMax: number
  readonly bytesMax: number
}

/** Invariants: matchIndex < nextIndex; the window is empty unless the state is `replicate`. */
export class Progress {
  readonly id: MemberId
  state: ProgressState = 'probe'
  /** Up to here the follower's disk holds our log (Raft paper, figure 2). 0 until it has answered. Never decreases but by `forget`. */
  matchIndex: Index = 0
  /** The first entry that the next append carries. */
  nextIndex: Index
  /** The commit index that the follower will know once all appends sent so far have arrived. */
  sentCommitIndex: Index = 0
  /**
   * It is to be told of the commit index in this turn even if there are no entries to send. Otherwise the news waits for the next
   * entries, a tick or `tellCommit`, which spares two messages for every write of a client that waits for each.
   */
  commitDue = false
  /** Whether it answered anything since the leader last checked its quorum. */
  recentActive = false
  /** No heartbeat was answered since the last interval began. */
  mayRepeat = true
  /** Probe: an append is out, and nothing more goes until it is answered or a heartbeat is. */
  probeSent = false
  /** An append is due even if it carries nothing: some append may have been lost on the way. */
  appendDue = false
  /** Snapshot: the index of the one that was offered. Else 0. */
  snapshotIndex: Index = 0
  /** The highest read round that it has confirmed. */
  readRound = 0
  readonly #window: Window
  /** A ring: index of the last entry, and bytes, of each append in flight. */
  readonly #indexes: Float64Array
  readonly #sizes: Float64Array
  #start = 0
  #count = 0
  #bytes = 0

  constructor(id: MemberId, nextIndex: Index, window: Window) {
    this.id = id
    this.nextIndex = nextIndex
    this.#window = window
    this.#indexes = new Float64Array(window.countMax)
    this.#sizes = new Float64Array(window.countMax)
  }

  /** Appends in flight. */
  get inflightCount(): number {
    return this.#count
  }

  /** Bytes of entries in flight. */
  get inflightBytes(): number {
    return this.#bytes
  }

  /** Whether the window is full. */
  get isFull(): boolean {
    return this.#count >= this.#window.countMax || this.#bytes >= this.#window.bytesMax
  }

  /** Whether no append may go now. */
  get isPaused(): boolean {
    if (this.state === 'probe') return this.probeSent
    return this.state === 'snapshot' || this.isFull
  }

  /** Goes back to finding out where the logs agree; after a snapshot that was delivered, right behind it. */
  becomeProbe(): void {
    this.nextIndex = Math.max(this.matchIndex, this.snapshotIndex) + 1
    this.#become('probe')
  }

  becomeReplicate(): void {
    this.nextIndex = this.matchIndex + 1
    this.#become('replicate')
  }

  /** A snapshot at `index` was offered. */
  becomeSnapshot(index: Index): void {
    this.#become('snapshot')
    this.snapshotIndex = index
  }

  /** The snapshot that was offered did not arrive. The next try waits for a sign of life. */
  snapshotFailed(): void {
    assert(this.state === 'snapshot')
    this.snapshotIndex = 0
    this.becomeProbe()
    this.probeSent = true
  }

  /** An append up to `lastIndex` with `bytes` of entries was sent; `bytes` is 0 when it carried none. */
  sent(lastIndex: Index, bytes: number, commitIndex: Index): void {
    assert(!this.isPaused, 'nothing is sent to a paused follower')
    this.appendDue = false
    this.commitDue = false
    if (this.state === 'probe') {
      this.probeSent = true
    } else if (bytes > 0) {
      const slot = (this.#start + this.#count) % this.#indexes.length
      this.#indexes[slot] = lastIndex
      this.#sizes[slot] = bytes
      this.#count++
      this.#bytes += bytes
      this.nextIndex = lastIndex + 1
    }
    this.sentCommitIndex = Math.max(this.sentCommitIndex, Math.min(commitIndex, lastIndex))
  }

  /** It has our log up to `index` on disk. Returns whether that is news. */
  acknowledge(index: Index): boolean {
    while (this.#count > 0 && (this.#indexes[this.#start] as number) <= index) this.#freeFirst()
    if (index >= this.nextIndex) this.nextIndex = index + 1
    if (index <= this.matchIndex) return false
    this.matchIndex = index
    return true
  }

  /**
   * It refused an append after `rejectedIndex`, and the logs cannot agree beyond `agreeIndex`. Probes there next.
   * Returns false when the refusal is an old one.
   */
  backOff(rejectedIndex: Index, agreeIndex: Index): boolean {
    const stale = this.state === 'probe' ? rejectedIndex !== this.nextIndex - 1 : rejectedIndex <= this.matchIndex
    if (stale || this.state === 'snapshot') return false
    this.#become('probe')
    this.nextIndex = Math.max(Math.min(rejectedIndex, agreeIndex + 1), this.matchIndex + 1)
    this.sentCommitIndex = Math.min(this.sentCommitIndex, this.nextIndex - 1)
    return true
  }

  /** Whether the refusal of an append after `rejectedIndex` says that the follower's disk lost what it had acknowledged. */
  hasLost(rejectedIndex: Index): boolean {
    return this.state === 'probe' && rejectedIndex === this.matchIndex && this.nextIndex === this.matchIndex + 1
  }

  /** What it acknowledged counts no more. The refusal that told of the loss says where to begin anew. */
  forget(): void {
    this.matchIndex = 0
  }

  /**
   * It answered a heartbeat. Once for each heartbeat interval a probe may be repeated, one place in a full window is free
   * again, and when it still lacks entries up to `lastIndex` an append is due, whose refusal tells of anything that was lost. Not for
   * each of the many rounds that reads may cost in between.
   */
  heard(lastIndex: Index): void {
    this.recentActive = true
    if (!this.mayRepeat) return
    this.mayRepeat = false
    this.probeSent = false
    if (this.isFull) this.#freeFirst()
    if (this.matchIndex < lastIndex) this.appendDue = true
  }

  /** Asserts the class invariants, in constant time. */
  check(lastIndex: Index): void {
    assert(this.matchIndex < this.nextIndex, 'what is next comes after what matches')
    assert(this.matchIndex <= lastIndex, 'a follower never matches more than there is')
    assert(this.state === 'replicate' || this.#count === 0, 'only replication runs ahead of the answers')
    assert(this.state === 'snapshot' || this.snapshotIndex === 0, 'only one state has a snapshot')
  }

  #become(state: ProgressState): void {
    this.state = state
    this.probeSent = false
    this.appendDue = false
    this.snapshotIndex = 0
    this.sentCommitIndex = Math.min(this.sentCommitIndex, this.nextIndex - 1)
    this.#start = 0
    this.#count = 0
    this.#bytes = 0
  }

  #freeFirst(): void {
    this.#bytes -= this.#sizes[this.#start] as number
    this.#start = (this.#start + 1) % this.#indexes.length
    this.#count--
  }
}
