/**
 * All mutable state of one core, in one record, with its invariants as a function.
 *
 * Owns: the fields and what must hold between them, and the outbox of the present turn. Leaves to others: every rule that
 * changes them.
 */
import assert from 'node:assert'
import type { RaftConfig } from './config.ts'
import { RaftLog } from './log.ts'
import { isMember, isVoter } from './membership.ts'
import type { Message } from './message.ts'
import type { Progress, ProgressState } from './progress.ts'
import type { ReadReady, RoleView } from './ready.ts'
import type { Entry, HardState, Index, MemberId, Membership, Proposal, Role, SnapshotMeta, Term } from './types.ts'

/** What the disk holds when a core starts. */
export interface Restored {
  /** Term 0, no vote and commit index 0 for a new member. */
  readonly hardState: HardState
  /**
   * The compaction point. Its `membership` is the one as of `appliedIndex` (changes between the two are opaque to the
   * core, so whoever applied them says what came of them); for a new cluster the initial one, with index 0 and term 0.
   */
  readonly snapshot: SnapshotMeta
  /** The log after `snapshot.index`, contiguous. */
  readonly entries: readonly Entry[]
  /** Up to here the replica has applied. */
  readonly appliedIndex: Index
  /** Whether this member was demoted as far as it has applied, and is no voter on its way. Default false. */
  readonly isLeaving?: boolean
}

/** A follower that asks from which index on its reads are linearizable. */
export interface Question {
  readonly from: MemberId
  readonly round: number
}

/**
 * Reads that wait for a proof of leadership. On a leader a round is one exchange of heartbeats, on a follower one question
 * to the leader.
 */
export interface PendingReads {
  /** Contexts of local reads that join the next round. */
  waiting: number[]
  /** Contexts of local reads of the round under way. */
  asked: number[]
  /** Leader: followers' questions that join the next round; at most one of each follower. */
  questions: Question[]
  /** Leader: followers' questions of the round under way. */
  askedQuestions: Question[]
  /** The round under way; 0 when there is none. */
  round: number
  /** Leader: the commit index when the round began. */
  roundIndex: Index
  /** The last number used. Starts at random, so that no answer to an earlier life of this member fits a question of this one. */
  lastRound: number
  /** Follower: ticks since the question was last sent. */
  elapsed: number
}

export interface RaftState {
  readonly config: RaftConfig
  readonly id: MemberId
  readonly log: RaftLog
  /** Raft paper, figure 2. Never decreases. */
  term: Term
  /** Whom this member voted for in `term`. Changes once in a term at most. */
  vote: MemberId | undefined
  role: Role
  leader: MemberId | undefined
  /** As applied, not as appended. */
  membership: Membership
  /** This member was demoted, for good: see `isPromotable`. */
  isLeaving: boolean

  /** Ticks: on a leader since it last checked its quorum, on others since they last heard from a leader or gave a vote. */
  electionElapsed: number
  /** A follower or candidate stands when `electionElapsed` reaches it. */
  electionTimeout: number
  /** Ticks for which waits are still drawn short, because the leader's process is known to be gone. */
  goneTicksLeft: number
  /** Leader: ticks since the last heartbeat. */
  heartbeatElapsed: number
  /** Leader: a heartbeat interval has passed; heartbeats go out at the end of the turn. */
  heartbeatDue: boolean
  /** Candidates: who answered what. */
  votes: Map<MemberId, boolean>
  /** The leader asked this member to stand, and it has to apply a membership change first. */
  standWhenApplied: boolean

  /** Leader: everybody, itself included. Empty on others. */
  progress: Map<MemberId, Progress>
  /** Leader: its own entry in `progress`. */
  own: Progress | undefined
  /** Leader: everybody else's, in the order of the membership. */
  followers: Progress[]
  /** Leader: match indexes of voters, a scratch array for counting. */
  matches: Index[]
  /** Leader: to whom leadership is being handed over. */
  transferTarget: MemberId | undefined
  transferElapsed: number
  /** Leader: no membership change is accepted before this is applied. */
  membershipIndex: Index
  /** Leader: a voter that refused what it had acknowledged to this leader. */
  lostVoter: MemberId | undefined
  /** Leader: some follower was not told of the commit index in this turn, and should be soon. */
  owesCommit: boolean
  /** Leader: bytes of entries beyond the commit index. */
  uncommittedBytes: number
  /** Follower: the highest index acknowledged to this leader. 0 when it has just become the leader. */
  acknowledgedIndex: Index
  /** Follower: proposals for the leader that wait for the end of the turn. */
  forwards: Proposal[]
  forwardBytes: number
  reads: PendingReads
  /**
   * The replicated clock in milliseconds as last heard from a leader; on a leader its own, with fractions. The log's stamps
   * count beside it (`stampNow`). Never decreases in a term; a new leader's may be behind, and is followed all the same.
   */
  clockMs: number
  /** The term whose leader `clockMs` was heard from. */
  clockTerm: Term

