/**
 * Locks: at any time one holder, by a queue of in-order keys.
 *
 * Owns: acquiring and giving back. Leaves to others: the queue (queue), when a holder is no longer one (session).
 *
 * A lock is advisory. A process that is paused, or whose timers are late, goes on for a moment after the lock is another's: what
 * it does under the lock should carry `fence`, and whoever it asks should refuse a smaller one than it has seen.
 */
import { closedError } from '../failures.ts'
import { CoordinationError } from './errors.ts'
import { Keeper } from './keeper.ts'
import { type Place, type QueueClient, queueDirectory, takePlace } from './queue.ts'
import type { Session, SessionOptions } from './session.ts'

export interface LockOptions extends SessionOptions {
  /** The session that holds it. Missing: the lock's own place is its sign of life, with the TTL and name given here. */
  readonly session?: Session
  /** Ends the waiting alone: the place in the queue is given back. `AbortSignal.timeout(ms)` for a limit of time. */
  readonly signal?: AbortSignal | undefined
  /** Called when somebody else is found to hold it, with the name of that one's session. */
  readonly onWait?: (holder: string) => void
}

/** A lock that is held until it is lost or given back. */
export class Lock {
  /** As it was asked for. */
  readonly path: string
  /**
   * Larger than that of every holder before, in this cluster: the fencing token. Send it along with whatever is done under the lock.
   */
  readonly fence: number
  readonly #place: Place

  /** Get one with `acquireLock`. */
  constructor(path: string, place: Place) {
    this.path = path
    this.fence = place.number
    this.#place = place
  }

  /** Its key in the store, hidden. */
  get key(): string {
    return this.#place.path
  }

  /** Aborts when the lock is lost, before another can have it, or given back. Its reason is a CoordinationError. */
  get signal(): AbortSignal {
    return this.#place.signal
  }

  /** For how long from now it is surely held, without any further heartbeat. Milliseconds; 0: it is not. */
  get remainingMs(): number {
    return this.#place.remainingMs
  }

  /** Gives it back: the signal aborts, then the next in the queue may go. Never rejects; what cannot be removed goes with its TTL. */
  unlock(): Promise<void> {
    return this.#place.leave()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.unlock()
  }
}

/**
 * Waits until the lock is ours.
 *
 * @param path Names the lock, as `/jobs/nightly`; the key of that name is not touched.
 * @throws CoordinationError `MUSTER_SESSION_LOST` or `MUSTER_LOCK_LOST` when a given session ended while it waited; RangeError on a
 * path or a TTL that is none; ClientError; the signal's reason.
 */
export async function acquireLock(client: QueueClient, path: string, options: LockOptions = {}): Promise<Lock> {
  const directory = queueDirectory('lock', path)
  const { session, signal, ttl, name } = options
  if (session !== undefined) {
    return new Lock(path, await acquirePlace(client, directory, session, options))
  }
  for (;;) {
    signal?.throwIfAborted()
    const own = new Keeper(client, { ...(ttl === undefined ? {} : { ttl }), ...(name === undefined ? {} : { name }) })
    try {
      const place = await acquirePlace(client, directory, own, options)
      // Lost or given back, nothing is left to live for.
      place.signal.addEventListener('abort', () => void own.close(), { once: true })
      return new Lock(path, place)
    } catch (error) {
      await own.close()
      signal?.throwIfAborted()
      if (client.closed.aborted) throw closedError(false)
      // Whoever only waits has lost nothing but its place: it goes to the end of the queue.
      if (!(error instanceof CoordinationError)) throw error
    }
  }
}

async function acquirePlace(
  client: QueueClient,
  directory: string,
  keeper: Keeper,
  { signal, onWait }: LockOptions,
): Promise<Place> {
  const place = await takePlace(client, directory, keeper, keeper.name, signal)
  try {
    await place.untilFirst(signal, onWait)
    return place
  } catch (error) {
    await place.leave()
    throw error
  }
}
