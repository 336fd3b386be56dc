/**
 * Keys: reading, writing, comparing, listing, watching.
 *
 * Owns: one method per thing that can be asked of a key, its path and its parameters. Leaves to others: connections and
 * fail-over (http), large listings (listing), watches that resume (watch), views that follow (follow).
 *
 * Names are etcdctl's and the API's; `create` is the API's creation in order.
 */
import { ErrorCode } from '../api.ts'
import { type Codec, decodeWith, encodeWith } from './codec.ts'
import { ApiError } from './errors.ts'
import { errorOf } from './failures.ts'
import { type FollowOptions, followTree, type View } from './follow.ts'
import type { Position } from './history.ts'
import type { Answer, Http } from './http.ts'
import { type Listing, nodesOf } from './listed.ts'
import type { ListedNode } from './listing.ts'
import { type EventJson, parseEvent } from './node.ts'
import { type Polled, type PollOptions, pollOnce } from './poll.ts'
import type { Prefix } from './prefix.ts'
import { encode, encodeForm, keyTarget, type Parameters } from './target.ts'
import { type Watched, type WatchOptions, watchKey } from './watch.ts'

export interface CallOptions {
  /** Ends the call; it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** Instead of the client's, milliseconds. */
  readonly timeoutMs?: number | undefined
  /** Instead of the client's `retry.attemptsMax`. */
  readonly attemptsMax?: number | undefined
  /** Ask this server and no other. */
  readonly endpoint?: string | undefined
}

export interface GetOptions extends CallOptions {
  /** Read linearizably. */
  readonly quorum?: boolean
  /** With all that is below, not only the direct children. The answer is held whole: `list` is for many. */
  readonly recursive?: boolean
  /** Children in the order of their keys. */
  readonly sorted?: boolean
}

export interface WriteOptions extends CallOptions {
  /** Seconds, a whole number; undefined: permanent. Every write replaces the TTL. */
  readonly ttl?: number | undefined
  /** Leave the nodes out of the answer: `node` is then empty. muster and etcd 3.1 and later; others send all the same. */
  readonly brief?: boolean
}

/** What must hold for a comparing call. At least one. */
export interface Condition {
  /** The `modifiedIndex` that the key must have; from 1 on. */
  readonly prevIndex?: number | undefined
  /** The value that it must have. Not empty: the API cannot compare with an empty value. */
  readonly prevValue?: string | undefined
}

export interface RefreshOptions extends CallOptions, Condition {
  /** Seconds, a whole number. */
  readonly ttl: number
}

export interface DeleteOptions extends CallOptions {
  /** Allow an empty directory. */
  readonly dir?: boolean
  /** With all that is below. */
  readonly recursive?: boolean
}

/** For values that are more than text. */
export interface Decoding<T> {
  readonly codec: Codec<T>
}

/** What a call found or did. */
export interface Found<T = string> extends EventJson {
  /** The value of `node`, decoded; of a write, what was written. Undefined: a directory, or a value left out. */
  readonly value: T | undefined
  /** Store index at which the server answered. Of a write: the one it made. Watch from the next one on. */
  readonly index: number
  readonly raftIndex: number
  readonly raftTerm: number
  /** Empty when the server does not tell. */
  readonly clusterId: string
  /** Status 201: the key is new. */
  readonly created: boolean
}

export interface ListOptions extends CallOptions {
  /** Also what is hidden. muster only, and root only where users are on. */
  readonly hidden?: boolean
}

/** A server prepares a listing of a million keys for so long before it sends a byte. Milliseconds. */
const LISTING_TIMEOUT_MS = 180_000

/** Keys of one cluster, or those of a namespace in it. */
export class Keys {
  readonly #http: Http
  readonly #prefix: Prefix

  /** Users call `new MusterClient` and `namespace`. */
  constructor(http: Http, prefix: Prefix) {
    this.#http = http
    this.#prefix = prefix
  }

  /** The directory that is `/` here; empty for the whole tree. */
  get prefix(): string {
    return this.#prefix.text
  }

  /** Aborted when the client is closed. */
  get closed(): AbortSignal {
    return this.#http.over
  }

