/**
 * One member of the cluster, alive: inputs in, rows out.
 *
 * Owns: the order of a turn. Synchronous and free of I/O; `driver.ts` and the simulator are two loops around
 * it. A turn is `poll`, `answer` (while the disk works), `written`; inputs may come at any time between these calls.
 */
import assert from 'node:assert'
import type { InstallSnapshot, Message, Propose } from '../raft/message.ts'
import { Raft, type RaftStatus } from '../raft/raft.ts'
import type { Ready, RoleView } from '../raft/ready.ts'
import type { Index, MemberId, SnapshotMeta, Term } from '../raft/types.ts'
import type { Command } from '../store/command.ts'
import { currentGenerationRow, type Row } from '../store/rows.ts'
import type { StateMachine } from '../store/state-machine.ts'
import { Applier } from './applier.ts'
import { Expirer } from './expirer.ts'
import { Flusher } from './flusher.ts'
import { heirOf } from './heir.ts'
import { Inbox } from './inbox.ts'
import { LeaderView } from './leader-view.ts'
import { LogKeeper } from './log-keeper.ts'
import { type MemberAnswer, MemberChanges } from './member-changes.ts'
import type { MemberRequest } from './member-entry.ts'
import { Members } from './members.ts'
import { Outbox } from './outbox.ts'
import type { ReplicaParts, ReplicaSettings, Staged } from './parts.ts'
import type { Clock, Condition, Log, PeerEvents } from './ports.ts'
import { Requests } from './requests.ts'
import { ReplicaStats } from './stats.ts'
import { Stewardship } from './stewardship.ts'
import { type DiskWrite, LogRows } from './turn.ts'
import { Waiters, type WriteAnswer } from './waiters.ts'

export class Replica implements PeerEvents {
  readonly id: MemberId
  readonly stats = new ReplicaStats()
  readonly #settings: ReplicaSettings
  readonly #outbox: Outbox
  readonly #clock: Clock
  readonly #log: Log
  readonly #wake: () => void
  readonly #later: () => void
  readonly #raft: Raft
  readonly #waiters: Waiters
  readonly #changes = new MemberChanges()
  readonly #requests: Requests
  /** Who is in the cluster; to be read. */
  readonly members: Members
  readonly #stewardship: Stewardship
  readonly #expirer = new Expirer()
  readonly #keeper: LogKeeper
  readonly #applier: Applier
  readonly #logRows: LogRows
  readonly #leader: LeaderView
  readonly #flusher: Flusher
  readonly #inbox: Inbox
  readonly #store: StateMachine
  #generation: number
  #promises: readonly Message[] = []
  #turnOpen = false
  /** The open turn holds a batch of the core. */
  #raftTurnOpen = false
  #polledMs: number

