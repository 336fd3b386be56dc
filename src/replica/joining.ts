/**
 * What a member of a running cluster begins with: nothing, and knowing where the others are.
 *
 * Owns: that state. It is at entry 0, before the cluster was founded, so no log fits it and the leader sends a snapshot. Until
 * then this member is a learner in its own eyes, and never stands. Leaves to others: who the others are (`member/join.ts`).
 */
import type { MemberJson } from '../api.ts'
import type { MemberId } from '../raft/types.ts'
import { memberId } from '../raft/types.ts'
import type { StoreOptions } from '../store/options.ts'
import { StateMachine } from '../store/state-machine.ts'
import type { Bootstrap } from './bootstrap.ts'

/** @param members everybody, `self` included, as a member of the cluster lists them. */
export function joining(
  clusterId: string,
  self: MemberId,
  members: readonly MemberJson[],
  options: StoreOptions,
): Bootstrap {
  const store = new StateMachine(options)
  store.found(
    members.map(({ id, name, peerURLs, clientURLs }) => ({
      kind: 'putMember',
      id,
      peerUrls: peerURLs,
      name,
      clientUrls: clientURLs,
    })),
  )
  const voters = members.map(({ id }) => memberId(id)).filter((id) => id !== self)
  const membership = { voters, learners: [self] }
  return {
    raft: {
      identity: { clusterId, memberId: self },
      hardState: { term: 0, vote: undefined, commitIndex: 0 },
      logStart: { index: 0, term: 0, stampMs: 0, membership },
      membership,
      entries: [],
      pageStarts: [],
    },
    store,
  }
}
