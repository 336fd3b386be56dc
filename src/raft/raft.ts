/**
 * The core's surface; handing on by role.
 *
 * Owns: what callers see, and the taking of a batch. Leaves to others: every decision that depends on a role. Synchronous
 * and deterministic: see DESIGN.md.
 */
import assert from 'node:assert'
import type { RaftConfig } from './config.ts'
import { checkRaftConfig } from './config.ts'
import {
  campaign,
  countOwnVote,
  onPreVote,
  onPreVoteReply,
  onTimeoutNow,
  onVote,
  onVoteReply,
  retryTimeoutNow,
} from './election.ts'
import {
  addForwards,
  hearLeader,
  loseLeader,
  onAppend,
  onHeartbeat,
  onInstallSnapshot,
  sendForwards,
  tickFollower,
} from './follower.ts'
import type { ProposeAnswer } from './leader.ts'
import {
  acknowledgeOwn,
  appendProposals,
  beginTransfer,
  changeMembership,
  heldIndex,
  loseFollower,
  onAppendReply,
  onHeartbeatReply,
  onSnapshotReport,
  probeFollower,
  sendTurn,
  stepDown,
  tellCommit,
  tickLeader,
} from './leader.ts'
import type { Message } from './message.ts'
import { addRead, askLeader, onReadIndex, onReadIndexReply, tickReads } from './reads.ts'
import type { Ready } from './ready.ts'
import type { RaftState, RaftStatus, Restored } from './state.ts'
import { changedHardState, changedRoleView, checkInvariants, createState, metaAt, stampNow, statusOf } from './state.ts'
import { admitEarlierTerm, admitLaterTerm } from './terms.ts'
import type { Entry, Index, MemberId, Membership, MembershipChange, Proposal, SnapshotMeta, Term } from './types.ts'

export type { ProposeAnswer } from './leader.ts'
export type { FollowerStatus, RaftStatus, Restored } from './state.ts'

const NO_ENTRIES: readonly Entry[] = []

/**
 * One member's part in deciding what the log is.
 *
 * One batch at a time: between `ready()` and `written()` inputs may come in, but `ready()` may not be called again.
 */
export class Raft {
  readonly #state: RaftState
  #writing = false

