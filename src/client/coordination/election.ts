/**
 * Elections: of many candidates one leads, the others are told when it is their turn.
 *
 * Owns: campaigning again and again, doing work while leading, watching who leads. Leaves to others: the queue (queue), when a
 * leader is no longer one (session). What is said of locks and pauses of a process (lock) holds here too.
 */
import { ClientError } from '../errors.ts'
import { closedError } from '../failures.ts'
import type { Position } from '../history.ts'
import { delayAfter, pause } from '../pause.ts'
import { CoordinationError } from './errors.ts'
import { Keeper } from './keeper.ts'
import { type Place, type Placed, type QueueClient, queueDirectory, readPlaces, takePlace } from './queue.ts'
import type { Session, SessionOptions } from './session.ts'

const DELAY_MS_MIN = 100
const DELAY_MS_MAX = 5_000
const ENDS: ReadonlySet<string> = new Set(['delete', 'expire', 'compareAndDelete'])

export interface CampaignOptions extends Pick<SessionOptions, 'ttl'> {
  /** The session of the candidate; the campaign ends with it. Missing: its place is its sign of life, and it takes another when that is lost. */
  readonly session?: Session
  /** Ends the campaign: a leader resigns. */
  readonly signal?: AbortSignal | undefined
}

/** A time of leading. */
export interface Term {
  /** Larger than that of every leader before, in this cluster: the fencing token. */
  readonly fence: number
  /** Aborts when the leadership is lost, before another can have it, or given up. Work has to stop then. */
  readonly signal: AbortSignal
  /** For how long from now it surely lasts, without any further heartbeat. Milliseconds; 0: it is over. Right also after a pause. */
  readonly remainingMs: number
}

/** Where a candidate stands. */
export type Standing = { readonly state: 'follower' } | ({ readonly state: 'leader' } & Term)

/** Who leads, as everybody sees it. */
export interface Leader {
  /** What the candidate campaigned with. */
  readonly value: string
  readonly fence: number
  /** Its key in the store, hidden. */
  readonly key: string
}

const FOLLOWER: Standing = { state: 'follower' }

/** One election. */
export class Election {
  /** As it was asked for. */
  readonly path: string
  readonly #client: QueueClient
  readonly #directory: string

  /** @param path Names the election, as `/jobs/scheduler`; the key of that name is not touched. @throws RangeError when it is none. */
  constructor(client: QueueClient, path: string) {
    this.#client = client
    this.path = path
    this.#directory = queueDirectory('election', path)
  }

  /**
   * Stands for election until the signal aborts, and yields where this candidate stands whenever that changes. A term lasts until
   * its signal aborts; ask for the next standing when your work of that term has stopped. Leaving the loop resigns. Outages are
   * waited out.
   *
   * @param value Tells others who leads.
   * @throws CoordinationError when a given session is over or full; ClientError that waiting does not cure; RangeError on a TTL that is
   * none.
   */
  async *campaign(value: string, options: CampaignOptions = {}): AsyncGenerator<Standing, void, void> {
    const { signal } = options
    let told: Standing['state'] | undefined
    let failures = 0
    while (signal?.aborted !== true) {
      try {
        for await (const standing of this.#once(value, options)) {
          failures = 0
          if (standing.state === 'leader' || told !== 'follower') yield standing
          told = standing.state
        }
      } catch (error) {
        if (isAborted(signal)) return
        if (options.session === undefined && this.#client.closed.aborted) throw closedError(false)
        const isFull = error instanceof CoordinationError && error.code === 'MUSTER_SESSION_FULL'
        const isLost = error instanceof CoordinationError && !isFull && options.session?.signal.aborted !== true
        if (!isLost && !(error instanceof ClientError && error.retriable)) throw error
        failures += 1
        await pause(delayAfter(failures, DELAY_MS_MIN, DELAY_MS_MAX), signal)
      }
    }
  }

  /**
   * Does work while this candidate leads. When the leadership is lost the work's signal aborts, it is waited for, and the campaign
   * goes on: then the work begins again. When it ends by itself the leadership is given up.
   *
   * @returns What the work returned in the term in which it ended by itself.
   * @throws What the work threw in such a term; the signal's reason; as `campaign`.
   */
  async lead<T>(value: string, work: (term: Term) => Promise<T> | T, options: CampaignOptions = {}): Promise<T> {
    for await (const standing of this.campaign(value, options)) {
      if (standing.state === 'follower') continue
      try {
        const done = await work(standing)
        if (!standing.signal.aborted) return done
      } catch (error) {
        if (!standing.signal.aborted) throw error
      }
    }
    throw options.signal?.reason
  }

  /** Who leads now, read linearizably; undefined: nobody. @throws ClientError; the signal's reason. */
  async leader(signal?: AbortSignal): Promise<Leader | undefined> {
    const { places } = await readPlaces(this.#client, this.#directory, signal)
    return leaderIn(places)
  }

  /** Who leads, now and whenever it changes; undefined: nobody. Ends when the signal aborts. @throws ClientError that waiting does not cure. */
  async *observe({ signal }: Pick<CampaignOptions, 'signal'> = {}): AsyncGenerator<Leader | undefined, void, void> {
    let told: number | undefined
    for (let failures = 0; !isAborted(signal); ) {
      try {
        const { at, places } = await readPlaces(this.#client, this.#directory, signal)
        failures = 0
        const leader = leaderIn(places)
        if ((leader?.fence ?? 0) !== told) yield leader
        told = leader?.fence ?? 0
        await this.#untilChanged(leader, at, signal)
      } catch (error) {
        if (isAborted(signal)) return
        if (!(error instanceof ClientError) || !error.retriable) throw error
        failures += 1
        await pause(delayAfter(failures, DELAY_MS_MIN, DELAY_MS_MAX), signal)
      }
    }
  }

  /** One place in the queue, from taking it to losing it. */
  async *#once(value: string, { session, ttl, signal }: CampaignOptions): AsyncGenerator<Standing, void, void> {
    const own = session ?? new Keeper(this.#client, { name: value, ...(ttl === undefined ? {} : { ttl }) })
    let place: Place | undefined
    try {
      place = await takePlace(this.#client, this.#directory, own, value, signal)
      yield FOLLOWER
      await place.untilFirst(signal)
      const over = signal === undefined ? place.signal : AbortSignal.any([place.signal, signal])
      yield leading(place, over)
      await untilAborted(over)
    } finally {
      await place?.leave()
      if (session === undefined) await own.close()
    }
    if (!isAborted(signal)) yield FOLLOWER
  }

  /** Waits until another may lead than `leader`. */
  async #untilChanged(leader: Leader | undefined, after: Position, signal: AbortSignal | undefined): Promise<void> {
    for await (const seen of this.#client.watch(this.#directory, { recursive: true, after, signal })) {
      if (seen.kind === 'resync' || leader === undefined) return
      const { action, node } = seen.event
      if (ENDS.has(action) && (leader.key === node.key || leader.key.startsWith(`${node.key}/`))) return
    }
  }
}

function leading(place: Place, signal: AbortSignal): Standing {
  return {
    state: 'leader',
    fence: place.number,
    signal,
    get remainingMs() {
      return signal.aborted ? 0 : place.remainingMs
    },
  }
}

function leaderIn(places: readonly Placed[]): Leader | undefined {
  const [first] = places
  return first === undefined ? undefined : { value: first.value, fence: first.number, key: first.path }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true
}
