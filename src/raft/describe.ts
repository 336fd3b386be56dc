/**
 * One-line renderings of messages, entries, batches and states, for scripts and debug logs.
 *
 * Owns: the text, which scripts compare. Renders only; nothing reads it back. Leaves to others: when to log.
 */
import type { Message } from './message.ts'
import type { Ready } from './ready.ts'
import type { RaftStatus } from './state.ts'
import type { Entry, HardState, Membership, Proposal, SnapshotMeta } from './types.ts'
import { EntryKind } from './types.ts'

/** For example `5/2 command 1#7 12B @300`: index and term, kind, origin and its number, size, stamp. */
export function describeEntry(entry: Entry): string {
  return `${position(entry)} ${describeProposal(entry)} @${entry.stampMs}`
}

/** For example `1→2 append term=2 prev=4/1 entries=[5/2] commit=4`. */
export function describeMessage(message: Message): string {
  return `${message.from}→${message.to} ${message.kind} term=${message.term}${details(message)}`
}

/** For example `3 leader term=2 vote=3 leader=3 log=1..9 commit=8 applied=8`, and on a leader its followers. */
export function describeStatus(status: RaftStatus): string {
  const { id, role, term, vote, leader, firstIndex, lastIndex, commitIndex, appliedIndex } = status
  const followers = status.progress.map((follower) => {
    const marks = (follower.paused ? ' paused' : '') + (follower.recentActive ? '' : ' silent')
    return ` (${follower.id} ${follower.state} match=${follower.matchIndex} next=${follower.nextIndex}${marks})`
  })
  const log = `log=${firstIndex}..${lastIndex} commit=${commitIndex} applied=${appliedIndex}`
  return `${id} ${role} term=${term} vote=${vote ?? '-'} leader=${leader ?? '-'} ${log}${followers.join('')}`
}

/** What a batch holds besides messages, which get a line each; `nothing` when it is only them. */
export function describeReady(ready: Ready): string {
  const parts: string[] = []
  const { hardState, roleView, snapshot, reads, readsDropped } = ready
  if (roleView !== undefined) parts.push(`${roleView.role} term=${roleView.term} leader=${roleView.leader ?? '-'}`)
  if (hardState !== undefined) parts.push(describeHardState(hardState))
  if (snapshot !== undefined) parts.push(`installs ${describeSnapshot(snapshot)}`)
  if (ready.entries.length > 0) parts.push(`writes ${describeEntries(ready.entries)}`)
  if (ready.committed.length > 0) parts.push(`applies ${describeEntries(ready.committed)}`)
  for (const read of reads) parts.push(`reads ${read.context} at ${read.index}`)
  if (readsDropped.length > 0) parts.push(`drops reads ${readsDropped.join(' ')}`)
  if (ready.mustSync) parts.push('sync')
  return parts.length === 0 ? 'nothing' : parts.join('; ')
}

/** For example `voters=1,2,3 learners=4`. */
export function describeMembership(membership: Membership): string {
  const learners = membership.learners.length === 0 ? '' : ` learners=${membership.learners.join(',')}`
  return `voters=${membership.voters.join(',')}${learners}`
}

function describeProposal(proposal: Proposal): string {
  return `${kindName(proposal.kind)} ${proposal.origin}#${proposal.seq} ${proposal.data.byteLength}B`
}

function describeHardState(hardState: HardState): string {
  return `keeps term=${hardState.term} vote=${hardState.vote ?? '-'} commit=${hardState.commitIndex}`
}

function describeSnapshot(snapshot: SnapshotMeta): string {
  return `snapshot=${snapshot.index}/${snapshot.term} @${snapshot.stampMs} ${describeMembership(snapshot.membership)}`
}

function describeEntries(entries: readonly Entry[]): string {
  return `[${entries.map((entry) => position(entry) + kindMark(entry)).join(' ')}]`
}

function details(message: Message): string {
  switch (message.kind) {
    case 'preVote':
      return ` last=${message.lastIndex}/${message.lastTerm}`
    case 'vote':
      return ` last=${message.lastIndex}/${message.lastTerm}${message.transfer ? ' transfer' : ''}`
    case 'preVoteReply':
    case 'voteReply':
      return message.granted ? ' granted' : ' refused'
    case 'append':
      return ` prev=${message.prevIndex}/${message.prevTerm} entries=${describeEntries(message.entries)} commit=${message.commitIndex}`
    case 'appendReply':
      return message.rejected
        ? ` rejected=${message.matchIndex} hint=${message.hintIndex}/${message.hintTerm}`
        : ` match=${message.matchIndex}`
    case 'heartbeat':
      return ` commit=${message.commitIndex} round=${message.readRound} @${message.stampMs}`
    case 'heartbeatReply':
      return ` round=${message.readRound}`
    case 'installSnapshot':
      return ` ${describeSnapshot(message.snapshot)}`
    case 'propose':
      return ` [${message.proposals.map(describeProposal).join(', ')}]`
    case 'readIndex':
      return ` round=${message.round}`
    case 'readIndexReply':
      return ` round=${message.round} index=${message.index}`
    case 'timeoutNow':
      return ''
  }
}

function position(entry: Entry): string {
  return `${entry.index}/${entry.term}`
}

function kindName(kind: EntryKind): string {
  switch (kind) {
    case EntryKind.noop:
      return 'noop'
    case EntryKind.command:
      return 'command'
    case EntryKind.membership:
      return 'membership'
  }
}

function kindMark(entry: Entry): string {
  return entry.kind === EntryKind.command ? '' : `:${kindName(entry.kind)}`
}
