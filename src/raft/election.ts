/**
 * Pre-vote and vote: standing, granting, refusing, counting.
 *
 * Owns: when a vote is granted (Raft paper, 5.2 and 5.4.1; thesis, 4.2.3 and 9.6). Leaves to others: when to stand
 * (`follower.ts`), what a later term does to this member (`terms.ts`).
 */
import { tally } from './membership.ts'
import type { PreVote, PreVoteReply, Vote, VoteReply } from './message.ts'
import { becomeCandidate, becomeFollower, becomeLeader, becomePreCandidate } from './roles.ts'
import type { RaftState } from './state.ts'
import { holdsLease, isPromotable } from './state.ts'
import type { MemberId } from './types.ts'

/**
 * Asks the others whether they would vote for this member. Does nothing on a leader, a stranger, a learner that was never a
 * voter, or a member that has yet to apply a membership change which it knows to be committed: counting by a membership that is
 * two changes old could make two majorities that do not meet.
 */
export function campaign(state: RaftState): void {
  if (!mayStand(state)) return
  becomePreCandidate(state)
  state.votes.set(state.id, true)
  for (const voter of state.membership.voters) {
    if (voter === state.id) continue
    state.messages.push({
      kind: 'preVote',
      from: state.id,
      to: voter,
      term: state.term + 1,
      lastIndex: state.log.lastIndex,
      lastTerm: state.log.lastTerm,
    })
  }
  countPreVotes(state)
}

/** The leader hands over: stands without asking around first (thesis, 3.10), as soon as it may. */
export function onTimeoutNow(state: RaftState): void {
  if (state.role !== 'follower' || !isPromotable(state)) return
  if (mayStand(state)) stand(state, true)
  else state.standWhenApplied = true
}

/** Every tick: a hand-over that had to wait for a membership change. */
export function retryTimeoutNow(state: RaftState): void {
  if (state.standWhenApplied && mayStand(state)) stand(state, true)
}

/** Would we vote? Says nothing while the leader is known to be alive. */
export function onPreVote(state: RaftState, message: PreVote): void {
  if (message.term > state.term && holdsLease(state)) return
  const granted = message.term > state.term && state.log.isUpToDate(message.lastIndex, message.lastTerm)
  state.messages.push({
    kind: 'preVoteReply',
    from: state.id,
    to: message.from,
    term: granted ? message.term : state.term,
    granted,
  })
}

/** Votes. `terms.ts` has raised the term to the candidate's, or turned it away. */
export function onVote(state: RaftState, message: Vote): void {
  const free = state.vote === message.from || (state.vote === undefined && state.leader === undefined)
  const granted = free && state.log.isUpToDate(message.lastIndex, message.lastTerm)
  if (granted) {
    // Who votes for another does not ask for votes itself.
    if (state.role === 'preCandidate') becomeFollower(state, state.term, undefined)
    state.vote = message.from
    state.electionElapsed = 0
  }
  replyToVote(state, message.from, granted)
}

/** Answers a candidate. A promise: the vote, and the term, must be on disk first. */
export function replyToVote(state: RaftState, to: MemberId, granted: boolean): void {
  state.promises.push({ kind: 'voteReply', from: state.id, to, term: state.term, granted })
}

/** Counts an answer to a pre-vote; one to an earlier round of asking differs in its term. */
export function onPreVoteReply(state: RaftState, message: PreVoteReply): void {
  if (state.role !== 'preCandidate' || message.term !== state.term + (message.granted ? 1 : 0)) return
  if (!state.votes.has(message.from)) state.votes.set(message.from, message.granted)
  countPreVotes(state)
}

/** Counts a vote. The first answer of a member counts: messages may come twice. */
export function onVoteReply(state: RaftState, message: VoteReply): void {
  if (state.role !== 'candidate') return
  if (!state.votes.has(message.from)) state.votes.set(message.from, message.granted)
  countVotes(state)
}

/**
 * The last batch is on disk: a candidate's own vote may be in it, and counts from now on. Counting it earlier would let a
 * lone voter lead, and send entries to its learners, in a term that its disk could still forget.
 */
export function countOwnVote(state: RaftState): void {
  const { handedHardState: written } = state
  if (state.role !== 'candidate' || written.term !== state.term || state.votes.has(state.id)) return
  state.votes.set(state.id, true)
  countVotes(state)
}

function mayStand(state: RaftState): boolean {
  return state.role !== 'leader' && isPromotable(state) && !state.log.hasUnappliedMembership()
}

function stand(state: RaftState, transfer: boolean): void {
  becomeCandidate(state)
  for (const voter of state.membership.voters) {
    if (voter === state.id) continue
    state.promises.push({
      kind: 'vote',
      from: state.id,
      to: voter,
      term: state.term,
      lastIndex: state.log.lastIndex,
      lastTerm: state.log.lastTerm,
      transfer,
    })
  }
}

function countPreVotes(state: RaftState): void {
  const counted = tally(state.membership, state.votes)
  if (counted === 'won') stand(state, false)
  if (counted === 'lost') becomeFollower(state, state.term, undefined)
}

function countVotes(state: RaftState): void {
  const counted = tally(state.membership, state.votes)
  if (counted === 'won') becomeLeader(state)
  if (counted === 'lost') becomeFollower(state, state.term, undefined)
}
