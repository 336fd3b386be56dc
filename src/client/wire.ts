/**
 * One request to one server.
 *
 * Owns: connections, TLS, headers, redirects, bounds of answers. Leaves to others: what a failure means and what comes next (http).
 */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { Agent, buildConnector, type Dispatcher, errors } from 'undici'
import type { Endpoints } from './endpoints.ts'
import { ClientError } from './errors.ts'
import type { Ask } from './http.ts'
import { type ClientTls, CONNECT_MS_MAX, type Connect, type Settings } from './options.ts'
import { refusalOf } from './tls-failures.ts'

/** Bytes of an answer that is taken as a whole: a value of 10 MiB, twice, with every character escaped. */
export const ANSWER_BYTES_MAX = 128 * 1024 * 1024
/** Answers of this length are taken in the fastest way. */
const SMALL_BYTES_MAX = 64 * 1024
/** Followers of etcd 0.4 send writers to the leader. */
const REDIRECTS_MAX = 5
/** The kernel looks after a silent connection from then on. Milliseconds. */
const KEEP_ALIVE_MS = 10_000

/** The head of an answer, and its body as it comes. */
export interface OpenAnswer {
  readonly status: number
  /** `X-Etcd-Index`; 0 when the server sent none. */
  readonly index: number
  /** `X-Raft-Index` and `X-Raft-Term`, likewise. */
  readonly raftIndex: number
  readonly raftTerm: number
  /** `X-Etcd-Cluster-Id`; empty when the server sent none, as etcd 0.4. */
  readonly clusterId: string
  /** Which server answered. */
  readonly endpoint: string
  readonly body: Dispatcher.ResponseData['body']
  /** Its length as announced; infinite when it was not. */
  readonly bytes: number
}

/** Connections to the servers of one cluster. */
export class Wire {
  readonly #agent: Agent
  /** Polls hold a connection for as long as they wait, and must not take those of a heartbeat. */
  readonly #waiting: Agent
  readonly #headers: Readonly<Record<string, string>>
  /** What came while a connection was made, before anything could be sent on it. */
  readonly #neverSent = new WeakSet<object>()

