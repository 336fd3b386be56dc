/**
 * A queue of in-order keys in a hidden directory: whose place is the first holds what the queue is for.
 *
 * Owns: taking a place, waiting for the one before it (and for no other, so that one change wakes one waiter), giving it back,
 * and the number that tells holders apart. Leaves to others: keeping places alive (keeper), what is held (lock, election).
 *
 * Places are named by the index at which they were made, so a place never comes before one that is there already: once a
 * linearizable read shows a place to be the first, it stays so until it is gone. Holders follow each other in the order of these
 * numbers, which is why the number is the fencing token.
 */
import { randomBytes } from 'node:crypto'
import { ErrorCode } from '../../api.ts'
import { ApiError, ClientError } from '../errors.ts'
import type { Position } from '../history.ts'
import type { Keys } from '../keys.ts'
import { delayAfter, pause } from '../pause.ts'
import { CoordinationError } from './errors.ts'
import type { Keeper, KeeperClient } from './keeper.ts'
import type { KeptKey } from './kept-key.ts'
import { removeOwn, removePlace } from './removal.ts'
import { wakingNowMs } from './waking-clock.ts'

/** How often a place is asked for while nobody says whether it was made. */
const TAKINGS_MAX = 5
const DELAY_MS_MIN = 50
const DELAY_MS_MAX = 1_000
/** For how long a place that may have been made is looked for when nobody wants it any more. Milliseconds. */
const LOOK_MS_MAX = 3_000
/** Events after which the place before ours is no longer there. */
const ENDS: ReadonlySet<string> = new Set(['delete', 'expire', 'compareAndDelete'])

/** What queues ask of a client. */
export type QueueClient = KeeperClient & Pick<Keys, 'get' | 'create' | 'watch'>

/** A place in a queue, anybody's. */
export interface Placed {
  /** Of its name: ordered as the queue is. */
  readonly number: number
  readonly path: string
  /** Chosen at random by whoever took it, and what that one wrote there. Both empty where something else made the key. */
  readonly id: string
  readonly value: string
}

/** A queue at one moment. */
export interface Places {
  /** That moment. */
  readonly at: Position
  /** The first one first. */
  readonly places: readonly Placed[]
}

/**
 * The directory of a queue: beside the path, hidden, so that listings do not show it and roles for the path's parent reach it.
 *
 * @throws RangeError when the path is none, is the root, or has names of dots: clients and servers resolve those.
 */
export function queueDirectory(kind: 'lock' | 'election', path: string): string {
  const [, parent, name] = /^(\/|(?:\/[^/]+)+\/)([^/]+)$/.exec(path) ?? []
  const isDotted = path.split('/').some((each) => each === '.' || each === '..')
  if (parent !== undefined && name !== undefined && !isDotted) return `${parent}_${kind}-${name}`
  throw new RangeError(`"${path}" is no name for a ${kind}: expected a path like "/name" or "/team/name"`)
}

/** The queue now, read linearizably. Empty when nobody stands there. @throws ClientError; the signal's reason. */
export async function readPlaces(
  client: Pick<Keys, 'get'>,
  directory: string,
  signal: AbortSignal | undefined,
): Promise<Places> {
  try {
    const { node, index, clusterId } = await client.get(directory, { quorum: true, signal })
    const places: Placed[] = []
    for (const { key = '', value = '' } of node.nodes ?? []) {
      const name = key.slice(key.lastIndexOf('/') + 1)
      if (!/^\d+$/.test(name)) continue
      places.push({ number: Number(name), path: `${directory}/${name}`, ...writtenIn(value) })
    }
    return { at: { index, clusterId }, places: places.sort((a, b) => a.number - b.number) }
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== ErrorCode.keyNotFound) throw error
    return { at: { index: error.index, clusterId: '' }, places: [] }
  }
}

/** Our place in a queue. */
export class Place {
  readonly #client: QueueClient
  readonly #directory: string
  readonly #keeper: Keeper
  readonly #key: KeptKey
  readonly #id: string
  /** A request to make the place failed without a word of its fate: there may be a second one. */
  readonly #mayHaveTwin: boolean
  /** Of its name. */
  readonly number: number

  /** Take one with `takePlace`. */
  constructor(client: QueueClient, directory: string, keeper: Keeper, made: MadePlace) {
    this.#client = client
    this.#directory = directory
    this.#keeper = keeper
    this.#id = made.id
    this.#mayHaveTwin = made.mayHaveTwin
    this.number = made.number
    this.#key = keeper.keep(made.path, made.sentAtMs)
  }

  get path(): string {
    return this.#key.path
  }

  /** Aborts when the place is lost or left: see `Keeper.signal`. */
  get signal(): AbortSignal {
    return this.#key.signal
  }

  /** For how long from now the place surely lasts. Milliseconds. */
  get remainingMs(): number {
    return this.#key.remainingMs
  }

