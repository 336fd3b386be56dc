/**
 * How bad a run is, and the hand that does it.
 *
 * Owns: the odds of each fault, drawn first for every seed, so that runs differ in kind and not only in order; and the
 * schedule. Every fault is one that a cluster is meant to survive: disks keep what they synced, and in the end a majority
 * is well again.
 */
import type { ClientOdds } from './clients.ts'
import type { SimMember } from './member.ts'
import { CALM_NETWORK, type NetworkOdds } from './network.ts'
import { Operator, type Sizes } from './operator.ts'
import type { Prng } from './prng.ts'
import { ELECTION_MS } from './settings.ts'
import { CALM_SNAPSHOTS, type SnapshotOdds } from './snapshot-carrier.ts'
import type { WatcherOdds } from './watchers.ts'
import { type DiskSpeed, FAST_DISK, type World } from './world.ts'

/** Mean time between faults of each kind, milliseconds; 0 for never. */
export interface FaultRates {
  readonly crashOne: number
  readonly crashLeader: number
  readonly crashAll: number
  readonly pause: number
  readonly cutOneWay: number
  readonly isolate: number
  readonly split: number
  readonly wallJump: number
  readonly slowDisk: number
  readonly handOver: number
  /** A member is added or removed. */
  readonly change: number
}

export type Fault = keyof FaultRates

/** Everything that a seed draws before its run begins. */
export interface Plan {
  readonly members: number
  /** Between which sizes the cluster is kept where its members change. */
  readonly sizes: Sizes
  readonly faultMs: number
  readonly rates: FaultRates
  /** How long a fault lasts, on average. */
  readonly lastsMs: number
  readonly network: NetworkOdds
  /** How long disks take as a rule. Where it is long, most crashes come between a turn and its rows. */
  readonly disk: DiskSpeed
  readonly snapshots: SnapshotOdds
  readonly clients: number
  readonly client: ClientOdds
  readonly watchers: number
  readonly watcher: WatcherOdds
  readonly digestEvery: number
  /** How often some members crash at the moment at which a client is told that its write is done. */
  readonly crashAfterAnswer: number
  /** In the end a minority stays down: progress needs a majority only. */
  readonly minorityStaysDown: boolean
}

const NO_FAULTS: FaultRates = {
  crashOne: 0,
  crashLeader: 0,
  crashAll: 0,
  pause: 0,
  cutOneWay: 0,
  isolate: 0,
  split: 0,
  wallJump: 0,
  slowDisk: 0,
  handOver: 0,
  change: 0,
}

/** Draws a plan. */
export function drawPlan(random: Prng): Plan {
  const rates = { ...NO_FAULTS }
  for (const fault of Object.keys(rates) as Fault[]) {
    // Drawn by `drawChanges`, after everything else.
    if (fault === 'change') continue
    if (random.chance(0.35)) rates[fault] = random.pick([200, 600, 1500])
  }
  return {
    members: random.pick([3, 3, 3, 3, 4, 5, 5]),
    sizes: { min: 3, max: 6 },
    faultMs: random.pick([1500, 2500, 4000]),
    rates,
    lastsMs: random.pick([20, 100, 300, 600]),
    network: drawNetwork(random),
    disk: random.pick([FAST_DISK, FAST_DISK, { msMin: 1, msMax: 15 }, { msMin: 10, msMax: 60 }]),
    snapshots: {
      damage: random.chance(0.2) ? 0.3 : 0,
      cutShort: random.chance(0.2) ? 0.3 : 0,
      pieceMsMax: random.pick([1, 10, 60]),
    },
    clients: random.whole(2, 8),
    client: {
      thinkMs: random.pick([0.5, 5, 5, 40]),
      moves: random.pick([0, 0.1, 0.5]),
      reads: random.pick([0.1, 0.3, 0.6]),
      paddingMax: random.pick([0, 0, 200, 2000]),
      ttlMsMax: random.pick([60, 300, 1500]),
    },
    watchers: random.whole(0, 5),
    watcher: {
      moves: random.pick([0, 0.1, 0.4]),
      overflows: random.pick([0, 0.05]),
      slowMsMax: random.pick([0, 0, 50]),
    },
    digestEvery: random.pick([1, 4, 16]),
    crashAfterAnswer: random.pick([0, 0, 0.01, 0.05]),
    minorityStaysDown: random.chance(0.3),
  }
}

/** Draws whether the members of a plan's cluster change. Apart, so that seeds from before this was thought of mean what they did. */
export function drawChanges(plan: Plan, random: Prng): Plan {
  return { ...plan, rates: { ...plan.rates, change: random.chance(0.5) ? random.pick([100, 300, 800]) : 0 } }
}

/** The same for a cluster so small that one vote decides: 1 to 3 members, which always change. */
export function drawSmall(plan: Plan, random: Prng): Plan {
  const change = random.pick([100, 100, 300])
  const members = random.pick([1, 2, 2, 3])
  return { ...plan, members, sizes: { min: 1, max: 3 }, rates: { ...plan.rates, change } }
}

