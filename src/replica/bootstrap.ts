/**
 * New cluster or restart: what a member starts from.
 *
 * Owns: ids derived from the initial cluster, and the state every member of a new cluster shares before the first entry.
 * All members compute the same from the same options, so nobody has to be first. Source: API page, 7.3 and 13.1.
 */
import { createHash } from 'node:crypto'
import { compareMemberIds, type MemberId, type Membership, memberId, type SnapshotMeta } from '../raft/types.ts'
import type { StoreOptions } from '../store/options.ts'
import { StateMachine } from '../store/state-machine.ts'
import type { RaftState } from './raft-rows.ts'

/** One member as `--initial-cluster` names it. */
export interface InitialMember {
  readonly name: string
  readonly peerUrls: readonly string[]
}

const FOUNDING_INDEX = 1

/** What a member without data starts from. */
export interface Bootstrap {
  readonly raft: RaftState
  readonly store: StateMachine
}

function firstEightBytes(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha1')
  for (const part of parts) hash.update(part)
  return hash.digest('hex').slice(0, 16).replace(/^0+/, '')
}

/** Id of an initial member: from its sorted peer URLs and the cluster token. */
export function initialMemberId(peerUrls: readonly string[], token: string): MemberId {
  return memberId(firstEightBytes([...[...peerUrls].sort(), token]))
}

/** Id of a member that is added at run time: from its sorted peer URLs and the time, whole seconds since 1970 of `wallMs`. */
export function addedMemberId(peerUrls: readonly string[], wallMs: number): MemberId {
  return memberId(firstEightBytes([...[...peerUrls].sort(), String(Math.floor(wallMs / 1000))]))
}

/** Id of a cluster: from the ids of its initial members in ascending order. */
export function clusterId(ids: readonly MemberId[]): string {
  const bytes = [...ids].sort(compareMemberIds).map((id) => Buffer.from(id.padStart(16, '0'), 'hex'))
  return firstEightBytes(bytes)
}

/**
 * The state that a cluster begins with: membership and member list, nothing else. It counts as entry 1, which nobody holds: a
 * member that joins later holds no state at all, entry 0, and so is sent a snapshot and never a log that does not fit it.
 *
 * @param name must be one of `members`.
 */
export function bootstrap(
  members: readonly InitialMember[],
  name: string,
  token: string,
  options: StoreOptions,
): Bootstrap {
  const ids = new Map<string, MemberId>()
  for (const member of members) ids.set(member.name, initialMemberId(member.peerUrls, token))
  const self = ids.get(name)
  if (self === undefined) throw new TypeError(`cannot bootstrap as "${name}": it is not among the initial members`)

  const voters = [...ids.values()].sort(compareMemberIds)
  const membership: Membership = { voters, learners: [] }
  const store = new StateMachine(options)
  const inOrder = [...members].sort((a, b) => compareMemberIds(ids.get(a.name) ?? self, ids.get(b.name) ?? self))
  store.found(
    inOrder.map(({ name: memberName, peerUrls }) => ({
      kind: 'putMember',
      id: ids.get(memberName) ?? self,
      peerUrls,
      name: undefined,
      clientUrls: undefined,
    })),
  )
  store.apply({ index: FOUNDING_INDEX, term: 0, stampMs: 0 }, undefined)
  const logStart: SnapshotMeta = { index: FOUNDING_INDEX, term: 0, stampMs: 0, membership }
  return {
    raft: {
      identity: { clusterId: clusterId(voters), memberId: self },
      hardState: { term: 0, vote: undefined, commitIndex: FOUNDING_INDEX },
      logStart,
      membership,
      entries: [],
      pageStarts: [],
    },
    store,
  }
}
