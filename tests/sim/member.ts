/**
 * One simulated member: a true replica, its disk, its clocks, and the loop around them that `replica/driver.ts` is in a
 * real process.
 *
 * Owns: turns as they meet the simulated disk; start from rows, crash, pause. Leaves to others: the network, clients,
 * which fault comes when.
 */

import { isMember } from '../../src/raft/membership.ts'
import type { Message } from '../../src/raft/message.ts'
import type { MemberId } from '../../src/raft/types.ts'
import type { Bootstrap } from '../../src/replica/bootstrap.ts'
import type { Log, Transport } from '../../src/replica/ports.ts'
import { initialRows, RAFT_ROWS_FROM, RAFT_ROWS_TO, readRaftRows } from '../../src/replica/raft-rows.ts'
import { Replica } from '../../src/replica/replica.ts'
import { clearGeneration } from '../../src/replica/snapshots.ts'
import type { DiskWrite } from '../../src/replica/turn.ts'
import type { Disk } from '../../src/store/disk.ts'
import { diskHistoryReader } from '../../src/store/history-reader.ts'
import type { StoreOptions } from '../../src/store/options.ts'
import { restoreStore } from '../../src/store/restore.ts'
import { currentGenerationRow, FIRST_GENERATION } from '../../src/store/rows.ts'
import type { WatchedMember } from './checker.ts'
import type { SimMachineClock } from './clocks.ts'
import type { SimDisk } from './disk.ts'
import { SimFailure } from './failure.ts'
import type { Judge } from './judge.ts'
import type { Prng } from './prng.ts'
import { replicaSettings, TICK_MS, type WorldSettings } from './settings.ts'
import type { Timeline } from './timeline.ts'

export interface SimMemberParts {
  readonly id: MemberId
  readonly name: string
  readonly timeline: Timeline
  readonly random: Prng
  readonly disk: SimDisk
  readonly clock: SimMachineClock
  readonly settings: WorldSettings
  readonly network: Pick<Transport, 'send' | 'sendSnapshot'>
  /** It has applied its own removal. */
  readonly removed: (member: SimMember) => void
  /** It has applied that the cluster let it go. */
  readonly letGo: (member: SimMember) => void
  readonly log: Log
  readonly judge: Judge
  /** Something asynchronous was let on. */
  readonly resolved: () => void
}

/** Turns without a rest after which a member counts as spinning. */
const TURNS_MAX = 2000
/** As in `replica/driver.ts`. */
const LATER_MS = 2
/** Requests of one process; the numbers of the next begin behind. */
const SEQS_PER_LIFE = 1_000_000

export class SimMember implements WatchedMember {
  readonly id: MemberId
  readonly name: string
  readonly disk: SimDisk
  readonly clock: SimMachineClock
  /** Whom this process dials, and who dialled it. */
  readonly #remotes = new Set<MemberId>()
  readonly #guests = new Set<MemberId>()
  /** Snapshots being received here: their promises hang on turns. */
  stagingCount = 0
  readonly #parts: SimMemberParts
  #life = 0
  #lives = 0
  #replica: Replica | undefined
  #port: Disk | undefined
  #isPaused = false
  #deferred: (() => void)[] = []
  #scheduled = false
  #running = false
  #wanted = false
  #owes = false
  #nextGeneration = 0

  constructor(parts: SimMemberParts) {
    this.#parts = parts
    this.id = parts.id
    this.name = parts.name
    this.disk = parts.disk
    this.clock = parts.clock
  }

  /** Number of the process that runs; 0 when none does. */
  get life(): number {
    return this.#life
  }

  get isUp(): boolean {
    return this.#replica !== undefined
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /** The replica of the running process; undefined when none runs. */
  get replica(): Replica | undefined {
    return this.#replica
  }

  /** The disk as the running process sees it. */
  get port(): Disk {
    if (this.#port === undefined) throw new TypeError(`${this.name} is not running`)
    return this.#port
  }

  get storeOptions(): StoreOptions {
    const { settings, timeline, resolved } = this.#parts
    return {
      history: settings.history,
      historyReader: diskHistoryReader(this.port),
      nextPass: (act) =>
        timeline.in(0, () => {
          act()
          resolved()
        }),
    }
  }

  /** Writes the first rows of a data directory, as `musterd.ts` does. */
  format(fresh: Bootstrap): void {
    this.disk.writeNow([...initialRows(fresh.raft), ...fresh.store.drainRows(), currentGenerationRow(FIRST_GENERATION)])
  }

  /** A process starts from what the disk holds. Returns false when it refuses to: the member was removed, and is let go. */
  async start(): Promise<boolean> {
    const { random, settings, timeline, judge } = this.#parts
    this.#life = ++this.#lives
    this.#port = this.disk.port()
    const restored = readRaftRows(this.disk.entries(RAFT_ROWS_FROM, RAFT_ROWS_TO))
    if (restored === undefined) throw new TypeError('a member is formatted before it starts')
    const { stateMachine, generation } = await restoreStore(this.#port, this.storeOptions)
    if (stateMachine.members.isRemoved(this.id) && !isMember(restored.membership, this.id)) {
      this.#life = 0
      this.#port = undefined
      return false
    }
    judge.started(this, stateMachine, restored.entries, () => timeline.nowMs)
    this.#nextGeneration = generation + 1
    this.#replica = new Replica({
      settings: replicaSettings(settings, this.id, random.float),
      restored,
      store: stateMachine,
      generation,
      transport: {
        send: (messages) => this.#parts.network.send(messages.filter(({ to }) => this.#mayReach(to))),
        setRemotes: (remotes) => this.#setRemotes(remotes.keys()),
        sendSnapshot: (to, message) => this.#parts.network.sendSnapshot(to, message),
      },
      clock: this.clock.newProcess(random.below(1000)),
      log: this.#parts.log,
      firstSeq: this.#lives * SEQS_PER_LIFE + 1,
      wake: () => this.#wake(),
      later: () => this.#later(),
      removed: () => this.#parts.removed(this),
    })
    this.#guests.clear()
    this.#setRemotes(this.#replica.members.remotes().keys())
    this.#planTick(random.between(0, TICK_MS))
    this.#wake()
    return true
  }

  /** The process is gone, with everything that was not on the platter. */
  crash(): { readonly survived: number; readonly of: number } {
    this.#life = 0
    this.#replica = undefined
    this.#port = undefined
    this.stagingCount = 0
    this.#isPaused = false
    this.#deferred = []
    this.#scheduled = false
    this.#running = false
    this.#owes = false
    this.#parts.judge.crashed(this)
    return this.disk.crash()
  }

  /** The process does nothing from now on: SIGSTOP, a long collection of garbage, a suspended machine. */
  pause(): void {
    if (this.isUp) this.#isPaused = true
  }

  /** It goes on, and finds everything that came meanwhile. */
  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    const deferred = this.#deferred
    this.#deferred = []
    for (const run of deferred) this.#parts.timeline.in(0, run)
  }

