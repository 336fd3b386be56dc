/**
 * Proposals, acknowledgements, commit, check-quorum, handing over leadership.
 *
 * Owns: what a leader does with what it hears. Leaves to others: what to send when (`replication.ts`), reads (`reads.ts`).
 */
import assert from 'node:assert'
import { entryBytes } from './log.ts'
import { applyChange, isMember, isVoter, majority, majorityIndex } from './membership.ts'
import type { AppendReply, HeartbeatReply } from './message.ts'
import type { Progress } from './progress.ts'
import { beginRound, finishRoundIfProved } from './reads.ts'
import { sendAppends, sendHeartbeats, sendReadRound, sendTimeoutNow } from './replication.ts'
import { appendProposal, becomeFollower, syncFollowers } from './roles.ts'
import type { RaftState } from './state.ts'
import { hasCommittedInTerm } from './state.ts'
import type { Index, MemberId, MembershipChange, Proposal } from './types.ts'
import { EntryKind } from './types.ts'

/**
 * What became of proposals; all of them or none.
 * - `accepted`: in the log of the leader, or on the way there. Not committed, and it may never be.
 * - `noLeader`: no leader is known, or it is handing over. Nothing happened.
 * - `overloaded`: too many bytes are waiting to be committed. Nothing happened.
 * - `membershipPending`: a membership change came before the leader has committed in its own term, or while another one is
 *   not applied yet. Nothing happened.
 */
export type ProposeAnswer = 'accepted' | 'noLeader' | 'overloaded' | 'membershipPending'

/** One tick of a leader. */
export function tickLeader(state: RaftState): void {
  const { config } = state
  tellCommit(state)
  state.heartbeatElapsed += 1
  state.electionElapsed += 1
  tickTransfer(state)
  if (state.electionElapsed >= config.electionTicks) {
    state.electionElapsed = 0
    if (!hasQuorum(state)) {
      stepDown(state)
      return
    }
  }
  if (state.heartbeatElapsed >= config.heartbeatTicks) {
    state.heartbeatElapsed = 0
    state.heartbeatDue = true
  }
}

/** A hand-over is given up after an election timeout; by a leader that does not vote it is begun anew. */
function tickTransfer(state: RaftState): void {
  if (state.transferTarget !== undefined) {
    state.transferElapsed += 1
    if (state.transferElapsed < state.config.electionTicks) return
  }
  if (isVoter(state.membership, state.id)) state.transferTarget = undefined
  else handOverAsLearner(state)
}

/** Has every follower told of the commit index at the end of this turn. */
export function tellCommit(state: RaftState): void {
  for (const follower of state.followers) follower.commitDue = true
}

/** Once a turn: sends what the turn's inputs made due; one heartbeat, however many intervals passed during a slow write. */
export function sendTurn(state: RaftState): void {
  const began = beginRound(state)
  if (state.heartbeatDue) {
    sendHeartbeats(state)
    requestTransfer(state)
  } else if (began) {
    sendReadRound(state)
  }
  sendAppends(state)
}

/** Leads no longer; nobody is known to lead. */
export function stepDown(state: RaftState): void {
  becomeFollower(state, state.term, undefined)
}

/** Appends proposals of this member's clients or a follower's. */
export function appendProposals(state: RaftState, proposals: readonly Proposal[]): ProposeAnswer {
  if (state.transferTarget !== undefined) return 'noLeader'
  let bytes = 0
  let changes = 0
  for (const proposal of proposals) {
    bytes += entryBytes(proposal)
    if (proposal.kind === EntryKind.membership) changes++
  }
  // A proposal larger than the limit must be possible at some time: when nothing else waits.
  const full = state.uncommittedBytes + bytes > state.config.uncommittedBytesMax
  if (full && state.uncommittedBytes > 0) return 'overloaded'
  if (changes > 0 && (changes > 1 || !mayChangeMembership(state))) return 'membershipPending'
  for (const proposal of proposals) {
    appendProposal(state, proposal)
    if (proposal.kind === EntryKind.membership) state.membershipIndex = state.log.lastIndex
  }
  return 'accepted'
}

