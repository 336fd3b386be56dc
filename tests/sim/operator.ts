/**
 * The hand that adds, moves, removes and replaces members of a simulated cluster.
 *
 * Owns: a few changes at a time (it is the cluster's to make them one after the other), a process for each member that was added, and that
 * one that was removed hears of it. Leaves to others: when (faults.ts), what is true of the answers (checkers/changes.ts). An operator
 * who hears nothing looks at the list before going on, as a true one would.
 */
import type { MemberId } from '../../src/raft/types.ts'
import { addedMemberId } from '../../src/replica/bootstrap.ts'
import { joining } from '../../src/replica/joining.ts'
import type { MemberRequest } from '../../src/replica/member-entry.ts'
import { type AskedChange, ChangesChecker } from './checkers/changes.ts'
import type { SimMember } from './member.ts'
import type { Prng } from './prng.ts'
import { ELECTION_MS } from './settings.ts'
import type { World } from './world.ts'

/** Between which a cluster is kept. */
export interface Sizes {
  readonly min: number
  readonly max: number
}

/** Changes under way at a time. */
const PENDING_MAX = 3
const LOOK_MS = ELECTION_MS / 4
const DIAL_MS = ELECTION_MS
/** What a member may take to answer beyond its limit: its clock drifts, its disk may be slow. */
const ANSWER_MS_MAX = 8 * ELECTION_MS

export class Operator {
  readonly #world: World
  readonly #sizes: Sizes
  readonly #random: Prng
  readonly #checker = new ChangesChecker()
  /** Under way, by id. */
  readonly #pending = new Map<MemberId, MemberRequest['kind']>()
  #ports = 3000

  constructor(world: World, sizes: Sizes) {
    this.#world = world
    this.#sizes = sizes
    this.#random = world.random.fork()
  }

  /** Whether everything that was begun has come to its end: every listed member runs, nobody learns, nobody leaves. */
  get isSettled(): boolean {
    const { members } = this.#world
    const lists = members.map(({ replica }) =>
      replica?.store.members
        .list()
        .map(({ id }) => id)
        .join(),
    )
    const isAlike = lists.every((list) => list !== undefined && list === lists[0])
    const isComplete = lists[0]?.split(',').length === members.length
    const learns = members.some(({ replica }) => (replica?.members.membership.learners.length ?? 1) > 0)
    return this.#pending.size === 0 && isAlike && isComplete && !learns
  }

  /** Begins a change, unless too many are under way. */
  change(): void {
    const { members } = this.#world
    if (this.#pending.size >= PENDING_MAX) return
    if (this.#random.chance(0.2)) {
      this.#move()
      return
    }
    const kinds = [...this.#pending.values()]
    const mayRemove = members.length - kinds.filter((kind) => kind === 'remove').length > this.#sizes.min
    const mayAdd = members.length + kinds.filter((kind) => kind === 'add').length < this.#sizes.max
    if (mayRemove && (!mayAdd || this.#random.chance(0.5))) this.#remove()
    else if (mayAdd) this.#add()
  }

  #add(): void {
    const peerUrls = this.#freshUrls()
    const name = `n${this.#ports - 3000}`
    const id = addedMemberId(peerUrls, Math.floor(this.#world.nowMs))
    this.#ask({ kind: 'add', id, peerUrls }, (through) => {
      const listed = through.replica?.store.members
      if (listed?.get(id) === undefined) return false
      const fresh = joining('c', id, listed.list(), { history: this.#world.settings.history })
      this.#disturb(this.#world.enlist(name, id, fresh))
      this.#publish(name, id)
      return true
    })
  }

  /** A newcomer may crash before it has a state, or while it is sent one. */
  #disturb(newcomer: SimMember): void {
    if (!this.#random.chance(0.3)) return
    this.#world.timeline.in(this.#random.between(0, ELECTION_MS), () => {
      this.#world.crash(newcomer)
      this.#world.timeline.in(this.#random.between(0, ELECTION_MS), () => this.#world.restart(newcomer))
    })
  }

  /** As `member/publish.ts`: a member that has joined gets its vote once its client URLs are known. */
  #publish(name: string, id: MemberId): void {
    this.#world.timeline.in(ELECTION_MS, () => {
      const member = this.#world.byId(id)
      const list = member.replica?.store.members
      if (list?.isRemoved(id) === true || (list?.get(id)?.clientURLs.length ?? 0) > 0) return
      const command = { kind: 'putMember', id, peerUrls: undefined, name, clientUrls: [`http://${name}`] } as const
      if (list?.get(id) !== undefined) this.#world.ask(member, command)
      this.#publish(name, id)
    })
  }

