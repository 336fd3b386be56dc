/**
 * Linearizable reads without a log entry: proving leadership first (thesis, 6.4).
 *
 * Owns: the rounds. On a leader one exchange of heartbeats answers every read that was waiting when it began; on a
 * follower one question to the leader does. While a round is under way later reads wait for the next. Leaves to others:
 * dropping reads when the leader changes (`roles.ts`), waiting until the index is applied (the replica).
 */
import { majorityIndex } from './membership.ts'
import type { ReadIndex, ReadIndexReply } from './message.ts'
import type { RaftState } from './state.ts'
import { hasCommittedInTerm } from './state.ts'
import type { Index } from './types.ts'

/** Notes a local read. Drops it at once where nobody leads, or when too many wait. */
export function addRead(state: RaftState, context: number): void {
  const { reads } = state
  const full = reads.waiting.length + reads.asked.length >= state.config.readsMax
  if (full || state.leader === undefined) state.readsDropped.push(context)
  else reads.waiting.push(context)
}

/**
 * Leader, once a turn: begins a round for all that wait, unless one is under way or nothing was committed in the term.
 * Returns whether the voters must be asked.
 */
export function beginRound(state: RaftState): boolean {
  const { reads } = state
  if (reads.round !== 0 || (reads.waiting.length === 0 && reads.questions.length === 0)) return false
  if (!hasCommittedInTerm(state)) return false
  reads.lastRound += 1
  reads.round = reads.lastRound
  reads.roundIndex = state.log.commitIndex
  reads.asked = reads.waiting
  reads.askedQuestions = reads.questions
  reads.waiting = []
  reads.questions = []
  finishRoundIfProved(state)
  return reads.round !== 0
}

/** Leader: a majority may have confirmed the round under way. A lone voter is one. */
export function finishRoundIfProved(state: RaftState): void {
  const { reads, matches } = state
  if (reads.round === 0) return
  matches.length = 0
  for (const voter of state.membership.voters) {
    matches.push(voter === state.id ? reads.round : (state.progress.get(voter)?.readRound ?? 0))
  }
  if (majorityIndex(matches) >= reads.round) finishRound(state)
}

/** Leader: a follower asks. Its later question replaces an earlier one; a repetition of one under way says nothing new. */
export function onReadIndex(state: RaftState, message: ReadIndex): void {
  const { reads } = state
  const { from, round } = message
  if (!state.progress.has(from)) return
  if (reads.askedQuestions.some((asked) => asked.from === from && asked.round === round)) return
  reads.questions = reads.questions.filter((question) => question.from !== from)
  reads.questions.push({ from, round })
}

/**
 * Follower, once a turn: asks the leader for all reads that wait, unless a question is under way; that one is repeated at
 * every heartbeat interval, for it or its answer may be lost.
 */
export function askLeader(state: RaftState): void {
  const { reads } = state
  if (reads.round === 0 && reads.waiting.length > 0) {
    reads.lastRound += 1
    reads.round = reads.lastRound
    reads.asked = reads.waiting
    reads.waiting = []
    reads.elapsed = state.config.heartbeatTicks
  }
  if (reads.round === 0 || reads.elapsed < state.config.heartbeatTicks || state.leader === undefined) return
  reads.elapsed = 0
  state.messages.push({ kind: 'readIndex', from: state.id, to: state.leader, term: state.term, round: reads.round })
}

/** Follower, every tick. */
export function tickReads(state: RaftState): void {
  if (state.reads.round !== 0) state.reads.elapsed += 1
}

/** Follower: the leader has answered. An answer to another question is an old one. */
export function onReadIndexReply(state: RaftState, message: ReadIndexReply): void {
  if (message.round === state.reads.round) releaseReads(state, message.index)
}

function finishRound(state: RaftState): void {
  const { reads } = state
  for (const { from, round } of reads.askedQuestions) {
    // The reads wait there until it has applied that index.
    const follower = state.progress.get(from)
    if (follower !== undefined) follower.commitDue = true
    state.messages.push({
      kind: 'readIndexReply',
      from: state.id,
      to: from,
      term: state.term,
      round,
      index: reads.roundIndex,
    })
  }
  reads.askedQuestions = []
  releaseReads(state, reads.roundIndex)
}

function releaseReads(state: RaftState, index: Index): void {
  const { reads } = state
  for (const context of reads.asked) state.readsReady.push({ context, index })
  reads.asked = []
  reads.round = 0
}
