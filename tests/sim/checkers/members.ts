/** Members agree on who votes: the membership at an applied index is the same for all, and in the end the one that is listed. */
import type { Membership } from '../../../src/raft/types.ts'
import type { Checker, EndState, WatchedMember } from '../checker.ts'
import { wrong } from '../failure.ts'

export class MembersChecker implements Checker {
  readonly name = 'members'
  readonly #at = new Map<number, string>()

  /** A member has applied the log up to `index`, and counts majorities by `membership`. */
  counts(member: WatchedMember, index: number, membership: Membership): void {
    if (index === 0) return
    const text = `${membership.voters.join()} | ${membership.learners.join()}`
    const known = this.#at.get(index)
    if (known === undefined) this.#at.set(index, text)
    else if (known !== text) throw wrong(`${member.name} counts by ${text} at ${index}; others by ${known}`)
  }

  ended(members: readonly EndState[]): void {
    for (const { member, status, store } of members) {
      const { voters, learners } = status.membership
      const listed = store.members.list().map(({ id }) => id)
      if (learners.length > 0) throw wrong(`${member.name} still has learners: ${learners.join()}`)
      if (listed.join() !== voters.join()) {
        throw wrong(`${member.name} lists ${listed.join()}, and counts votes of ${voters.join()}`)
      }
    }
  }
}
