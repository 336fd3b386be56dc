/**
 * The v2 API from Node.js: keys, listings, watches, members. Works against muster and against etcd 0.4 to 3.5.
 *
 * Owns: the life of a client, and what is asked of a cluster as a whole. Leaves to others: keys (keys), members (members),
 * connections and fail-over (http), copies of all keys (export).
 */
import type { Writable } from 'node:stream'
import { encodeJson, parseJson } from './answer-json.ts'
import { type Exported, exportTo } from './export.ts'
import { errorOf } from './failures.ts'
import { Http } from './http.ts'
import { type CallOptions, Keys } from './keys.ts'
import { Members } from './members.ts'
import type { ClientOptions } from './options.ts'
import { Prefix } from './prefix.ts'
import { type Status, statusOf } from './status.ts'
import { EndpointSync } from './sync.ts'

export interface RequestOptions extends CallOptions {
  /** Sent as JSON. */
  readonly body?: object
}

/** Any answer. */
export interface RawAnswer {
  readonly status: number
  readonly text: string
  /** Which server answered. */
  readonly endpoint: string
}

/**
 * A client of one cluster. Close it at the end, or bind it with `await using`.
 *
 * ```ts
 * await using client = new MusterClient({ endpoints: ['http://127.0.0.1:2379'] })
 * await client.set('/config/colour', 'blue')
 * for await (const view of client.follow('/config')) console.log(view.index, view.nodes)
 * ```
 */
export class MusterClient extends Keys {
  readonly members: Members
  readonly #http: Http
  readonly #sync: EndpointSync

  /** @throws RangeError on an endpoint that is none, and on numbers that make no sense. */
  constructor(options: ClientOptions) {
    const http = new Http(options)
    super(http, new Prefix(''))
    this.#http = http
    this.members = new Members(http)
    this.#sync = new EndpointSync(http, this.members)
  }

  /** Where this client asks: the given URLs first, then those that the cluster told of. */
  get endpoints(): readonly string[] {
    return this.#http.endpoints.urls
  }

  /**
   * Asks the cluster for its members and uses their client URLs too, from now on. Those that were given stay, and URLs of
   * another scheme are left out, so a cluster that tells nonsense takes nothing away.
   * @returns all endpoints. @throws ClientError.
   */
  async sync(options: CallOptions = {}): Promise<readonly string[]> {
    await this.#sync.now(options)
    return this.endpoints
  }

  /** What the server that is asked, or the one that `endpoint` names, says of itself. @throws ClientError. */
  status(options: CallOptions = {}): Promise<Status> {
    return statusOf(this.#http, options)
  }

  /**
   * Writes all keys into a stream, as the JSON of a recursive listing: of muster with all that is hidden (with users on: for root
   * only), of etcd what it lists. The stream is ended. @throws ClientError; what the stream throws.
   */
  snapshot(into: Writable, options: CallOptions = {}): Promise<Exported> {
    return exportTo(this.#http, into, options)
  }

  /**
   * Any request to the API, for what has no method here. It is sent once, but for reads.
   * @param target path and query, encoded.
   * @throws ApiError on 5xx of a server that was not named; ClientError; RangeError on a target without a slash in front.
   */
  async request(
    method: 'GET' | 'PUT' | 'POST' | 'DELETE',
    target: string,
    options: RequestOptions = {},
  ): Promise<RawAnswer> {
    if (!target.startsWith('/')) throw new RangeError(`"${target}" is no path: expected a slash at its beginning`)
    const { body, ...call } = options
    const anyStatus = call.endpoint !== undefined
    const ask = { ...call, ...encodeJson(body), method, target, anyStatus }
    const { status, text, endpoint } = await this.#http.ask(ask)
    return { status, text, endpoint }
  }

  /**
   * Takes the store index on, as the end of a move needs it: what is created in order then sorts behind what was copied. Watches
   * from before are told that the past is gone. Needs root where users are on; may be sent twice.
   * @param to the least that it shall be. @returns where it stands. @throws ApiError 404 on etcd; ClientError.
   */
  async advanceIndex(to: number, options: CallOptions = {}): Promise<number> {
    const ask = { ...options, ...encodeJson({ to }), repeatable: true }
    const answer = await this.#http.ask({
      ...ask,
      method: 'POST',
      target: '/muster/v1/index',
    })
    if (answer.status !== 200) throw errorOf(answer)
    return Number(parseJson(answer)['index'])
  }

  /** Ends what is under way and closes all connections. Loops of watches end; calls reject with `MUSTER_CLIENT_CLOSED`. */
  async close(): Promise<void> {
    this.#sync.close()
    await this.#http.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
