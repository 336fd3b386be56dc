/**
 * The v2 API from Node.js: keys, listings, watches. Works against muster and against etcd 0.4 to 3.5.
 *
 * Owns: one method per thing that can be asked, its path and its parameters. Leaves to others: connections and fail-over
 * (http), large listings (listing), watches that resume (watch).
 */

import { ErrorCode } from '../api.ts'
import { ApiError, ClientError } from './errors.ts'
import { type Answer, asClientError, type ClientOptions, errorOf, Http, type OpenAnswer } from './http.ts'
import { type ListedNode, ListingParser } from './listing.ts'
import { type EventJson, parseEvent } from './node.ts'
import { encode, encodeForm, keyTarget, type Parameters } from './target.ts'
import { type Polled, type PollOptions, pollOnce, type Watched, type WatchOptions, watchKey } from './watch.ts'

export interface CallOptions {
  /** Ends the call; it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** Instead of the client's, milliseconds. */
  readonly timeoutMs?: number | undefined
}

export interface GetOptions extends CallOptions {
  /** Read linearizably. */
  readonly quorum?: boolean
}

export interface WriteOptions extends CallOptions {
  /** Whole seconds; undefined: permanent. Every write replaces the TTL. */
  readonly ttlSeconds?: number | undefined
  /** Leave the nodes out of the answer: `node` is then empty. muster and etcd 3.1 and later; others send all the same. */
  readonly brief?: boolean
}

export interface DeleteOptions extends CallOptions {
  /** Allow an empty directory. */
  readonly dir?: boolean
  /** With all that is below. */
  readonly recursive?: boolean
}

/** What must hold for `compareAndSwap`. At least one. */
export interface Condition {
  readonly prevIndex?: number
  /** Not empty: the API cannot compare with an empty value. */
  readonly prevValue?: string
}

/** What a call found or did. */
export interface Found extends EventJson {
  /** Store index at which the server answered. */
  readonly index: number
  /** Status 201: the key is new. */
  readonly created: boolean
}

export interface ListOptions extends CallOptions {
  /** Also what is hidden. muster only, and root only where users are on. */
  readonly hidden?: boolean
}

/** A subtree at one moment. */
export interface Listing {
  /** Store index of that moment. */
  readonly index: number
  /** Empty when the server does not tell. */
  readonly clusterId: string
  /** All nodes, a directory before what it holds, the listed one first. Read it to the end, or `return` from it. */
  readonly nodes: AsyncIterable<readonly ListedNode[]>
}

/** A server prepares a listing of a million keys for so long before it sends a byte. Milliseconds. */
const LISTING_TIMEOUT_MS = 180_000

/** A client of one cluster. Close it at the end, or bind it with `await using`. */
export class MusterClient {
  readonly #http: Http

  /** @throws RangeError on an endpoint that is none. */
  constructor(options: ClientOptions) {
    this.#http = new Http(options)
  }

  /** Where this client asks. */
  get endpoints(): readonly string[] {
    return this.#http.endpoints.urls
  }

  /** Reads one key, or a directory with its direct children. @throws ApiError 100 when there is none; ClientError. */
  async get(path: string, options: GetOptions = {}): Promise<Found> {
    return foundIn(
      await this.#http.ask({ ...options, method: 'GET', target: keyTarget(path, { quorum: options.quorum }) }),
    )
  }

  /** Writes a value, whatever was there; parents are created. @throws ApiError 102 on a directory; ClientError. */
  set(path: string, value: string, options: WriteOptions = {}): Promise<Found> {
    return this.#put(path, { value, ttl: options.ttlSeconds }, options)
  }

  /** Writes a value where nothing is. @throws ApiError 105 when something is; ClientError. */
  create(path: string, value: string, options: WriteOptions = {}): Promise<Found> {
    return this.#put(path, { value, ttl: options.ttlSeconds, prevExist: false }, options)
  }

  /** Writes a value over another. @throws ApiError 100 when there is none; ClientError. */
  update(path: string, value: string, options: WriteOptions = {}): Promise<Found> {
    return this.#put(path, { value, ttl: options.ttlSeconds, prevExist: true }, options)
  }

  /** Writes a value if the condition holds. @throws ApiError 101 when it does not, 100 when nothing is there; ClientError. */
  compareAndSwap(path: string, value: string, condition: Condition, options: WriteOptions = {}): Promise<Found> {
    return this.#put(path, { value, ttl: options.ttlSeconds, ...condition }, options)
  }

  /** Makes a directory; a value in its place is replaced. @throws ApiError 102 when it is one already; ClientError. */
  makeDirectory(path: string, options: WriteOptions = {}): Promise<Found> {
    return this.#put(path, { dir: true, ttl: options.ttlSeconds }, options)
  }

  /** Changes the TTL of a directory; undefined makes it permanent. @throws ApiError 100; ClientError. */
  updateDirectory(path: string, options: WriteOptions = {}): Promise<Found> {
    return this.#put(path, { dir: true, ttl: options.ttlSeconds, prevExist: true }, options)
  }