function drawNetwork(random: Prng): NetworkOdds {
  const delayMsMax = random.pick([0.8, 5, 40])
  return {
    delayMsMin: random.pick([0.05, delayMsMax / 2]),
    delayMsMax,
    drop: random.pick([0, 0, 0.01, 0.05, 0.2]),
    duplicate: random.pick([0, 0, 0.02, 0.2]),
    late: random.pick([0, 0, 0.01]),
    reorders: random.chance(0.4),
    tells: random.pick([0, 0.5, 1]),
  }
}

/** Does the faults of a plan to a world. */
export class Nemesis {
  readonly #world: World
  readonly #plan: Plan
  readonly #random: Prng
  /** Undefined where the members stay the same. */
  readonly operator: Operator | undefined
  #isOver = false

  constructor(world: World, plan: Plan) {
    this.#world = world
    this.#plan = plan
    this.#random = world.random.fork()
    this.operator = plan.rates.change > 0 ? new Operator(world, plan.sizes) : undefined
    world.network.odds = plan.network
    world.snapshots.odds = plan.snapshots
    world.diskSpeeds.fill(plan.disk)
    world.acknowledged = () => {
      if (!this.#isOver && this.#random.chance(plan.crashAfterAnswer)) world.timeline.in(0, () => this.#crashSome())
    }
    for (const fault of Object.keys(plan.rates) as Fault[]) if (plan.rates[fault] > 0) this.#planNext(fault)
  }

  /** Everything is well again from now on, but what stays down. Returns the members that are to make progress. */
  heal(): readonly SimMember[] {
    const world = this.#world
    this.#isOver = true
    world.note('healed')
    world.network.odds = CALM_NETWORK
    world.snapshots.odds = CALM_SNAPSHOTS
    world.network.renew()
    world.diskSpeeds.fill(FAST_DISK)
    const down =
      this.#plan.minorityStaysDown && this.operator === undefined ? Math.ceil(world.members.length / 2) - 1 : 0
    const first = this.#random.below(world.members.length)
    const well: SimMember[] = []
    for (let place = 0; place < world.members.length; place++) {
      const member = world.member(first + place)
      if (place < down) {
        world.crash(member)
        continue
      }
      world.resume(member)
      if (!member.isUp) world.restart(member)
      well.push(member)
    }
    return well
  }

  #planNext(fault: Fault): void {
    this.#world.timeline.in(this.#random.wait(this.#plan.rates[fault]), () => {
      if (this.#isOver) return
      this.#do(fault)
      this.#planNext(fault)
    })
  }

  #do(fault: Fault): void {
    const world = this.#world
    const member = this.#random.pick(world.members)
    const deeds: Record<Fault, () => void> = {
      crashOne: () => this.#crash(member),
      crashLeader: () => this.#crash(world.leader() ?? member),
      crashAll: () => {
        for (const each of world.members) this.#crash(each)
      },
      pause: () => {
        world.pause(member)
        this.#afterwards(() => world.resume(member))
      },
      cutOneWay: () => {
        const others = world.others(member)
        // A change of the members may have left it alone.
        if (others.length > 0) this.#cutOneWay(member, this.#random.pick(others))
      },
      isolate: () => {
        world.isolate(member)
        this.#afterwards(() => this.#mend(world.others(member).map((other) => [member, other])))
      },
      split: () => this.#split(),
      wallJump: () => member.clock.jump(this.#random.between(-600_000, 600_000)),
      slowDisk: () => this.#slowDisk(),
      change: () => this.operator?.change(),
      handOver: () => (world.leader() ?? member).when((replica) => void replica.handOver()),
    }
    deeds[fault]()
  }

  #crash(member: SimMember): void {
    this.#world.crash(member)
    this.#afterwards(() => this.#world.restart(member))
  }

  /** Some members at once; those that crash start again one after the other. */
  #crashSome(): void {
    if (this.#isOver) return
    const share = this.#random.pick([0.4, 0.7, 1])
    for (const member of this.#world.members) if (this.#random.chance(share)) this.#crash(member)
  }

  #cutOneWay(from: SimMember, to: SimMember): void {
    this.#world.note(`cut: ${from.name} to ${to.name}`)
    this.#world.network.cut(from.id, to.id)
    this.#afterwards(() => this.#world.network.mend(from.id, to.id))
  }

  #split(): void {
    const { members } = this.#world
    const group = members.filter(() => this.#random.chance(0.5))
    const rest = members.filter((member) => !group.includes(member))
    this.#world.split(group)
    this.#afterwards(() => this.#mend(group.flatMap((a) => rest.map((b) => [a, b] as const))))
  }

  #mend(pairs: readonly (readonly [SimMember, SimMember])[]): void {
    for (const [a, b] of pairs) {
      this.#world.network.mend(a.id, b.id)
      this.#world.network.mend(b.id, a.id)
    }
  }

  #slowDisk(): void {
    const place = this.#random.below(this.#world.members.length)
    this.#world.note(`the disk of m${place + 1} is slow`)
    this.#world.diskSpeeds[place] = { msMin: 5, msMax: this.#random.pick([50, 2 * ELECTION_MS]) }
    this.#afterwards(() => {
      this.#world.diskSpeeds[place] = this.#plan.disk
    })
  }

  #afterwards(undo: () => void): void {
    this.#world.timeline.in(this.#random.wait(this.#plan.lastsMs), () => {
      if (!this.#isOver) undo()
    })
  }
}
