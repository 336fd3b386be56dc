/**
 * All checkers of a run, told of everything in one place.
 *
 * Owns: which checkers there are, and the observation of a member's store. Decides nothing itself.
 */
import type { RoleView } from '../../src/raft/ready.ts'
import type { Entry } from '../../src/raft/types.ts'
import { decodePage, PAGE_KIND, PAGE_SECTION } from '../../src/replica/log-pages.ts'
import type { DiskWrite } from '../../src/replica/turn.ts'
import type { Event } from '../../src/store/event.ts'
import type { StateMachine } from '../../src/store/state-machine.ts'
import type { Checker, EndState, QuorumRead, TurnView, WatchedMember, Write } from './checker.ts'
import { AcknowledgedChecker } from './checkers/acknowledged.ts'
import { ClockChecker } from './checkers/clock.ts'
import { CommittedChecker } from './checkers/committed.ts'
import { DigestsChecker } from './checkers/digests.ts'
import { ExpiryChecker } from './checkers/expiry.ts'
import { KeysChecker } from './checkers/keys.ts'
import { LeadersChecker } from './checkers/leaders.ts'
import { LinearizableChecker } from './checkers/linearizable.ts'
import { LogsChecker } from './checkers/logs.ts'
import { MembersChecker } from './checkers/members.ts'
import { TotalOrderChecker } from './checkers/total-order.ts'
import { WatchesChecker } from './checkers/watches.ts'
import type { WorldSettings } from './settings.ts'

export class Judge {
  readonly acknowledged = new AcknowledgedChecker()
  readonly linearizable = new LinearizableChecker()
  readonly expiry = new ExpiryChecker()
  readonly members = new MembersChecker()
  readonly watches: WatchesChecker
  readonly #checkers: readonly Checker[]
  /** The founding of the cluster counts as entry 1. */
  #firstUnapplied = 2

  constructor(settings: WorldSettings, digestEvery: number) {
    this.watches = new WatchesChecker(settings.history)
    this.#checkers = [
      new LeadersChecker(),
      new LogsChecker(),
      new CommittedChecker(),
      this.acknowledged,
      new TotalOrderChecker(),
      new KeysChecker(),
      this.linearizable,
      this.expiry,
      new ClockChecker(),
      this.watches,
      new DigestsChecker(digestEvery),
      this.members,
    ]
  }

  /** A process began: its store is observed from now on. */
  started(member: WatchedMember, store: StateMachine, entries: readonly Entry[], nowMs: () => number): void {
    for (const checker of this.#checkers) checker.started?.(member, store, entries)
    this.#observe(member, store, nowMs)
  }

  crashed(member: WatchedMember): void {
    for (const checker of this.#checkers) checker.crashed?.(member)
  }

  turned(member: WatchedMember, write: DiskWrite, { role, term }: RoleView, nowMs: number): void {
    const entries: Entry[] = []
    for (const row of write.rows) {
      if (row.type === 'del' || row.key[0] !== PAGE_SECTION || row.key[1] !== PAGE_KIND) continue
      entries.push(...decodePage(row.key, row.value).entries)
    }
    const view: TurnView = { leads: role === 'leader', term, nowMs, entries }
    for (const checker of this.#checkers) checker.turned?.(member, write, view)
  }

  asked(write: Write): void {
    for (const checker of this.#checkers) checker.asked?.(write)
  }

  answered(write: Write): void {
    for (const checker of this.#checkers) checker.answered?.(write)
  }

  read(read: QuorumRead): void {
    for (const checker of this.#checkers) checker.read?.(read)
  }

  ended(members: readonly EndState[]): void {
    for (const checker of this.#checkers) checker.ended?.(members)
  }

  /** Sees what goes through `apply`, `notify` and `install`, which are the only ways in which a store changes. */
  #observe(member: WatchedMember, store: StateMachine, nowMs: () => number): void {
    const apply = store.apply.bind(store)
    const install = store.install.bind(store)
    const notify = store.watchers.notify.bind(store.watchers)
    let events: Event[] = []
    store.watchers.notify = (event, removed) => {
      events.push(event)
      notify(event, removed)
    }
    store.apply = (entry, command) => {
      events = []
      const outcome = apply(entry, command)
      const first = entry.index === this.#firstUnapplied
      if (first) this.#firstUnapplied++
      const applied = { member, entry: entry as Entry, command, outcome, events, store, atMs: nowMs(), first }
      for (const checker of this.#checkers) checker.applied?.(applied)
      return outcome
    }
    store.install = (staged) => {
      install(staged)
      for (const checker of this.#checkers) checker.installed?.(member, store)
    }
  }
}
