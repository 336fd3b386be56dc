/**
 * Simulated watchers: each follows a path for ever, by long polls or a stream, at one member after the other.
 *
 * Owns: going on where it left off (`waitIndex` one more than the last event) at whichever member, as client libraries do.
 * Leaves to others: what it must have seen (checkers/watches.ts).
 */
import type { Event } from '../../src/store/event.ts'
import type { WatchEnd, Watcher, WatchHub } from '../../src/store/watch.ts'
import type { Watching } from './checkers/watches.ts'
import { wrong } from './failure.ts'
import type { SimMember } from './member.ts'
import type { Prng } from './prng.ts'
import type { Connected, World } from './world.ts'

export interface WatcherOdds {
  /** How often a stream moves to another member after an event. */
  readonly moves: number
  /** How often its client cannot take an event. */
  readonly overflows: number
  /** How long a client that is slow makes the member wait while it catches up, milliseconds at most; 0 for never. */
  readonly slowMsMax: number
}

const PATHS: readonly (readonly [path: string, recursive: boolean])[] = [
  ['/', true],
  ['/a', false],
  ['/d', true],
  ['/d/x', false],
  ['/d/s', true],
  ['/q', true],
  ['/t1', false],
  ['/e', true],
  ['/_h', true],
]

const RETRY_MS = 5

export class SimWatcher implements Connected {
  readonly #world: World
  readonly #random: Prng
  readonly #odds: WatcherOdds
  readonly #name: string
  readonly #path: string
  readonly #recursive: boolean
  readonly #isStream: boolean
  #member: SimMember
  /** Undefined until a member said where the watch begins. */
  #watching: Watching | undefined
  #watcher: Watcher | undefined
  /** Counts registrations: what comes for an earlier one is a fault. */
  #registration = 0

  constructor(world: World, name: string, odds: WatcherOdds) {
    this.#world = world
    this.#random = world.random.fork()
    this.#odds = odds
    this.#name = name
    const [path, recursive] = this.#random.pick(PATHS)
    this.#path = path
    this.#recursive = recursive
    this.#isStream = this.#random.chance(0.5)
    this.#member = this.#random.pick(world.members)
    world.connected.push(this)
    this.#again()
  }

  disconnected(member: SimMember): void {
    if (member !== this.#member) return
    this.#watcher = undefined
    this.#registration++
    this.#check()
    this.#move()
  }

  /** Goes to a member that is well. */
  moveTo(member: SimMember): void {
    this.#watcher?.cancel()
    this.#watcher = undefined
    this.#member = member
    this.#again()
  }

  /** Events that it got since its watch began. */
  get seenCount(): number {
    return this.#watching?.seen.length ?? 0
  }

  /** Whether everything up to `storeIndex` was seen. Fails when something is wrong with what was seen so far. */
  hasSeenAll(storeIndex: number): boolean {
    if (this.#watching === undefined) return false
    this.#check()
    try {
      this.#world.judge.watches.checkComplete(this.#watching, storeIndex)
      return true
    } catch {
      return false
    }
  }

  /** Fails when it has not seen everything up to `storeIndex`. */
  checkComplete(storeIndex: number): void {
    if (this.#watching !== undefined) this.#world.judge.watches.checkComplete(this.#watching, storeIndex)
  }

  #move(): void {
    this.#member = this.#random.pick(this.#world.members)
    this.#again()
  }

  #again(): void {
    const registration = ++this.#registration
    this.#world.timeline.in(this.#random.wait(RETRY_MS), () => {
      if (registration !== this.#registration) return
      if (!this.#member.isUp) return this.#move()
      this.#member.when((replica) => {
        if (registration === this.#registration) this.#register(registration, this.#member, replica.store.watchers)
      })
    })
  }

  #register(registration: number, member: SimMember, hub: WatchHub): void {
    const watching = this.#watching
    const { life } = member
    // A process that ended may still be in the middle of something; nobody is connected to it any more.
    const isAlive = (): boolean => member.life === life
    const since = watching === undefined ? 0 : (watching.seen.at(-1) ?? watching.since - 1) + 1
    const answer = hub.watch({
      path: this.#path,
      recursive: this.#recursive,
      stream: this.#isStream,
      since,
      deliver: (event) => !isAlive() || this.#guarded(() => this.#deliver(registration, event)),
      closed: (reason) => {
        if (isAlive()) this.#guarded(() => this.#closed(registration, reason))
      },
      ready: () => this.#ready(),
    })
    this.#world.resolved()
    switch (answer.kind) {
      case 'registered':
        this.#watcher = answer.watcher
        this.#watching ??= this.#begin(answer.index + 1)
        return
      case 'found':
        this.#deliver(registration, answer.event)
        return
      case 'cleared':
        this.#world.judge.watches.checkCleared(`${this.#name} at ${member.name}`, since)
        this.#check()
        this.#watching = this.#begin(answer.storeIndex + 1)
        this.#again()
        return
      case 'full':
        throw wrong('a member has no room for a handful of watchers')
    }
  }

  #deliver(registration: number, event: Event): boolean {
    if (registration !== this.#registration) throw wrong(`${this.#name} got event ${event.index} after it had gone`)
    if (this.#watching === undefined) throw wrong(`${this.#name} got event ${event.index} before it was registered`)
    if (this.#isStream && this.#random.chance(this.#odds.overflows)) return false
    this.#watching.seen.push(event.index)
    const isMoving = this.#random.chance(this.#odds.moves)
    if (this.#isStream && !isMoving) return true
    // Not inside the call: the member is in the middle of a turn.
    const next = ++this.#registration
    this.#world.timeline.in(0, () => {
      if (next !== this.#registration) return
      this.#watcher?.cancel()
      this.#watcher = undefined
      if (isMoving) this.#move()
      else this.#again()
    })
    if (this.#isStream) this.#watcher?.cancel()
    return true
  }

  #closed(registration: number, reason: WatchEnd): void {
    if (registration !== this.#registration) return
    if (reason === 'failed') throw wrong(`${this.#name} was closed because its history could not be read`)
    if (reason === 'cleared') {
      const watching = this.#watching
      const since = (watching?.seen.at(-1) ?? (watching?.since ?? 1) - 1) + 1
      this.#world.judge.watches.checkCleared(this.#name, since)
      this.#check()
      this.#watching = undefined
    }
    this.#watcher = undefined
    this.#again()
  }

  /** Says so to the world when a check fails: what is thrown here would reach the product first. */
  #guarded<T>(check: () => T): T | true {
    try {
      return check()
    } catch (error) {
      this.#world.fail(error)
      return true
    }
  }

  #ready(): Promise<void> | undefined {
    if (this.#odds.slowMsMax === 0 || this.#random.chance(0.5)) return undefined
    return new Promise((resolve) => {
      this.#world.timeline.in(this.#random.between(0, this.#odds.slowMsMax), () => {
        resolve()
        this.#world.resolved()
      })
    })
  }

  #begin(since: number): Watching {
    return { name: this.#name, path: this.#path, recursive: this.#recursive, since, seen: [] }
  }

  #check(): void {
    if (this.#watching !== undefined) this.#world.judge.watches.checkSeen(this.#watching)
  }
}