  /** Starts as a follower from what the disk holds. Fails when that contradicts itself. */
  constructor(config: RaftConfig, restored: Restored) {
    checkRaftConfig(config)
    this.#state = createState(config, restored)
    checkInvariants(this.#state)
  }

  /** The replicated clock in whole milliseconds. */
  get clockMs(): number {
    return stampNow(this.#state)
  }

  /** The present term. */
  get term(): Term {
    return this.#state.term
  }

  /** Up to here the log is committed, as far as this member knows. */
  get commitIndex(): Index {
    return this.#state.log.commitIndex
  }

  /** Leader: what comes after this index some follower that is being heard will still ask for. Else infinite. */
  get heldIndex(): Index {
    return heldIndex(this.#state)
  }

  /** Leader: a voter whose disk has lost what it had acknowledged; undefined where none is known. */
  get lostVoter(): MemberId | undefined {
    return this.#state.lostVoter
  }

  /** Whether a follower still has to hear of the commit index. It will at the next tick, or when `tellCommit` is called before. */
  get owesCommit(): boolean {
    return this.#state.owesCommit
  }

  /** Has the followers told of the commit index in the next batch. */
  tellCommit(): void {
    tellCommit(this.#state)
  }

  /** One unit of logical time. */
  tick(): void {
    const state = this.#state
    if (state.role === 'leader') {
      tickLeader(state)
    } else {
      if (tickFollower(state)) campaign(state)
      else retryTimeoutNow(state)
      tickReads(state)
    }
    checkInvariants(state)
  }

  /** Monotonic milliseconds, 0 or more, since the last call. Only a leader's clock moves by it. */
  advanceClock(elapsedMs: number): void {
    assert(Number.isFinite(elapsedMs) && elapsedMs >= 0, 'monotonic time never goes back')
    if (this.#state.role === 'leader') this.#state.clockMs += elapsedMs
  }

  /** A message from a peer, decoded and checked. One for somebody else is ignored. */
  step(message: Message): void {
    const state = this.#state
    if (message.to !== state.id || message.from === state.id) return
    if (message.term > state.term && !admitLaterTerm(state, message)) return
    if (message.term < state.term && !admitEarlierTerm(state, message)) return
    this.#handOn(message)
    checkInvariants(state)
  }

  /**
   * Asks for proposals to be appended, all or none. On a follower `accepted` means that they are sent to the leader, which
   * drops what it cannot take: then the waiter hears nothing.
   */
  propose(proposals: readonly Proposal[]): ProposeAnswer {
    const state = this.#state
    if (state.role === 'leader') return appendProposals(state, proposals)
    if (state.leader === undefined) return 'noLeader'
    return addForwards(state, proposals) ? 'accepted' : 'overloaded'
  }

  /** Asks for a linearizable read; `context` comes back in `Ready.reads` or `Ready.readsDropped`. */
  read(context: number): void {
    addRead(this.#state, context)
  }

  /** Stands now, with a pre-vote. Does nothing on a leader or where this member may not stand. */
  campaign(): void {
    campaign(this.#state)
    checkInvariants(this.#state)
  }

  /**
   * Hands leadership to `to`; until it leads, or for an election timeout, proposals are refused as `noLeader`. Returns false
   * when this member does not lead, or `to` is itself or no voter.
   */
  transferLeadership(to: MemberId): boolean {
    return this.#state.role === 'leader' && beginTransfer(this.#state, to)
  }

  /** The leader found that it was away for too long. Does nothing on others. */
  stepDown(): void {
    if (this.#state.role === 'leader') stepDown(this.#state)
    checkInvariants(this.#state)
  }

  /** The member's process is gone: its connection closed, and a redial was refused. */
  reportGone(id: MemberId): void {
    const state = this.#state
    if (state.role === 'leader') loseFollower(state, id)
    else if (state.leader === id) loseLeader(state)
    checkInvariants(state)
  }

  /** A message to the member was dropped: pipelining stops, probing starts. */
  reportUnreachable(id: MemberId): void {
    if (this.#state.role === 'leader') probeFollower(this.#state, id)
  }

  /** The transfer of the snapshot that was offered to the member has ended: its rows are staged there, or it failed. */
  reportSnapshot(id: MemberId, ok: boolean): void {
    if (this.#state.role === 'leader') onSnapshotReport(this.#state, id, ok)
  }

  /**
   * To be called, in every replica, for each membership entry when it is applied. Returns the membership from now on: the
   * same object when the change changes nothing.
   */
  applyMembership(change: MembershipChange): Membership {
    const state = this.#state
    changeMembership(state, change)
    checkInvariants(state)
    return state.membership
  }

  /** What a snapshot brought says that this member was demoted. */
  leave(): void {
    this.#state.isLeaving = true
  }

  /** Forgets entries up to `index`, which was applied; no effect when they are forgotten already. Returns where the log starts now. */
  compact(index: Index): SnapshotMeta {
    this.#state.log.compact(index)
    return metaAt(this.#state, this.#state.log.compactIndex)
  }

  /** What a snapshot of the tree stands for when everything that was handed out for applying has been applied. */
  snapshotMeta(): SnapshotMeta {
    return metaAt(this.#state, this.#state.log.appliedIndex)
  }

  /** The batch of this turn, or undefined when there is nothing to do. */
  ready(): Ready | undefined {
    assert(!this.#writing, 'the batch before must be written first')
    const state = this.#state
    if (state.role === 'leader') {
      sendTurn(state)
    } else if (state.role === 'follower') {
      askLeader(state)
      sendForwards(state)
    }
    const hardState = changedHardState(state)
    const roleView = changedRoleView(state)
    const { log, messages, promises, readsReady, readsDropped, snapshot } = state
    if (
      hardState === undefined &&
      roleView === undefined &&
      snapshot === undefined &&
      !log.hasUnwritten() &&
      !log.hasCommitted() &&
      messages.length + promises.length + readsReady.length + readsDropped.length === 0
    ) {
      return undefined
    }
    const before = state.handedHardState
    const entries = log.takeUnwritten()
    const mustSync =
      entries.length > 0 ||
      snapshot !== undefined ||
      (hardState !== undefined && (hardState.term !== before.term || hardState.vote !== before.vote))
    // The rows of a snapshot become the state first; what comes after it is applied in the next turn.
    const { appliedBytesMax, appliedCountMax } = state.config
    const committed = snapshot === undefined ? log.takeCommitted(appliedBytesMax, appliedCountMax) : NO_ENTRIES
    state.messages = []
    state.promises = []
    state.readsReady = []
    state.readsDropped = []
    state.snapshot = undefined
    if (hardState !== undefined) state.handedHardState = hardState
    if (roleView !== undefined) state.handedRoleView = roleView
    this.#writing = true
    return {
      hardState,
      entries,
      snapshot,
      messages,
      promises,
      committed,
      reads: readsReady,
      readsDropped,
      roleView,
      mustSync,
    }
  }

  /** The last batch is on disk. Its promises may leave. */
  written(): void {
    assert(this.#writing, 'only a batch that was handed out can be written')
    this.#writing = false
    const state = this.#state
    state.log.markWritten()
    if (state.role === 'leader') acknowledgeOwn(state)
    else countOwnVote(state)
    checkInvariants(state)
  }

  /** A copy of the state, for statistics, tests and scripts. */
  status(): RaftStatus {
    return statusOf(this.#state)
  }

  #handOn(message: Message): void {
    const state = this.#state
    const leads = state.role === 'leader'
    switch (message.kind) {
      case 'preVote':
        onPreVote(state, message)
        break
      case 'preVoteReply':
        onPreVoteReply(state, message)
        break
      case 'vote':
        onVote(state, message)
        break
      case 'voteReply':
        onVoteReply(state, message)
        break
      case 'timeoutNow':
        onTimeoutNow(state)
        break
      case 'append':
        hearLeader(state, message.from)
        onAppend(state, message)
        break
      case 'heartbeat':
        hearLeader(state, message.from)
        onHeartbeat(state, message)
        break
      case 'installSnapshot':
        hearLeader(state, message.from)
        onInstallSnapshot(state, message)
        break
      case 'appendReply':
        if (leads) onAppendReply(state, message)
        break
      case 'heartbeatReply':
        if (leads) onHeartbeatReply(state, message)
        break
      case 'propose':
        // What it refuses is dropped: the origin's waiter times out, as it does when a message is lost.
        if (leads) appendProposals(state, message.proposals)
        break
      case 'readIndex':
        if (leads) onReadIndex(state, message)
        break
      case 'readIndexReply':
        if (!leads) onReadIndexReply(state, message)
        break
    }
  }
}
