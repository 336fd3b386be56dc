/**
 * The batch a turn hands out, and what the caller owes for each field.
 *
 * Owns: the contract between the core and whoever drives it. Order of duties in one turn: send `messages`; install
 * `snapshot` and write `entries`, `hardState` in one atomic batch; when that is on disk call `written()`, which
 * releases `promises`. `committed` may be applied at once: a majority's disks already hold it.
 */
import type { Message } from './message.ts'
import type { Entry, HardState, Index, MemberId, Role, SnapshotMeta, Term } from './types.ts'

/** A read that may be answered from the tree as soon as this member has applied `index`. */
export interface ReadReady {
  /** The number the caller gave to `read`. */
  readonly context: number
  readonly index: Index
}

/** Who leads, as this member sees it. */
export interface RoleView {
  readonly role: Role
  readonly term: Term
  readonly leader: MemberId | undefined
}

export interface Ready {
  /** To persist when present: it differs from what was handed out before. */
  readonly hardState: HardState | undefined
  /** To persist. Contiguous; whatever the disk holds at or after the first one's index is void. */
  readonly entries: readonly Entry[]
  /**
   * A snapshot that the core has accepted. The staged rows become the state, the log on disk becomes empty up to
   * `index`, in the same batch as everything else of this turn.
   */
  readonly snapshot: SnapshotMeta | undefined
  /** Messages that promise nothing: to be sent at once, so that others' disks work beside ours. */
  readonly messages: readonly Message[]
  /** Messages that rest on what this batch persists: to be sent after `written()`. */
  readonly promises: readonly Message[]
  /** To apply, in order. Bounded by `appliedBytesMax` and `appliedCountMax`; more follows in the next turn. */
  readonly committed: readonly Entry[]
  /** Reads whose leadership proof arrived. */
  readonly reads: readonly ReadReady[]
  /** Contexts of reads that were dropped (no leader, leadership lost): the caller answers "unknown, ask again". */
  readonly readsDropped: readonly number[]
  /** Present when role, term or leader changed since the last batch. */
  readonly roleView: RoleView | undefined
  /** Whether the disk write must reach the platter before `written()`: entries, term or vote are in it. */
  readonly mustSync: boolean
}
