/**
 * Who leads after this member.
 *
 * Owns: the choice of a successor for a hand-over. The core decides whether and when it takes place.
 */
import type { FollowerStatus, RaftStatus } from '../raft/raft.ts'
import type { MemberId } from '../raft/types.ts'

/** The voter that was heard of lately and is closest behind this leader; undefined on others, and when there is none. */
export function heirOf(status: RaftStatus): MemberId | undefined {
  if (status.role !== 'leader') return undefined
  let heir: FollowerStatus | undefined
  for (const follower of status.progress) {
    if (!follower.recentActive || !status.membership.voters.includes(follower.id)) continue
    if (heir === undefined || follower.matchIndex > heir.matchIndex) heir = follower
  }
  return heir?.id
}
