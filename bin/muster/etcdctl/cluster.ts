/**
 * The cluster as etcdctl's commands see it: whom they ask, for how long, and what they call a failure.
 *
 * Owns: asking the members for their URLs first, fail-over, both limits of time, the words of errors, the curl commands of
 * `--debug`. Leaves to others: connections and TLS (the client), what to ask (the commands).
 *
 * Unlike etcdctl it never sends a write to a second server when the first may have got it; and where the members publish URLs
 * that cannot be reached from here, those that were given are asked in the end.
 */
import process from 'node:process'
import { ApiError, ClientError } from '../../../src/client/errors.ts'
import { Http } from '../../../src/client/http.ts'
import type { ClientOptions } from '../../../src/client/options.ts'
import { isPlain, refusalOf } from '../../../src/client/tls-failures.ts'
import { type ConnectionWords, connectionOf } from '../connection.ts'
import { PublishedUrls } from '../endpoints.ts'
import { AskFailed, ClusterFailed, CommandFailed, INVALID_JSON, reported, STATUS } from './failures.ts'

const TIMEOUT_MS_DEFAULT = 2_000
const TOTAL_TIMEOUT_MS_DEFAULT = 5_000
/** The longest that a timer can wait: some 24 days. */
const NO_LIMIT_MS = 2 ** 31 - 1

/** One request. */
export interface Question {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  /** Path and query. */
  readonly target: string
  /** A form, encoded, or JSON. */
  readonly body?: string
  readonly json?: boolean
  /** Waits for an event: no limit of time counts. */
  readonly waits?: boolean
  /** What etcdctl asks one server only, and words a failure of in short. */
  readonly once?: boolean
}

/** What a server said, below status 500. */
export interface Reply {
  readonly status: number
  /** `X-Etcd-Index`. */
  readonly index: number
  readonly text: string
}

/** A member as `/v2/members` shows it. */
export interface Member {
  readonly id: string
  readonly name: string
  readonly peerURLs: readonly string[]
  readonly clientURLs: readonly string[]
}

/** The same as JSON: Go writes a list that was never given as null. */
interface ListedMember extends Omit<Member, 'peerURLs' | 'clientURLs'> {
  readonly peerURLs?: readonly string[] | null
  readonly clientURLs?: readonly string[] | null
}

/** The servers of one command. Close it at the end, or bind it with `await using`. */
export class Cluster {
  readonly options: ClientOptions
  readonly debug: boolean
  readonly #http: Http
  readonly #timeoutMs: number
  readonly #totalMs: number
  readonly #given: readonly string[]
  readonly #published: PublishedUrls
  #endpoints: readonly string[]

  private constructor(words: ConnectionWords, options: ClientOptions) {
    this.options = options
    this.debug = words.debug === true
    this.#http = new Http({ ...options, retry: { attemptsMax: 1 } })
    this.#timeoutMs = timerMs(words.timeout ?? TIMEOUT_MS_DEFAULT) || NO_LIMIT_MS
    this.#totalMs = timerMs(words.totalTimeout ?? TOTAL_TIMEOUT_MS_DEFAULT)
    this.#given = shuffled(this.#http.endpoints.urls)
    this.#published = new PublishedUrls(this.#given)
    this.#endpoints = this.#given
  }

  /**
   * Finds the servers. @param sync Ask them for all their URLs, unless `--no-sync` forbids it.
   * @throws CommandFailed when the words name none, or none can be reached.
   */
  static async open(words: ConnectionWords, sync = true): Promise<Cluster> {
    let cluster: Cluster
    try {
      cluster = new Cluster(words, await connectionOf(words, process.stdout))
    } catch (error) {
      if (!(error instanceof Error) || error instanceof TypeError) throw error
      throw new CommandFailed(STATUS.wrong, error.message)
    }
    if (sync && words.sync !== false) await cluster.#sync()
    cluster.note(`Cluster-Endpoints: ${cluster.#endpoints.join(', ')}`)
    return cluster
  }

  /** Where it asks. */
  get endpoints(): readonly string[] {
    return this.#endpoints
  }

  /** A line for `--debug`. */
  note(line: string): void {
    if (this.debug) process.stderr.write(`${line}\n`)
  }