  /**
   * Resolves once this place is the first. Outages are waited out while the place lasts.
   *
   * @param onWait Called once, when somebody is found to be before us, with what the first one wrote.
   * @throws CoordinationError when the place is lost; ClientError that waiting does not cure; the signal's reason.
   */
  async untilFirst(signal: AbortSignal | undefined, onWait?: (first: string) => void): Promise<void> {
    const over = signal === undefined ? this.signal : AbortSignal.any([this.signal, signal])
    for (let failures = 0, waits = false; ; ) {
      try {
        const { at: position, places } = await readPlaces(this.#client, this.#directory, over)
        const at = places.findIndex((place) => place.number === this.number)
        if (at < 0) throw this.#lost()
        if (at === 0) {
          over.throwIfAborted()
          // After a pause of the process the answer may be read before the timer runs that should have come long before it.
          if (this.remainingMs > 0) return
          throw this.#late()
        }
        const [first, before] = [places[0] as Placed, places[at - 1] as Placed]
        if (!waits && first.id !== this.#id) {
          onWait?.(first.value)
          waits = true
        }
        // Our own first request, which came late. Nobody keeps it alive, so it would be in the way until its TTL ends.
        if (before.id === this.#id) await removeOwn(this.#client, before.path)
        await this.#untilGone(before, position, over)
        failures = 0
      } catch (error) {
        over.throwIfAborted()
        if (!(error instanceof ClientError) || !error.retriable) throw error
        failures += 1
        await pause(delayAfter(failures, DELAY_MS_MIN, DELAY_MS_MAX), over)
      }
    }
  }

  /** The signal aborts, then the place is removed; one that is lost is left to its TTL. Never rejects. */
  async leave(): Promise<void> {
    if (this.signal.aborted) return
    this.#keeper.drop(this.#key, new CoordinationError('MUSTER_LOCK_RELEASED', `"${this.path}" was given back`))
    await removePlace(this.#client, this.path)
    if (this.#mayHaveTwin) await removeById(this.#client, this.#directory, this.#id)
  }

  /** Waits until the place before ours is gone, or may be. */
  async #untilGone(before: Placed, after: Position, signal: AbortSignal): Promise<void> {
    for await (const seen of this.#client.watch(before.path, { after, signal })) {
      if (seen.kind === 'resync' || ENDS.has(seen.event.action)) return
    }
  }

  #late(): CoordinationError {
    const sentence = `"${this.path}" could not be kept: this process stood still for too long`
    return new CoordinationError('MUSTER_SESSION_LOST', sentence)
  }

  #lost(): CoordinationError {
    const error = new CoordinationError(
      'MUSTER_LOCK_LOST',
      `"${this.path}" is gone: its TTL ended or somebody removed it`,
    )
    this.#keeper.drop(this.#key, error)
    return error
  }
}

/** A place that is being asked for. */
interface Taking {
  readonly id: string
  /** What the key shall hold. */
  readonly text: string
  /** Seconds. */
  readonly ttl: number
  /** A request may have made it. */
  mayStand: boolean
}

/** A place that was just made. */
interface MadePlace {
  readonly id: string
  readonly path: string
  readonly number: number
  readonly sentAtMs: number
  readonly mayHaveTwin: boolean
}

/**
 * Takes a place at the end of a queue, with the keeper's TTL.
 *
 * @param value For others to read, see `Placed`.
 * @throws CoordinationError when the session is over; ClientError; the signal's reason.
 */
export async function takePlace(
  client: QueueClient,
  directory: string,
  keeper: Keeper,
  value: string,
  signal: AbortSignal | undefined,
): Promise<Place> {
  const id = randomBytes(12).toString('base64url')
  const taking: Taking = { id, text: JSON.stringify({ id, value }), ttl: keeper.ttl, mayStand: false }
  const over = signal === undefined ? keeper.signal : AbortSignal.any([keeper.signal, signal])
  try {
    const made = await makePlace(client, directory, taking, over)
    over.throwIfAborted()
    return new Place(client, directory, keeper, made)
  } catch (error) {
    // It may stand there all the same, in the way of all who come later.
    if (taking.mayStand) await removeById(client, directory, id)
    throw error
  }
}

/** Makes the key; where nobody says whether it was made, it is looked for by its random value before another is. */
async function makePlace(
  client: QueueClient,
  directory: string,
  taking: Taking,
  signal: AbortSignal,
): Promise<MadePlace> {
  const { id, text, ttl } = taking
  const beganAtMs = wakingNowMs()
  for (let takings = 1; ; takings += 1) {
    const sentAtMs = wakingNowMs()
    const mayHaveTwin = takings > 1
    try {
      const { node } = await client.create(directory, text, { ttl, signal })
      taking.mayStand = true
      const name = (node.key ?? '').slice((node.key ?? '').lastIndexOf('/') + 1)
      return { id, path: `${directory}/${name}`, number: Number(name), sentAtMs, mayHaveTwin }
    } catch (error) {
      if (!(error instanceof ClientError && error.definite)) taking.mayStand = true
      signal.throwIfAborted()
      if (!(error instanceof ClientError) || error.definite || !error.retriable || takings >= TAKINGS_MAX) throw error
      await pause(delayAfter(takings, DELAY_MS_MIN, DELAY_MS_MAX), signal)
      const found = await findById(client, directory, id, signal)
      // Nobody knows which of the requests made it: its TTL is counted from the first.
      if (found !== undefined) {
        return { id, path: found.path, number: found.number, sentAtMs: beganAtMs, mayHaveTwin: true }
      }
    }
  }
}

async function findById(
  client: QueueClient,
  directory: string,
  id: string,
  signal: AbortSignal | undefined,
): Promise<Placed | undefined> {
  const { places } = await readPlaces(client, directory, signal)
  return places.find((place) => place.id === id)
}

/** Removes all places with that random value. Never rejects: what stays goes when its TTL ends. */
async function removeById(client: QueueClient, directory: string, id: string): Promise<void> {
  try {
    const { places } = await readPlaces(client, directory, AbortSignal.timeout(LOOK_MS_MAX))
    await Promise.all(places.filter((place) => place.id === id).map(({ path }) => removePlace(client, path)))
  } catch {
    // Without an answer there is nothing more to be done about it.
  }
}

function writtenIn(text: string): { readonly id: string; readonly value: string } {
  try {
    const { id, value } = JSON.parse(text) as { readonly id?: unknown; readonly value?: unknown }
    if (typeof id === 'string' && typeof value === 'string') return { id, value }
  } catch {
    // Somebody else's key: it has a place all the same.
  }
  return { id: '', value: '' }
}