  /** Gives a key another TTL; wakes no watcher. etcd 2.3 and later. @throws ApiError 100; ClientError. */
  refresh(path: string, ttlSeconds: number, options: CallOptions = {}): Promise<Found> {
    return this.#put(path, { refresh: true, prevExist: true, ttl: ttlSeconds }, options)
  }

  /** Removes a key. @throws ApiError 100 when there is none, 102 and 108 on directories; ClientError. */
  async delete(path: string, options: DeleteOptions = {}): Promise<Found> {
    const target = keyTarget(path, { dir: options.dir, recursive: options.recursive })
    return foundIn(await this.#http.ask({ ...options, method: 'DELETE', target }))
  }

  /** A whole subtree as it arrives. @throws ApiError 100; ApiError 404 with code 0 for `hidden` on another server; ClientError. */
  async list(path: string, options: ListOptions = {}): Promise<Listing> {
    const target =
      options.hidden === true ? `/muster/v1/export?${encode({ path })}` : keyTarget(path, { recursive: true })
    const open = await this.#http.open({
      method: 'GET',
      target,
      signal: options.signal,
      timeoutMs: options.timeoutMs ?? LISTING_TIMEOUT_MS,
    })
    return { index: open.index, clusterId: open.clusterId, nodes: nodesOf(open) }
  }

  /** One node without what it holds, however much that is; undefined when nothing is there. @throws ApiError; ClientError. */
  async peek(path: string, options: CallOptions = {}): Promise<ListedNode | undefined> {
    try {
      const { signal, timeoutMs } = options
      const open = await this.#http.open({ method: 'GET', target: keyTarget(path, {}), signal, timeoutMs })
      for await (const [node] of nodesOf(open)) return node
    } catch (error) {
      if (
        !(error instanceof ApiError) ||
        (error.code !== ErrorCode.keyNotFound && error.code !== ErrorCode.notDirectory)
      )
        throw error
    }
    return undefined
  }

  /** The store index now, and the cluster; asks for a key that nobody has. */
  async position(options: CallOptions = {}): Promise<{ readonly index: number; readonly clusterId: string }> {
    const answer = await this.#http.ask({ ...options, method: 'GET', target: keyTarget('/_muster_position', {}) })
    if (answer.status !== 200 && answer.status !== 404) throw errorOf(answer.status, answer.text)
    return { index: answer.index, clusterId: answer.clusterId }
  }

  /** Waits for one event at most; the building block of watches. @throws ApiError 401 when the history is gone; ClientError. */
  poll(path: string, options: PollOptions): Promise<Polled> {
    return pollOnce(this.#http, path, options)
  }

  /**
   * What happens to a key, or below it, from an index on. Goes on over broken connections and failing servers; ends when the
   * signal aborts. Where the history is gone it yields `resync`, and goes on from then: read everything again.
   */
  watch(path: string, options: WatchOptions = {}): AsyncGenerator<Watched, void, void> {
    return watchKey(this.#http, path, options)
  }

  /** Ends what is under way and closes all connections. */
  close(): Promise<void> {
    return this.#http.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #put(path: string, form: Parameters, options: WriteOptions): Promise<Found> {
    const { signal, timeoutMs, brief } = options
    const target = keyTarget(path, { noValueOnSuccess: brief })
    return foundIn(await this.#http.ask({ method: 'PUT', target, form: encodeForm(form), signal, timeoutMs }))
  }
}

function foundIn(answer: Answer): Found {
  if (answer.status !== 200 && answer.status !== 201) throw errorOf(answer.status, answer.text)
  const { action, node, prevNode } = parseEvent(answer.text)
  const { index } = answer
  const created = answer.status === 201
  return prevNode === undefined ? { action, node, index, created } : { action, node, prevNode, index, created }
}

async function* nodesOf(open: OpenAnswer): AsyncGenerator<readonly ListedNode[], void, void> {
  const parser = new ListingParser()
  try {
    for await (const piece of open.body as AsyncIterable<Buffer>) {
      const nodes = parser.push(piece)
      if (nodes.length > 0) yield nodes
    }
  } catch (error) {
    throw cutOr(error, open.endpoint)
  }
  const rest = parser.finish()
  if (rest.length > 0) yield rest
  if (!parser.complete) throw cutOr(undefined, open.endpoint)
}

function cutOr(error: unknown, endpoint: string): unknown {
  if (error instanceof ClientError || (error instanceof Error && error.name === 'AbortError')) return error
  const cause = error === undefined ? undefined : asClientError(error, endpoint, true)
  const why = cause === undefined ? '' : `: ${cause.message}`
  return new ClientError('MUSTER_CLIENT_ANSWER_CUT', `${endpoint} stopped in the middle of a listing${why}`, {
    definite: true,
    retriable: true,
    cause,
  })
}
