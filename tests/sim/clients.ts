/**
 * Simulated clients: each asks one thing at a time, of one member or another, and notes what it heard.
 *
 * Owns: what is asked. Every value is written once, so that whoever reads one knows which write it came from. Leaves to
 * others: whether the answers are right (checkers/).
 */
import type { Command, Ttl } from '../../src/store/command.ts'
import type { Write } from './checker.ts'
import type { SimMember } from './member.ts'
import type { Prng } from './prng.ts'
import type { Connected, World } from './world.ts'

export interface ClientOdds {
  /** Mean wait between an answer and the next request, milliseconds. */
  readonly thinkMs: number
  /** How often a client turns to another member. */
  readonly moves: number
  /** Share of quorum reads among requests. */
  readonly reads: number
  /** Bytes added to values now and then. */
  readonly paddingMax: number
  readonly ttlMsMax: number
}

const KEYS = ['/a', '/b', '/d/x', '/d/y', '/d/s/z', '/_h/k', '/d/_h']
const TTL_KEYS = ['/t1', '/t2', '/d/t3', '/e/t4']
const DIRS = ['/d', '/d/s', '/e', '/q']
/** Wall time of the world's beginning, for `expiration`: any time after 2000 does. */
const EXPIRATION_FROM_MS = Date.UTC(2026, 0, 1)
/** How often, and how far at most, the store index is advanced. */
const ADVANCES = 0.004
const ADVANCED_BY_MAX = 1000
/** A client gives up waiting: a member that was paused answers never or late. */
const PATIENCE_MS = 4000

export class SimClient implements Connected {
  readonly #world: World
  readonly #random: Prng
  readonly #odds: ClientOdds
  readonly #name: string
  #member: SimMember
  #count = 0
  /** Counts requests, so that a late answer is told from one that is awaited. */
  #request = 0
  #isAsking = false
  #isStopped = false
  #value = ''
  #index = 0

  constructor(world: World, name: string, odds: ClientOdds) {
    this.#world = world
    this.#random = world.random.fork()
    this.#odds = odds
    this.#name = name
    this.#member = this.#random.pick(world.members)
    world.connected.push(this)
    this.#think()
  }

  /** Asks nothing new from now on. */
  stop(): void {
    this.#isStopped = true
  }

  disconnected(member: SimMember): void {
    if (!this.#isAsking || member !== this.#member) return
    this.#member = this.#random.pick(this.#world.members)
    this.#done(this.#request)
  }

  #think(): void {
    this.#world.timeline.in(this.#random.wait(this.#odds.thinkMs), () => this.#ask())
  }

  #ask(): void {
    if (this.#isStopped) return
    const random = this.#random
    if (random.chance(this.#odds.moves) || !this.#member.isUp) this.#member = random.pick(this.#world.members)
    if (!this.#member.isUp) {
      this.#think()
      return
    }
    const request = ++this.#request
    this.#isAsking = true
    this.#world.timeline.in(PATIENCE_MS, () => {
      if (request !== this.#request || !this.#isAsking) return
      this.#member = random.pick(this.#world.members)
      this.#done(request)
    })
    if (random.chance(this.#odds.reads)) this.#read(request)
    else this.#world.ask(this.#member, this.#command(), (write) => this.#heard(write, request))
  }

  #read(request: number): void {
    const path = this.#random.pick([...KEYS, ...TTL_KEYS])
    this.#world.readQuorum(this.#member, path, (refused, replica) => {
      const node = refused === undefined ? replica.store.tree.find(path) : undefined
      if (node?.value !== undefined) this.#learn(node.value, node.modifiedIndex)
      this.#done(request)
    })
  }

  #heard(write: Write, request: number): void {
    const { answer } = write
    if (typeof answer === 'object' && answer.ok) this.#learn(answer.event.node.value ?? '', answer.event.index)
    this.#done(request)
  }

  #learn(value: string, index: number): void {
    this.#value = value
    this.#index = index
  }

  #done(request: number): void {
    if (request !== this.#request || !this.#isAsking) return
    this.#isAsking = false
    this.#think()
  }

  #command(): Command {
    const random = this.#random
    const path = random.pick(KEYS)
    const value = this.#nextValue()
    if (random.chance(ADVANCES)) return { kind: 'advanceIndex', to: this.#index + random.below(ADVANCED_BY_MAX) }
    switch (random.below(13)) {
      case 0:
        return { kind: 'create', path, value, dir: false, ttl: undefined, inOrder: false }
      case 1:
        return { kind: 'create', path: '/q', value, dir: false, ttl: this.#maybeTtl(), inOrder: true }
      case 2:
        return { kind: 'update', path, value, ttl: undefined, refresh: false }
      case 3:
        return this.#swap(path, value)
      case 4:
        return { kind: 'delete', path, dir: false, recursive: false }
      case 5:
        return {
          kind: 'compareAndDelete',
          path,
          prevIndex: random.chance(0.5) ? this.#index : 0,
          prevValue: this.#value,
        }
      case 6:
        return this.#directory(random.pick(DIRS))
      case 7:
        return { kind: 'set', path: random.pick(TTL_KEYS), value, dir: false, ttl: this.#ttl(), refresh: false }
      case 8:
        return { kind: 'set', path: random.pick(TTL_KEYS), value, dir: false, ttl: this.#ttl(), refresh: false }
      case 9:
        return { kind: 'set', path: random.pick(TTL_KEYS), value: '', dir: false, ttl: this.#ttl(), refresh: true }
      case 10:
        return { kind: 'update', path: random.pick(TTL_KEYS), value, ttl: this.#maybeTtl(), refresh: false }
      default:
        return { kind: 'set', path, value, dir: false, ttl: undefined, refresh: false }
    }
  }

  #swap(path: string, value: string): Command {
    const byIndex = this.#random.chance(0.5)
    return {
      kind: 'compareAndSwap',
      path,
      value,
      ttl: undefined,
      refresh: false,
      prevIndex: byIndex ? this.#index : 0,
      prevValue: byIndex ? '' : this.#value,
    }
  }

  #directory(path: string): Command {
    const random = this.#random
    if (random.chance(0.5)) return { kind: 'delete', path, dir: true, recursive: random.chance(0.7) }
    return { kind: 'create', path, value: '', dir: true, ttl: this.#maybeTtl(), inOrder: false }
  }

  #maybeTtl(): Ttl | undefined {
    return this.#random.chance(0.5) ? this.#ttl() : undefined
  }

  #ttl(): Ttl {
    const ms = this.#random.whole(20, this.#odds.ttlMsMax)
    return { ms, expirationMs: EXPIRATION_FROM_MS + Math.floor(this.#world.nowMs) + ms }
  }

  #nextValue(): string {
    const padding = this.#random.chance(0.2) ? '.'.repeat(this.#random.below(this.#odds.paddingMax + 1)) : ''
    return `${this.#name}-${++this.#count}${padding}`
  }
}