  /** Runs `what` with the replica of the present process: now, after a pause, or never when it ends first. */
  when(what: (replica: Replica) => void): void {
    const life = this.#life
    const run = (): void => {
      const replica = this.#replica
      if (replica === undefined || this.#life !== life) return
      if (this.#isPaused) this.#deferred.push(run)
      else what(replica)
    }
    run()
  }

  /** Members that were removed are turned away; those that nobody told of yet are answered (`peer/handshake.ts`). */
  deliver(messages: readonly Message[]): void {
    this.when((replica) => {
      const welcome = messages.filter(({ from }) => {
        return replica.members.isServed(from) || !replica.store.members.isRemoved(from)
      })
      for (const { from } of welcome) this.#guests.add(from)
      replica.receive(welcome)
    })
  }

  /** A number for rows that are being staged. */
  takeGeneration(): number {
    return this.#nextGeneration++
  }

  #mayReach(to: MemberId): boolean {
    return this.#remotes.has(to) || this.#guests.has(to)
  }

  #setRemotes(ids: Iterable<MemberId>): void {
    this.#remotes.clear()
    for (const id of ids) this.#remotes.add(id)
  }

  #wake(): void {
    if (this.#running) this.#wanted = true
    if (this.#scheduled || this.#running) return
    this.#scheduled = true
    const life = this.#life
    this.#parts.timeline.in(this.#parts.random.between(0.01, 0.1), () => {
      if (this.#life !== life) return
      this.when((replica) => {
        this.#scheduled = false
        this.#running = true
        this.#turns(replica)
      })
    })
  }

  #later(): void {
    if (this.#owes) return
    this.#owes = true
    const life = this.#life
    this.#parts.timeline.in(LATER_MS, () => {
      if (this.#life !== life) return
      this.when((replica) => {
        this.#owes = false
        replica.tellCommit()
      })
    })
  }

  #planTick(delayMs: number): void {
    const life = this.#life
    this.#parts.timeline.in(delayMs, () => {
      if (this.#life !== life) return
      this.when((replica) => {
        replica.tick()
        this.#planTick(TICK_MS / this.clock.rate)
      })
    })
  }

  /** As in `replica/driver.ts`, with a callback where that awaits. */
  #turns(replica: Replica): void {
    for (let turn = 0; turn < TURNS_MAX; turn++) {
      this.#wanted = false
      const write = replica.poll()
      if (!replica.members.isServed(this.id)) this.#parts.letGo(this)
      this.#parts.judge.members.counts(this, replica.store.appliedIndex, replica.members.membership)
      if (this.stagingCount > 0) this.#parts.resolved()
      if (write === undefined) {
        replica.answer()
        if (this.#wanted) continue
        this.#running = false
        return
      }
      this.#parts.judge.turned(this, write, replica.roleView, this.#parts.timeline.nowMs)
      let isWritten = write.rows.length === 0 && !write.sync
      let isOnTheWay = false
      if (!isWritten) {
        this.disk.write(write.rows, write.sync, () => {
          if (isOnTheWay) this.#goOn(write)
          else isWritten = true
        })
      }
      replica.answer()
      if (!isWritten) {
        isOnTheWay = true
        return
      }
      this.#written(replica, write)
    }
    throw new SimFailure('no progress', `${this.name} took ${TURNS_MAX} turns without a rest`)
  }

  #goOn(write: DiskWrite): void {
    this.when((replica) => {
      this.#written(replica, write)
      this.#turns(replica)
    })
  }

  #written(replica: Replica, write: DiskWrite): void {
    replica.written()
    if (write.retiredGeneration !== undefined) {
      void clearGeneration(this.port, write.retiredGeneration)
      this.#parts.resolved()
    }
  }
}
