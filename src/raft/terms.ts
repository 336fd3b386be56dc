/**
 * The rules on terms that all messages share.
 *
 * Owns: what a later term makes of this member, and what somebody who is behind is told. Leaves to others: what a message says.
 */
import { replyToVote } from './election.ts'
import { replyToAppend } from './follower.ts'
import type { Message } from './message.ts'
import { becomeFollower } from './roles.ts'
import type { RaftState } from './state.ts'
import { holdsLease } from './state.ts'

/**
 * A later term makes any member a follower (Raft paper, 5.1), with two exceptions: a pre-vote is a question about a term
 * that may never be, and a vote is ignored while the leader is known to be alive (thesis, 4.2.3). Returns whether the
 * message is handed on.
 */
export function admitLaterTerm(state: RaftState, message: Message): boolean {
  switch (message.kind) {
    case 'preVote':
      return true
    case 'preVoteReply':
      if (!message.granted) becomeFollower(state, message.term, undefined)
      return true
    case 'vote':
      if (!message.transfer && holdsLease(state)) return false
      becomeFollower(state, message.term, undefined)
      return true
    case 'append':
    case 'heartbeat':
    case 'installSnapshot':
      becomeFollower(state, message.term, message.from)
      return true
    default:
      becomeFollower(state, message.term, undefined)
      return true
  }
}

/**
 * Who is behind is told the present term, if it asked for something; its answers count for nothing. Questions of clients
 * are good in any term, proposals only in their own. Returns whether the message is handed on.
 */
export function admitEarlierTerm(state: RaftState, message: Message): boolean {
  switch (message.kind) {
    case 'append':
    case 'heartbeat':
    case 'installSnapshot':
      replyToAppend(state, message.from, true, 0, 0, 0)
      return false
    case 'vote':
      replyToVote(state, message.from, false)
      return false
    case 'preVote':
    case 'readIndex':
      return true
    default:
      // Also proposals: their origin relies on it that what it proposed in a term stands in the log before the first
      // entry of a later term, or never will; so it may propose again what it then misses (replica/waiters.ts).
      return false
  }
}