  /**
   * The same calls below a directory: paths go in and come out without it. Errors' `reason` still names whole keys. It lives
   * as long as the client.
   * @throws RangeError on names of dots.
   */
  namespace(prefix: string): Keys {
    return new Keys(this.#http, this.#prefix.below(prefix))
  }

  /** Reads one key, or a directory with its direct children. @throws ApiError 100 when there is none; ClientError. */
  get(path: string, options?: GetOptions): Promise<Found>
  get<T>(path: string, options: GetOptions & Decoding<T>): Promise<Found<T>>
  async get<T>(path: string, options: GetOptions & Partial<Decoding<T>> = {}): Promise<Found<T>> {
    const { quorum, recursive, sorted, codec } = options
    const target = keyTarget(this.#prefix.full(path), { quorum, recursive, sorted })
    const answer = await this.#http.ask({ ...callOf(options), method: 'GET', target })
    const event = this.#eventOf(answer)
    const { value } = event.node
    return foundIn(answer, event, value === undefined ? undefined : decodeWith(codec, path, value))
  }

  /** Writes a value, whatever was there; parents are created. @throws ApiError 102 on a directory; ClientError. */
  set(path: string, value: string, options?: WriteOptions): Promise<Found>
  set<T>(path: string, value: T, options: WriteOptions & Decoding<T>): Promise<Found<T>>
  set<T>(path: string, value: T, options: WriteOptions & Partial<Decoding<T>> = {}): Promise<Found<T>> {
    return this.#write('PUT', path, value, options, {}, false)
  }

  /**
   * Adds a value under a name that the server gives: a number of 20 digits, larger than those before. `node.key` tells it.
   * Never sent twice: after an error that is not `definite` look for your value before you call again.
   * @throws ApiError 104 when the path is a value; ClientError.
   */
  create(path: string, value: string, options?: WriteOptions): Promise<Found>
  create<T>(path: string, value: T, options: WriteOptions & Decoding<T>): Promise<Found<T>>
  create<T>(path: string, value: T, options: WriteOptions & Partial<Decoding<T>> = {}): Promise<Found<T>> {
    return this.#write('POST', path, value, options, {}, false)
  }

  /**
   * Writes a value where nothing is. May be sent twice: error 105 that is not `definite` may stand for one's own first write.
   * @throws ApiError 105 when something is; ClientError.
   */
  add(path: string, value: string, options?: WriteOptions): Promise<Found>
  add<T>(path: string, value: T, options: WriteOptions & Decoding<T>): Promise<Found<T>>
  add<T>(path: string, value: T, options: WriteOptions & Partial<Decoding<T>> = {}): Promise<Found<T>> {
    return this.#write('PUT', path, value, options, { prevExist: false }, true)
  }

  /** Writes a value over another. @throws ApiError 100 when there is none; ClientError. */
  update(path: string, value: string, options?: WriteOptions): Promise<Found>
  update<T>(path: string, value: T, options: WriteOptions & Decoding<T>): Promise<Found<T>>
  update<T>(path: string, value: T, options: WriteOptions & Partial<Decoding<T>> = {}): Promise<Found<T>> {
    return this.#write('PUT', path, value, options, { prevExist: true }, false)
  }

  /**
   * Writes a value if the condition holds. May be sent twice: error 101 that is not `definite` may stand for one's own first.
   * @throws ApiError 101 when it does not hold, 100 when nothing is there; RangeError without a condition; ClientError.
   */
  cas(path: string, value: string, options: Condition & WriteOptions): Promise<Found>
  cas<T>(path: string, value: T, options: Condition & WriteOptions & Decoding<T>): Promise<Found<T>>
  async cas<T>(path: string, value: T, options: Condition & WriteOptions & Partial<Decoding<T>>): Promise<Found<T>> {
    return this.#write('PUT', path, value, options, conditionOf(options, true), true)
  }

  /** Removes a key if the condition holds; else as `cas`. @throws ApiError 101, 100, 102; RangeError; ClientError. */
  async cad(path: string, options: Condition & CallOptions): Promise<Found> {
    const target = keyTarget(this.#prefix.full(path), conditionOf(options, true))
    const answer = await this.#http.ask({ ...callOf(options), method: 'DELETE', target, repeatable: true })
    return foundIn<string>(answer, this.#eventOf(answer), undefined)
  }

  /**
   * Gives a key or directory another TTL, if the condition holds where one is given; wakes no watcher. etcd 2.3 and later.
   * @throws ApiError 100; ClientError.
   */
  async refresh(path: string, options: RefreshOptions): Promise<Found> {
    const condition = conditionOf(options, false)
    const form = encodeForm({ refresh: true, prevExist: true, ttl: options.ttl, ...condition })
    const repeatable = options.prevIndex !== undefined || options.prevValue !== undefined
    return this.#send('PUT', path, form, options, repeatable)
  }

  /** Removes a key. @throws ApiError 100 when there is none, 102 and 108 on directories; ClientError. */
  async delete(path: string, options: DeleteOptions = {}): Promise<Found> {
    const target = keyTarget(this.#prefix.full(path), { dir: options.dir, recursive: options.recursive })
    const answer = await this.#http.ask({ ...callOf(options), method: 'DELETE', target })
    return foundIn<string>(answer, this.#eventOf(answer), undefined)
  }

  /** Makes a directory where nothing is. @throws ApiError 105 when something is; ClientError. */
  mkdir(path: string, options: WriteOptions = {}): Promise<Found> {
    const form = encodeForm({ dir: true, prevExist: false, ttl: options.ttl })
    return this.#send('PUT', path, form, options, true)
  }

  /** Makes a directory; a value in its place is replaced. @throws ApiError 102 when it is one already; ClientError. */
  setDir(path: string, options: WriteOptions = {}): Promise<Found> {
    return this.#send('PUT', path, encodeForm({ dir: true, ttl: options.ttl }), options, false)
  }

  /** Changes the TTL of a directory; undefined makes it permanent. @throws ApiError 100; ClientError. */
  updateDir(path: string, options: WriteOptions = {}): Promise<Found> {
    return this.#send('PUT', path, encodeForm({ dir: true, prevExist: true, ttl: options.ttl }), options, false)
  }

  /** A directory with a name that the server gives, as `create`. @throws as `create`. */
  createDir(path: string, options: WriteOptions = {}): Promise<Found> {
    return this.#send('POST', path, encodeForm({ dir: true, ttl: options.ttl }), options, false)
  }

  /** A whole subtree as it arrives. @throws ApiError 100; ApiError 404 with code 0 for `hidden` on another server; ClientError. */
  async list(path: string, options: ListOptions = {}): Promise<Listing> {
    const full = this.#prefix.full(path)
    const target =
      options.hidden === true ? `/muster/v1/export?${encode({ path: full })}` : keyTarget(full, { recursive: true })
    const timeoutMs = options.timeoutMs ?? LISTING_TIMEOUT_MS
    const open = await this.#http.open({ ...callOf(options), method: 'GET', target, timeoutMs })
    return {
      index: open.index,
      clusterId: open.clusterId,
      nodes: nodesOf(open, this.#prefix, this.#http, options.signal),
    }
  }

  /** One node without what it holds, however much that is; undefined when nothing is there. @throws ApiError; ClientError. */
  async peek(path: string, options: CallOptions = {}): Promise<ListedNode | undefined> {
    try {
      const target = keyTarget(this.#prefix.full(path), {})
      const open = await this.#http.open({ ...callOf(options), method: 'GET', target })
      for await (const [node] of nodesOf(open, this.#prefix, this.#http, options.signal)) return node
    } catch (error) {
      if (!isNothingThere(error)) throw error
    }
    return undefined
  }

  /** The store index now, and the cluster; asks for a key that nobody has. */
  async position(options: CallOptions = {}): Promise<Position> {
    const target = keyTarget(this.#prefix.full('/_muster_position'), {})
    const answer = await this.#http.ask({ ...callOf(options), method: 'GET', target })
    const { status, index, clusterId } = answer
    if (status !== 200 && status !== 404) throw errorOf(answer)
    return { index, clusterId }
  }

  /** Waits for one event at most; the building block of watches. @throws ApiError 401 when the history is gone; ClientError. */
  async poll(path: string, options: PollOptions): Promise<Polled> {
    const polled = await pollOnce(this.#http, this.#prefix.full(path), options)
    return polled.event === undefined ? polled : { ...polled, event: this.#prefix.event(polled.event) }
  }

  /**
   * What happens to a key, or below it, from an index on; each event once, in order. Goes on over broken connections and failing
   * servers, for ever; ends when the signal aborts or the client is closed. The next event is asked for when you ask for it, so a
   * slow reader costs nobody anything. Where the history is gone it yields `resync`, and goes on from then: read everything again.
   * @throws ApiError that asking again will not change; ClientError likewise.
   */
  watch(path: string, options: WatchOptions = {}): AsyncGenerator<Watched, void, void> {
    return watchKey(this.#http, this.#prefix, path, options)
  }

  /**
   * What is at a path and below it, as a whole, now and after each change; nothing there is an empty view. Reads once, then
   * applies events; reads again where the history was lost. Ends as `watch` does. Hidden keys are left out, and so is a directory
   * that came into being for one: no event tells of it.
   * @throws ClientError `MUSTER_CLIENT_ANSWER_TOO_LARGE` when there is more than the bounds; as `watch`.
   */
  follow(path: string, options: FollowOptions = {}): AsyncGenerator<View, void, void> {
    return followTree(this.#http, this.#prefix, path, options)
  }

  async #write<T>(
    method: 'PUT' | 'POST',
    path: string,
    value: T,
    options: WriteOptions & Partial<Decoding<T>>,
    parameters: Parameters,
    repeatable: boolean,
  ): Promise<Found<T>> {
    const form = encodeForm({ value: encodeWith(options.codec, path, value), ttl: options.ttl, ...parameters })
    return { ...(await this.#send(method, path, form, options, repeatable)), value }
  }

  async #send(
    method: 'PUT' | 'POST',
    path: string,
    form: string,
    options: CallOptions & { readonly brief?: boolean },
    repeatable: boolean,
  ): Promise<Found> {
    const target = keyTarget(this.#prefix.full(path), { noValueOnSuccess: options.brief })
    const answer = await this.#http.ask({ ...callOf(options), method, target, form, repeatable })
    const event = this.#eventOf(answer)
    return foundIn(answer, event, event.node.value)
  }

  #eventOf(answer: Answer): EventJson {
    if (answer.status !== 200 && answer.status !== 201) throw errorOf(answer)
    return this.#prefix.event(parseEvent(answer.text, answer.reads))
  }
}

/** Whether an error says that there is nothing at a path. */
export function isNothingThere(error: unknown): error is ApiError {
  return error instanceof ApiError && (error.code === ErrorCode.keyNotFound || error.code === ErrorCode.notDirectory)
}

function callOf({ signal, timeoutMs, attemptsMax, endpoint }: CallOptions): CallOptions {
  return { signal, timeoutMs, attemptsMax, endpoint }
}

function foundIn<T>(answer: Answer, { action, node, prevNode }: EventJson, value: T | undefined): Found<T> {
  const { index, raftIndex, raftTerm, clusterId, status } = answer
  const found = { action, node, value, index, raftIndex, raftTerm, clusterId, created: status === 201 }
  return prevNode === undefined ? found : { ...found, prevNode }
}

/** Servers take index 0 and an absent condition alike, and would write in any case. */
function conditionOf({ prevIndex, prevValue }: Condition, isNeeded: boolean): Parameters {
  if (prevIndex !== undefined && !(Number.isSafeInteger(prevIndex) && prevIndex > 0)) {
    throw new RangeError(`prevIndex is ${prevIndex}: expected a whole number from 1 on`)
  }
  if (prevValue === '') throw new RangeError('prevValue is empty: the API cannot compare with that')
  if (isNeeded && prevIndex === undefined && prevValue === undefined) {
    throw new RangeError('no condition is given: expected prevIndex or prevValue')
  }
  return { prevIndex, prevValue }
}
