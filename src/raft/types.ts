/**
 * The nouns of the core: ids, entries, hard state, membership, snapshot metadata.
 *
 * Owns: their shapes and the checks on raw numbers and ids. Leaves to others: every rule about them.
 */
import assert from 'node:assert'

declare const memberIdBrand: unique symbol

/**
 * A member's id: lower-case hex without leading zeros, 1 to 16 digits, as the v2 API prints it.
 * Never a number: 64 bits do not fit one.
 */
export type MemberId = string & { readonly [memberIdBrand]: true }

/** A position in the raft log. A safe integer, 1 for the first entry; 0 means "before the log". */
export type Index = number

/** A raft term. A safe integer; 0 before the first election. */
export type Term = number

/** Checks and brands a member id. Throws a TypeError when it is not in the canonical form. */
export function memberId(text: string): MemberId {
  if (!/^[1-9a-f][0-9a-f]{0,15}$/.test(text)) {
    throw new TypeError(`cannot use "${text}" as a member id: want 1 to 16 hex digits, lower case, no leading zero`)
  }
  return text as MemberId
}

/** Unsigned numeric order of ids, the order in which v2 lists members. */
export function compareMemberIds(a: MemberId, b: MemberId): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0)
}

/** Asserts that a raw number can be an index, a term or a stamp. */
export function assertCount(value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, 'an index, term or stamp is a safe integer, 0 or more')
}

/** What an entry holds. The numbers are on disk and on the wire; never reuse one. */
export const EntryKind = {
  /** Appended by a new leader so that it can commit (thesis, 6.4). Carries no data. */
  noop: 0,
  /** `data` is an encoded command of the store. Opaque here. */
  command: 1,
  /** `data` holds a membership change, read by the replica when it applies the entry. Opaque here. */
  membership: 2,
} as const
export type EntryKind = (typeof EntryKind)[keyof typeof EntryKind]

/** What a member asks the leader to append. */
export interface Proposal {
  readonly kind: EntryKind
  /** The member whose client waits for it. */
  readonly origin: MemberId
  /** The origin's number for the request; unique for the life of the origin's process. */
  readonly seq: number
  /** Opaque bytes. Never changed after they were handed over. */
  readonly data: Uint8Array
  /** CRC-32 of `data`, computed by the origin; carried here, checked where the entry is applied. */
  readonly checksum: number
}

/** One position of the log. Immutable once made. */
export interface Entry extends Proposal {
  readonly index: Index
  readonly term: Term
  /**
   * The replicated clock in whole milliseconds when the leader appended the entry.
   * Never less than the stamp of the entry before it (architecture.md, section 5).
   */
  readonly stampMs: number
}

/** What must be on disk before any promise that rests on it leaves (Raft paper, figure 2). */
export interface HardState {
  readonly term: Term
  /** Whom this member voted for in `term`. */
  readonly vote: MemberId | undefined
  /** May lag behind on disk: it is learnt again from the leader. */
  readonly commitIndex: Index
}

/** Who is in the cluster. Both lists are sorted by id and disjoint. */
export interface Membership {
  readonly voters: readonly MemberId[]
  readonly learners: readonly MemberId[]
}

/** What a snapshot stands for: everything up to and including `index`. */
export interface SnapshotMeta {
  readonly index: Index
  readonly term: Term
  /** Stamp of the entry at `index`, so that the clock never goes back. */
  readonly stampMs: number
  readonly membership: Membership
}

/** One change of one member. One at a time (thesis, section 4.1). */
export type MembershipChange =
  | { readonly kind: 'addLearner'; readonly id: MemberId }
  | { readonly kind: 'addVoter'; readonly id: MemberId }
  /** A voter becomes a learner: it still gets the log, so that what it was asked for can be answered before it goes. */
  | { readonly kind: 'demote'; readonly id: MemberId }
  | { readonly kind: 'remove'; readonly id: MemberId }

/** The roles of the Raft paper, with the pre-vote of the thesis (section 9.6). */
export type Role = 'follower' | 'preCandidate' | 'candidate' | 'leader'
