/**
 * Who is in the cluster, as this member has applied it.
 *
 * Owns: that a membership entry changes core, member list and transport, in that order; which others there are to talk to.
 * Leaves to others: what a change means (`member-entry.ts`), who asks for one.
 */
import assert from 'node:assert'
import type { Raft } from '../raft/raft.ts'
import { type Entry, type MemberId, type Membership, memberId } from '../raft/types.ts'
import type { StateMachine } from '../store/state-machine.ts'
import { coreChangeOf, decodeMemberChange, type MemberRefusal, refusalOf, storeCommandOf } from './member-entry.ts'
import type { Log, Transport } from './ports.ts'
import type { ReplicaStats } from './stats.ts'

export interface MembersParts {
  readonly id: MemberId
  readonly membership: Membership
  readonly raft: Pick<Raft, 'applyMembership' | 'leave'>
  readonly store: StateMachine
  readonly transport: Pick<Transport, 'setRemotes'>
  readonly stats: Pick<ReplicaStats, 'keepOnly'>
  readonly log: Log
  /** This member was removed. Called once, inside a turn. */
  readonly removed?: () => void
}

export class Members {
  readonly #parts: MembersParts
  #membership: Membership
  /** Of the list, when the transport was last told of it. */
  #toldVersion: number
  #toldMembership: Membership
  #isRemoved = false
  /** Voters whose loss was told. */
  readonly #lost = new Set<MemberId>()

  constructor(parts: MembersParts) {
    this.#parts = parts
    this.#membership = parts.membership
    this.#toldMembership = parts.membership
    this.#toldVersion = parts.store.members.version
  }

  get membership(): Membership {
    return this.#membership
  }

  /** Nobody else votes, and this member does: there is never a reason to wait out an election timeout. */
  get isAlone(): boolean {
    const { voters } = this.#membership
    return voters.length === 1 && voters[0] === this.#parts.id
  }

  /** Whether `id` gets the log: a member, or one that was removed a moment ago. */
  isServed(id: MemberId): boolean {
    return this.#membership.voters.includes(id) || this.#membership.learners.includes(id)
  }

  /** Everybody else that gets the log, and where. */
  remotes(): ReadonlyMap<MemberId, readonly string[]> {
    const { id: self, store } = this.#parts
    const remotes = new Map<MemberId, readonly string[]>()
    const { voters, learners } = this.#membership
    for (const id of [...voters, ...learners]) {
      const urls = store.members.get(id)?.peerURLs ?? store.members.removedUrls(id)
      if (id !== self) remotes.set(id, urls)
    }
    return remotes
  }

  /** Applies a membership entry. Returns why nothing was changed, if so. */
  apply(entry: Entry): MemberRefusal | undefined {
    const { store, raft, log } = this.#parts
    const change = decodeMemberChange(entry.data)
    const refusal = refusalOf(change, this.#membership, store.members)
    if (refusal !== undefined) {
      store.apply(entry, undefined)
      return refusal
    }
    const coreChange = coreChangeOf(change)
    if (coreChange !== undefined) this.#membership = raft.applyMembership(coreChange)
    store.apply(entry, storeCommandOf(change))
    log.info({ change: change.kind, member: change.id, index: entry.index }, 'the members of the cluster changed')
    for (const { id } of store.members.list())
      assert(this.isServed(memberId(id)), 'every member of the list gets the log')
    return undefined
  }

  /** Once a tick: tells, once, of a voter whose disk lost what it had acknowledged. */
  noteLost(id: MemberId | undefined): void {
    if (id === undefined || this.#lost.has(id)) return
    this.#lost.add(id)
    const says =
      'a member came back without the log that it had acknowledged: its disk lost data, and its vote may not be trusted'
    this.#parts.log.error(
      { member: id },
      `${says}. It is sent nothing more: remove it from the cluster and add it again`,
    )
  }

  /** A snapshot was installed in the store: its membership counts. */
  installed(membership: Membership): void {
    const { id, store, raft } = this.#parts
    this.#membership = membership
    if (store.members.isRemoved(id)) raft.leave()
  }

  /** Once a turn: what was applied reaches the transport. Returns whether anything has changed. */
  tellTransport(): boolean {
    const { id, store, transport, stats } = this.#parts
    const { version } = store.members
    if (version === this.#toldVersion && this.#membership === this.#toldMembership) return false
    this.#toldVersion = version
    this.#toldMembership = this.#membership
    transport.setRemotes(this.remotes())
    stats.keepOnly((other) => this.isServed(other))
    if (!this.#isRemoved && store.members.isRemoved(id)) {
      this.#isRemoved = true
      this.#parts.removed?.()
    }
    return true
  }
}
