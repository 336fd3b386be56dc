/**
 * The hand that adds, removes and replaces members of a simulated cluster.
 *
 * Owns: a few changes at a time (it is the cluster's to make them one after the other), a process for each member that was added, the end of each that was removed. Leaves to others: when
 * (faults.ts), whether it went well (judge.ts). An operator who hears nothing looks at the list before going on, as a true one would.
 */
import type { MemberId } from '../../src/raft/types.ts'
import { addedMemberId } from '../../src/replica/bootstrap.ts'
import { joining } from '../../src/replica/joining.ts'
import type { MemberRequest } from '../../src/replica/member-entry.ts'
import type { SimMember } from './member.ts'
import type { Prng } from './prng.ts'
import { ELECTION_MS } from './settings.ts'
import type { World } from './world.ts'

/** Sizes between which a cluster is kept. */
const MEMBERS_MIN = 3
const MEMBERS_MAX = 6
/** Changes under way at a time. */
const PENDING_MAX = 3
const LOOK_MS = ELECTION_MS / 4
/** A removed member stays for so long after another one leads. */
const LEAVE_MS = ELECTION_MS

export class Operator {
  readonly #world: World
  readonly #random: Prng
  /** Under way, by id. */
  readonly #pending = new Map<MemberId, MemberRequest['kind']>()
  #added = 0

  constructor(world: World) {
    this.#world = world
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
    const kinds = [...this.#pending.values()]
    const mayRemove = members.length - kinds.filter((kind) => kind === 'remove').length > MEMBERS_MIN
    const mayAdd = members.length + kinds.filter((kind) => kind === 'add').length < MEMBERS_MAX
    if (mayRemove && (!mayAdd || this.#random.chance(0.5))) this.#remove()
    else if (mayAdd) this.#add()
  }

  #add(): void {
    const name = `n${++this.#added}`
    const peerUrls = [`http://127.0.0.1:${3000 + this.#added}`]
    const id = addedMemberId(peerUrls, Math.floor(this.#world.nowMs))
    this.#ask({ kind: 'add', id, peerUrls }, (through) => {
      const listed = through.replica?.store.members
      if (listed?.get(id) === undefined) return false
      const fresh = joining('c', id, listed.list(), { history: this.#world.settings.history })
      this.#world.enlist(name, id, fresh)
      this.#publish(name, id)
      return true
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

  #remove(): void {
    const { members } = this.#world
    const leader = this.#world.leader()
    const victim = leader !== undefined && this.#random.chance(0.4) ? leader : this.#random.pick(members)
    if (this.#pending.has(victim.id)) return
    this.#ask({ kind: 'remove', id: victim.id }, (through) => {
      const isGone = through.replica?.store.members.isRemoved(victim.id) === true
      if (isGone) this.#retireLater(victim)
      return isGone
    })
  }

  /** Asks somebody, and looks at lists until `took` finds the change made at some member, or all agree that it is not. */
  #ask(request: MemberRequest, took: (through: SimMember) => boolean): void {
    const through = this.#random.pick(this.#world.members)
    if (!through.isUp) return
    this.#pending.set(request.id, request.kind)
    this.#world.note(`operator: ${request.kind} ${request.id} through ${through.name}`)
    through.when((replica) => replica.changeMembers(request, () => {}))
    const untilMs = this.#world.nowMs + this.#world.settings.requestMsMax + 4 * ELECTION_MS
    const look = (): void => {
      const isMade = this.#world.members.some((member) => took(member))
      const isOver = isMade || this.#world.nowMs > untilMs
      if (isOver) this.#pending.delete(request.id)
      else this.#world.timeline.in(LOOK_MS, look)
      // A change that comes after all is found by looking again, now and then.
      if (isOver && !isMade) this.#lookLater(took)
    }
    this.#world.timeline.in(LOOK_MS, look)
  }

  #lookLater(took: (through: SimMember) => boolean): void {
    this.#world.timeline.in(ELECTION_MS, () => {
      if (!this.#world.members.some((member) => took(member))) this.#lookLater(took)
    })
  }

  /** The process of a removed member ends once the others need it no more: a majority has applied its removal, and one leads. */
  #retireLater(victim: SimMember): void {
    this.#world.timeline.in(LEAVE_MS, () => {
      const others = this.#world.others(victim)
      const knowing = others.filter(({ replica }) => replica?.store.members.isRemoved(victim.id) === true)
      const leader = this.#world.leader()
      const isDispensable = knowing.length > others.length / 2 && leader !== undefined && leader !== victim
      if (isDispensable) this.#world.timeline.in(LEAVE_MS, () => this.#world.retire(victim))
      else this.#retireLater(victim)
    })
  }
}
