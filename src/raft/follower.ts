/**
 * Accepting appends, heartbeats and snapshots; the election timer; handing proposals on to the leader.
 *
 * Owns: what a follower does with its leader's word (Raft paper, figure 2, AppendEntries and InstallSnapshot). Leaves to
 * others: terms (`terms.ts`), standing (`election.ts`).
 */
import assert from 'node:assert'
import { entryBytes } from './log.ts'
import type { Append, Heartbeat, InstallSnapshot } from './message.ts'
import { becomeFollower } from './roles.ts'
import type { RaftState } from './state.ts'
import { drawTicks, followClock, isPromotable } from './state.ts'
import type { Entry, Index, MemberId, Proposal, Term } from './types.ts'
import { EntryKind } from './types.ts'

/** One tick of a member that does not lead. Returns whether it is time to stand. */
export function tickFollower(state: RaftState): boolean {
  state.electionElapsed += 1
  if (state.goneTicksLeft > 0) state.goneTicksLeft -= 1
  if (state.electionElapsed < state.electionTimeout) return false
  if (isPromotable(state)) return true
  // A learner never stands; but it must not send its clients' writes to a leader that is not there any more.
  becomeFollower(state, state.term, undefined)
  return false
}

/** The leader of this term sent something: it is alive. */
export function hearLeader(state: RaftState, leader: MemberId): void {
  assert(state.role !== 'leader', 'a term has one leader')
  state.electionElapsed = 0
  if (state.role !== 'follower' || state.leader !== leader) becomeFollower(state, state.term, leader)
}

/** The leader's process is gone: its lease ends, and the wait before standing is short, but for one that was demoted. */
export function loseLeader(state: RaftState): void {
  state.goneTicksLeft = state.config.electionTicks
  becomeFollower(state, state.term, undefined)
  if (!state.isLeaving) state.electionTimeout = drawTicks(state.config, state.config.goneTicksMax)
}

/** Takes over entries, or says where the logs may agree. */
export function onAppend(state: RaftState, message: Append): void {
  const { log } = state
  const { entries, prevIndex, prevTerm } = message
  const commitBefore = log.commitIndex
  const lastNewIndex = prevIndex + entries.length
  if (!log.matches(prevIndex, prevTerm)) {
    reject(state, message)
    return
  }
  if (lastNewIndex > log.commitIndex) {
    log.merge(prevIndex, entries)
    if (entries.length > 0) followClock(state, (entries[entries.length - 1] as Entry).stampMs)
    log.commitTo(Math.min(message.commitIndex, lastNewIndex))
  }
  // News of a commit alone, about entries that were acknowledged before, needs no answer: that spares a message for every
  // commit. The same append again, sent because an answer was lost, brings no news, and is answered.
  const onlyCommit = entries.length === 0 && prevIndex <= state.acknowledgedIndex && log.commitIndex > commitBefore
  if (!onlyCommit) acknowledge(state, message.from, Math.max(lastNewIndex, log.commitIndex))
}

/** Follows the clock and the commit index, and answers at once. */
export function onHeartbeat(state: RaftState, message: Heartbeat): void {
  followClock(state, message.stampMs)
  // Never beyond our log: a leader that counts more than we hold has it from a life whose disk is lost.
  state.log.commitTo(Math.min(message.commitIndex, state.log.lastIndex))
  state.messages.push({
    kind: 'heartbeatReply',
    from: state.id,
    to: message.from,
    term: state.term,
    readRound: message.readRound,
  })
}

/** The rows of a snapshot are staged. Accepts it only when it brings something new. */
export function onInstallSnapshot(state: RaftState, message: InstallSnapshot): void {
  const { log } = state
  const { snapshot } = message
  if (snapshot.index > log.commitIndex) {
    if (log.termAt(snapshot.index) === snapshot.term) {
      log.commitTo(snapshot.index)
    } else {
      log.restore(snapshot)
      state.snapshot = snapshot
      state.membership = snapshot.membership
      followClock(state, snapshot.stampMs)
    }
  }
  acknowledge(state, message.from, log.commitIndex)
}

/** Keeps proposals for the leader until the end of the turn. Returns whether there was room. */
export function addForwards(state: RaftState, proposals: readonly Proposal[]): boolean {
  let bytes = state.forwardBytes
  for (const proposal of proposals) bytes += entryBytes(proposal)
  if (bytes > state.config.uncommittedBytesMax && state.forwards.length > 0) return false
  for (const proposal of proposals) state.forwards.push(proposal)
  state.forwardBytes = bytes
  return true
}

/** Once a turn: sends what was kept, in messages of bounded size. A membership change travels alone: it may be refused. */
export function sendForwards(state: RaftState): void {
  const { forwards, leader } = state
  if (forwards.length === 0 || leader === undefined) return
  state.forwards = []
  state.forwardBytes = 0
  let from = 0
  while (from < forwards.length) {
    const end = chunkEnd(forwards, from, state.config.proposeBytesMax)
    const proposals = forwards.slice(from, end)
    state.messages.push({ kind: 'propose', from: state.id, to: leader, term: state.term, proposals })
    from = end
  }
}

function chunkEnd(forwards: readonly Proposal[], from: number, bytesMax: number): number {
  let end = from
  let bytes = 0
  while (end < forwards.length) {
    const proposal = forwards[end] as Proposal
    bytes += entryBytes(proposal)
    if (end > from && (bytes > bytesMax || proposal.kind === EntryKind.membership)) break
    end++
    if (proposal.kind === EntryKind.membership) break
  }
  return end
}

function reject(state: RaftState, message: Append): void {
  const { log } = state
  // All that is committed agrees with every later leader, so the hint need not go below it.
  const hintIndex = Math.max(log.agreeAt(message.prevIndex, message.prevTerm), log.commitIndex)
  const hintTerm = log.termAt(hintIndex)
  replyToAppend(state, message.from, true, message.prevIndex, hintIndex, hintTerm ?? 0)
}

/** Says, once it is on disk, up to where our log is the leader's. One answer serves all appends of a turn. */
function acknowledge(state: RaftState, to: MemberId, matchIndex: Index): void {
  state.acknowledgedIndex = Math.max(state.acknowledgedIndex, matchIndex)
  const last = state.promises[state.promises.length - 1]
  if (last?.kind === 'appendReply' && !last.rejected && last.to === to && last.term === state.term) {
    state.promises.pop()
    replyToAppend(state, to, false, Math.max(matchIndex, last.matchIndex), 0, 0)
  } else {
    replyToAppend(state, to, false, matchIndex, 0, 0)
  }
}

/** Answers an append. Also tells a leader of an earlier term, by its header, that it is one. */
export function replyToAppend(
  state: RaftState,
  to: MemberId,
  rejected: boolean,
  matchIndex: Index,
  hintIndex: Index,
  hintTerm: Term,
): void {
  state.promises.push({
    kind: 'appendReply',
    from: state.id,
    to,
    term: state.term,
    rejected,
    matchIndex,
    hintIndex,
    hintTerm,
  })
}
