/**
 * Log matching (Raft paper, figure 3): two logs that hold an entry of the same index and term are equal up to it.
 *
 * Looks at the rows that members write, so it sees what their disks see. By induction it is enough that an index and a term
 * always name the same entry behind the same term.
 */
import type { Entry } from '../../../src/raft/types.ts'
import type { DiskWrite } from '../../../src/replica/turn.ts'
import type { StateMachine } from '../../../src/store/state-machine.ts'
import type { Checker, TurnView, WatchedMember } from '../checker.ts'
import { wrong } from '../failure.ts'

/** Terms of a run stay far below. */
const TERMS_MAX = 2 ** 20

interface Known {
  readonly prevTerm: number | undefined
  readonly body: string
}

export class LogsChecker implements Checker {
  readonly name = 'logs'
  readonly #entries = new Map<number, Known>()
  readonly #terms = new Map<string, Map<number, number>>()

  started(member: WatchedMember, _store: StateMachine, entries: readonly Entry[]): void {
    this.#terms.set(member.id, new Map(entries.map((entry) => [entry.index, entry.term])))
  }

  installed(member: WatchedMember): void {
    this.#terms.set(member.id, new Map())
  }

  turned(member: WatchedMember, _write: DiskWrite, { entries }: TurnView): void {
    const terms = this.#terms.get(member.id) as Map<number, number>
    for (const entry of entries) this.#see(member, terms, entry)
  }

  #see(member: WatchedMember, terms: Map<number, number>, entry: Entry): void {
    const { index, term, kind, stampMs, origin, seq, checksum } = entry
    const prevTerm = terms.get(index - 1)
    terms.set(index, term)
    const key = index * TERMS_MAX + term
    const body = `${kind} ${stampMs} ${origin}#${seq} ${checksum}`
    const known = this.#entries.get(key)
    if (known === undefined) {
      this.#entries.set(key, { prevTerm, body })
      return
    }
    if (known.body !== body) throw wrong(`${member.name} has another entry at ${index} of term ${term} than others`)
    if (prevTerm !== undefined && known.prevTerm !== undefined && prevTerm !== known.prevTerm) {
      throw wrong(
        `${member.name} has its entry at ${index} of term ${term} behind term ${prevTerm}, others behind ${known.prevTerm}`,
      )
    }
    if (known.prevTerm === undefined && prevTerm !== undefined) this.#entries.set(key, { prevTerm, body })
  }
}
