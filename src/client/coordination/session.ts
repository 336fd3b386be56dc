/**
 * A session: a sign of life in the store, and everything that this process holds by it.
 *
 * Owns: the session's own key, the keys that live and end with it, when it is lost. Leaves to others: heartbeats (kept-key), what
 * the keys mean (queue).
 */
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import process from 'node:process'
import { ErrorCode } from '../../api.ts'
import { ApiError } from '../errors.ts'
import type { Keys } from '../keys.ts'
import { CoordinationError } from './errors.ts'
import { KeptKey, type Loss } from './kept-key.ts'
import { removeOwn } from './removal.ts'

const TTL_S_DEFAULT = 10
const TTL_S_MAX = 24 * 60 * 60
const DIRECTORY = '/_sessions'
/** Keys that one session keeps alive: each costs three requests in a TTL. */
const KEYS_MAX = 1_000

export interface SessionOptions {
  /** Whole seconds from 1 to 86,400; 10 by default. So long after its process died a session's locks are free. */
  readonly ttl?: number
  /** What its key holds, for people; host and process id by default. */
  readonly name?: string
  /** Ends the opening, and later the session: as `close` does. */
  readonly signal?: AbortSignal | undefined
}

/** What sessions ask of a client. */
export type SessionClient = Pick<Keys, 'add' | 'closed' | 'delete' | 'refresh'>

/** A session that is open until it is lost or closed. */
export class Session {
  /** 32 hex digits. */
  readonly id: string
  /** Its key in the store, hidden. */
  readonly key: string
  /** Seconds. */
  readonly ttl: number
  /** What its key holds. */
  readonly name: string
  readonly #client: SessionClient
  readonly #over = new AbortController()
  readonly #own: KeptKey
  readonly #kept = new Set<KeptKey>()
  readonly #onClosed = (): void => {
    this.#end(new CoordinationError('MUSTER_SESSION_LOST', 'the session is lost: its client was closed'))
  }
  #closing: Promise<void> | undefined

  /** Open one with `openSession`. */
  constructor(client: SessionClient, id: string, name: string, ttl: number, sentAtMs: number) {
    this.#client = client
    this.id = id
    this.name = name
    this.ttl = ttl
    this.key = keyOf(id)
    this.#own = new KeptKey(client, this.key, ttl, sentAtMs, (_key, _loss, error) => {
      this.#end(new CoordinationError('MUSTER_SESSION_LOST', `the session is lost: ${error.message}`, error))
    })
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

  /** For how long from now the session surely lasts, without any further heartbeat. Milliseconds; 0: it is over. */
  get remainingMs(): number {
    return this.signal.aborted ? 0 : this.#own.remainingMs
  }

  /**
   * Keeps one more key alive, which was made with the session's TTL. Lost for want of answers, the session is lost with it; removed by
   * somebody, the key alone is.
   *
   * @param sentAtMs `performance.now()` before the request was sent that made the key.
   * @throws CoordinationError when the session is over or keeps too many already.
   */
  keep(path: string, sentAtMs: number): KeptKey {
    if (this.signal.aborted) throw this.signal.reason
    if (this.#kept.size >= KEYS_MAX) {
      throw new CoordinationError('MUSTER_SESSION_FULL', `a session keeps ${KEYS_MAX} keys at most`)
    }
    const key = new KeptKey(this.#client, path, this.ttl, sentAtMs, (lost, loss, error) =>
      this.#lost(lost, loss, error),
    )
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

  async #close(): Promise<void> {
    // What is lost is left to its TTL: whoever relied on it has the rest of that time to stop.
    if (this.signal.aborted) return
    const paths = [...this.#kept, this.#own].map((key) => key.path)
    this.#end(new CoordinationError('MUSTER_SESSION_CLOSED', 'the session was closed'))
    await Promise.all(paths.map((path) => removeOwn(this.#client, path)))
  }

  #lost(key: KeptKey, loss: Loss, error: CoordinationError): void {
    if (loss === 'gone') this.drop(key, error)
    else this.#end(new CoordinationError('MUSTER_SESSION_LOST', `the session is lost: ${error.message}`, error))
  }

  #end(reason: CoordinationError): void {
    this.#client.closed.removeEventListener('abort', this.#onClosed)
    this.#over.abort(reason)
    this.#own.end(reason)
    for (const key of this.#kept) key.end(reason)
    this.#kept.clear()
  }
}

/**
 * Opens a session.
 *
 * @param opening Ends the opening alone.
 * @throws RangeError on a TTL that is none; ClientError; the signal's reason.
 */
export async function openSession(
  client: SessionClient,
  options: SessionOptions = {},
  opening: AbortSignal | undefined = options.signal,
): Promise<Session> {
  const { ttl = TTL_S_DEFAULT, name = `${hostname()}:${process.pid}`, signal } = options
  if (!Number.isInteger(ttl) || ttl < 1 || ttl > TTL_S_MAX) {
    throw new RangeError(`the TTL of a session is ${ttl}: expected whole seconds from 1 to ${TTL_S_MAX}`)
  }
  const id = randomBytes(16).toString('hex')
  const sentAtMs = performance.now()
  try {
    await client.add(keyOf(id), name, { ttl, signal: opening })
  } catch (error) {
    // Nobody else knows the name: an earlier attempt of the same call has made it.
    if (!(error instanceof ApiError) || error.code !== ErrorCode.keyExists) throw error
  }
  const session = new Session(client, id, name, ttl, sentAtMs)
  const close = (): void => void session.close()
  if (signal?.aborted === true) close()
  signal?.addEventListener('abort', close, { once: true })
  session.signal.addEventListener('abort', () => signal?.removeEventListener('abort', close), { once: true })
  return session
}

function keyOf(id: string): string {
  return `${DIRECTORY}/${id}`
}
