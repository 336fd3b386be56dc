/**
 * Voters and learners: who is in, what a majority is, and what one change makes of them.
 *
 * Owns: the records' order and disjointness, majorities. Leaves to others: when a change may be proposed (`leader.ts`) and
 * when it takes effect (`raft.ts`).
 */
import assert from 'node:assert'
import type { Index, MemberId, Membership, MembershipChange } from './types.ts'
import { compareMemberIds } from './types.ts'

/** Builds a membership from ids in any order. Fails when one appears twice or there is no voter. */
export function makeMembership(voters: readonly MemberId[], learners: readonly MemberId[] = []): Membership {
  const membership = { voters: voters.toSorted(compareMemberIds), learners: learners.toSorted(compareMemberIds) }
  assert(new Set([...voters, ...learners]).size === voters.length + learners.length, 'a member is listed once')
  assert(voters.length > 0, 'a cluster has a voter')
  return membership
}

export function isVoter(membership: Membership, id: MemberId): boolean {
  return membership.voters.includes(id)
}

/** A voter or a learner. */
export function isMember(membership: Membership, id: MemberId): boolean {
  return membership.voters.includes(id) || membership.learners.includes(id)
}

/** How many of `voters` make a majority. */
export function majority(voters: number): number {
  return Math.floor(voters / 2) + 1
}

/**
 * The highest value that a majority of `values` has reached, one value for each voter. Sorts `values` in place: they are
 * few, and this runs for every acknowledgement.
 */
export function majorityIndex(values: Index[]): Index {
  assert(values.length > 0, 'there is a majority only where there are voters')
  for (let i = 1; i < values.length; i++) {
    const value = values[i] as Index
    let at = i
    while (at > 0 && (values[at - 1] as Index) > value) {
      values[at] = values[at - 1] as Index
      at--
    }
    values[at] = value
  }
  return values[values.length - majority(values.length)] as Index
}

/** How a count of answers stands. */
export type Tally = 'won' | 'lost' | 'open'

/** Counts answers of voters; those of others count for nothing. */
export function tally(membership: Membership, votes: ReadonlyMap<MemberId, boolean>): Tally {
  let granted = 0
  let refused = 0
  for (const voter of membership.voters) {
    const vote = votes.get(voter)
    if (vote === true) granted++
    if (vote === false) refused++
  }
  const needed = majority(membership.voters.length)
  if (granted >= needed) return 'won'
  return membership.voters.length - refused < needed ? 'lost' : 'open'
}

/**
 * The membership after `change`. Returns the same object when it changes nothing: adding a member that is there (a voter
 * is not made a learner), demoting or removing one that is not, or the last voter. Every replica decides that alike.
 */
export function applyChange(membership: Membership, change: MembershipChange): Membership {
  const { id } = change
  switch (change.kind) {
    case 'addLearner':
      if (isMember(membership, id)) return membership
      return makeMembership(membership.voters, [...membership.learners, id])
    case 'addVoter':
      if (isVoter(membership, id)) return membership
      return makeMembership([...membership.voters, id], without(membership.learners, id))
    case 'demote':
      if (membership.voters.length === 1 || !isVoter(membership, id)) return membership
      return makeMembership(without(membership.voters, id), [...membership.learners, id])
    case 'remove':
      if (!isMember(membership, id)) return membership
      if (membership.voters.length === 1 && isVoter(membership, id)) return membership
      return makeMembership(without(membership.voters, id), without(membership.learners, id))
  }
}

function without(ids: readonly MemberId[], id: MemberId): readonly MemberId[] {
  return ids.filter((other) => other !== id)
}
