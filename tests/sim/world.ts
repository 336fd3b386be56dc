/**
 * A cluster in one thread: true replicas on simulated time, network, disks and clocks.
 *
 * Owns: the members, the order of everything, what is asked and answered, and the trace. Leaves to others: which faults
 * come (faults.ts), what clients want (clients.ts, watchers.ts), what must hold (judge.ts).
 */
import type { MemberId } from '../../src/raft/types.ts'
import { type Bootstrap, bootstrap, initialMemberId } from '../../src/replica/bootstrap.ts'
import type { ConditionCode, Log } from '../../src/replica/ports.ts'
import type { Replica } from '../../src/replica/replica.ts'
import type { Command } from '../../src/store/command.ts'
import type { Write } from './checker.ts'
import { SimMachineClock } from './clocks.ts'
import { SimDisk } from './disk.ts'
import { SimFailure } from './failure.ts'
import { Judge } from './judge.ts'
import { SimMember } from './member.ts'
import { SimNetwork } from './network.ts'
import { Prng } from './prng.ts'
import { DRIFT_MAX, ROOMY, type WorldSettings } from './settings.ts'
import { SnapshotCarrier } from './snapshot-carrier.ts'
import { Timeline } from './timeline.ts'

export interface WorldOptions {
  readonly seed: number
  readonly members: number
  /** Default: room enough everywhere. */
  readonly settings?: WorldSettings
  /** Digests are compared at every index that is a multiple of it. Default 1. */
  readonly digestEvery?: number
}

/** How long disks take for a synced write. */
export interface DiskSpeed {
  readonly msMin: number
  readonly msMax: number
}

export const FAST_DISK: DiskSpeed = { msMin: 0.2, msMax: 2 }

const TRACE_LINES_MAX = 120
/** Events of one run; more mean that something spins. */
const EVENTS_MAX = 5_000_000
const GONE_MS_MAX = 30
const JOIN_LOOK_MS = 10
const LEAVE_MS = 10

/** Somebody who is told when a process ends, because they were connected to it. */
export interface Connected {
  disconnected(member: SimMember): void
}

export class World {
  readonly timeline = new Timeline()
  readonly random: Prng
  readonly settings: WorldSettings
  readonly judge: Judge
  readonly network: SimNetwork
  readonly snapshots: SnapshotCarrier
  readonly members: SimMember[] = []
  readonly connected: Connected[] = []
  readonly trace: string[] = []
  /** Of each member's disk, in the order in which members came: at first that of `members`. */
  readonly diskSpeeds: DiskSpeed[] = []
  /** Members that were added and have no state yet, and those that were removed and have ended. */
  readonly #others: SimMember[] = []
  readonly #retired = new Set<SimMember>()
  /** Called when a client was told that its write is done: what comes right after that is what it counts on. */
  acknowledged: () => void = () => {}
  readonly #waiting = new Map<object, SimMember>()
  readonly #jobs: (() => Promise<void>)[] = []
  #mustSettle = false
  #failure: unknown
  #changes = 0
  #events = 0

  private constructor(options: WorldOptions) {
    this.random = new Prng(options.seed)
    this.settings = options.settings ?? ROOMY
    this.judge = new Judge(this.settings, options.digestEvery ?? 1)
    this.network = new SimNetwork(this.timeline, this.random.fork(), {
      lifeOf: (id) => this.#find(id)?.life ?? 0,
      deliver: (to, messages) => this.byId(to).deliver(messages),
      dropped: (from, to, unsent) => this.byId(from).when((replica) => replica.unreachable(to, unsent)),
    })
    this.snapshots = new SnapshotCarrier({
      timeline: this.timeline,
      random: this.random.fork(),
      network: this.network,
      resolved: this.resolved,
      failed: (error) => this.fail(error),
      note: (line) => this.note(line),
    })
  }

  /** A new cluster whose members have all just started. */
  static async create(options: WorldOptions): Promise<World> {
    const world = new World(options)
    world.#build(options.members)
    for (const member of world.members) await member.start()
    return world
  }

  get nowMs(): number {
    return this.timeline.nowMs
  }

  /** Writes and reads that wait for an answer of a process that runs. */
  get waitingCount(): number {
    return this.#waiting.size
  }

  /** Members that joined or left. */
  get changeCount(): number {
    return this.#changes
  }

  /** Says that a promise was resolved: before time goes on, whoever awaits it runs. */
  readonly resolved = (): void => {
    this.#mustSettle = true
  }

  /** Ends the run at the next event, from where an exception would not come through. */
  fail(error: unknown): void {
    this.#failure ??= error
  }

  member(place: number): SimMember {
    const member = this.members[place % this.members.length]
    if (member === undefined) throw new TypeError('a world has members')
    return member
  }

