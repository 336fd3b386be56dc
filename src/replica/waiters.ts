/**
 * Who is waiting for which request, until when.
 *
 * Owns: the pending writes of this member's clients and the pending quorum reads; their deadlines; what becomes of them
 * when leaders change. Calls nobody back by itself: answers are collected and handed out by `flush`, so that a client's
 * code never runs in the middle of a turn.
 */
import assert from 'node:assert'
import type { Propose } from '../raft/message.ts'
import type { Index, Proposal, Term } from '../raft/types.ts'
import type { Command } from '../store/command.ts'
import type { Outcome } from '../store/outcome.ts'
import type { Condition, ConditionCode } from './ports.ts'

/** What a write ends in. */
export type WriteAnswer = Outcome | Condition

/** One write of a client of this member. */
export interface WriteWaiter {
  readonly proposal: Proposal
  /** Kept so that this member need not decode its own request when it applies it. */
  readonly command: Command
  readonly done: (answer: WriteAnswer) => void
  readonly startedMs: number
  readonly deadlineMs: number
  /** Term in which it was handed to the core; 0 while it waits for a leader here. */
  proposedTerm: Term
}

type ReadDone = (condition: Condition | undefined) => void

interface ReadWaiter {
  readonly done: ReadDone
  readonly deadlineMs: number
}

interface ReadBatch {
  readonly reads: readonly ReadWaiter[]
  /** Known once leadership was proved; the reads are answered when this is applied. */
  index: Index | undefined
}

/** Builds a condition as a value. */
export function condition(code: ConditionCode): Condition {
  return { ok: false, condition: code }
}

export class Waiters {
  /** In order of arrival, and so of deadline: all wait equally long. */
  readonly #writes = new Map<number, WriteWaiter>()
  /** Writes not handed to the core yet, in order of arrival. */
  #unproposed: WriteWaiter[] = []
  /** Reads not asked for yet. */
  #unasked: ReadWaiter[] = []
  /** Reads whose question was dropped; asked for again at the next tick. */
  #dropped: ReadWaiter[] = []
  readonly #asked = new Map<number, ReadBatch>()
  /** Some writes were handed to the core and never sent: they join the unproposed ones at the next tick. */
  #hasUnsent = false
  #nextContext = 1
  #readCount = 0
  readonly #requestsMax: number
  readonly #bytesMax: number
  /** Of the commands of all writes that wait. */
  #bytes = 0
  #answers: (() => void)[] = []

  /**
   * @param requestsMax writes and reads that may wait at once; more are refused as overload.
   * @param bytesMax bytes of their commands that may wait; without a leader nothing else bounds them.
   */
  constructor(requestsMax: number, bytesMax: number) {
    this.#requestsMax = requestsMax
    this.#bytesMax = bytesMax
  }

  /** Whether one more request, with a command of so many bytes, may wait. A single one always may. */
  hasRoom(bytes: number): boolean {
    const isWithin = this.#bytes === 0 || this.#bytes + bytes <= this.#bytesMax
    return this.#writes.size + this.#readCount < this.#requestsMax && isWithin
  }

  get size(): number {
    return this.#writes.size + this.#readCount
  }

