/**
 * No key expires early, in replicated or in real time, and none that is due stays.
 *
 * Real time means the world's: between the request that set the TTL and the moment at which the first member applies its
 * expiry, at least the TTL passed, however often the leader changed and whatever the wall clocks said.
 */
import type { Ttl } from '../../../src/store/command.ts'
import type { Event } from '../../../src/store/event.ts'
import type { Applied, Checker, EndState, Write } from '../checker.ts'
import { wrong } from '../failure.ts'
import { DRIFT_MAX } from '../settings.ts'

/** A key that is due is gone after so much of the replicated clock in a cluster that is well. */
const LATE_MS_MAX = 100

interface Due {
  readonly deadlineMs: number
  readonly ttlMs: number
  readonly askedMs: number
}

export class ExpiryChecker implements Checker {
  readonly name = 'expiry'
  readonly #due = new Map<string, Due>()
  readonly #askedMs = new Map<string, number>()
  #expired = 0

  /** Expiries seen so far. */
  get expiredCount(): number {
    return this.#expired
  }

  asked(write: Write): void {
    this.#askedMs.set(`${write.origin}#${write.seq}`, write.askedMs)
  }

  applied({ entry, command, outcome, events, atMs, first }: Applied): void {
    if (!first) return
    if (command?.kind === 'expire') {
      for (const event of events) this.#expire(event, entry.stampMs, atMs)
      return
    }
    if (outcome?.ok !== true) return
    const { event } = outcome
    if (event.action === 'delete' || event.action === 'compareAndDelete') {
      this.#remove(event)
      return
    }
    const ttl = command !== undefined && 'ttl' in command ? command.ttl : undefined
    this.#set(event.node.key, ttl, entry.stampMs, this.#askedMs.get(`${entry.origin}#${entry.seq}`) ?? 0)
  }

  ended(members: readonly EndState[]): void {
    for (const { member, store, clockNowMs } of members) {
      const nextMs = store.nextDeadlineMs()
      if (nextMs !== undefined && nextMs < clockNowMs - LATE_MS_MAX) {
        throw wrong(`${member.name} still holds a key that fell due ${clockNowMs - nextMs} ms ago`)
      }
    }
  }

  #set(key: string, ttl: Ttl | undefined, stampMs: number, askedMs: number): void {
    if (ttl === undefined) this.#due.delete(key)
    else this.#due.set(key, { deadlineMs: stampMs + ttl.ms, ttlMs: ttl.ms, askedMs })
  }

  #expire(event: Event, stampMs: number, atMs: number): void {
    this.#expired++
    const { key } = event.node
    const due = this.#due.get(key)
    if (due === undefined) throw wrong(`${key} expired and has no TTL`)
    if (stampMs < due.deadlineMs)
      throw wrong(`${key} expired at ${stampMs} of the replicated clock, due at ${due.deadlineMs}`)
    const lastedMs = atMs - due.askedMs
    if (lastedMs < due.ttlMs / (1 + DRIFT_MAX) - 1) {
      throw wrong(`${key} expired ${lastedMs} ms after it was asked for, with a TTL of ${due.ttlMs} ms`)
    }
    this.#remove(event)
  }

  #remove(event: Event): void {
    const { key, dir } = event.node
    this.#due.delete(key)
    if (!dir) return
    for (const below of this.#due.keys()) if (below.startsWith(`${key}/`)) this.#due.delete(below)
  }
}