  /** The outbox: what the next batch will hold. */
  messages: Message[]
  promises: Message[]
  readsReady: ReadReady[]
  readsDropped: number[]
  /** Accepted, and not yet handed out. */
  snapshot: SnapshotMeta | undefined

  /** What was handed out last. */
  handedHardState: HardState
  handedRoleView: RoleView
  /** What the invariants saw last: these never go back. */
  checkedTerm: Term
  checkedVote: MemberId | undefined
  checkedCommitIndex: Index
}

/** A read-only view for statistics, tests and scripts. */
export interface RaftStatus {
  readonly id: MemberId
  readonly role: Role
  readonly term: Term
  readonly vote: MemberId | undefined
  readonly leader: MemberId | undefined
  readonly commitIndex: Index
  /** Up to here entries were handed out for applying. */
  readonly appliedIndex: Index
  readonly lastIndex: Index
  /** The first entry that is still kept; one more than `lastIndex` when none is. */
  readonly firstIndex: Index
  /** The replicated clock in whole milliseconds. */
  readonly clockMs: number
  readonly membership: Membership
  /** On a leader every other member; else empty. */
  readonly progress: readonly FollowerStatus[]
}

/** One follower as its leader sees it. */
export interface FollowerStatus {
  readonly id: MemberId
  readonly state: ProgressState
  readonly matchIndex: Index
  readonly nextIndex: Index
  readonly recentActive: boolean
  /** It has answered a heartbeat since the latest one was sent. */
  readonly answers: boolean
  readonly paused: boolean
}

/** A follower of nobody, with what the disk holds. */
export function createState(config: RaftConfig, restored: Restored): RaftState {
  const { hardState, snapshot, isLeaving = false } = restored
  const log = new RaftLog({
    snapshot,
    entries: restored.entries,
    commitIndex: hardState.commitIndex,
    appliedIndex: restored.appliedIndex,
  })
  assert(hardState.term >= log.lastTerm, 'the term on disk is not behind the log on disk')
  return {
    config,
    id: config.id,
    log,
    term: hardState.term,
    vote: hardState.vote,
    role: 'follower',
    leader: undefined,
    membership: snapshot.membership,
    isLeaving,
    electionElapsed: 0,
    electionTimeout: drawElectionTicks(config, config.electionTicks, isLeaving),
    goneTicksLeft: 0,
    heartbeatElapsed: 0,
    heartbeatDue: false,
    votes: new Map(),
    standWhenApplied: false,
    progress: new Map(),
    own: undefined,
    followers: [],
    matches: [],
    transferTarget: undefined,
    transferElapsed: 0,
    membershipIndex: 0,
    lostVoter: undefined,
    owesCommit: false,
    uncommittedBytes: 0,
    acknowledgedIndex: 0,
    forwards: [],
    forwardBytes: 0,
    reads: {
      waiting: [],
      asked: [],
      questions: [],
      askedQuestions: [],
      round: 0,
      roundIndex: 0,
      lastRound: drawTicks(config, 2 ** 48),
      elapsed: 0,
    },
    clockMs: log.lastStampMs,
    clockTerm: log.lastTerm,
    messages: [],
    promises: [],
    readsReady: [],
    readsDropped: [],
    snapshot: undefined,
    handedHardState: hardState,
    handedRoleView: { role: 'follower', term: hardState.term, leader: undefined },
    checkedTerm: hardState.term,
    checkedVote: hardState.vote,
    checkedCommitIndex: log.commitIndex,
  }
}

/** A whole number in [0, n), from the one source of randomness. */
export function drawTicks(config: RaftConfig, n: number): number {
  return Math.floor(config.random() * n)
}

/**
 * How long to wait before standing, from [ticks, 2 · ticks) (Raft paper, 5.2). One that was demoted waits for two election timeouts
 * longer: those that vote go first, if they can.
 */
export function drawElectionTicks(config: RaftConfig, ticks: number, isLeaving: boolean): number {
  return ticks + drawTicks(config, ticks) + (isLeaving ? 2 * config.electionTicks : 0)
}

/** The replicated clock as entries and heartbeats carry it. Never behind the log. */
export function stampNow(state: RaftState): number {
  return Math.floor(Math.max(state.clockMs, state.log.lastStampMs))
}

/**
 * A follower learns the clock from what it sees of its leader. The first stamp in a term counts even if it is behind: the
 * leader's clock may lack what it had not heard from the one before. Whoever leads next must go on from the clock that the
 * latest entries were stamped by, not from one that ran ahead of it, or keys set meanwhile would fall due early.
 */
export function followClock(state: RaftState, stampMs: number): void {
  if (stampMs > state.clockMs || state.clockTerm < state.term) state.clockMs = stampMs
  state.clockTerm = state.term
}

