/**
 * The network between simulated members.
 *
 * Owns: which directed links are cut, and what becomes of a message on its way: delayed, lost, sent twice, overtaken. Keeps
 * the promises of `Transport` (replica/ports.ts): nothing blocks, what is dropped may be told, and a `propose` message never
 * comes twice, because a stream does not repeat itself and proposals carry no number that would tell.
 */
import type { Message, Propose } from '../../src/raft/message.ts'
import type { MemberId } from '../../src/raft/types.ts'
import type { Prng } from './prng.ts'
import type { Timeline } from './timeline.ts'

/** How bad the network is. Probabilities are per message, or per frame where messages stay in order. */
export interface NetworkOdds {
  readonly delayMsMin: number
  readonly delayMsMax: number
  readonly drop: number
  readonly duplicate: number
  /** A message that takes fifty times as long as the slowest. */
  readonly late: number
  /** Messages may overtake each other; else a link is a stream. */
  readonly reorders: boolean
  /** How often the sender is told that something was dropped. */
  readonly tells: number
}

/** A network without faults. */
export const CALM_NETWORK: NetworkOdds = {
  delayMsMin: 0.2,
  delayMsMax: 0.8,
  drop: 0,
  duplicate: 0,
  late: 0,
  reorders: false,
  tells: 1,
}

/** What the network needs from the members' processes. */
export interface NetworkEnds {
  /** Number of the process that runs at `id`; 0 when none does. Streams end with a process. */
  lifeOf(id: MemberId): number
  deliver(to: MemberId, messages: readonly Message[]): void
  /** Something that `from` sent to `to` was dropped; the proposals in `unsent` never left. */
  dropped(from: MemberId, to: MemberId, unsent: readonly Propose[]): void
}

interface Link {
  isCut: boolean
  /** A stream delivers nothing before what was sent earlier. */
  freeAtMs: number
}

const LATE_FACTOR = 50

export class SimNetwork {
  odds: NetworkOdds = CALM_NETWORK
  readonly #timeline: Timeline
  readonly #random: Prng
  readonly #ends: NetworkEnds
  readonly #links = new Map<string, Link>()

  constructor(timeline: Timeline, random: Prng, ends: NetworkEnds) {
    this.#timeline = timeline
    this.#random = random
    this.#ends = ends
  }

  /** Cuts one direction. What is on its way is lost too. */
  cut(from: MemberId, to: MemberId): void {
    this.#link(from, to).isCut = true
  }

  mend(from: MemberId, to: MemberId): void {
    this.#link(from, to).isCut = false
  }

  mendAll(): void {
    for (const link of this.#links.values()) link.isCut = false
  }

  /** Breaks every stream: what is on its way is lost, and what follows does not wait behind it. */
  renew(): void {
    this.#links.clear()
  }

  isCut(from: MemberId, to: MemberId): boolean {
    return this.#link(from, to).isCut
  }

  /** A delay as messages have it now. */
  delayMs(): number {
    const { delayMsMin, delayMsMax, late } = this.odds
    const delayMs = this.#random.between(delayMsMin, delayMsMax)
    return this.#random.chance(late) ? delayMs + delayMsMax * LATE_FACTOR : delayMs
  }

  /** Sends what one turn had for others. */
  send(from: MemberId, messages: readonly Message[]): void {
    if (this.odds.reorders) {
      for (const message of messages) this.#sendFrame(from, message.to, [message])
      return
    }
    const frames = new Map<MemberId, Message[]>()
    for (const message of messages) {
      const frame = frames.get(message.to)
      if (frame === undefined) frames.set(message.to, [message])
      else frame.push(message)
    }
    for (const [to, frame] of frames) this.#sendFrame(from, to, frame)
  }

  #sendFrame(from: MemberId, to: MemberId, frame: readonly Message[]): void {
    const { drop, duplicate } = this.odds
    const link = this.#link(from, to)
    if (link.isCut || this.#ends.lifeOf(to) === 0 || this.#random.chance(drop)) {
      this.#drop(from, to, frame)
      return
    }
    this.#plan(link, from, to, frame)
    if (!this.#random.chance(duplicate)) return
    const repeatable = frame.filter((message) => message.kind !== 'propose')
    if (repeatable.length > 0) this.#plan(link, from, to, repeatable)
  }

  #plan(link: Link, from: MemberId, to: MemberId, frame: readonly Message[]): void {
    const { nowMs } = this.#timeline
    let atMs = nowMs + this.delayMs()
    if (!this.odds.reorders) {
      atMs = Math.max(atMs, link.freeAtMs)
      link.freeAtMs = atMs
    }
    const life = this.#ends.lifeOf(to)
    this.#timeline.in(atMs - nowMs, () => {
      const isBroken = this.#link(from, to) !== link
      if (isBroken || link.isCut || this.#ends.lifeOf(to) !== life) this.#drop(from, to)
      else this.#ends.deliver(to, frame)
    })
  }

  #drop(from: MemberId, to: MemberId, unsent: readonly Message[] = []): void {
    if (!this.#random.chance(this.odds.tells)) return
    const life = this.#ends.lifeOf(from)
    const proposals = unsent.filter((message) => message.kind === 'propose')
    // Never inside `send`: the sender may be in the middle of a turn.
    this.#timeline.in(this.odds.delayMsMin, () => {
      if (life !== 0 && this.#ends.lifeOf(from) === life) this.#ends.dropped(from, to, proposals)
    })
  }

  #link(from: MemberId, to: MemberId): Link {
    const key = `${from}>${to}`
    let link = this.#links.get(key)
    if (link === undefined) {
      link = { isCut: false, freeAtMs: 0 }
      this.#links.set(key, link)
    }
    return link
  }
}
