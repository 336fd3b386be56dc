/**
 * One member on a fake disk: drives a core turn by turn, applies what is committed, crashes and restarts.
 *
 * Owns: the duties of a batch in their order, and what a crash loses. Leaves to others: the network between members, and
 * what is checked.
 */
import type { RaftConfig } from '../../src/raft/config.ts'
import type { Message } from '../../src/raft/message.ts'
import { Raft } from '../../src/raft/raft.ts'
import type { Ready } from '../../src/raft/ready.ts'
import type { Entry, HardState, Index, Membership, MembershipChange, SnapshotMeta } from '../../src/raft/types.ts'
import { EntryKind, memberId } from '../../src/raft/types.ts'

interface Disk {
  readonly hardState: HardState
  readonly snapshot: SnapshotMeta
  readonly entries: readonly Entry[]
  readonly appliedIndex: Index
  readonly membership: Membership
}

export class Member {
  readonly config: RaftConfig
  /** Called for every entry that is applied, in order, again after a restart that lost the mark of it. */
  onApply: (entry: Entry) => void = () => undefined
  #core: Raft
  /** What a read of the disk gives now, and what it would give after a power cut. */
  #disk: Disk
  #synced: Disk
  #batch: Ready | undefined
  #alive = true

  /** @param founded the index that the state counts as which the cluster began with. */
  constructor(config: RaftConfig, membership: Membership, founded = 0) {
    this.config = config
    this.#disk = {
      hardState: { term: 0, vote: undefined, commitIndex: founded },
      snapshot: { index: founded, term: 0, stampMs: 0, membership },
      entries: [],
      appliedIndex: founded,
      membership,
    }
    this.#synced = this.#disk
    this.#core = this.#start()
  }

  get core(): Raft {
    return this.#core
  }

  get alive(): boolean {
    return this.#alive
  }

  /** Whether a batch was taken and is not written yet. */
  get writing(): boolean {
    return this.#batch !== undefined
  }

  /** The log as the disk holds it, after its compaction point. */
  get diskEntries(): readonly Entry[] {
    return this.#disk.entries
  }

  /** The first half of a turn: takes a batch and applies what is committed. Its messages may leave now. */
  take(): Ready | undefined {
    this.#core.tellCommit()
    const batch = this.#core.ready()
    this.#batch = batch
    for (const entry of batch?.committed ?? []) {
      if (entry.kind === EntryKind.membership) this.#core.applyMembership(decodeChange(entry.data))
      this.onApply(entry)
    }
    return batch
  }

  /** The second half: the batch is on disk. Returns the promises, which may leave now. */
  write(): readonly Message[] {
    const batch = this.#batch
    if (batch === undefined) return []
    this.#batch = undefined
    this.#disk = persist(this.#disk, batch, this.#core.status().membership)
    if (batch.mustSync) this.#synced = this.#disk
    this.#core.written()
    return batch.promises
  }

  /** Power cut: a batch that is not written, and writes that were not synced, are lost. */
  crash(): void {
    this.#batch = undefined
    this.#disk = this.#synced
    this.#alive = false
  }

  restart(): void {
    this.#alive = true
    this.#core = this.#start()
  }

  /** Forgets entries in memory and on disk. */
  compact(index: Index): void {
    const { snapshot, entries, membership } = this.#disk
    const entry = entries[index - snapshot.index - 1]
    if (entry === undefined) return
    this.#core.compact(index)
    const point = { index, term: entry.term, stampMs: entry.stampMs, membership }
    this.#disk = { ...this.#disk, snapshot: point, entries: entries.slice(index - snapshot.index) }
    this.#synced = this.#disk
  }

  #start(): Raft {
    const { hardState, snapshot, entries, appliedIndex, membership } = this.#disk
    return new Raft(this.config, { hardState, snapshot: { ...snapshot, membership }, entries, appliedIndex })
  }
}

/** The bytes of a membership change as these tests write them. */
export function encodeChange(change: MembershipChange): Uint8Array {
  return new TextEncoder().encode(`${change.kind} ${change.id}`)
}

function decodeChange(data: Uint8Array): MembershipChange {
  const [kind, id] = new TextDecoder().decode(data).split(' ')
  return { kind: kind as MembershipChange['kind'], id: memberId(id ?? '') }
}

function persist(disk: Disk, batch: Ready, membership: Membership): Disk {
  const snapshot = batch.snapshot ?? disk.snapshot
  let entries = batch.snapshot === undefined ? disk.entries : []
  const first = batch.entries[0]
  if (first !== undefined) entries = [...entries.slice(0, first.index - snapshot.index - 1), ...batch.entries]
  const lastApplied = batch.committed[batch.committed.length - 1]?.index
  return {
    hardState: batch.hardState ?? disk.hardState,
    snapshot,
    entries,
    appliedIndex: lastApplied ?? batch.snapshot?.index ?? disk.appliedIndex,
    membership,
  }
}