  byId(id: MemberId): SimMember {
    const member = this.#find(id)
    if (member === undefined) throw new TypeError(`no member ${id}`)
    return member
  }

  others(member: SimMember): readonly SimMember[] {
    return this.members.filter((other) => other !== member)
  }

  /** The member that leads in the latest term, if it runs. */
  leader(): SimMember | undefined {
    let best: SimMember | undefined
    for (const member of this.members) {
      const view = member.replica?.roleView
      if (view?.role !== 'leader') continue
      if (best === undefined || view.term > (best.replica?.roleView.term ?? 0)) best = member
    }
    return best
  }

  /** A line for the report. */
  note(line: string): void {
    this.trace.push(`${this.nowMs.toFixed(2).padStart(9)} ${line}`)
    if (this.trace.length > TRACE_LINES_MAX) this.trace.shift()
  }

  /** Lets time pass. */
  async run(ms: number): Promise<void> {
    await this.#advance(this.nowMs + ms, undefined)
  }

  /** Lets time pass until `holds`, at most `msMax`. Returns whether it does. */
  async until(holds: () => boolean, msMax: number): Promise<boolean> {
    if (holds()) return true
    return this.#advance(this.nowMs + msMax, holds)
  }

  /** As `until`, and fails as "no progress" when it does not come. */
  async mustReach(what: string, holds: () => boolean, msMax: number): Promise<void> {
    if (!(await this.until(holds, msMax))) throw new SimFailure('no progress', `${what}, not within ${msMax} ms`)
  }

  /** Plans asynchronous work: it runs, alone, before time goes on. */
  plan(job: () => Promise<void>): void {
    this.#jobs.push(job)
  }

  /** A process ends at once. Members that were connected to it find its port closed a little later. */
  crash(member: SimMember): void {
    if (!member.isUp) return
    const { id } = member
    const { survived, of } = member.crash()
    this.note(`${member.name} crashes; ${survived} of ${of} unsynced batches landed`)
    this.snapshots.ended(member)
    for (const [request, asked] of this.#waiting) if (asked === member) this.#waiting.delete(request)
    for (const one of this.connected) one.disconnected(member)
    for (const other of this.others(member)) {
      const { life } = other
      if (life === 0 || this.network.isCut(id, other.id) || this.network.isCut(other.id, id)) continue
      this.timeline.in(this.random.between(1, GONE_MS_MAX), () => {
        const isRefused = !this.network.isCut(other.id, id) && !member.isUp
        if (other.life === life && isRefused) other.when((replica) => replica.gone(id))
      })
    }
  }

  /** A process starts, before time goes on. */
  restart(member: SimMember): void {
    this.plan(async () => {
      if (member.isUp || this.#retired.has(member)) return
      if (await member.start()) this.note(`${member.name} starts: applied ${member.replica?.store.appliedIndex}`)
      else this.retire(member)
    })
  }

  /** A member that was added starts. Clients and most faults find it when it has a state. */
  enlist(name: string, id: MemberId, fresh: Bootstrap): SimMember {
    const member = this.#make(name, id)
    member.format(fresh)
    this.#others.push(member)
    this.restart(member)
    const look = (): void => {
      if ((member.replica?.store.appliedIndex ?? 0) === 0) {
        this.timeline.in(JOIN_LOOK_MS, look)
        return
      }
      this.note(`${name} has joined`)
      this.#changes++
      this.#others.splice(this.#others.indexOf(member), 1)
      this.members.push(member)
    }
    this.timeline.in(JOIN_LOOK_MS, look)
    return member
  }

  /** A member that was removed and let go ends for good. */
  retire(member: SimMember): void {
    const place = this.members.indexOf(member)
    if (place < 0) return
    this.note(`${member.name} leaves`)
    this.#changes++
    this.members.splice(place, 1)
    this.#others.push(member)
    this.#retired.add(member)
    this.crash(member)
  }

  pause(member: SimMember): void {
    if (!member.isUp || member.isPaused) return
    this.note(`${member.name} pauses`)
    member.pause()
  }

  resume(member: SimMember): void {
    if (!member.isPaused) return
    this.note(`${member.name} goes on`)
    member.resume()
  }

  /** Cuts a member off from all others, both ways. */
  isolate(member: SimMember): void {
    this.split([member])
  }

  /** Cuts all links between the two groups, both ways. */
  split(group: readonly SimMember[]): void {
    this.note(`cut: ${group.map((member) => member.name).join(' ')} from the rest`)
    for (const member of group) {
      for (const other of this.members.filter((one) => !group.includes(one))) {
        this.network.cut(member.id, other.id)
        this.network.cut(other.id, member.id)
      }
    }
  }

  /** A client asks `member` for a write. The answer appears in what is returned, and `heard` is called with it. */
  ask(member: SimMember, command: Command, heard: (write: Write) => void = () => {}): Write {
    const write: Write & { seq: number } = {
      command,
      member,
      origin: member.id,
      seq: 0,
      askedMs: this.nowMs,
      floorIndex: this.judge.linearizable.floorIndex,
      answer: undefined,
      appliedIndex: undefined,
    }
    if (member.isUp) this.#waiting.set(write, member)
    member.when((replica) => {
      let isRefused = true
      replica.write(command, (answer) => {
        this.#heard(write)
        write.answer = 'condition' in answer ? answer.condition : answer
        if (!isRefused) this.judge.answered(write)
        if (typeof write.answer === 'object') this.acknowledged()
        heard(write)
      })
      isRefused = false
      if (write.answer !== undefined) return
      write.seq = replica.lastSeq
      this.judge.asked(write)
    })
    return write
  }

  /** A client asks `member` for a read that is linearizable. `heard` gets undefined when the tree may be read now. */
  readQuorum(
    member: SimMember,
    path: string,
    heard: (refused: ConditionCode | undefined, replica: Replica) => void,
  ): void {
    const { floorIndex } = this.judge.linearizable
    const request = {}
    if (member.isUp) this.#waiting.set(request, member)
    member.when((replica) => {
      replica.quorumRead((refused) => {
        this.#heard(request)
        if (refused === undefined) this.judge.read({ member, store: replica.store, path, floorIndex })
        heard(refused?.condition, replica)
      })
    })
  }

  #find(id: MemberId): SimMember | undefined {
    return this.members.find((other) => other.id === id) ?? this.#others.find((other) => other.id === id)
  }

  #heard(request: object): void {
    if (!this.#waiting.delete(request)) throw new SimFailure('wrong result', 'a request was answered twice')
  }

  #build(count: number): void {
    const names = Array.from({ length: count }, (_, place) => `m${place + 1}`)
    const initial = names.map((name, place) => ({ name, peerUrls: [`http://127.0.0.1:${2380 + place}`] }))
    for (const { name, peerUrls } of initial) {
      const member = this.#make(name, initialMemberId(peerUrls, 'sim'))
      member.format(bootstrap(initial, name, 'sim', { history: this.settings.history }))
      this.members.push(member)
    }
  }

