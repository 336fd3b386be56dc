/**
 * apply(entry, command) → outcome, events, rows. The only thing that changes state.
 *
 * Owns: the order of what applying does, the marks, the rows of a turn, replacing the whole state by a snapshot's.
 * Leaves to others: what each command means (writes, comparisons, removals, members, auth-table), the log, the disk.
 *
 * Deterministic: members that applied the same entries have equal trees, indexes, clocks and counters of writes.
 */
import assert from 'node:assert'
import { ErrorCode, type StoreStatsJson } from '../api.ts'
import { AuthTable, putAuth } from './auth-table.ts'
import { ByteWriter } from './bytes.ts'
import type { AdvanceIndexCommand, AuthCommand, Command, PutMemberCommand } from './command.ts'
import { compareAndDelete, compareAndSwap } from './comparisons.ts'
import { countOutcome, statsJson } from './counters.ts'
import { digestSteps, digestTree } from './digest.ts'
import { type Event, makeEvent } from './event.ts'
import { EventRowWindow } from './event-rows.ts'
import { History } from './history.ts'
import { Keyspace } from './keyspace.ts'
import { MemberList, putMember, removeMember } from './members.ts'
import { type Node, viewNode } from './node.ts'
import { HISTORY_LIMITS_DEFAULT, type StoreOptions } from './options.ts'
import type { Outcome } from './outcome.ts'
import { ROOT } from './path.ts'
import { expire, remove } from './removals.ts'
import {
  type Counters,
  encodeMarks,
  encodeNode,
  FIRST_GENERATION,
  type Marks,
  nodeKey,
  type Row,
  Section,
  sectionKey,
  zeroMarks,
} from './rows.ts'
import { WatchHub } from './watch.ts'
import { create, set, update } from './writes.ts'

/** What applying needs to know of an entry. */
export interface AppliedEntry {
  readonly index: number
  readonly term: number
  /** The replicated clock when it was appended, whole milliseconds. */
  readonly stampMs: number
}

/** Everything that a snapshot replaces. */
export interface State {
  readonly tree: Keyspace
  readonly history: History
  readonly eventRows: EventRowWindow
  readonly marks: Marks
  readonly generation: number
}

/** Orphans swept when rows are drawn (keyspace.ts), so that removing a huge directory stalls nothing. */
const SWEPT_MAX = 5000

