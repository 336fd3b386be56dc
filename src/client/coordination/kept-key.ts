/**
 * One key with a TTL that this process keeps alive, and the moment from which it may be gone.
 *
 * Owns: heartbeats (refreshes, which wake no watcher), the local deadline, noticing that the key was removed. Leaves to others:
 * making and removing the key (session, queue), what its loss means (session).
 *
 * The deadline runs on a clock that never jumps back and counts sleep (waking-clock), and from when a request was *sent*: the server counts from when it
 * applied it, which is later, and so it lets the key go later than we give it up. Between the two lies a margin.
 */
import { ErrorCode } from '../../api.ts'
import { ApiError } from '../errors.ts'
import type { Keys } from '../keys.ts'
import { CoordinationError } from './errors.ts'
import { wakingNowMs } from './waking-clock.ts'

/** What is asked of a client here; see there. */
export type KeepingClient = Pick<Keys, 'refresh'>

/** Heartbeats in a TTL. Two may fail before the key is given up. */
const BEATS_PER_TTL = 3
/** The part of a TTL by which a key is given up before a server may remove it: time for whoever relied on it to stop. */
const MARGIN_PER_TTL = 1 / 5
/** The part of a TTL that one server gets to answer a heartbeat. */
const ATTEMPT_PER_TTL = 1 / 6
/** The part of a TTL after which a heartbeat that failed is sent again. */
const RETRY_PER_TTL = 1 / 20
/** The part of a TTL after which the deadline is looked at again: timers stand still while the machine sleeps, and the deadline does not. */
const LOOK_PER_TTL = 1 / 10
/** Heartbeats of many keys that began together come apart. */
const JITTER = 0.1

/** Why a key is no longer kept. `late`: nobody answered in time. `gone`: a server says that it is not there. */
export type Loss = 'late' | 'gone'

/** Milliseconds between the loss of a key here and the first moment at which a server may remove it. @param ttl Seconds. */
export function marginMs(ttl: number): number {
  return ttl * 1000 * MARGIN_PER_TTL
}

/** A key that is kept alive until it is lost or `end` is called. */
export class KeptKey {
  readonly path: string
  readonly #client: KeepingClient
  /** Seconds. */
  readonly #ttl: number
  readonly #over = new AbortController()
  readonly #onLoss: (key: KeptKey, loss: Loss, error: CoordinationError) => void
  #deadlineMs: number
  /** Why the last heartbeat failed; undefined: it was answered. */
  #failure: Error | undefined
  #lossTimer: NodeJS.Timeout
  #beatTimer: NodeJS.Timeout

  /**
   * @param ttl Whole seconds.
   * @param sentAtMs `wakingNowMs()` before the request was sent that made the key.
   * @param onLoss Called once, unless `end` came first. Has to call `end`.
   */
  constructor(
    client: KeepingClient,
    path: string,
    ttl: number,
    sentAtMs: number,
    onLoss: (key: KeptKey, loss: Loss, error: CoordinationError) => void,
  ) {
    this.#client = client
    this.path = path
    this.#ttl = ttl
    this.#onLoss = onLoss
    this.#deadlineMs = sentAtMs + ttl * 1000 - marginMs(ttl)
    this.#lossTimer = this.#lookLater()
    this.#beatTimer = this.#beatIn(ttl * 1000 * (1 / BEATS_PER_TTL))
  }

  /** Aborts when the key is lost or ended. Its reason is a CoordinationError. */
  get signal(): AbortSignal {
    return this.#over.signal
  }

  /** Until when the key is surely there, from now; 0 when it may be gone. Right also where a paused process has not run its timers yet. */
  get remainingMs(): number {
    return this.signal.aborted ? 0 : Math.max(0, this.#deadlineMs - wakingNowMs())
  }

  /** No more heartbeats; the signal aborts. The key is left alone. Does nothing the second time. */
  end(reason: CoordinationError): void {
    clearTimeout(this.#lossTimer)
    clearTimeout(this.#beatTimer)
    this.#over.abort(reason)
  }

  #beatIn(ms: number): NodeJS.Timeout {
    return setTimeout(() => void this.#beat(), ms * (1 - JITTER * Math.random()))
  }

  #lookLater(): NodeJS.Timeout {
    return setTimeout(() => this.#look(), Math.min(this.remainingMs, this.#ttl * 1000 * LOOK_PER_TTL))
  }

  #look(): void {
    if (this.remainingMs > 0) this.#lossTimer = this.#lookLater()
    else this.#late()
  }

  async #beat(): Promise<void> {
    const sentAtMs = wakingNowMs()
    const ttlMs = this.#ttl * 1000
    try {
      const timeoutMs = Math.ceil(ttlMs * ATTEMPT_PER_TTL)
      await this.#client.refresh(this.path, { ttl: this.#ttl, timeoutMs, signal: this.signal })
      // After a pause of the process the answer may be read before the timer runs that should have come long before it.
      if (this.remainingMs > 0) this.#renew(sentAtMs)
      else if (!this.signal.aborted) this.#late()
    } catch (error) {
      if (this.signal.aborted) return
      this.#failure = error instanceof Error ? error : new Error(String(error))
      if (error instanceof ApiError && error.code === ErrorCode.keyNotFound) this.#gone(error)
      else this.#beatTimer = this.#beatIn(ttlMs * RETRY_PER_TTL)
    }
  }

  #renew(sentAtMs: number): void {
    const ttlMs = this.#ttl * 1000
    this.#deadlineMs = sentAtMs + ttlMs - marginMs(this.#ttl)
    this.#failure = undefined
    clearTimeout(this.#lossTimer)
    this.#lossTimer = this.#lookLater()
    this.#beatTimer = this.#beatIn(Math.max(0, sentAtMs + ttlMs / BEATS_PER_TTL - wakingNowMs()))
  }

  #late(): void {
    const why = this.#failure === undefined ? '' : `, the last one: ${this.#failure.message}`
    const sentence = `"${this.path}" could not be kept: no heartbeat was answered in time${why}`
    this.#onLoss(this, 'late', new CoordinationError('MUSTER_SESSION_LOST', sentence, this.#failure))
  }

  #gone(cause: ApiError): void {
    const sentence = `"${this.path}" is gone: its TTL ended or somebody removed it`
    this.#onLoss(this, 'gone', new CoordinationError('MUSTER_LOCK_LOST', sentence, cause))
  }
}