  /** The members. @throws ClusterFailed; AskFailed. */
  async members(): Promise<readonly Member[]> {
    const { status, text } = await this.ask({ method: 'GET', target: '/v2/members' })
    if (status !== 200) throw new AskFailed(`unexpected status code ${status}`)
    const { members } = parseJson(text) as { readonly members?: readonly ListedMember[] | null }
    return (members ?? []).map((member) => ({
      ...member,
      peerURLs: member.peerURLs ?? [],
      clientURLs: member.clientURLs ?? [],
    }))
  }

  /** Whether a URL that a member publishes may be asked; see `PublishedUrls`. */
  mayAsk(url: string): boolean {
    return this.#published.mayAsk(url)
  }

  /** Whether the member at a URL says that it is well; or why it cannot be asked. */
  async health(url: string): Promise<{ readonly isHealthy: boolean; readonly failure: string | undefined }> {
    try {
      const { text } = await this.#askOne(url, { method: 'GET', target: '/health' }, undefined)
      const { health } = parseJson(text) as { readonly health?: unknown }
      return { isHealthy: health === true || health === 'true', failure: undefined }
    } catch (error) {
      if (error instanceof ApiError) return { isHealthy: false, failure: undefined }
      if (error instanceof AskFailed) return { isHealthy: false, failure: error.message }
      if (!(error instanceof ClientError)) throw error
      return { isHealthy: false, failure: `Get "${url}/health": ${wordsOf(error, url)}` }
    }
  }

  /** Asks one server after the other. @throws ClusterFailed when none could answer; AskFailed when time ran out. */
  async ask(question: Question): Promise<Reply> {
    const total = question.waits === true ? undefined : AbortSignal.timeout(this.#totalMs)
    const last = this.#endpoints === this.#given ? [] : this.#given.filter((url) => !this.#endpoints.includes(url))
    const failures: string[] = []
    const hints = new Set<string>()
    let isUnconnected = true
    let isUnsure = false
    for (const endpoint of [...this.#endpoints, ...last]) {
      this.#showCurl(endpoint, question)
      try {
        const reply = await this.#askOne(endpoint, question, total)
        this.#pin(endpoint)
        return reply
      } catch (error) {
        if (total?.aborted === true) throw new AskFailed('context deadline exceeded', true)
        if (!(error instanceof ClientError)) throw error
        failures.push(wordsOf(error, endpoint))
        for (const hint of this.#hintsOn(error, endpoint)) hints.add(hint)
        isUnconnected &&= isConnecting(error)
        isUnsure ||= question.method !== 'GET' && !error.definite
        if (isUnsure) break
      }
    }
    if (hints.size > 0 && question.method !== 'GET' && !isUnsure) hints.add('muster: the change was not made')
    throw new ClusterFailed(failures, { isUnconnected, isUnsure, isShort: question.once === true, hints: [...hints] })
  }

  /** Ends all connections. */
  close(): Promise<void> {
    return this.#http.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #askOne(endpoint: string, question: Question, signal: AbortSignal | undefined): Promise<Reply> {
    const { method, target, body, json, waits } = question
    return this.#http.ask({
      method,
      target,
      endpoint,
      form: body,
      signal,
      ...(json === true ? { contentType: 'application/json' } : {}),
      ...(waits === true ? { waits, timeoutMs: NO_LIMIT_MS, bodyTimeoutMs: 0 } : { timeoutMs: this.#timeoutMs }),
    })
  }

  /** What etcdctl's words for a failure do not tell a user who never heard of alerts. */
  #hintsOn(error: ClientError, endpoint: string): readonly string[] {
    const cause = causeOf(error)
    const showsNone = this.options.tls?.cert === undefined
    if (isPlain(cause)) return [`muster: ${endpoint} speaks no TLS: name it with http:// rather than https://`]
    if (refusalOf(cause) !== undefined) {
      return showsNone
        ? [`muster: ${endpoint} wants a client certificate: --cert-file and --key-file`]
        : [`muster: ${endpoint} does not trust the client certificate that was shown`]
    }
    if (cause?.code !== 'UND_ERR_SOCKET' || !endpoint.startsWith('https:')) return []
    // Servers made of Node.js give no reason when they do not trust a certificate, and some none when they miss one.
    return showsNone
      ? [`muster: ${endpoint} may want a client certificate: --cert-file and --key-file`]
      : [`muster: ${endpoint} may not trust the client certificate that was shown`]
  }

  /** Goes on with a server that answered. */
  #pin(endpoint: string): void {
    const at = this.#endpoints.indexOf(endpoint)
    if (at > 0) this.#endpoints = [...this.#endpoints.slice(at), ...this.#endpoints.slice(0, at)]
  }

  async #sync(): Promise<void> {
    const before = this.#endpoints.join(',')
    this.note(`start to sync cluster using endpoints(${before})`)
    try {
      const published = (await this.members()).flatMap(({ clientURLs }) => clientURLs)
      if (published.length === 0) {
        throw new CommandFailed(
          STATUS.refused,
          'etcd cluster has no published client endpoints.',
          `Try '--no-sync' if you want to access non-published client endpoints(${before}).`,
          'Error:  client: no endpoints available',
        )
      }
      const asked = published.filter((url) => this.mayAsk(url))
      const isNew = [...asked].sort().join() !== [...this.#endpoints].sort().join()
      if (asked.length > 0 && isNew) this.#endpoints = shuffled(asked)
    } catch (error) {
      if (error instanceof CommandFailed) throw error
      const isOver = error instanceof AskFailed && error.isOverdue
      if (isOver || (error instanceof ClusterFailed && error.isUnconnected)) throw reported(STATUS.noConnection, error)
      // Whoever answers this badly may answer the command well.
    }
    this.note(`got endpoints(${this.#endpoints.join(',')}) after sync`)
  }

  #showCurl(endpoint: string, { method, target, body }: Question): void {
    if (!this.debug) return
    const data = body === undefined ? '' : ` -d ${JSON.stringify(body)}`
    process.stderr.write(`cURL Command: curl -X ${method} ${endpoint}${target}${data}\n`)
  }
}