  constructor({ authorization, tls, connect, connectionsMax, watchesMax }: Settings) {
    const options = { pipelining: 1, keepAliveTimeout: 30_000, connect: connectorOf(tls, connect) }
    this.#agent = new Agent({ ...options, connections: connectionsMax })
    this.#waiting = new Agent({ ...options, connections: watchesMax })
    for (const agent of [this.#agent, this.#waiting]) {
      agent.on('connectionError', (_origin, _targets, error) => this.#neverSent.add(error))
    }
    this.#headers = authorization === undefined ? {} : { authorization }
  }

  /** Whether nothing of the request can have reached a server. @param thrown by `send`. */
  isNeverSent(thrown: unknown): boolean {
    if (refusalOf(thrown) !== undefined) return true
    return typeof thrown === 'object' && thrown !== null && this.#neverSent.has(thrown)
  }

  /** Sends a request and returns once the head of the answer is here. @throws what undici throws. */
  async send(endpoint: string, ask: Ask, timeoutMs: number, endpoints: Endpoints): Promise<OpenAnswer> {
    let origin = endpoint
    let path = ask.target
    for (let redirects = 0; ; redirects += 1) {
      const answer = await this.#request(origin, path, ask, timeoutMs, origin === endpoint || endpoints.has(origin))
      const { statusCode: status, headers, body } = answer
      const location = status > 300 && status < 400 ? elsewhere(headers['location'], origin + path) : undefined
      if (location === undefined || redirects >= REDIRECTS_MAX) {
        return {
          status,
          index: Number(headers['x-etcd-index'] ?? 0),
          raftIndex: Number(headers['x-raft-index'] ?? 0),
          raftTerm: Number(headers['x-raft-term'] ?? 0),
          clusterId: String(headers['x-etcd-cluster-id'] ?? ''),
          endpoint,
          body,
          bytes: Number(headers['content-length'] ?? Number.POSITIVE_INFINITY),
        }
      }
      await body.dump()
      origin = location.origin
      path = location.pathname + location.search
    }
  }

  /** Ends what is under way and closes all connections. */
  async close(): Promise<void> {
    await Promise.all([this.#agent.destroy(), this.#waiting.destroy()])
  }

  /**
   * The limit is ours and not undici's: that one is late by up to a second, and does not count the time until there is a connection.
   * @param trusted Credentials may be shown to this server.
   */
  async #request(
    origin: string,
    path: string,
    ask: Ask,
    timeoutMs: number,
    trusted: boolean,
  ): Promise<Dispatcher.ResponseData> {
    const { form, signal, contentType = 'application/x-www-form-urlencoded' } = ask
    const own = trusted ? this.#headers : {}
    const limit = new AbortController()
    const timer = setTimeout(() => limit.abort(new errors.HeadersTimeoutError()), timeoutMs)
    try {
      // Not by URL: that would resolve the dots of a key and ask for another path.
      return await (ask.waits === true ? this.#waiting : this.#agent).request({
        origin,
        path,
        method: ask.method,
        headersTimeout: 0,
        bodyTimeout: ask.bodyTimeoutMs ?? timeoutMs,
        headers: form === undefined ? own : { ...own, 'content-type': contentType },
        body: form ?? null,
        signal: signal === undefined ? limit.signal : AbortSignal.any([signal, limit.signal]),
      })
    } finally {
      clearTimeout(timer)
    }
  }
}

/** Makes connections as the client's own way tells, else over TCP. */
function connectorOf(tls: ClientTls, connect: Connect): buildConnector.connector {
  const usual = buildConnector({ timeout: CONNECT_MS_MAX, keepAliveInitialDelay: KEEP_ALIVE_MS, ...tls })
  return (target, done) => {
    let made: Duplex | undefined
    try {
      made = connect(`${target.protocol}//${target.host}`)
    } catch (error) {
      queueMicrotask(() => done(error as Error, null))
      return
    }
    // Of a socket undici uses what every stream has. It is not ready to be called back at once.
    if (made === undefined) usual(target, (...outcome) => done(...withItsRefusal(outcome)))
    else queueMicrotask(() => done(null, made as Socket))
  }
}

/**
 * Ends a connection with the server's refusal of this side's certificate. It comes after the handshake, and the end of the connection
 * right behind it, which is all that undici would tell.
 */
function withItsRefusal(outcome: Parameters<buildConnector.Callback>): Parameters<buildConnector.Callback> {
  const [, socket] = outcome
  socket?.once('error', (error) => {
    if (refusalOf(error) !== undefined) socket.destroy(error)
  })
  return outcome
}

/** Where a redirect leads; undefined when it is none, or leads from https to http. */
function elsewhere(location: string | string[] | undefined, from: string): URL | undefined {
  if (typeof location !== 'string' || !URL.canParse(location, from)) return undefined
  const url = new URL(location, from)
  if (url.protocol === 'http:') return from.startsWith('https:') ? undefined : url
  return url.protocol === 'https:' ? url : undefined
}

/** Takes a body as text. @throws ClientError when it is too large; what undici throws. */
export async function readAll({ body, bytes: announced }: OpenAnswer, ask: Ask): Promise<string> {
  if (announced <= SMALL_BYTES_MAX || ask.method === 'HEAD') return body.text()
  if (announced > ANSWER_BYTES_MAX && announced !== Number.POSITIVE_INFINITY) {
    body.destroy()
    throw tooLarge(ask)
  }
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of body as AsyncIterable<Buffer>) {
    bytes += piece.length
    if (bytes > ANSWER_BYTES_MAX) throw tooLarge(ask)
    pieces.push(piece)
  }
  return pieces.length === 1 ? (pieces[0] as Buffer).toString('utf8') : Buffer.concat(pieces).toString('utf8')
}

function tooLarge(ask: Ask): ClientError {
  return new ClientError('MUSTER_CLIENT_ANSWER_TOO_LARGE', `the answer to ${ask.method} ${ask.target} is too large`, {
    definite: ask.method === 'GET',
    retriable: false,
  })
}