  #make(name: string, id: MemberId): SimMember {
    const place = this.diskSpeeds.push(this.diskSpeeds[0] ?? FAST_DISK) - 1
    const diskRandom = this.random.fork()
    const member: SimMember = new SimMember({
      id,
      name,
      timeline: this.timeline,
      random: this.random.fork(),
      disk: new SimDisk({
        timeline: this.timeline,
        random: diskRandom,
        latencyMs: () => {
          const { msMin, msMax } = this.diskSpeeds[place] ?? FAST_DISK
          return diskRandom.between(msMin, msMax)
        },
        resolved: this.resolved,
      }),
      clock: new SimMachineClock(this.timeline, 1 + this.random.between(-DRIFT_MAX, DRIFT_MAX)),
      settings: this.settings,
      removed: () => this.note(`${name} was removed`),
      letGo: () => this.timeline.in(LEAVE_MS, () => this.retire(member)),
      network: {
        send: (messages) => this.network.send(id, messages),
        sendSnapshot: (to, message) => {
          if (message.kind === 'installSnapshot') this.snapshots.send(member, this.byId(to), message)
        },
      },
      log: this.#logOf(name),
      judge: this.judge,
      resolved: this.resolved,
    })
    return member
  }

  #logOf(name: string): Log {
    const note = (fields: object, message: string): void => {
      const { term } = fields as { readonly term?: number }
      this.note(`${name}: ${message}${term === undefined ? '' : ` (term ${term})`}`)
    }
    return { debug: () => {}, info: note, warn: note, error: note }
  }

  async #advance(toMs: number, holds: (() => boolean) | undefined): Promise<boolean> {
    for (;;) {
      if (this.#mustSettle || this.#jobs.length > 0) await this.#settle()
      if (this.#failure !== undefined) throw this.#failure
      if (holds?.()) return true
      const nextMs = this.timeline.nextMs()
      if (nextMs === undefined || nextMs > toMs) break
      if (++this.#events > EVENTS_MAX) throw new SimFailure('no progress', `${EVENTS_MAX} events, and no end`)
      this.timeline.step()
    }
    this.timeline.advanceTo(toMs)
    return false
  }

  async #settle(): Promise<void> {
    while (this.#mustSettle || this.#jobs.length > 0) {
      this.#mustSettle = false
      await this.#jobs.shift()?.()
      // Every promise that can resolve has resolved when this comes: nothing here waits for a timer or a socket.
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
  }
}
