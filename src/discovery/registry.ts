/**
 * The registry of one discovery token: a directory of keys in somebody's `/v2/keys`, read and written over HTTP.
 *
 * Owns: requests, redirects, limits, and telling "try again" from "never". Leaves to others: what to do with the answers, and
 * when to try again (`join.ts`). Source: API page, 13.2.
 */
import { Agent, type Dispatcher, ProxyAgent, request } from 'undici'
import { DiscoveryError } from './discovery-error.ts'

/** What one member left in the registry. */
export interface RegistryEntry {
  /** The member's id, as it names its key. */
  readonly id: string
  /** `NAME=PEERURL`, with commas between several. */
  readonly value: string
}

/** The registry at one moment. */
export interface RegistryView {
  /** How many members the cluster has. */
  readonly size: number
  /** In the order in which they came. */
  readonly entries: readonly RegistryEntry[]
  /** Store index of the reading. */
  readonly index: number
}

/** The registry could not be asked, or did not answer, this time. */
export class RegistryUnreachable extends Error {
  override readonly name = 'RegistryUnreachable'
}

export interface RegistryOptions {
  /** `http://HOST:PORT/v2/keys/…/TOKEN`. */
  readonly url: string
  /** URL of an HTTP proxy, or empty. */
  readonly proxy: string
  /** What a read or write may take. Milliseconds. */
  readonly readMsMax?: number
  /** What a watch may take before the registry is read again. Milliseconds. */
  readonly watchMsMax?: number
}

const READ_MS_MAX = 5_000
const WATCH_MS_MAX = 300_000
/** Bytes of an answer; more is no registry. */
const ANSWER_BYTES_MAX = 1024 * 1024
const REDIRECTS_MAX = 10
/** Members of a cluster that is found so. More is a slip of somebody's hand: raft with so many would not work. */
const SIZE_MAX = 100

interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
  readonly index: number
}

interface NodeJson {
  readonly key?: string
  readonly value?: string
  readonly createdIndex?: number
  readonly nodes?: readonly NodeJson[]
}

export class Registry {
  readonly #url: string
  readonly #agent: Dispatcher
  readonly #readMsMax: number
  readonly #watchMsMax: number

  constructor({ url, proxy, readMsMax = READ_MS_MAX, watchMsMax = WATCH_MS_MAX }: RegistryOptions) {
    this.#url = url.replace(/\/+$/, '')
    const limits = { maxResponseSize: ANSWER_BYTES_MAX, connectTimeout: readMsMax }
    this.#agent = proxy === '' ? new Agent(limits) : new ProxyAgent({ ...limits, uri: proxyUrl(proxy) })
    this.#readMsMax = readMsMax
    this.#watchMsMax = watchMsMax
  }

  /** Reads size and entries. Throws RegistryUnreachable, or a DiscoveryError MUSTER_DISCOVERY_BAD_TOKEN. */
  async view(): Promise<RegistryView> {
    const sized = await this.#ask('GET', '/_config/size', this.#readMsMax)
    if (sized.status !== 200) throw badToken(errorText(sized))
    const text = (sized.body['node'] as NodeJson | undefined)?.value ?? ''
    const size = Number(text)
    if (!/^[0-9]+$/.test(text) || size < 1 || size > SIZE_MAX) throw badToken('discovery: size key is bad')

    const listed = await this.#ask('GET', '', this.#readMsMax)
    if (listed.status !== 200) throw badToken(errorText(listed))
    const nodes = (listed.body['node'] as NodeJson | undefined)?.nodes ?? []
    const entries = nodes
      .filter(({ key = '' }) => !key.endsWith('/_config'))
      .toSorted((a, b) => (a.createdIndex ?? 0) - (b.createdIndex ?? 0))
      .map(({ key = '', value = '' }) => ({ id: key.slice(key.lastIndexOf('/') + 1), value }))
    return { size, entries, index: listed.index }
  }

  /** Leaves an entry. False: there is one of that id. Throws like `view`. */
  async create(id: string, value: string): Promise<boolean> {
    const body = new URLSearchParams({ value }).toString()
    const answer = await this.#ask('PUT', `/${id}?prevExist=false`, this.#readMsMax, body)
    if (answer.status === 201 || answer.status === 200) return true
    if (answer.body['errorCode'] === 105) return false
    throw badToken(errorText(answer))
  }

  /** Resolves when something changed after `index`, or when it is time to look. Throws RegistryUnreachable. */
  async changed(index: number): Promise<void> {
    await this.#ask('GET', `?wait=true&recursive=true&waitIndex=${index + 1}`, this.#watchMsMax, undefined, true)
  }

  async close(): Promise<void> {
    await this.#agent.destroy()
  }

  /** One request, with its redirects. What the server says of itself (5xx) counts as unreachable. */
  async #ask(method: 'GET' | 'PUT', tail: string, msMax: number, body?: string, patient = false): Promise<Answer> {
    let url = this.#url + tail
    const signal = AbortSignal.timeout(msMax)
    try {
      for (let hops = 0; hops <= REDIRECTS_MAX; hops++) {
        const reply = await request(url, {
          method,
          dispatcher: this.#agent,
          headersTimeout: msMax,
          bodyTimeout: msMax,
          signal,
          ...(body === undefined ? {} : { body, headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
        })
        const location = reply.headers['location']
        if (reply.statusCode >= 300 && reply.statusCode < 400 && typeof location === 'string') {
          await reply.body.dump()
          url = new URL(location, url).href
          continue
        }
        const text = await reply.body.text()
        if (reply.statusCode >= 500) throw new RegistryUnreachable(`it answered ${reply.statusCode}`)
        return { status: reply.statusCode, body: parseBody(text), index: Number(reply.headers['x-etcd-index'] ?? 0) }
      }
    } catch (error) {
      if (error instanceof RegistryUnreachable || error instanceof DiscoveryError) throw error
      if (patient && signal.aborted) return { status: 200, body: {}, index: 0 }
      const reason = signal.aborted ? `it did not answer within ${msMax} ms` : reasonOf(error)
      throw new RegistryUnreachable(reason, { cause: error })
    }
    throw badToken(`it redirects more than ${REDIRECTS_MAX} times`)
  }
}

/** `host:port` means http, as in etcd. */
function proxyUrl(text: string): string {
  return text.includes('://') ? text : `http://${text}`
}

/** A watch that ended without an event has no body. */
function parseBody(text: string): Readonly<Record<string, unknown>> {
  if (text.trim() === '') return {}
  try {
    const body: unknown = JSON.parse(text)
    if (typeof body === 'object' && body !== null) return body as Readonly<Record<string, unknown>>
  } catch {
    // Told below, like JSON that is no object.
  }
  throw badToken('discovery: bad discovery endpoint')
}

/** As etcd's client writes an error: `100: Key not found (/a) [7]`. */
function errorText({ status, body, index }: Answer): string {
  const { errorCode, message, cause } = body
  if (errorCode === undefined) return `it answered ${status}`
  return `${String(errorCode)}: ${String(message)} (${String(cause ?? '')}) [${String(body['index'] ?? index)}]`
}

function badToken(reason: string): DiscoveryError {
  return new DiscoveryError('MUSTER_DISCOVERY_BAD_TOKEN', `failed to join discovery cluster (${reason})`)
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message || String((error as { code?: unknown }).code) : String(error)
}
