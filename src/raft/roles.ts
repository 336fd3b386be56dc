/**
 * Becoming follower, candidate, leader: what is reset and what is kept.
 *
 * Owns: transitions between roles, the drawing of waits, and the table of followers that a leader keeps. Leaves to others:
 * why a transition happens.
 */
import assert from 'node:assert'
import { entryBytes } from './log.ts'
import { Progress } from './progress.ts'
import type { RaftState } from './state.ts'
import { drawElectionTicks, stampNow } from './state.ts'
import type { MemberId, Proposal, Term } from './types.ts'
import { EntryKind } from './types.ts'

const NO_DATA = new Uint8Array(0)

/** Follows `leader`, or nobody yet, in `term`. A new term has no vote. */
export function becomeFollower(state: RaftState, term: Term, leader: MemberId | undefined): void {
  assert(term >= state.term, 'a member never goes back to an earlier term')
  assert(leader !== state.id, 'nobody follows itself')
  if (leader !== undefined) state.goneTicksLeft = 0
  if (leader !== state.leader || term !== state.term) dropReads(state)
  leaveRole(state)
  if (term > state.term) {
    state.term = term
    state.vote = undefined
  }
  state.role = 'follower'
  state.leader = leader
  drawElectionTimeout(state)
}

/** Asks around before standing (thesis, 9.6). Neither term nor vote change. */
export function becomePreCandidate(state: RaftState): void {
  assert(state.role !== 'leader', 'a leader does not stand')
  dropReads(state)
  leaveRole(state)
  state.role = 'preCandidate'
  state.leader = undefined
  drawElectionTimeout(state)
}

/** Stands in the next term. Its own vote is cast here, and counts once it is on disk (`election.ts`). */
export function becomeCandidate(state: RaftState): void {
  assert(state.role !== 'leader', 'a leader does not stand')
  dropReads(state)
  leaveRole(state)
  state.term += 1
  state.vote = state.id
  state.role = 'candidate'
  state.leader = undefined
  drawElectionTimeout(state)
}

/** Leads in the present term, and appends the entry by whose commit everything before it becomes committed (5.4.2). */
export function becomeLeader(state: RaftState): void {
  assert(state.role === 'candidate', 'only a candidate is elected')
  leaveRole(state)
  state.role = 'leader'
  state.leader = state.id
  state.goneTicksLeft = 0
  state.clockMs = Math.max(state.clockMs, state.log.lastStampMs)
  state.clockTerm = state.term
  // Whatever is in the log from before may be a membership change: it must be applied before the next is proposed.
  state.membershipIndex = state.log.lastIndex
  state.uncommittedBytes = state.log.bytesBetween(state.log.commitIndex, state.log.lastIndex)
  syncFollowers(state)
  appendProposal(state, { kind: EntryKind.noop, origin: state.id, seq: 0, data: NO_DATA, checksum: 0 })
}

/** Appends a proposal to the leader's log, stamped with the replicated clock. */
export function appendProposal(state: RaftState, proposal: Proposal): void {
  assert(state.role === 'leader', 'only a leader appends')
  state.log.append({
    index: state.log.lastIndex + 1,
    term: state.term,
    stampMs: stampNow(state),
    kind: proposal.kind,
    origin: proposal.origin,
    seq: proposal.seq,
    data: proposal.data,
    checksum: proposal.checksum,
  })
  state.uncommittedBytes += entryBytes(proposal)
}

/** Makes the leader's table of followers agree with the membership. Newcomers start as probes at the end of the log. */
export function syncFollowers(state: RaftState): void {
  assert(state.role === 'leader', 'only a leader has followers')
  const { config, log, membership } = state
  const before = state.progress
  const window = { countMax: config.inflightCountMax, bytesMax: config.inflightBytesMax }
  state.progress = new Map()
  state.followers = []
  for (const id of [...membership.voters, ...membership.learners]) {
    const progress = before.get(id) ?? new Progress(id, log.lastIndex + 1, window)
    // A newcomer has had no chance to answer: it must not cost the leader its quorum.
    if (before.size > 0 && !before.has(id)) progress.recentActive = true
    state.progress.set(id, progress)
    if (id === state.id) state.own = progress
    else state.followers.push(progress)
  }
  state.own?.acknowledge(log.writtenIndex)
}

/** Draws how long to wait before standing, and starts the wait. From a short range while the leader's process is known to be gone. */
function drawElectionTimeout(state: RaftState): void {
  const ticks = state.goneTicksLeft > 0 ? state.config.goneTicksMax : state.config.electionTicks
  state.electionElapsed = 0
  state.electionTimeout = drawElectionTicks(state.config, ticks, state.isLeaving)
}

/** Drops all waiting reads: whoever could prove leadership for them has changed. */
function dropReads(state: RaftState): void {
  const { reads } = state
  for (const context of reads.asked) state.readsDropped.push(context)
  for (const context of reads.waiting) state.readsDropped.push(context)
  reads.asked = []
  reads.waiting = []
  reads.questions = []
  reads.askedQuestions = []
  reads.round = 0
  reads.elapsed = 0
}

function leaveRole(state: RaftState): void {
  state.votes.clear()
  state.standWhenApplied = false
  state.electionElapsed = 0
  state.heartbeatElapsed = 0
  state.heartbeatDue = false
  if (state.progress.size > 0) state.progress = new Map()
  state.own = undefined
  state.followers = []
  state.transferTarget = undefined
  state.transferElapsed = 0
  state.membershipIndex = 0
  state.lostVoter = undefined
  state.owesCommit = false
  state.uncommittedBytes = 0
  state.acknowledgedIndex = 0
  // Their waiters learn nothing, and time out: a forwarded proposal may be lost on the way as well.
  state.forwards = []
  state.forwardBytes = 0
}