  addWrite(waiter: WriteWaiter): void {
    assert(!this.#writes.has(waiter.proposal.seq), 'a request number is used once')
    this.#writes.set(waiter.proposal.seq, waiter)
    this.#bytes += waiter.proposal.data.length
    this.#unproposed.push(waiter)
  }

  addRead(done: ReadDone, deadlineMs: number): void {
    this.#unasked.push({ done, deadlineMs })
    this.#readCount++
  }

  /** The writes to hand to the core now. The caller marks them with `markProposed` or leaves them here. */
  unproposed(): readonly WriteWaiter[] {
    return this.#unproposed
  }

  /** They were handed to a leader of `term`. */
  markProposed(term: Term): void {
    for (const waiter of this.#unproposed) waiter.proposedTerm = term
    this.#unproposed = []
  }

  /** None of them was taken: each is answered with `code`. */
  refuseUnproposed(code: ConditionCode): void {
    for (const waiter of this.#unproposed) this.#fail(waiter, code)
    this.#unproposed = []
  }

  /** Whether reads wait that were not asked for yet. */
  hasUnasked(): boolean {
    return this.#unasked.length > 0
  }

  /** Makes one batch of the reads that wait and returns the number to ask the core with. */
  askReads(): number {
    const context = this.#nextContext++
    this.#asked.set(context, { reads: this.#unasked, index: undefined })
    this.#unasked = []
    return context
  }

  /** Leadership was proved for this batch: it may be answered from `index` on. */
  readReady(context: number, index: Index): void {
    const batch = this.#asked.get(context)
    if (batch !== undefined) batch.index = index
  }

  /**
   * The core dropped the question. The reads are asked for again, though not before the next tick: while the core has no
   * room or no leader, asking at once would make one turn follow the other for nothing.
   */
  readDropped(context: number): void {
    const batch = this.#asked.get(context)
    if (batch === undefined) return
    this.#asked.delete(context)
    this.#dropped.push(...batch.reads)
  }

  /** The write with this number, if a client of this member waits for it. */
  find(seq: number): WriteWaiter | undefined {
    return this.#writes.get(seq)
  }

  /** The entry of this write was applied. */
  settle(waiter: WriteWaiter, outcome: Outcome): void {
    this.#forget(waiter)
    this.#answers.push(() => waiter.done(outcome))
  }

  /** Everything up to `appliedIndex` is in the tree: reads that waited for it are answered. */
  applied(appliedIndex: Index): void {
    for (const [context, batch] of this.#asked) {
      if (batch.index === undefined || batch.index > appliedIndex) continue
      this.#asked.delete(context)
      this.#readCount -= batch.reads.length
      for (const read of batch.reads) this.#answers.push(() => read.done(undefined))
    }
  }

  /**
   * The first entry of `term` is being applied. What was proposed in an earlier term and was not applied before it never
   * will be, since every entry of an earlier term stands before it in the log: it may be proposed again.
   */
  termBegins(term: Term): void {
    let isAnyLost = false
    for (const waiter of this.#writes.values()) {
      if (waiter.proposedTerm === 0 || waiter.proposedTerm >= term) continue
      waiter.proposedTerm = 0
      isAnyLost = true
    }
    if (isAnyLost) this.#collectUnproposed()
  }

  /**
   * These were never handed to a socket, so no leader has them: they may be proposed again. Not before the next tick: while there is
   * no stream to the leader, one turn would follow the other for nothing.
   */
  unsent(messages: readonly Propose[]): void {
    for (const { proposals, term } of messages) {
      for (const { seq } of proposals) {
        const waiter = this.#writes.get(seq)
        if (waiter?.proposedTerm !== term) continue
        waiter.proposedTerm = 0
        this.#hasUnsent = true
      }
    }
  }

  /** A snapshot jumped over entries up to `term`: the fate of what was proposed until then is not known any more. */
  jumped(term: Term): void {
    for (const waiter of this.#writes.values()) {
      if (waiter.proposedTerm !== 0 && waiter.proposedTerm <= term) this.#fail(waiter, 'MUSTER_TIMEOUT_LEADER_LOST')
    }
  }

  /**
   * Once a tick: ends what waited too long, and lets dropped reads be asked for again.
   *
   * @param explain says what a write that was handed to a leader and never heard of again has met.
   */
  expire(nowMs: number, explain: (waiter: WriteWaiter) => ConditionCode): void {
    let isAnyUnproposed = false
    for (const waiter of this.#writes.values()) {
      if (waiter.deadlineMs > nowMs) break
      isAnyUnproposed ||= waiter.proposedTerm === 0
      this.#fail(waiter, waiter.proposedTerm === 0 ? 'MUSTER_NO_LEADER' : explain(waiter))
    }
    // Whoever was told that nothing was applied is never proposed again.
    if (isAnyUnproposed || this.#hasUnsent) this.#collectUnproposed()
    if (this.#readCount === 0) return
    this.#unasked = this.#expireReads(this.#dropped.concat(this.#unasked), nowMs)
    this.#dropped = []
    for (const [context, batch] of this.#asked) {
      const reads = this.#expireReads(batch.reads, nowMs)
      if (reads.length === 0) this.#asked.delete(context)
      else this.#asked.set(context, { reads, index: batch.index })
    }
  }

  /** Ends everything that waits with `code`. */
  endAll(code: ConditionCode): void {
    for (const waiter of this.#writes.values()) this.#fail(waiter, code)
    this.#unproposed = []
    this.#expireReads(this.#unasked, Number.POSITIVE_INFINITY, code)
    this.#expireReads(this.#dropped, Number.POSITIVE_INFINITY, code)
    this.#unasked = []
    this.#dropped = []
    for (const batch of this.#asked.values()) this.#expireReads(batch.reads, Number.POSITIVE_INFINITY, code)
    this.#asked.clear()
  }

  /** Calls back everyone whose answer is decided. */
  flush(): void {
    const answers = this.#answers
    if (answers.length === 0) return
    this.#answers = []
    for (const answer of answers) answer()
  }

  /** In the order of arrival, which is that of deadlines. */
  #collectUnproposed(): void {
    this.#hasUnsent = false
    this.#unproposed = [...this.#writes.values()].filter((waiter) => waiter.proposedTerm === 0)
  }

  #fail(waiter: WriteWaiter, code: ConditionCode): void {
    this.#forget(waiter)
    this.#answers.push(() => waiter.done(condition(code)))
  }

  #forget(waiter: WriteWaiter): void {
    if (this.#writes.delete(waiter.proposal.seq)) this.#bytes -= waiter.proposal.data.length
  }

  #expireReads(reads: readonly ReadWaiter[], nowMs: number, code: ConditionCode = 'MUSTER_TIMEOUT'): ReadWaiter[] {
    const kept: ReadWaiter[] = []
    for (const read of reads) {
      if (read.deadlineMs > nowMs) {
        kept.push(read)
        continue
      }
      this.#readCount--
      this.#answers.push(() => read.done(condition(code)))
    }
    return kept
  }
}
