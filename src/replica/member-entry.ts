/**
 * What a membership entry of the log holds: one change of the cluster, in raft and in the member list alike.
 *
 * Owns: the changes, their bytes, what each means to the core and to the store, and which of them are refused when they are
 * applied. Every replica decides that alike. Leaves to others: who asks (`member-changes.ts`, `stewardship.ts`).
 *
 * A member comes in two steps and goes in two, of which clients see the first: `add` makes a learner, which the leader
 * promotes once it has caught up; `remove` takes the vote, and the leader forgets the learner that is left a little later.
 */
import assert from 'node:assert'
import { type MemberId, type Membership, type MembershipChange, memberId } from '../raft/types.ts'
import type { Command } from '../store/command.ts'
import type { MemberList } from '../store/members.ts'

/** Asked for by an operator. */
export type MemberRequest =
  | { readonly kind: 'add'; readonly id: MemberId; readonly peerUrls: readonly string[] }
  | { readonly kind: 'update'; readonly id: MemberId; readonly peerUrls: readonly string[] }
  | { readonly kind: 'remove'; readonly id: MemberId }

export type MemberChange =
  | Exclude<MemberRequest, { readonly kind: 'update' }>
  | {
      readonly kind: 'update'
      readonly id: MemberId
      readonly peerUrls: readonly string[]
      /**
       * Store index of the last change of `id` that the member which proposes this had seen; 0: it had not heard of `id`. Not what
       * stood there, which may have been put back since. Undefined in entries of before it was noted.
       */
      readonly seenIndex: number | undefined
    }
  /** The learner has caught up: it votes from now on. */
  | { readonly kind: 'promote'; readonly id: MemberId }
  /** The member was removed, and has had time to end what it was doing. */
  | { readonly kind: 'forget'; readonly id: MemberId }

/** Why a change is not made. */
export type MemberRefusal =
  | 'idExists'
  | 'idRemoved'
  | 'idNotFound'
  /** Another member has one of the URLs. */
  | 'peerUrlExists'
  /** An update that was asked for again finds that a later one was made meanwhile: nobody may undo that. */
  | 'overtaken'
  /** `LEARNERS_MAX` wait for their vote, or have lost it a moment ago. */
  | 'tooManyLearners'
  /** Nobody would be left to vote. */
  | 'lastVoter'

const KINDS: readonly string[] = ['add', 'update', 'remove', 'promote', 'forget'] satisfies MemberChange['kind'][]
const VERSION = 1
/** Each costs the leader memory, a connection that is dialled for ever, and a place in the log that must be kept. Voters are bounded by what runs. */
export const LEARNERS_MAX = 16

/** The bytes of a change, as they stand in the log: JSON of `[version, kind, id, peerUrls, seenIndex]`, the last only where there is one. */
export function encodeMemberChange(change: MemberChange): Uint8Array {
  const seen = change.kind === 'update' && change.seenIndex !== undefined ? [change.seenIndex] : []
  const peerUrls = 'peerUrls' in change ? change.peerUrls : []
  return Buffer.from(JSON.stringify([VERSION, change.kind, change.id, peerUrls, ...seen]))
}

/** Reads what `encodeMemberChange` wrote. Fails on anything else: skipping a change would make this member differ from others. */
export function decodeMemberChange(data: Uint8Array): MemberChange {
  const [version, kind, id, peerUrls, seenIndex] = JSON.parse(Buffer.from(data).toString()) as unknown[]
  assert(
    version === VERSION && KINDS.includes(String(kind)) && Array.isArray(peerUrls),
    `cannot apply a membership change of version ${version}: this data needs a newer muster`,
  )
  const change = { kind, id: memberId(String(id)), peerUrls: peerUrls.map(String) }
  if (kind !== 'update') return change as MemberChange
  return { ...change, kind, seenIndex: typeof seenIndex === 'number' ? seenIndex : undefined }
}

/** Why `change` is refused in a cluster of this membership and list; undefined when it is made. */
export function refusalOf(
  change: MemberChange,
  membership: Membership,
  members: MemberList,
): MemberRefusal | undefined {
  const { id } = change
  const { voters } = membership
  switch (change.kind) {
    case 'add':
      if (members.isRemoved(id)) return 'idRemoved'
      if (members.get(id) !== undefined) return 'idExists'
      if (members.ownerOf(change.peerUrls) !== undefined) return 'peerUrlExists'
      return membership.learners.length >= LEARNERS_MAX ? 'tooManyLearners' : undefined
    case 'update': {
      if (members.isRemoved(id)) return 'idRemoved'
      const present = members.get(id)?.peerURLs
      if (present === undefined) return 'idNotFound'
      const { peerUrls, seenIndex } = change
      const hasChanged = seenIndex !== undefined && seenIndex !== members.modifiedIndexOf(id)
      if (hasChanged && present.join() !== peerUrls.join()) return 'overtaken'
      return members.ownerOf(peerUrls, id) === undefined ? undefined : 'peerUrlExists'
    }
    case 'remove':
      if (members.isRemoved(id)) return 'idRemoved'
      if (members.get(id) === undefined) return 'idNotFound'
      return voters.length === 1 && voters[0] === id ? 'lastVoter' : undefined
    case 'promote':
      return members.get(id) === undefined ? 'idNotFound' : undefined
    case 'forget':
      return members.isRemoved(id) ? undefined : 'idNotFound'
  }
}

/** What the core is told of a change that is made. */
export function coreChangeOf({ kind, id }: MemberChange): MembershipChange | undefined {
  switch (kind) {
    case 'add':
      return { kind: 'addLearner', id }
    case 'promote':
      return { kind: 'addVoter', id }
    case 'remove':
      return { kind: 'demote', id }
    case 'forget':
      return { kind: 'remove', id }
    case 'update':
      return undefined
  }
}

/** What the store is told of a change that is made. */
export function storeCommandOf(change: MemberChange): Command | undefined {
  const { id } = change
  switch (change.kind) {
    case 'add':
      return { kind: 'putMember', id, peerUrls: change.peerUrls, name: '', clientUrls: [] }
    case 'update':
      return { kind: 'putMember', id, peerUrls: change.peerUrls, name: undefined, clientUrls: undefined }
    case 'remove':
      return { kind: 'removeMember', id }
    case 'promote':
    case 'forget':
      return undefined
  }
}
