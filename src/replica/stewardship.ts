/**
 * Leader only: learners that have caught up get a vote, and removed ones are let go.
 *
 * Owns: when. Both are membership entries, and the core takes one at a time: what comes too early is asked for again at the
 * next tick. A learner has caught up when it reaches, within an election timeout, what was committed at that timeout's
 * beginning (thesis, 4.2.1): then the next round would be shorter still. In an idle cluster one that died has reached that too, so it must
 * also answer heartbeats: a vote given to a dead member may cost the majority. And it must have made its client URLs known: by them
 * a member whose disk was lost is told from one that never ran (`member/join.ts`), and only of those that vote must nobody be mistaken.
 */
import type { Raft, RaftStatus } from '../raft/raft.ts'
import type { Index, MemberId, Proposal } from '../raft/types.ts'
import type { MemberList } from '../store/members.ts'
import type { MemberChange } from './member-entry.ts'

export interface StewardshipSettings {
  /** Length of a round: the election timeout, milliseconds. */
  readonly roundMs: number
  /** How long a removed member still gets the log, so that its clients hear what became of their requests. Milliseconds. */
  readonly farewellMs: number
}

export class Stewardship {
  readonly #settings: StewardshipSettings
  #roundIndex: Index = 0
  #roundMs = Number.NEGATIVE_INFINITY
  /** Since when this leader knows of members that were removed. */
  readonly #leaving = new Map<MemberId, number>()

  constructor(settings: StewardshipSettings) {
    this.#settings = settings
  }

  /** Once a tick, where there are learners: proposes what is due if this member leads. */
  tend(
    raft: Pick<Raft, 'status' | 'propose'>,
    members: MemberList,
    nowMs: number,
    number: (change: MemberChange) => Proposal,
  ): void {
    const status = raft.status()
    if (status.role !== 'leader') {
      this.#leaving.clear()
      this.#roundMs = Number.NEGATIVE_INFINITY
      return
    }
    const change = this.#due(status, members, nowMs)
    if (change !== undefined) raft.propose([number(change)])
  }

  #due(status: RaftStatus, members: MemberList, nowMs: number): MemberChange | undefined {
    const { roundMs, farewellMs } = this.#settings
    if (nowMs - this.#roundMs > roundMs) {
      this.#roundIndex = status.commitIndex
      this.#roundMs = nowMs
    }
    for (const id of this.#leaving.keys()) if (!status.membership.learners.includes(id)) this.#leaving.delete(id)
    for (const id of status.membership.learners) {
      if (members.isRemoved(id)) {
        const sinceMs = this.#leaving.get(id) ?? nowMs
        this.#leaving.set(id, sinceMs)
        if (nowMs - sinceMs >= farewellMs) return { kind: 'forget', id }
      } else {
        const learner = status.progress.find((follower) => follower.id === id)
        const isKnown = (members.get(id)?.clientURLs.length ?? 0) > 0
        const isThere =
          isKnown &&
          learner?.answers === true &&
          learner.state === 'replicate' &&
          learner.matchIndex >= this.#roundIndex
        if (isThere && nowMs > this.#roundMs) return { kind: 'promote', id }
      }
    }
    return undefined
  }
}
