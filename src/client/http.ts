/**
 * Requests to one of several servers.
 *
 * Owns: connections, TLS, the `Authorization` header, time limits, fail-over, bounds of answers. Leaves to others: paths and
 * what answers mean (client, watch), which server is next (endpoints).
 *
 * Fail-over never sends a write twice: another server is asked only when the first surely did not get the request, or when
 * the request only reads: then also when the first answered 5xx.
 */
import { Agent, type Dispatcher, request } from 'undici'
import { Endpoints } from './endpoints.ts'
import { ApiError, ClientError } from './errors.ts'

/** Bytes of an answer that is taken as a whole: a value of 10 MiB, twice, with every character escaped. */
export const ANSWER_BYTES_MAX = 128 * 1024 * 1024
/** Answers of this length are taken in the fastest way. */
const SMALL_BYTES_MAX = 64 * 1024
/** A server that has no connection for us after this long is left for the next. Milliseconds. */
const CONNECT_MS_MAX = 5_000
/** Longer than a member lets any request wait (7 s by default). Milliseconds. */
const TIMEOUT_MS_DEFAULT = 10_000

/** PEM texts. */
export interface ClientTls {
  /** Authorities that may have signed the servers' certificates, instead of those that Node.js knows. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

export interface ClientOptions {
  /** Client URLs of one cluster. */
  readonly endpoints: readonly string[]
  /** `USER:PASSWORD`. */
  readonly credentials?: string
  readonly tls?: ClientTls
  /** For how long an answer, or its next byte, is waited for. Milliseconds; 10 s by default. */
  readonly timeoutMs?: number
  /** Connections to each server; further requests wait for one. 64 by default. */
  readonly connectionsMax?: number
}

export interface Ask {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  /** Path and query. */
  readonly target: string
  /** A form, encoded. */
  readonly form?: string
  readonly signal?: AbortSignal | undefined
  /** Instead of the client's. */
  readonly timeoutMs?: number | undefined
  /** For the body alone, likewise; 0: no limit, the caller has one. */
  readonly bodyTimeoutMs?: number
}

/** The head of an answer, and its body as it comes. */
export interface OpenAnswer {
  readonly status: number
  /** `X-Etcd-Index`; 0 when the server sent none. */
  readonly index: number
  /** `X-Etcd-Cluster-Id`; empty when the server sent none, as etcd 0.4. */
  readonly clusterId: string
  /** Which server answered. */
  readonly endpoint: string
  readonly body: Dispatcher.ResponseData['body']
  /** Its length as announced; infinite when it was not. */
  readonly bytes: number
}

export interface Answer {
  readonly status: number
  readonly index: number
  readonly clusterId: string
  readonly text: string
}

/** Nothing of the request can have reached a server. */
const NEVER_SENT =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|UND_ERR_CONNECT_TIMEOUT|ERR_TLS_\w+|ERR_SSL_\w+|\w*CERT\w*|UNABLE_TO_\w+|HOSTNAME_MISMATCH)$/

/** Connections to the servers of one cluster. */
export class Http {
  readonly endpoints: Endpoints
  readonly #agent: Agent
  readonly #headers: Record<string, string> = {}
  readonly #timeoutMs: number

