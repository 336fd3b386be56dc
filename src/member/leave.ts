/**
 * How a member that was removed from its cluster ends.
 *
 * Owns: when it may, and as what. Clients are sent away at once, and what they asked for is answered: the cluster goes on sending the
 * log for a moment (`farewellMs`). But the vote of a removed member may still be needed, for as long as others do not know that
 * the change is committed; so it stays until the cluster has let it go: that is an entry by which a majority knows (`forget`). It
 * hears of that in its log, or from a member that turns it away. Leaves to others: stopping (`musterd.ts`).
 */
import type { MemberId } from '../raft/types.ts'
import type { Log } from '../replica/ports.ts'
import type { Replica } from '../replica/replica.ts'
import { MemberError } from './member-error.ts'

const LOOK_MS = 50
/** Whoever waits for the end of the process is told so often why it does not come. Milliseconds. */
const SAY_MS = 5000

export interface LeavingParts {
  readonly replica: Pick<Replica, 'id' | 'members'>
  readonly log: Log
  /** Whether clients were served. Who removes such a member wants it to end; where it was not, somebody has just started it. */
  isServing(): boolean
  /** Sends clients away. Resolves when they are gone. */
  closeClients(): Promise<void>
  /** It may stop: with status 0 where that was asked for, or else with the error that says why it does not run. */
  over(error: MemberError | undefined): void
}

export class Leaving {
  readonly #parts: LeavingParts
  #looking: NodeJS.Timeout | undefined
  #hasBegun = false
  /** Another member turned this one away. */
  #isTurnedAway = false
  #saidMs = 0

  constructor(parts: LeavingParts) {
    this.#parts = parts
  }

  /** This member has applied its own removal, or did so in an earlier life. */
  removed(): void {
    this.#begin('')
  }

  /** Another member, `by`, has let this one go: nothing of it is needed any more. */
  turnedAway(by: MemberId): void {
    this.#isTurnedAway = true
    this.#begin(`, says ${by}`)
  }

  /** The process ends for another reason. */
  cancel(): void {
    this.#hasBegun = true
    clearInterval(this.#looking)
  }

  #begin(says: string): void {
    if (this.#hasBegun) return
    this.#hasBegun = true
    const { replica, log, isServing, closeClients, over } = this.#parts
    const sentence = `this member was removed from the cluster${says}: remove its data directory and add it again`
    const isAsked = isServing()
    if (isAsked) log.warn({ member: replica.id }, `${sentence}. It answers what it was asked, and stops`)
    const closing = closeClients()
    this.#looking = setInterval(() => {
      if (!this.#mayGo()) return
      clearInterval(this.#looking)
      const error = isAsked ? undefined : new MemberError('MUSTER_MEMBER_REMOVED', sentence)
      const end = (): void => over(error)
      void closing.then(end, end)
    }, LOOK_MS)
  }

  #mayGo(): boolean {
    const { replica, log } = this.#parts
    if (this.#isTurnedAway || !replica.members.isServed(replica.id)) return true
    this.#saidMs += LOOK_MS
    if (this.#saidMs < SAY_MS) return false
    this.#saidMs = 0
    log.warn(
      { member: replica.id },
      'this member was removed, and does not end yet: it waits until the others can do without its vote. A signal ends it',
    )
    return false
  }
}
