/**
 * Every message between members: who sends it, what it promises.
 *
 * Owns: the shapes. A *promise* rests on something that must be on disk first; `ready.ts` keeps promises apart from
 * messages that may leave at once. A new message needs a variant here, a check in `peer/codec.ts` and a line in
 * `describe.ts`.
 */
import type { Entry, Index, MemberId, Proposal, SnapshotMeta, Term } from './types.ts'

interface Header {
  readonly from: MemberId
  readonly to: MemberId
  /** The sender's term; for `preVote` the term that the sender would stand in. */
  readonly term: Term
}

/** Would you vote for me? Changes nothing anywhere. Promises nothing. */
export interface PreVote extends Header {
  readonly kind: 'preVote'
  readonly lastIndex: Index
  readonly lastTerm: Term
}

/** Promises nothing. `term` is the asked term when granted, the sender's own when refused. */
export interface PreVoteReply extends Header {
  readonly kind: 'preVoteReply'
  readonly granted: boolean
}

/** Asks for a vote in `term`. A promise: the sender's own vote must be on disk. */
export interface Vote extends Header {
  readonly kind: 'vote'
  readonly lastIndex: Index
  readonly lastTerm: Term
  /** The present leader asked the sender to stand: a voter does not hold its lease against it (thesis, 3.10). */
  readonly transfer: boolean
}

/** A promise: the vote must be on disk. */
export interface VoteReply extends Header {
  readonly kind: 'voteReply'
  readonly granted: boolean
}

/** The leader's entries after `prevIndex`; without entries it probes, or tells a new commit index. Promises nothing. */
export interface Append extends Header {
  readonly kind: 'append'
  readonly prevIndex: Index
  readonly prevTerm: Term
  readonly entries: readonly Entry[]
  readonly commitIndex: Index
}

/** A promise: all entries up to `matchIndex` are on disk at the sender. */
export interface AppendReply extends Header {
  readonly kind: 'appendReply'
  readonly rejected: boolean
  /** Accepted: the log is known to match the leader's up to here. Rejected: the `prevIndex` that was refused. */
  readonly matchIndex: Index
  /** Rejected: where the sender's log may agree at the latest; a hint for the next probe. Else 0. */
  readonly hintIndex: Index
  /** Term of the entry at `hintIndex`. Else 0. */
  readonly hintTerm: Term
}

/** The leader is alive. Sent every heartbeat interval and for reads. Promises nothing. */
export interface Heartbeat extends Header {
  readonly kind: 'heartbeat'
  /** Never beyond what this follower is known to match. */
  readonly commitIndex: Index
  /** Number of the latest read round; 0 when no read waits. */
  readonly readRound: number
  /** The leader's replicated clock now, in whole milliseconds. */
  readonly stampMs: number
}

/** Answers at once: it says only that the sender still follows in this term. Promises nothing. */
export interface HeartbeatReply extends Header {
  readonly kind: 'heartbeatReply'
  readonly readRound: number
}

/**
 * Offers a snapshot. The rows travel on a stream of their own (`peer/snapshot-send.ts`); the receiving core is
 * handed this message only once they are staged beside the live ones. Promises nothing.
 */
export interface InstallSnapshot extends Header {
  readonly kind: 'installSnapshot'
  readonly snapshot: SnapshotMeta
}

/** Proposals of a follower's clients, for the leader to append. Promises nothing. */
export interface Propose extends Header {
  readonly kind: 'propose'
  readonly proposals: readonly Proposal[]
}

/** A follower asks from which index on a read is linearizable. Promises nothing. */
export interface ReadIndex extends Header {
  readonly kind: 'readIndex'
  /** The asker's number for all reads that wait with this question. */
  readonly round: number
}

/** Leadership was proved after the question came: reads of `round` may be served from `index` on. */
export interface ReadIndexReply extends Header {
  readonly kind: 'readIndexReply'
  readonly round: number
  readonly index: Index
}

/** The leader hands over: stand for election now, without pre-vote (thesis, 3.10). */
export interface TimeoutNow extends Header {
  readonly kind: 'timeoutNow'
}

export type Message =
  | PreVote
  | PreVoteReply
  | Vote
  | VoteReply
  | Append
  | AppendReply
  | Heartbeat
  | HeartbeatReply
  | InstallSnapshot
  | Propose
  | ReadIndex
  | ReadIndexReply
  | TimeoutNow