/** A follower answered an append or a snapshot. */
export function onAppendReply(state: RaftState, reply: AppendReply): void {
  const { log } = state
  const follower = state.progress.get(reply.from)
  // No longer a member: its word counts for nothing. The same goes for one who claims more than there is.
  if (follower === undefined || reply.matchIndex > log.lastIndex) return
  follower.recentActive = true
  if (reply.rejected) {
    if (follower.hasLost(reply.matchIndex)) {
      // A voter's word was counted: what is gone cannot be taken back, and the probe is repeated after a heartbeat.
      if (isVoter(state.membership, follower.id)) {
        state.lostVoter = follower.id
        return
      }
      follower.forget()
    }
    follower.backOff(reply.matchIndex, log.agreeAt(reply.hintIndex, reply.hintTerm))
    return
  }
  const advanced = follower.acknowledge(reply.matchIndex)
  const agreed = follower.state === 'probe' && reply.matchIndex === follower.matchIndex
  const caughtUp = follower.state === 'snapshot' && follower.matchIndex >= log.compactIndex
  if (agreed || caughtUp) follower.becomeReplicate()
  if (!advanced) return
  advanceCommit(state)
  if (follower.id === state.transferTarget) requestTransfer(state)
}

/** A follower answered a heartbeat. */
export function onHeartbeatReply(state: RaftState, reply: HeartbeatReply): void {
  const follower = state.progress.get(reply.from)
  if (follower === undefined) return
  follower.heard(state.log.lastIndex)
  if (reply.readRound <= follower.readRound) return
  follower.readRound = reply.readRound
  finishRoundIfProved(state)
}

/** Our own disk has kept what the last batch held: the leader acknowledges to itself. */
export function acknowledgeOwn(state: RaftState): void {
  if (state.own?.acknowledge(state.log.writtenIndex)) advanceCommit(state)
}

/**
 * Commits what a majority's disks hold, if it is of this term: an older entry, even on a majority, may still be
 * overwritten, and is committed only by one of this term after it (Raft paper, 5.4.2 and figure 8).
 */
function advanceCommit(state: RaftState): void {
  const { log, matches } = state
  matches.length = 0
  for (const voter of state.membership.voters) matches.push(state.progress.get(voter)?.matchIndex ?? 0)
  const index = majorityIndex(matches)
  const before = log.commitIndex
  if (index <= before || log.termAt(index) !== state.term) return
  log.commitTo(index)
  hurryOrigins(state, before, index)
  // A membership change was committed, or what may hold one, of before this leader took office. Followers hear of it in the batch
  // that applies it: the change may be that one of them is sent nothing any more.
  if (state.membershipIndex > before && state.membershipIndex <= index) tellCommit(state)
  state.uncommittedBytes -= log.bytesBetween(before, index)
}

/**
 * Hands leadership to `to`: brings it up to date, then asks it to stand (thesis, 3.10). Proposals are refused until it
 * leads, or an election timeout has passed. Returns false where that cannot be: not to a voter, or to itself.
 */
export function beginTransfer(state: RaftState, to: MemberId): boolean {
  if (to === state.id || !isVoter(state.membership, to)) return false
  if (to === state.transferTarget) return true
  state.transferTarget = to
  state.transferElapsed = 0
  requestTransfer(state)
  return true
}

/** A membership change is applied, on whoever it is. */
export function changeMembership(state: RaftState, change: MembershipChange): void {
  const before = state.membership
  state.membership = applyChange(before, change)
  if (state.membership === before) return
  const votes = isVoter(state.membership, state.id)
  if (change.id === state.id) state.isLeaving = change.kind === 'demote'
  if (state.role === 'leader') onMembershipApplied(state)
  else if (state.role !== 'follower' && !votes) stepDown(state)
}