  #move(): void {
    const { id } = this.#random.pick(this.#world.members)
    if (this.#pending.has(id)) return
    const peerUrls = this.#freshUrls()
    const isThere = ({ replica }: SimMember): boolean => {
      const { members } = replica?.store ?? {}
      return members?.isRemoved(id) === true || members?.get(id)?.peerURLs.join() === peerUrls.join()
    }
    this.#ask({ kind: 'update', id, peerUrls }, isThere)
  }

  #remove(): void {
    const { members } = this.#world
    const leader = this.#world.leader()
    const victim = leader !== undefined && this.#random.chance(0.4) ? leader : this.#random.pick(members)
    if (this.#pending.has(victim.id)) return
    this.#ask({ kind: 'remove', id: victim.id }, (through) => {
      const isGone = through.replica?.store.members.isRemoved(victim.id) === true
      if (isGone) this.#turnAwayLater(victim)
      return isGone
    })
  }

  /** A member dials the others all the time: whoever has let it go tells it so (`peer/handshake.ts`). */
  #turnAwayLater(victim: SimMember): void {
    this.#world.timeline.in(DIAL_MS, () => {
      const { network, members } = this.#world
      if (!members.includes(victim)) return
      const isTold = members.some((other) => {
        const { replica } = other
        const isReached = !network.isCut(victim.id, other.id) && !network.isCut(other.id, victim.id)
        if (replica === undefined || other.isPaused || !isReached || !victim.isUp || victim.isPaused) return false
        return replica.store.members.isRemoved(victim.id) && !replica.members.isServed(victim.id)
      })
      if (isTold) this.#world.retire(victim)
      else this.#turnAwayLater(victim)
    })
  }

  /** Asks somebody, and looks at lists until `took` finds the change made at some member, or all agree that it is not. */
  #ask(request: MemberRequest, took: (through: SimMember) => boolean): void {
    const through = this.#random.pick(this.#world.members)
    if (!through.isUp) return
    this.#pending.set(request.id, request.kind)
    this.#world.note(`operator: ${request.kind} ${request.id} through ${through.name}`)
    this.#hear(this.#checker.asked(request), through)
    const untilMs = this.#world.nowMs + this.#world.settings.requestMsMax + 4 * ELECTION_MS
    const look = (): void => {
      const isMade = this.#world.members.some((member) => took(member))
      const isOver = isMade || this.#world.nowMs > untilMs
      if (isOver) this.#pending.delete(request.id)
      else this.#world.timeline.in(LOOK_MS, look)
      // A change that comes after all is found by looking again, now and then.
      if (isOver && !isMade && request.kind !== 'update') this.#lookLater(took)
    }
    this.#world.timeline.in(LOOK_MS, look)
  }

  /** Every answer is judged, and so is its absence where the process goes on. */
  #hear(asked: AskedChange, through: SimMember): void {
    const { timeline, settings } = this.#world
    through.when((replica) => {
      replica.changeMembers(asked.request, (answer) => this.#checker.answered(asked, answer, replica.store.members))
      const { life } = through
      timeline.in(settings.requestMsMax, () => {
        through.when(() => {
          timeline.in(ANSWER_MS_MAX, () =>
            through.when(() => this.#checker.mustBeAnswered(asked, life === through.life)),
          )
        })
      })
    })
  }

  #lookLater(took: (through: SimMember) => boolean): void {
    this.#world.timeline.in(ELECTION_MS, () => {
      if (!this.#world.members.some((member) => took(member))) this.#lookLater(took)
    })
  }

  #freshUrls(): readonly string[] {
    return [`http://127.0.0.1:${++this.#ports}`]
  }
}
