/** One leader per term (Raft paper, figure 3: election safety). */
import type { MemberId } from '../../../src/raft/types.ts'
import type { DiskWrite } from '../../../src/replica/turn.ts'
import type { Checker, TurnView, WatchedMember } from '../checker.ts'
import { wrong } from '../failure.ts'

export class LeadersChecker implements Checker {
  readonly name = 'leaders'
  readonly #leaderOf = new Map<number, MemberId>()

  turned(member: WatchedMember, _write: DiskWrite, view: TurnView): void {
    if (!view.leads) return
    const known = this.#leaderOf.get(view.term)
    if (known === undefined) this.#leaderOf.set(view.term, member.id)
    else if (known !== member.id) throw wrong(`term ${view.term} has two leaders: ${known} and ${member.id}`)
  }
}
