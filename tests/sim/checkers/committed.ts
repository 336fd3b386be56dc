/**
 * Committed entries never change, are applied in order and without gaps, and no request is applied twice.
 *
 * What one member applied at an index is what every member applies there, in this life and after each restart
 * (Raft paper, figure 3: state machine safety).
 */
import type { Entry } from '../../../src/raft/types.ts'
import type { StateMachine } from '../../../src/store/state-machine.ts'
import type { Applied, Checker, WatchedMember } from '../checker.ts'
import { wrong } from '../failure.ts'

export class CommittedChecker implements Checker {
  readonly name = 'committed'
  readonly #entries = new Map<number, Entry>()
  readonly #indexOf = new Map<string, number>()
  readonly #last = new Map<string, number>()

  started(member: WatchedMember, store: StateMachine): void {
    this.#last.set(member.id, store.appliedIndex)
  }

  installed(member: WatchedMember, store: StateMachine): void {
    const last = this.#last.get(member.id) ?? 0
    if (store.appliedIndex <= last)
      throw wrong(`${member.name} installed a snapshot at ${store.appliedIndex}, behind ${last}`)
    this.#last.set(member.id, store.appliedIndex)
  }

  applied({ member, entry }: Applied): void {
    const { index } = entry
    const last = this.#last.get(member.id) ?? 0
    if (index !== last + 1) throw wrong(`${member.name} applied entry ${index} after ${last}`)
    this.#last.set(member.id, index)
    const known = this.#entries.get(index)
    if (known === undefined) this.#note(entry)
    else if (!isSame(known, entry)) {
      throw wrong(`${member.name} applied ${describe(entry)} where ${describe(known)} had been applied`)
    }
  }

  #note(entry: Entry): void {
    this.#entries.set(entry.index, entry)
    if (entry.seq === 0) return
    const request = `${entry.origin}#${entry.seq}`
    const before = this.#indexOf.get(request)
    if (before !== undefined) throw wrong(`request ${request} was applied twice: at ${before} and ${entry.index}`)
    this.#indexOf.set(request, entry.index)
  }
}

function isSame(a: Entry, b: Entry): boolean {
  return (
    a.term === b.term &&
    a.stampMs === b.stampMs &&
    a.kind === b.kind &&
    a.origin === b.origin &&
    a.seq === b.seq &&
    a.checksum === b.checksum
  )
}

function describe(entry: Entry): string {
  return `${entry.index}/${entry.term} ${entry.origin}#${entry.seq}`
}
