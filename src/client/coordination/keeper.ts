/**
 * Keys that live and end together, because one process holds something by all of them.
 *
 * Owns: keeping them, losing one or all, ending in the right order. Leaves to others: heartbeats (kept-key), what the keys mean
 * (session, queue).
 *
 * A lock that is given no session has one of these, and no key but its place: that it is kept alive is sign of life enough, and whoever
 * may use the lock needs no right elsewhere.
 */
import { hostname } from 'node:os'
import process from 'node:process'
import type { Keys } from '../keys.ts'
import { CoordinationError } from './errors.ts'
import { KeptKey, type Loss } from './kept-key.ts'
import { removeOwn, removePlace } from './removal.ts'

const TTL_S_DEFAULT = 10
const TTL_S_MAX = 24 * 60 * 60
/** Keys that one session keeps alive: each costs three requests in a TTL. */
const KEYS_MAX = 1_000

export interface KeeperOptions {
  /** Whole seconds from 1 to 86,400; 10 by default. So long after its process died a session's locks are free. */
  readonly ttl?: number
  /** What its keys hold, for people; host and process id by default. */
  readonly name?: string
}

/** What is asked of a client here. */
export type KeeperClient = Pick<Keys, 'closed' | 'delete' | 'refresh'>

/** Keeps keys until they are lost or it is closed. */
export class Keeper {
  /** Seconds. */
  readonly ttl: number
  /** What its keys hold, for people. */
  readonly name: string
  readonly #client: KeeperClient
  readonly #over = new AbortController()
  readonly #kept = new Set<KeptKey>()
  readonly #onClosed = (): void => {
    this.end(new CoordinationError('MUSTER_SESSION_LOST', 'the session is lost: its client was closed'))
  }
  #closing: Promise<void> | undefined

  /** @throws RangeError on a TTL that is none. */
  constructor(client: KeeperClient, { ttl = TTL_S_DEFAULT, name = `${hostname()}:${process.pid}` }: KeeperOptions) {
    if (!Number.isInteger(ttl) || ttl < 1 || ttl > TTL_S_MAX) {
      throw new RangeError(`the TTL of a session is ${ttl}: expected whole seconds from 1 to ${TTL_S_MAX}`)
    }
    this.#client = client
    this.ttl = ttl
    this.name = name
    // Nothing can be kept any more, and timers that try would hold the process for a whole TTL.
    if (client.closed.aborted) this.#onClosed()
    else client.closed.addEventListener('abort', this.#onClosed, { once: true })
  }

  /**
   * Aborts when the session is lost, before any server may give away what it holds, or its client is closed; and when it is closed
   * itself, before anything is removed.
   */
  get signal(): AbortSignal {
    return this.#over.signal
  }

  /**
   * Keeps one more key alive, which was made with the session's TTL. Lost for want of answers, the session is lost with it; removed by
   * somebody, the key alone is. For what is built on sessions, as queues are.
   *
   * @param sentAtMs `wakingNowMs()` before the request was sent that made the key.
   * @throws CoordinationError when the session is over or keeps too many already.
   */
  keep(path: string, sentAtMs: number): KeptKey {
    if (this.signal.aborted) throw this.signal.reason
    if (this.#kept.size >= KEYS_MAX) {
      throw new CoordinationError('MUSTER_SESSION_FULL', `a session keeps ${KEYS_MAX} keys at most`)
    }
    const key = new KeptKey(this.#client, path, this.ttl, sentAtMs, (lost, loss, error) => {
      this.#lost(lost, loss, error)
    })
    this.#kept.add(key)
    return key
  }

  /** Ends the keeping of a key: its signal aborts. The key itself is left alone. */
  drop(key: KeptKey, reason: CoordinationError): void {
    this.#kept.delete(key)
    key.end(reason)
  }

  /** The signal aborts, then the session's keys are removed, as far as the store can be reached within some three seconds. Never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Keys besides those that were kept, removed at the end. */
  protected ownPaths(): readonly string[] {
    return []
  }

  /** It is over: all signals abort. */
  protected end(reason: CoordinationError): void {
    this.#client.closed.removeEventListener('abort', this.#onClosed)
    this.#over.abort(reason)
    for (const key of this.#kept) key.end(reason)
    this.#kept.clear()
  }

  /** No server answered in time for one of the keys: nothing is sure any more. */
  protected lose(error: CoordinationError): void {
    this.end(new CoordinationError('MUSTER_SESSION_LOST', `the session is lost: ${error.message}`, error))
  }

  async #close(): Promise<void> {
    // What is lost is left to its TTL: whoever relied on it has the rest of that time to stop.
    if (this.signal.aborted) return
    const paths = [...this.#kept].map((key) => key.path)
    this.end(new CoordinationError('MUSTER_SESSION_CLOSED', 'the session was closed'))
    await Promise.all([
      ...paths.map((path) => removePlace(this.#client, path)),
      ...this.ownPaths().map((path) => removeOwn(this.#client, path)),
    ])
  }

  #lost(key: KeptKey, loss: Loss, error: CoordinationError): void {
    if (loss === 'gone') this.drop(key, error)
    else this.lose(error)
  }
}