/** @throws AskFailed when it is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new AskFailed(INVALID_JSON)
  }
}

/** Milliseconds that a timer can have. */
function timerMs(ms: number): number {
  return Math.min(NO_LIMIT_MS, Math.max(0, Math.ceil(ms)))
}

function shuffled(urls: readonly string[]): readonly string[] {
  return urls
    .map((url) => ({ url, at: Math.random() }))
    .sort((one, other) => one.at - other.at)
    .map(({ url }) => url)
}

/** What Node.js and undici throw carries these. */
interface SystemError extends Error {
  readonly code?: string
  readonly address?: string
  readonly port?: number
  readonly hostname?: string
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'i/o timeout',
}

function causeOf(error: ClientError): SystemError | undefined {
  const { cause } = error
  // A name with several addresses: the last one tells as much as any.
  if (cause instanceof AggregateError) return cause.errors.at(-1) as SystemError
  return cause instanceof Error ? cause : undefined
}

/** As etcdctl says it, so that scripts find what they look for. */
function wordsOf(error: ClientError, endpoint: string): string {
  if (error instanceof ApiError) {
    if (error.status === 500 || error.status === 503) return `client: etcd member ${endpoint} has no leader`
    return `client: etcd member ${endpoint} returns server error [${error.status}]`
  }
  if (error.code === 'MUSTER_CLIENT_TIMEOUT') return `client: endpoint ${endpoint} exceeded header timeout`
  const cause = causeOf(error)
  const refusal = refusalOf(cause)
  if (refusal !== undefined) return `remote error: tls: ${refusal}`
  if (isPlain(cause)) return 'http: server gave HTTP response to HTTPS client'
  const { code = '', address, port, hostname } = cause ?? {}
  const reason = REASONS[code]
  if (reason !== undefined) return `dial tcp ${address}:${port}: ${reason}`
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `dial tcp: lookup ${hostname}: no such host`
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return `dial tcp ${new URL(endpoint).host}: i/o timeout`
  if (code === 'UND_ERR_SOCKET') return 'EOF'
  if (code === 'ECONNRESET') return 'read: connection reset by peer'
  return cause?.message ?? error.message
}

function isConnecting(error: ClientError): boolean {
  const code = causeOf(error)?.code ?? ''
  return REASONS[code] !== undefined || /^(ENOTFOUND|EAI_AGAIN|ECONNRESET|UND_ERR_CONNECT_TIMEOUT)$/.test(code)
}
