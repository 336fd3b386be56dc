/**
 * Changes of the membership that clients of this member wait for.
 *
 * Owns: their queue, one proposed at a time, asking again, deadlines, the answers. What has been made already changes nothing when
 * it comes a second time (`member-entry.ts`), so unlike a write a change may be proposed again while its fate is open: a leader
 * drops it without a word while another one is under way. Calls nobody back but in `flush`.
 */

import type { Raft } from '../raft/raft.ts'
import type { Proposal } from '../raft/types.ts'
import type { MemberChange, MemberRefusal, MemberRequest } from './member-entry.ts'
import type { Condition, ConditionCode } from './ports.ts'
import { condition } from './waiters.ts'

/** What a change ends in: made, refused when it was applied, or what kept it from that. */
export type MemberAnswer = { readonly ok: true } | { readonly ok: false; readonly refusal: MemberRefusal } | Condition

interface Waiting {
  readonly request: MemberRequest
  readonly done: (answer: MemberAnswer) => void
  readonly deadlineMs: number
  /** As it is proposed: made when that is first due, and again when another change came before it. */
  change: MemberChange | undefined
  /** Under which it was proposed. */
  readonly seqs: number[]
  retryMs: number
}

/** Changes that may wait at this member; they are asked for by hand, or by a machine that went astray. */
const WAITING_MAX = 16
/** Asked again after so long. Milliseconds. */
const RETRY_MS = 200

const MADE: MemberAnswer = { ok: true }

/** What changes are proposed with. */
export interface ChangeProposer {
  /** The change that a request asks for now, given what this member has applied. */
  prepare(request: MemberRequest): MemberChange
  number(change: MemberChange): Proposal
}

export class MemberChanges {
  /** In order of arrival, and so of deadline. Only the first is proposed. */
  readonly #waiting: Waiting[] = []
  #answers: (() => void)[] = []
  /** The core took none: it is asked again at the next tick, and not in each of thousands of turns until then. */
  #isPut = false

  /** Takes a change to be proposed. False: too many wait. */
  add(request: MemberRequest, done: (answer: MemberAnswer) => void, deadlineMs: number): boolean {
    if (this.#waiting.length >= WAITING_MAX) return false
    const retryMs = Number.NEGATIVE_INFINITY
    this.#waiting.push({ request, done, deadlineMs, change: undefined, seqs: [], retryMs })
    return true
  }

  /** Once a turn: proposes the first change, if it is time to. */
  propose(raft: Pick<Raft, 'propose'>, nowMs: number, proposer: ChangeProposer): void {
    const first = this.#waiting[0]
    if (first === undefined || this.#isPut || nowMs < first.retryMs) return
    first.change ??= proposer.prepare(first.request)
    const proposal = proposer.number(first.change)
    if (raft.propose([proposal]) !== 'accepted') {
      this.#isPut = true
      return
    }
    first.seqs.push(proposal.seq)
    first.retryMs = nowMs + RETRY_MS
  }

  /** An entry of this member with number `seq` was applied. */
  applied(seq: number, refusal: MemberRefusal | undefined): void {
    const at = this.#waiting.findIndex(({ seqs }) => seqs.includes(seq))
    const waiting = this.#waiting[at]
    if (waiting === undefined) return
    if (refusal !== 'overtaken') {
      this.#end(at, refusal === undefined ? MADE : { ok: false, refusal })
      return
    }
    waiting.change = undefined
    waiting.retryMs = Number.NEGATIVE_INFINITY
  }

  /** A snapshot jumped over entries: whether those that were proposed are among them is not known any more. */
  jumped(): void {
    for (let at = this.#waiting.length - 1; at >= 0; at--) {
      if ((this.#waiting[at]?.seqs.length ?? 0) > 0) this.#end(at, condition('MUSTER_TIMEOUT_LEADER_LOST'))
    }
  }

  /** Once a tick: ends what waited too long. It may still be made. */
  expire(nowMs: number): void {
    this.#isPut = false
    while ((this.#waiting[0]?.deadlineMs ?? Number.POSITIVE_INFINITY) <= nowMs)
      this.#end(0, condition('MUSTER_TIMEOUT'))
  }

  endAll(code: ConditionCode): void {
    while (this.#waiting.length > 0) this.#end(0, condition(code))
  }

  /** Calls back everyone whose answer is decided. */
  flush(): void {
    if (this.#answers.length === 0) return
    const answers = this.#answers
    this.#answers = []
    for (const answer of answers) answer()
  }

  #end(at: number, answer: MemberAnswer): void {
    const [waiting] = this.#waiting.splice(at, 1)
    if (waiting !== undefined) this.#answers.push(() => waiting.done(answer))
  }
}