/** `state.membership` is a new one. */
function onMembershipApplied(state: RaftState): void {
  if (!isMember(state.membership, state.id)) {
    sendTimeoutNow(state, heirOf(state))
    stepDown(state)
    return
  }
  syncFollowers(state)
  if (!isVoter(state.membership, state.id)) {
    handOverAsLearner(state)
  } else if (state.transferTarget !== undefined && !isVoter(state.membership, state.transferTarget)) {
    state.transferTarget = undefined
  }
  advanceCommit(state)
  finishRoundIfProved(state)
}

/**
 * Up to here every follower that is being heard has the log, or is being given it as a snapshot; what comes after will be
 * asked for. Infinite where nobody follows.
 */
export function heldIndex(state: RaftState): Index {
  let held = Number.POSITIVE_INFINITY
  for (const follower of state.followers) {
    if (follower.recentActive) held = Math.min(held, Math.max(follower.matchIndex, follower.snapshotIndex))
  }
  return held
}

/** A follower's process is gone: it counts as silent until it is heard of again. */
export function loseFollower(state: RaftState, id: MemberId): void {
  const follower = state.progress.get(id)
  if (follower === undefined || id === state.id) return
  follower.recentActive = false
  if (follower.state === 'replicate') follower.becomeProbe()
}

/** A message to a follower was dropped: what was sent ahead may be lost. */
export function probeFollower(state: RaftState, id: MemberId): void {
  const follower = state.progress.get(id)
  if (follower?.state === 'replicate' && id !== state.id) follower.becomeProbe()
}

/** The transfer of a snapshot has ended; when `ok`, its rows are staged there, and an acknowledgement will follow. */
export function onSnapshotReport(state: RaftState, id: MemberId, ok: boolean): void {
  const follower = state.progress.get(id)
  if (follower?.state !== 'snapshot') return
  if (!ok) {
    follower.snapshotFailed()
    return
  }
  follower.becomeProbe()
  // The acknowledgement is on its way. If it is lost, the next heartbeat's answer lets a probe go.
  follower.probeSent = true
}

/** Clients of followers wait for their member to apply what was just committed: those are told at once. */
function hurryOrigins(state: RaftState, after: Index, to: Index): void {
  let hurried = state.id
  for (let index = after + 1; index <= to; index++) {
    const origin = state.log.originAt(index)
    if (origin === hurried || origin === state.id) continue
    hurried = origin
    const follower = state.progress.get(origin)
    if (follower !== undefined) follower.commitDue = true
  }
}

function hasQuorum(state: RaftState): boolean {
  let active = isVoter(state.membership, state.id) ? 1 : 0
  for (const follower of state.followers) {
    if (follower.recentActive && isVoter(state.membership, follower.id)) active++
    follower.recentActive = false
  }
  return active >= majority(state.membership.voters.length)
}

function mayChangeMembership(state: RaftState): boolean {
  return hasCommittedInTerm(state) && state.membershipIndex <= state.log.appliedIndex
}

/** Asks the target to stand if it has the whole log. Repeated with every heartbeat, for the request may be lost. */
function requestTransfer(state: RaftState): void {
  const target = state.transferTarget
  if (target === undefined) return
  if (state.progress.get(target)?.matchIndex === state.log.lastIndex) sendTimeoutNow(state, target)
}

/**
 * The leader was demoted. It leads on, uncounted, until another leads (thesis, 4.2.2): whoever holds the change and does not
 * know yet that it is committed may need this member's vote, which a longer log would refuse. So the heir is given the log
 * and the commit index, and is asked to stand with every heartbeat; when an election timeout has passed, another one is.
 */
function handOverAsLearner(state: RaftState): void {
  state.transferTarget = heirOf(state)
  state.transferElapsed = 0
  requestTransfer(state)
}

/** Who takes over from a leader that does not vote: not who was asked in vain, if there is a choice; then who has most. */
function heirOf(state: RaftState): MemberId {
  let heir: Progress | undefined
  for (const follower of state.followers) {
    if (!isVoter(state.membership, follower.id)) continue
    if (heir === undefined || heir.id === state.transferTarget) heir = follower
    else if (follower.id !== state.transferTarget && follower.matchIndex > heir.matchIndex) heir = follower
  }
  assert(heir !== undefined, 'the last voter is never removed')
  return heir.id
}
