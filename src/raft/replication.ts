/**
 * What to send to which follower now: entries, a probe, a heartbeat, a snapshot, a request to stand.
 *
 * Owns: the shape and the amount of what a leader sends. Runs once a turn, so that everything proposed in a turn shares one
 * append. Leaves to others: what the answers mean (`leader.ts`).
 */

import { entryBytes } from './log.ts'
import { isVoter } from './membership.ts'
import type { Progress } from './progress.ts'
import type { RaftState } from './state.ts'
import { metaAt, stampNow } from './state.ts'
import type { Entry, Index, MemberId } from './types.ts'

const NO_ENTRIES: readonly Entry[] = []

/** Followers mostly stand at the same place: what was cut for one serves the next. */
interface Cut {
  from: Index
  entries: readonly Entry[]
  bytes: number
}

/** Sends every follower what it lacks, as far as its window reaches. */
export function sendAppends(state: RaftState): void {
  state.owesCommit = false
  const cut: Cut = { from: 0, entries: NO_ENTRIES, bytes: 0 }
  for (const follower of state.followers) replicate(state, follower, cut)
}

/** Tells everybody that the leader is alive, and asks for confirmation of the read round under way. */
export function sendHeartbeats(state: RaftState): void {
  state.heartbeatDue = false
  for (const follower of state.followers) {
    follower.mayRepeat = true
    sendHeartbeat(state, follower)
  }
}

/** Asks the voters, whose answers count, to confirm the read round that just began. */
export function sendReadRound(state: RaftState): void {
  for (const follower of state.followers) {
    if (isVoter(state.membership, follower.id)) sendHeartbeat(state, follower)
  }
}

/** Asks `to`, which has the whole log, to stand at once. */
export function sendTimeoutNow(state: RaftState, to: MemberId): void {
  state.messages.push({ kind: 'timeoutNow', from: state.id, to, term: state.term })
}

function sendHeartbeat(state: RaftState, follower: Progress): void {
  state.messages.push({
    kind: 'heartbeat',
    from: state.id,
    to: follower.id,
    term: state.term,
    // Beyond what is known to match, the follower may hold other entries at these indexes.
    commitIndex: Math.min(follower.matchIndex, state.log.commitIndex),
    readRound: state.reads.round,
    stampMs: stampNow(state),
  })
}

function replicate(state: RaftState, follower: Progress, cut: Cut): void {
  const { log } = state
  while (!follower.isPaused) {
    const prevIndex = follower.nextIndex - 1
    const prevTerm = log.termAt(prevIndex)
    if (prevTerm === undefined) {
      offerSnapshot(state, follower)
      return
    }
    const hasEntries = prevIndex < log.lastIndex
    const lacksCommit = Math.min(log.commitIndex, prevIndex) > follower.sentCommitIndex
    const isDue = follower.appendDue || follower.state === 'probe' || (lacksCommit && follower.commitDue)
    if (!hasEntries && !isDue) {
      if (lacksCommit) state.owesCommit = true
      follower.commitDue = false
      return
    }
    if (hasEntries && cut.from !== follower.nextIndex) {
      cut.from = follower.nextIndex
      cut.entries = log.slice(follower.nextIndex, state.config.appendBytesMax)
      cut.bytes = 0
      for (const entry of cut.entries) cut.bytes += entryBytes(entry)
    }
    const entries = hasEntries ? cut.entries : NO_ENTRIES
    state.messages.push({
      kind: 'append',
      from: state.id,
      to: follower.id,
      term: state.term,
      prevIndex,
      prevTerm,
      entries,
      commitIndex: log.commitIndex,
    })
    follower.sent(prevIndex + entries.length, hasEntries ? cut.bytes : 0, log.commitIndex)
  }
}

/** The entries that the follower lacks are compacted. Nothing is offered to one that has not been heard of lately. */
function offerSnapshot(state: RaftState, follower: Progress): void {
  if (!follower.recentActive) return
  const snapshot = metaAt(state, state.log.appliedIndex)
  state.messages.push({ kind: 'installSnapshot', from: state.id, to: follower.id, term: state.term, snapshot })
  follower.becomeSnapshot(snapshot.index)
}