/**
 * Whether this member may stand: it knows who votes, and votes itself or was demoted. One that was demoted does not count itself,
 * but others may not know yet that the change is committed, and may need its vote, which a longer log would refuse: then it has to
 * lead once more to tell them (thesis, 4.2.2). One that learns how to follow never stands.
 */
export function isPromotable(state: RaftState): boolean {
  const { membership, id, snapshot, isLeaving } = state
  return snapshot === undefined && (isVoter(membership, id) || (isLeaving && isMember(membership, id)))
}

/** Whether a leader is known to have been alive within the election timeout (thesis, 4.2.3 and 9.6). */
export function holdsLease(state: RaftState): boolean {
  return state.leader !== undefined && state.electionElapsed < state.config.electionTicks
}

/** Whether a leader has committed an entry of its own term, so that its commit index is the cluster's (thesis, 6.4). */
export function hasCommittedInTerm(state: RaftState): boolean {
  return state.log.termAt(state.log.commitIndex) === state.term
}

/** What the log up to `index` stands for, from the compaction point to the applied index; the membership is the applied one. */
export function metaAt(state: RaftState, index: Index): SnapshotMeta {
  const { log, membership } = state
  const term = log.termAt(index)
  assert(term !== undefined && index <= log.appliedIndex, 'the entry is applied, and kept or the compaction point')
  return { index, term, stampMs: log.stampAt(index), membership }
}

/** The hard state, if it differs from what was handed out last. */
export function changedHardState(state: RaftState): HardState | undefined {
  const { term, vote, log, handedHardState: handed } = state
  const { commitIndex } = log
  if (term === handed.term && vote === handed.vote && commitIndex === handed.commitIndex) return undefined
  return { term, vote, commitIndex }
}

/** Who leads, if that differs from what was handed out last. */
export function changedRoleView(state: RaftState): RoleView | undefined {
  const { role, term, leader, handedRoleView: handed } = state
  if (role === handed.role && term === handed.term && leader === handed.leader) return undefined
  return { role, term, leader }
}

/** A copy of what others may see. */
export function statusOf(state: RaftState): RaftStatus {
  return {
    id: state.id,
    role: state.role,
    term: state.term,
    vote: state.vote,
    leader: state.leader,
    commitIndex: state.log.commitIndex,
    appliedIndex: state.log.appliedIndex,
    lastIndex: state.log.lastIndex,
    firstIndex: state.log.firstIndex,
    clockMs: stampNow(state),
    membership: state.membership,
    progress: state.followers.map((follower) => ({
      id: follower.id,
      state: follower.state,
      matchIndex: follower.matchIndex,
      nextIndex: follower.nextIndex,
      recentActive: follower.recentActive,
      answers: !follower.mayRepeat,
      paused: follower.isPaused,
    })),
  }
}

/** Asserts what must hold between steps. Takes time in the number of members only. */
export function checkInvariants(state: RaftState): void {
  const { log } = state
  log.check()
  assert(state.term >= log.lastTerm, 'no entry is of a later term than this member')
  assert(state.term >= state.checkedTerm, 'the term never decreases')
  assert(log.commitIndex >= state.checkedCommitIndex, 'the commit index never decreases')
  assert(
    state.term > state.checkedTerm || state.checkedVote === undefined || state.vote === state.checkedVote,
    'a vote is given once in a term',
  )
  assert(
    (state.role === 'leader') === (state.leader === state.id),
    'a leader knows itself as leader, and nobody else does',
  )
  assert(state.role !== 'candidate' || state.vote === state.id, 'a candidate votes for itself')
  assert(
    state.role === 'follower' || state.role === 'leader' || state.leader === undefined,
    'a candidate follows nobody',
  )
  if (state.role === 'leader') checkLeader(state)
  else {
    assert(state.progress.size === 0 && state.own === undefined, 'only a leader has followers')
    assert(state.transferTarget === undefined, 'only a leader hands over')
  }
  state.checkedTerm = state.term
  state.checkedVote = state.vote
  state.checkedCommitIndex = log.commitIndex
}

function checkLeader(state: RaftState): void {
  const { log, membership, own } = state
  assert(log.lastTerm === state.term, 'a leader has an entry of its own term')
  assert(state.clockMs >= log.lastStampMs, "a leader's clock is never behind its log")
  assert(
    own !== undefined && own.matchIndex <= log.writtenIndex,
    'a leader counts what its own disk holds, and no more',
  )
  assert(state.progress.size === membership.voters.length + membership.learners.length, 'a leader knows every member')
  assert(state.followers.length === state.progress.size - 1, 'everybody but the leader follows')
  assert(state.uncommittedBytes >= 0, 'no entry is committed twice')
  for (const follower of state.followers) follower.check(log.lastIndex)
}