  constructor(parts: ReplicaParts) {
    const { settings, restored, store, clock, log } = parts
    const id = restored.identity.memberId
    this.id = id
    this.#settings = settings
    this.#outbox = new Outbox(parts.transport, this.stats)
    this.#clock = clock
    this.#log = log
    this.#wake = parts.wake
    this.#later = parts.later ?? (() => {})
    this.#store = store
    this.#generation = parts.generation
    this.#raft = new Raft(settings.raft, {
      hardState: restored.hardState,
      snapshot: { ...restored.logStart, membership: restored.membership },
      entries: restored.entries,
      appliedIndex: store.appliedIndex,
      isLeaving: store.members.isRemoved(id),
    })
    const waiters = new Waiters(settings.requestsMax, settings.requestBytesMax)
    const keeper = new LogKeeper(settings.log)
    for (const entry of restored.entries) if (entry.index <= store.appliedIndex) keeper.applied(entry)
    this.#waiters = waiters
    const changes = this.#changes
    this.#requests = new Requests({ ...parts, id, waiters, changes, waitMsMax: settings.requestMsMax })
    this.#stewardship = new Stewardship({ roundMs: settings.awayMsMax, farewellMs: settings.farewellMs })
    const { membership } = restored
    const members = new Members({ ...parts, id, membership, raft: this.#raft, stats: this.stats })
    this.members = members
    this.#keeper = keeper
    this.#flusher = new Flusher(settings)
    this.#inbox = new Inbox(settings.inboxMax)
    const { appliedTerm } = store
    this.#applier = new Applier({ id, waiters, expirer: this.#expirer, keeper, members, changes, appliedTerm })
    this.#logRows = new LogRows(restored)
    this.#polledMs = clock.monotonicMs()
    const { term } = restored.hardState
    this.#leader = new LeaderView({ id, clock, log, clockAheadMsMax: settings.awayMsMax, term, stats: this.stats })
    if (members.isAlone) this.#raft.campaign()
  }

  // Inputs from clients

  /** Proposes `command`. `done` is called once: now when it is refused, else in `answer`. */
  write(command: Command, done: (answer: WriteAnswer) => void): void {
    if (this.#requests.write(command, done)) this.#wakeUp()
  }

  /** Calls `done(undefined)` once the tree may be read linearizably; see `write` for when. */
  quorumRead(done: (refused: Condition | undefined) => void, waitMsMax?: number): void {
    if (this.#requests.read(done, waitMsMax)) this.#wakeUp()
  }

  /** Asks for a change of the membership. `done` hears of it when this member has applied it; see `write` for when. */
  changeMembers(request: MemberRequest, done: (answer: MemberAnswer) => void): void {
    if (this.#requests.change(request, done)) this.#wakeUp()
  }

  // Inputs from peers

  receive(messages: readonly Message[]): void {
    const nowMs = this.#clock.monotonicMs()
    this.#leader.heard(nowMs)
    this.stats.received(messages, nowMs)
    this.stats.messagesDropped += this.#inbox.add(messages)
    this.#wakeUp()
  }

  unreachable(id: MemberId, unsent: readonly Propose[] = []): void {
    this.stats.failed(id)
    this.#raft.reportUnreachable(id)
    this.#waiters.unsent(unsent)
  }

  gone(id: MemberId): void {
    if (this.#leader.role.leader === id) this.#log.warn({ member: id }, 'the leader is gone: its port refuses')
    this.#raft.reportGone(id)
    this.#wakeUp()
  }

  snapshotSent(id: MemberId, ok: boolean): void {
    this.#raft.reportSnapshot(id, ok)
    this.#wakeUp()
  }

  /**
   * Offers a received snapshot to the core.
   *
   * @param done hears whether the core took it; when not, the staged generation is the caller's to clear.
   */
  installStaged(message: InstallSnapshot, staged: Staged, done: (accepted: boolean) => void): void {
    if (this.#requests.isStopped || !this.#inbox.addOffer({ message, staged, done })) done(false)
    else this.#wakeUp()
  }

  /** What `later` asked for: followers hear of the commit index, though there is nothing else to tell them. */
  tellCommit(): void {
    this.#raft.tellCommit()
    this.#wakeUp()
  }

  /** One unit of logical time. */
  tick(): void {
    this.#inbox.tick()
    this.#wakeUp()
  }

  // A turn

  /**
   * Drains the inbox into the core, applies what is committed and builds the rows of this turn.
   *
   * @returns what to write, or undefined when there is nothing to do. `answer` is due in both cases, `written` only after a
   * write (also one without rows).
   */
  poll(): DiskWrite | undefined {
    assert(!this.#turnOpen, 'one turn at a time')
    this.#passTime()
    // Messages before ticks: after a slow write a leader's heartbeats wait here, and nobody should stand for not having read them.
    this.#drainInbox()
    this.#runTicks()
    this.#propose()
    this.#ask()
    const ready = this.#raft.ready()
    if (this.#raft.owesCommit) this.#later()
    if (ready === undefined) {
      this.#inbox.settleOffer(false)
      return this.#flusher.isAsked || this.#store.sweeping ? this.#flushOnly() : undefined
    }

    this.#turnOpen = true
    this.#raftTurnOpen = true
    this.#outbox.send(ready.messages, this.#polledMs)
    if (ready.roleView !== undefined && this.#leader.change(ready.roleView, this.#polledMs)) this.stats.reset()
    const rows: Row[] = []
    this.#logRows.add(ready, rows)
    const retiredGeneration = ready.snapshot === undefined ? undefined : this.#switchTo(ready.snapshot, rows)
    this.#inbox.settleOffer(false)
    this.#apply(ready, rows)
    this.#promises = ready.promises
    return { rows, sync: ready.mustSync || this.#flusher.isUnderWay, retiredGeneration }
  }

  /** Tells waiting clients what was decided. */
  answer(): void {
    this.#waiters.flush()
    this.#changes.flush()
  }

  /** The rows of the last `poll` are on disk. */
  written(): void {
    assert(this.#turnOpen, 'written() ends a turn that poll() began')
    this.#turnOpen = false
    if (this.#raftTurnOpen) this.#raft.written()
    this.#raftTurnOpen = false
    const promises = this.#promises
    this.#promises = []
    this.#outbox.send(promises, this.#polledMs)
    this.#flusher.written()
  }

  // The end

  /** Gives leadership to the follower that is closest behind. Returns whether a hand-over is under way. */
  handOver(): boolean {
    const heir = heirOf(this.#raft.status())
    if (heir === undefined || !this.#raft.transferLeadership(heir)) return false
    this.#log.info({ to: heir }, 'handing leadership over')
    this.#wakeUp()
    return true
  }

  /** Calls `done` when all that was applied so far is on disk: for a snapshot to send, or an orderly end. */
  requestFlush(done: () => void): void {
    this.#flusher.request(done)
    this.#wakeUp()
  }

  /** Everybody who waits is told that this member stops; nobody may wait any more. */
  stop(): void {
    this.#inbox.settleOffer(false)
    this.#requests.stop()
    this.answer()
  }

  get store(): StateMachine {
    return this.#store
  }

  get generation(): number {
    return this.#generation
  }

  get roleView(): RoleView {
    return this.#leader.role
  }

  get leaderSinceWallMs(): number {
    return this.#leader.sinceWallMs
  }

  /** Requests of this member's clients that wait. */
  get waiting(): number {
    return this.#waiters.size
  }

  get commitIndex(): Index {
    return this.#raft.commitIndex
  }

  /** Number of the latest request, of a client or of this member's own. */
  get lastSeq(): number {
    return this.#requests.lastSeq
  }

  get term(): Term {
    return this.#raft.term
  }

  status(): RaftStatus {
    return this.#raft.status()
  }

  /** The replicated clock as this member can know it now. Stands still while there is no leader. */
  clockNowMs(): number {
    return this.#leader.clockNowMs()
  }

  // Inside

  #wakeUp(): void {
    if (!this.#turnOpen) this.#wake()
  }

  #passTime(): void {
    const nowMs = this.#clock.monotonicMs()
    const elapsedMs = nowMs - this.#polledMs
    this.#polledMs = nowMs
    if (elapsedMs > this.#settings.awayMsMax) {
      // Others may have elected a leader meanwhile, and keys may seem due that their owners refreshed there. The core is
      // asked, not the last role view: it may have been elected while the disk wrote.
      if (this.#leader.role.role === 'leader') {
        this.#log.warn(
          { awayMs: Math.round(elapsedMs) },
          'this leader was away for longer than an election timeout: it steps down',
        )
      }
      this.#raft.stepDown()
      if (this.members.isAlone) this.#raft.campaign()
    }
    this.#raft.advanceClock(elapsedMs + (this.#clock.skippedMs?.() ?? 0))
  }

  #runTicks(): void {
    const ticks = this.#inbox.takeTicks()
    if (ticks === 0) return
    for (let tick = 0; tick < ticks; tick++) this.#raft.tick()
    this.#waiters.expire(this.#polledMs, (waiter) => this.#leader.explain(waiter.startedMs))
    this.#changes.expire(this.#polledMs)
    this.members.noteLost(this.#raft.lostVoter)
    if (this.members.membership.learners.length > 0) {
      this.#stewardship.tend(this.#raft, this.#store.members, this.#polledMs, this.#requests.changeProposer.number)
    }
  }

  #drainInbox(): void {
    for (const message of this.#inbox.take()) this.#raft.step(message)
    const { offer } = this.#inbox
    if (offer !== undefined) this.#raft.step(offer.message)
    this.#leader.noteClock(this.#raft.clockMs, this.#polledMs)
  }

  #propose(): void {
    const expiry =
      this.#leader.role.role === 'leader'
        ? this.#expirer.due(this.#store.nextDeadlineMs(), this.#raft.clockMs, this.#raft.term)
        : undefined
    if (expiry !== undefined) {
      const proposal = this.#requests.proposal(expiry)
      if (this.#raft.propose([proposal]) === 'accepted') this.#expirer.proposed(proposal.seq, expiry.term)
    }
    this.#changes.propose(this.#raft, this.#polledMs, this.#requests.changeProposer)
    const waiting = this.#waiters.unproposed()
    if (waiting.length === 0) return
    const answer = this.#raft.propose(waiting.map((waiter) => waiter.proposal))
    if (answer === 'accepted') this.#waiters.markProposed(this.#raft.term)
    else if (answer === 'overloaded') this.#waiters.refuseUnproposed('MUSTER_OVERLOADED')
  }

  #ask(): void {
    if (this.#waiters.hasUnasked() && this.#leader.role.leader !== undefined) this.#raft.read(this.#waiters.askReads())
  }

  #apply(ready: Ready, rows: Row[]): void {
    this.#applier.apply(ready.committed, this.#store)
    for (const read of ready.reads) this.#waiters.readReady(read.context, read.index)
    for (const context of ready.readsDropped) this.#waiters.readDropped(context)
    if (ready.reads.length > 0) this.#waiters.applied(this.#store.appliedIndex)
    // Majorities are counted by it from now on, and a member may be gone for good: nobody may forget that it was committed.
    if (this.members.tellTransport()) this.#flusher.request(() => {})
    const isDue = this.#flusher.isDueAfter(ready.committed, this.#store)
    if (ready.snapshot !== undefined || this.#flusher.isAsked || isDue) this.#flush(rows)
  }

  /** Draws the rows of all that was applied since the last time. The log may be trimmed only up to what they hold. */
  #flush(rows: Row[]): void {
    this.#flusher.begin()
    for (const row of this.#store.drainRows()) rows.push(row)
    this.#logRows.membership(this.members.membership, rows)
    const trimTo = this.#keeper.trimTo(this.#raft.heldIndex)
    if (trimTo !== undefined) this.#logRows.trim(this.#raft.compact(trimTo), rows)
  }

  #flushOnly(): DiskWrite {
    const rows: Row[] = []
    this.#flush(rows)
    this.#turnOpen = true
    return { rows, sync: true, retiredGeneration: undefined }
  }

  /** The core took the staged snapshot: its generation becomes the state, in this turn's batch. */
  #switchTo(snapshot: SnapshotMeta, rows: Row[]): number {
    const staged = this.#inbox.offer?.staged
    assert(staged !== undefined && staged.store.appliedIndex === snapshot.index, 'only a staged snapshot is installed')
    const retired = this.#generation
    this.#store.install(staged.store)
    this.members.installed(snapshot.membership)
    this.#generation = staged.generation
    rows.push(currentGenerationRow(staged.generation))
    this.#keeper.reset()
    this.#applier.jumped(snapshot)
    this.#log.info({ index: snapshot.index, term: snapshot.term }, 'installed a snapshot')
    this.#inbox.settleOffer(true)
    return retired
  }
}