  constructor(options: ClientOptions) {
    this.endpoints = new Endpoints(options.endpoints)
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS_DEFAULT
    this.#agent = new Agent({
      connections: options.connectionsMax ?? 64,
      pipelining: 1,
      keepAliveTimeout: 30_000,
      connect: { timeout: CONNECT_MS_MAX, ...options.tls },
    })
    if (options.credentials !== undefined) {
      this.#headers['authorization'] = `Basic ${Buffer.from(options.credentials).toString('base64')}`
    }
  }

  /** Sends a request and takes the whole answer, whatever its status. @throws ClientError; the signal's reason. */
  async ask(ask: Ask): Promise<Answer> {
    return this.#withFailOver(ask, async (endpoint) => {
      const open = await this.#send(endpoint, ask)
      const { status, index, clusterId } = open
      const text = await readAll(open, ask)
      if (status >= 500 && ask.method === 'GET' && this.endpoints.urls.length > 1) throw errorOf(status, text)
      return { status, index, clusterId, text }
    })
  }

  /**
   * Sends a GET and returns once the head of the answer is here; the body is the caller's to read or `destroy`.
   * @throws ApiError when the status is not 200; ClientError; the signal's reason.
   */
  async open(ask: Ask): Promise<OpenAnswer> {
    return this.#withFailOver(ask, async (endpoint) => {
      const answer = await this.#send(endpoint, ask)
      if (answer.status === 200) return answer
      throw errorOf(answer.status, await readAll(answer, ask))
    })
  }

  /** Ends what is under way and closes all connections. */
  close(): Promise<void> {
    return this.#agent.destroy()
  }

  async #withFailOver<T>(ask: Ask, attempt: (endpoint: string) => Promise<T>): Promise<T> {
    let definite = true
    for (let left = this.endpoints.urls.length; ; left -= 1) {
      const endpoint = this.endpoints.current
      try {
        return await attempt(endpoint)
      } catch (thrown) {
        ask.signal?.throwIfAborted()
        const error = asClientError(thrown, endpoint, ask.method === 'GET')
        if (error instanceof ApiError && error.status < 500) throw error
        this.endpoints.failed(endpoint)
        definite &&= error.definite
        if (left > 1 && (error.definite || ask.method === 'GET')) continue
        throw definite === error.definite ? error : withFate(error, definite)
      }
    }
  }

  async #send(endpoint: string, ask: Ask): Promise<OpenAnswer> {
    const timeoutMs = ask.timeoutMs ?? this.#timeoutMs
    const { form } = ask
    const answer = await request(endpoint + ask.target, {
      method: ask.method,
      dispatcher: this.#agent,
      headersTimeout: timeoutMs,
      bodyTimeout: ask.bodyTimeoutMs ?? timeoutMs,
      headers:
        form === undefined ? this.#headers : { ...this.#headers, 'content-type': 'application/x-www-form-urlencoded' },
      ...(form === undefined ? {} : { body: form }),
      ...(ask.signal === undefined ? {} : { signal: ask.signal }),
    })
    return {
      status: answer.statusCode,
      index: Number(answer.headers['x-etcd-index'] ?? 0),
      clusterId: String(answer.headers['x-etcd-cluster-id'] ?? ''),
      endpoint,
      body: answer.body,
      bytes: Number(answer.headers['content-length'] ?? Number.POSITIVE_INFINITY),
    }
  }
}

async function readAll({ body, bytes: announced }: OpenAnswer, ask: Ask): Promise<string> {
  if (announced <= SMALL_BYTES_MAX) return body.text()
  if (announced > ANSWER_BYTES_MAX && announced !== Number.POSITIVE_INFINITY) throw tooLarge(ask)
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

/** The error that an answer with a bad status stands for. */
export function errorOf(status: number, text: string): ApiError {
  try {
    const body = JSON.parse(text) as { errorCode?: unknown; message?: unknown; cause?: unknown; index?: unknown }
    const code = typeof body.errorCode === 'number' ? body.errorCode : 0
    return new ApiError(status, code, String(body.message ?? ''), String(body.cause ?? ''), Number(body.index ?? 0))
  } catch {
    return new ApiError(status, 0, text.trim().slice(0, 200), '', 0)
  }
}

/** @param reads The request changes nothing, so it was surely not applied. */
export function asClientError(thrown: unknown, endpoint: string, reads: boolean): ClientError {
  if (thrown instanceof ClientError) return thrown
  const { code, message } = describe(thrown)
  const definite = reads || NEVER_SENT.test(code)
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') {
    const sentence = `${endpoint} did not answer in time`
    return new ClientError('MUSTER_CLIENT_TIMEOUT', sentence, { definite, retriable: true, cause: thrown })
  }
  const sentence = `cannot reach ${endpoint}: ${message}`
  return new ClientError('MUSTER_CLIENT_UNREACHABLE', sentence, { definite, retriable: true, cause: thrown })
}

function describe(thrown: unknown): { readonly code: string; readonly message: string } {
  if (!(thrown instanceof Error)) return { code: '', message: String(thrown) }
  const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : ''
  // A name with several addresses gives an AggregateError without a message of its own.
  return { code, message: thrown.message === '' ? code : thrown.message }
}

function withFate(error: ClientError, definite: boolean): ClientError {
  return new ClientError(error.code, error.message, { definite, retriable: error.retriable, cause: error.cause })
}
