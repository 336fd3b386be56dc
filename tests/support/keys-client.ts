/**
 * A small, plain client of the keys API for tests: one undici agent, no retries, nothing hidden.
 *
 * Owns: requests and the taking apart of answers. Leaves to others: what an answer should be.
 */
import { Agent, request } from 'undici'
import type { NodeJson } from '../../src/client/node.ts'

export interface EventJson {
  readonly action: string
  readonly node: NodeJson
  readonly prevNode?: NodeJson
}

/** The body of an answer that is no event. */
export interface ErrorJson {
  readonly errorCode: number
  readonly message: string
  readonly cause?: string
  readonly index: number
}

export interface Answer {
  readonly status: number
  /** `X-Etcd-Index`; NaN when the header is missing. */
  readonly etcdIndex: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Undefined when the body is empty. */
  readonly body: (EventJson & Partial<ErrorJson>) | (ErrorJson & Partial<EventJson>) | undefined
}

export type Parameters = Readonly<Record<string, string | number | boolean>>

/** Longer than a member lets any request wait (7 s with default settings). */
const ANSWER_MS_MAX = 15_000

export class KeysClient {
  readonly agent: Agent

  /** @param connections to each member; each carries one request at a time. */
  constructor(connections = 64) {
    this.agent = new Agent({
      connections,
      pipelining: 1,
      keepAliveTimeout: 30_000,
      headersTimeout: ANSWER_MS_MAX,
      bodyTimeout: ANSWER_MS_MAX,
      connect: { timeout: 5_000 },
    })
  }

  get(url: string, key: string, query: Parameters = {}): Promise<Answer> {
    return this.#ask('GET', url, key, query, undefined)
  }

  put(url: string, key: string, form: Parameters, query: Parameters = {}): Promise<Answer> {
    return this.#ask('PUT', url, key, query, form)
  }

  post(url: string, key: string, form: Parameters): Promise<Answer> {
    return this.#ask('POST', url, key, {}, form)
  }

  delete(url: string, key: string, query: Parameters = {}): Promise<Answer> {
    return this.#ask('DELETE', url, key, query, undefined)
  }

  /** Any other path that answers with JSON. */
  async json(url: string, path: string): Promise<unknown> {
    const reply = await request(url + path, { dispatcher: this.agent })
    const text = await reply.body.text()
    if (reply.statusCode !== 200) throw new Error(`${path} answered ${reply.statusCode}: ${text}`)
    return JSON.parse(text)
  }

  /** Ends what is under way. */
  close(): Promise<void> {
    return this.agent.destroy()
  }

  async #ask(
    method: string,
    url: string,
    key: string,
    query: Parameters,
    form: Parameters | undefined,
  ): Promise<Answer> {
    const reply = await request(keyUrl(url, key, query), {
      method,
      dispatcher: this.agent,
      ...(form === undefined
        ? {}
        : { body: encode(form), headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
    })
    const text = await reply.body.text()
    return {
      status: reply.statusCode,
      etcdIndex: Number(reply.headers['x-etcd-index'] ?? Number.NaN),
      headers: reply.headers,
      body: text === '' ? undefined : JSON.parse(text),
    }
  }
}

/** The URL of a key; `url` is a member's, without a path. */
export function keyUrl(url: string, key: string, query: Parameters = {}): string {
  const text = encode(query)
  return `${url}/v2/keys${key}${text === '' ? '' : `?${text}`}`
}

/** Whether the request cannot have reached anybody: the connection was refused before it was made. */
export function isRefused(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED'
}

function encode(parameters: Parameters): string {
  return new URLSearchParams(Object.entries(parameters).map(([name, value]) => [name, String(value)])).toString()
}