/** The state of one replica. One object for its whole life. */
export class StateMachine {
  readonly watchers: WatchHub
  readonly members = new MemberList(() => this.#tree)
  /** Users, roles, and whether requests are judged by them. */
  readonly auth: AuthTable
  readonly #writer = new ByteWriter()
  #tree: Keyspace
  #history: History
  #eventRows: EventRowWindow
  #generation: number
  #appliedIndex: number
  #appliedTerm: number
  #clockMs: number
  #counters: Counters
  /** Events of this turn, not yet in rows. */
  #events: Event[] = []
  /** Something was applied since rows were last drawn. */
  #moved = false

  /** @param state What was read from rows; without it the store is empty. */
  constructor(options: StoreOptions = {}, state?: State) {
    const limits = options.history ?? HISTORY_LIMITS_DEFAULT
    const marks = state?.marks ?? zeroMarks()
    this.#tree = state?.tree ?? new Keyspace()
    this.#history = state?.history ?? new History(limits, marks.clearedTo)
    this.#eventRows = state?.eventRows ?? new EventRowWindow(limits.eventsBytesMax)
    this.#generation = state?.generation ?? options.generation ?? FIRST_GENERATION
    this.#appliedIndex = marks.appliedIndex
    this.#appliedTerm = marks.appliedTerm
    this.#clockMs = marks.stampMs
    this.#counters = marks.counters
    this.auth = new AuthTable(() => this.#tree)
    this.watchers = new WatchHub(this, options)
  }

  /** The read side: get, find. Do not write to it. Another object after `install`. */
  get tree(): Keyspace {
    return this.#tree
  }

  /** Recent events. Another object after `install`. */
  get history(): History {
    return this.#history
  }

  /** The generation that rows are drawn for. */
  get generation(): number {
    return this.#generation
  }

  /** What clients see as `X-Etcd-Index`. */
  get storeIndex(): number {
    return this.#tree.storeIndex
  }

  /** The replicated clock in milliseconds: the stamp of the last applied entry. */
  get clockMs(): number {
    return this.#clockMs
  }

  /** Index of the last applied entry. */
  get appliedIndex(): number {
    return this.#appliedIndex
  }

  /** Term of the last applied entry. */
  get appliedTerm(): number {
    return this.#appliedTerm
  }

  /** The body of `/v2/stats/store`, in wire order. */
  get stats(): StoreStatsJson {
    return statsJson(this.#counters, this.watchers.count)
  }

  /** Where this state stands. The counters are the live ones. */
  get marks(): Marks {
    return {
      appliedIndex: this.#appliedIndex,
      appliedTerm: this.#appliedTerm,
      stampMs: this.#clockMs,
      storeIndex: this.storeIndex,
      clearedTo: this.#history.clearedTo,
      counters: this.#counters,
    }
  }

  /**
   * Applies an entry. Entries come once each, in order. Never fails: a refusal is an outcome.
   *
   * @param command Undefined for an entry that asks nothing of the store: only the marks move. Its strings must be its
   *   own (as `decodeCommand` makes them), for they are kept.
   * @returns What the client is told; undefined when no client waits for such a command.
   */
  apply(entry: AppliedEntry, command: Command | undefined): Outcome | undefined {
    assert(entry.index > this.#appliedIndex, 'entries are applied once, in order')
    assert(entry.stampMs >= this.#clockMs && entry.term >= this.#appliedTerm, 'neither clock nor term goes back')
    this.#appliedIndex = entry.index
    this.#appliedTerm = entry.term
    this.#clockMs = entry.stampMs
    this.#moved = true
    return command === undefined ? undefined : this.#carryOut(command, entry.term)
  }

  /** Notes the first members of a new cluster, before any entry. Each member begins with the same list. */
  found(members: readonly PutMemberCommand[]): void {
    assert(this.#appliedIndex === 0 && this.storeIndex === 0, 'a cluster is founded once')
    for (const member of members) putMember(this.#tree, member)
    this.members.refresh()
    this.#moved = true
  }

  /**
   * When the next key falls due, on the replicated clock. Undefined: none has a TTL, or so much of removed directories has
   * still to be swept that it is not known yet: ask again next turn, there will be one (`sweeping`).
   */
  nextDeadlineMs(): number | undefined {
    return this.#tree.nextDue()?.deadlineMs
  }

  /** Counts a read for the statistics. */
  countGet(ok: boolean): void {
    if (ok) this.#counters.getsSuccess += 1
    else this.#counters.getsFail += 1
  }

  /** Events whose rows were not drawn yet. They stay in memory whatever its bounds, so rows are drawn now and then. */
  get undrainedEvents(): number {
    return this.#events.length
  }

  /** What removed directories held is still being swept: rows should be drawn soon, though nothing else asks for it. */
  get sweeping(): boolean {
    return this.#tree.hasOrphans
  }

  /** The rows of everything applied since the last call, marks last; none when nothing was. */
  drainRows(): Row[] {
    const rows: Row[] = []
    if (!this.#moved && !this.#tree.hasOrphans) return rows
    this.#moved = false
    const writer = this.#writer
    const generation = this.#generation
    for (const [path, node] of this.#tree.drainChanged()) {
      const key = nodeKey(writer, generation, path)
      rows.push(node === undefined ? { type: 'del', key } : { type: 'put', key, value: encodeNode(writer, node) })
    }
    if (this.#tree.hasOrphans) {
      this.#tree.sweep(SWEPT_MAX, (path) => rows.push({ type: 'del', key: nodeKey(writer, generation, path) }))
    }
    this.#drainEvents(rows)
    rows.push({ type: 'put', key: sectionKey(Section.marks, generation), value: encodeMarks(writer, this.marks) })
    return rows
  }

  /** Of tree, members, store index and clock: equal on members at an equal applied index. Walks the whole tree. */
  digest(): string {
    return digestTree(this.#tree, this.#clockMs)
  }

  /** The same of this moment, in steps that hold nobody up; the last returns it. */
  digestSteps(): Generator<void, string, void> {
    return digestSteps(this.#tree, this.#clockMs)
  }

  /**
   * Becomes what `staged` is (a state rebuilt from a snapshot, in a generation of its own). Watchers stay, and look back
   * for what they missed. Rows not yet drawn are forgotten: they are of a generation that no longer counts.
   */
  install(staged: StateMachine): void {
    assert(staged.#appliedIndex >= this.#appliedIndex, 'a snapshot does not lead back')
    assert(staged.#generation !== this.#generation, 'a snapshot has a generation of its own')
    const missedFrom = this.storeIndex + 1
    this.#tree = staged.#tree
    this.#history = staged.#history
    this.#eventRows = staged.#eventRows
    this.#generation = staged.#generation
    this.#appliedIndex = staged.#appliedIndex
    this.#appliedTerm = staged.#appliedTerm
    this.#clockMs = staged.#clockMs
    this.#counters = staged.#counters
    this.#events = []
    this.#moved = true
    this.members.refresh()
    this.auth.refresh()
    this.watchers.resume(missedFrom)
  }

  #carryOut(command: Command, term: number): Outcome | undefined {
    switch (command.kind) {
      case 'set':
        return this.#answer(command.kind, set(this.#tree, command, this.#clockMs), undefined)
      case 'create':
        return this.#answer(command.kind, create(this.#tree, command, this.#clockMs), undefined)
      case 'update':
        return this.#answer(command.kind, update(this.#tree, command, this.#clockMs), undefined)
      case 'compareAndSwap':
        return this.#answer(command.kind, compareAndSwap(this.#tree, command, this.#clockMs), undefined)
      case 'compareAndDelete':
        return this.#answer(command.kind, compareAndDelete(this.#tree, command, this.#clockMs), undefined)
      case 'delete': {
        const node = this.#tree.find(command.path)
        return this.#answer(command.kind, remove(this.#tree, command, this.#clockMs), node)
      }
      case 'expire':
        if (command.term === term) expire(this.#tree, this.#clockMs, (event, node) => this.#expired(event, node))
        return undefined
      case 'putMember':
        return this.#noted(putMember(this.#tree, command))
      case 'removeMember':
        return this.#noted(removeMember(this.#tree, command))
      case 'auth':
        return this.#authChanged(command)
      case 'advanceIndex':
        return this.#advanced(command)
    }
  }

  #answer(kind: Parameters<typeof countOutcome>[1], outcome: Outcome, removed: Node | undefined): Outcome {
    countOutcome(this.#counters, kind, outcome)
    if (outcome.ok && !outcome.event.refresh) this.#happened(outcome.event, removed)
    return outcome
  }

  /** The member list changed. Whoever asked is answered; no watcher hears of it. */
  #noted(node: Node): Outcome {
    this.members.refresh()
    return { ok: true, event: makeEvent(this.storeIndex, 'set', viewNode(node, this.#clockMs), undefined, false, true) }
  }

  /** Users, roles or the flag changed, unless somebody else was first. No watcher hears of it. */
  #authChanged(command: AuthCommand): Outcome {
    if (!putAuth(this.#tree, command)) return this.#tree.fail(ErrorCode.compareFailed, 'auth')
    this.auth.refresh()
    const node = this.#tree.find('0/auth')
    assert(node !== undefined, 'every auth command leaves the subtree behind')
    return { ok: true, event: makeEvent(this.storeIndex, 'set', viewNode(node, this.#clockMs), undefined, false, true) }
  }

  /** The index was set, and what happened before is nobody's past. Whoever waits for what comes next goes on waiting. */
  #advanced({ to }: AdvanceIndexCommand): Outcome {
    const from = this.storeIndex
    this.#tree.advanceTo(Math.max(from, to))
    this.#history.clear(this.storeIndex)
    this.watchers.passOver(from)
    const root = this.#tree.find(ROOT)
    assert(root !== undefined, 'there is always a root')
    return { ok: true, event: makeEvent(this.storeIndex, 'set', viewNode(root, this.#clockMs), undefined, false, true) }
  }

  #expired(event: Event, node: Node): void {
    this.#counters.expireCount += 1
    this.#happened(event, node)
  }

  #happened(event: Event, removed: Node | undefined): void {
    this.#history.record(event)
    this.#events.push(event)
    this.watchers.notify(event, removed)
  }

  #drainEvents(rows: Row[]): void {
    if (this.#events.length > 0) {
      const { clearedTo } = this.#history
      const kept = this.#events.filter((event) => event.index > clearedTo)
      this.#events = []
      this.#eventRows.append(this.#writer, this.#generation, kept, rows)
      this.#history.drawn(this.storeIndex)
    }
    this.#history.clear(this.#eventRows.trim(this.#generation, this.#history.clearedTo, rows))
  }
}
