/**
 * Committed entries, applied to the store.
 *
 * Owns: the check that what was proposed is what is applied, the match of entries with waiting clients, and the notice
 * that a term begins. Applying may not fail: an entry that cannot be applied ends the process. Leaves to `members.ts` what
 * membership entries do.
 */
import assert from 'node:assert'
import { crc32 } from 'node:zlib'
import { type Entry, EntryKind, type MemberId, type SnapshotMeta, type Term } from '../raft/types.ts'
import { decodeCommand } from '../store/command-codec.ts'
import type { StateMachine } from '../store/state-machine.ts'
import type { Expirer } from './expirer.ts'
import type { LogKeeper } from './log-keeper.ts'
import type { MemberChanges } from './member-changes.ts'
import type { Members } from './members.ts'
import type { Waiters } from './waiters.ts'

export interface ApplierParts {
  readonly id: MemberId
  readonly waiters: Waiters
  readonly expirer: Expirer
  readonly keeper: LogKeeper
  readonly members: Pick<Members, 'apply'>
  readonly changes: Pick<MemberChanges, 'applied' | 'jumped'>
  /** Term of the last entry applied before this process began. */
  readonly appliedTerm: Term
}

export class Applier {
  readonly #parts: ApplierParts
  #appliedTerm: Term

  constructor(parts: ApplierParts) {
    this.#parts = parts
    this.#appliedTerm = parts.appliedTerm
  }

  /** Applies in order. Outcomes of this member's own requests wait in `waiters` for the next flush. */
  apply(entries: readonly Entry[], store: StateMachine): void {
    const { waiters, keeper } = this.#parts
    for (const entry of entries) {
      if (entry.term > this.#appliedTerm) {
        this.#appliedTerm = entry.term
        waiters.termBegins(entry.term)
      }
      this.#applyOne(entry, store)
      keeper.applied(entry)
    }
    const last = entries.at(-1)
    if (last !== undefined) waiters.applied(last.index)
  }

  /** A snapshot took the place of everything up to and including its index. */
  jumped(snapshot: SnapshotMeta): void {
    const { waiters, changes } = this.#parts
    this.#appliedTerm = Math.max(this.#appliedTerm, snapshot.term)
    waiters.jumped(snapshot.term)
    changes.jumped()
    waiters.applied(snapshot.index)
  }

  #applyOne(entry: Entry, store: StateMachine): void {
    if (entry.kind === EntryKind.noop) {
      store.apply(entry, undefined)
      return
    }
    assert(
      crc32(entry.data) === entry.checksum,
      `entry ${entry.index} is not what was proposed: its checksum does not match; replace this member`,
    )
    const own = entry.origin === this.#parts.id
    if (entry.kind === EntryKind.membership) {
      const refusal = this.#parts.members.apply(entry)
      if (own) this.#parts.changes.applied(entry.seq, refusal)
      return
    }
    const waiter = own ? this.#parts.waiters.find(entry.seq) : undefined
    const outcome = store.apply(entry, waiter === undefined ? decodeCommand(entry.data) : waiter.command)
    if (own) this.#parts.expirer.applied(entry.seq)
    if (waiter !== undefined) {
      assert(outcome !== undefined, 'a command has an outcome')
      this.#parts.waiters.settle(waiter, outcome)
    }
  }
}
