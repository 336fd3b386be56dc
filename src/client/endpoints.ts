/**
 * Which server to ask now.
 *
 * Owns: the list, the one in use, which ones failed lately and for how long they are tried last. Leaves to others: noticing
 * failures (http), asking for the members (sync).
 *
 * All requests go to one server until it fails: connections are few, and a client reads what it wrote.
 */

/** A server that failed once is tried last for so long; twice as long each further time. Milliseconds. */
const AWAY_MS_MIN = 1_000
const AWAY_MS_MAX = 60_000
/** URLs that are kept; of a longer list of members the first are taken. */
export const ENDPOINTS_MAX = 100

interface Endpoint {
  readonly url: string
  /** Failures since it last answered. */
  failures: number
  /** It knew of no leader when it was last asked. */
  isLeaderless: boolean
  /** Until then it is tried last. Milliseconds of `performance.now()`. */
  awayUntilMs: number
}

/** Servers of one cluster. */
export class Endpoints {
  readonly #given: readonly string[]
  #all: readonly Endpoint[]
  #current: Endpoint

  /**
   * @param texts URLs, or `host:port`, which means http; a path is not taken.
   * @param order whether the first one is tried first, or any.
   * @throws RangeError when there is none, too many, or one is not a URL of http or https.
   */
  constructor(texts: readonly string[], order: 'random' | 'given') {
    this.#given = [...new Set(texts.map(parseEndpoint))]
    if (this.#given.length === 0) throw new RangeError('no endpoint is given')
    if (this.#given.length > ENDPOINTS_MAX) throw new RangeError(`more than ${ENDPOINTS_MAX} endpoints are given`)
    this.#all = (order === 'random' ? shuffled(this.#given) : this.#given).map(fresh)
    this.#current = this.#all[0] as Endpoint
  }

  /** All of them; those that were given come first, as given. */
  get urls(): readonly string[] {
    const given = new Set(this.#given)
    return [...this.#given, ...this.#all.map(({ url }) => url).filter((url) => !given.has(url))]
  }

  /** The one in use, without a trailing slash. */
  get current(): string {
    return this.#current.url
  }

  get count(): number {
    return this.#all.length
  }

  /** Whether a URL is one of them. */
  has(url: string): boolean {
    return this.#all.some((endpoint) => endpoint.url === url)
  }

  /**
   * The one to ask. Of those that this call has not tried: the one in use, else one that is well, else the one whose failure
   * is longest ago. When it has tried them all, likewise.
   * @param tried what this call has asked in vain.
   */
  pick(tried: readonly string[]): string {
    const nowMs = performance.now()
    if (tried.length === 0 && this.#current.awayUntilMs <= nowMs) return this.#current.url
    const all = this.#all
    const from = all.indexOf(this.#current)
    let best = this.#current
    let bestMs = Number.POSITIVE_INFINITY
    for (let at = 0; at < all.length; at += 1) {
      const endpoint = all[(from + at) % all.length] as Endpoint
      const isTried = tried.includes(endpoint.url)
      const ms = Math.max(0, endpoint.awayUntilMs - nowMs) + (isTried ? 2 * AWAY_MS_MAX : 0)
      if (ms < bestMs) {
        best = endpoint
        bestMs = ms
      }
    }
    return best.url
  }

  /** That one answered: it is well, and asked from now on, unless a caller wanted this one and no other. */
  worked(url: string, isNamed = false): void {
    const current = this.#current
    if (current.url === url && current.failures === 0) return
    const endpoint = this.#find(url)
    if (endpoint === undefined) return
    endpoint.failures = 0
    endpoint.awayUntilMs = 0
    if (!isNamed) this.#current = endpoint
  }

  /** That one failed. Another is in use from now on, if there is one and nobody has gone on already. */
  failed(url: string): void {
    const endpoint = this.#find(url)
    if (endpoint === undefined) return
    const awayMs = Math.min(AWAY_MS_MAX, AWAY_MS_MIN * 2 ** Math.min(endpoint.failures, 16))
    endpoint.failures += 1
    endpoint.awayUntilMs = performance.now() + awayMs
    if (endpoint === this.#current) this.#current = this.#find(this.pick([url])) ?? endpoint
  }

  /** That one was asked whether it knows of a leader. */
  ledOrNot(url: string, isLed: boolean): void {
    const endpoint = this.#find(url)
    if (endpoint !== undefined) endpoint.isLeaderless = !isLed
  }

  /** Whether what that one says may be old: it knew of no leader when it was last asked. */
  isLeaderless(url: string): boolean {
    return this.#find(url)?.isLeaderless === true
  }

  /**
   * Takes the URLs that the cluster tells of instead of those it told of before. Those that were given stay; what has another
   * scheme than all of them, or is no URL, is left out: credentials do not go from https to http because a member says so.
   */
  learn(texts: readonly string[]): void {
    const schemes = new Set(this.#given.map((url) => new URL(url).protocol))
    const urls = new Set(this.#given)
    for (const text of texts) {
      if (urls.size >= ENDPOINTS_MAX) break
      if (!URL.canParse(text) || !schemes.has(new URL(text).protocol)) continue
      urls.add(new URL(text).origin)
    }
    const before = this.#all.filter(({ url }) => urls.has(url))
    for (const { url } of before) urls.delete(url)
    this.#all = [...before, ...shuffled([...urls]).map(fresh)]
    if (!this.#all.includes(this.#current)) this.#current = this.#all[0] as Endpoint
  }

  /** All of them, for messages. */
  toString(): string {
    return this.urls.join(', ')
  }

  #find(url: string): Endpoint | undefined {
    return this.#all.find((endpoint) => endpoint.url === url)
  }
}

function fresh(url: string): Endpoint {
  return { url, failures: 0, isLeaderless: false, awayUntilMs: 0 }
}

function shuffled(texts: readonly string[]): readonly string[] {
  const left = [...texts]
  for (let at = left.length - 1; at > 0; at -= 1) {
    const other = Math.floor(Math.random() * (at + 1))
    ;[left[at], left[other]] = [left[other] as string, left[at] as string]
  }
  return left
}

/** A URL as a message may show it: without the name and the password in front of its host. */
export function withoutLogin(url: string): string {
  return url.replace(/^([a-z][a-z\d+.-]*:\/\/)?.*@/i, '$1***@')
}

/** The origin of an endpoint as it is given. @throws RangeError when it is none. */
function parseEndpoint(text: string): string {
  const given = text.trim()
  const shown = withoutLogin(given)
  const full = given.includes('://') ? given : `http://${given}`
  if (!URL.canParse(full)) throw new RangeError(`"${shown}" is no endpoint: expected http://HOST:PORT`)
  const url = new URL(full)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new RangeError(`"${shown}" is no endpoint: expected http or https, found ${url.protocol.slice(0, -1)}`)
  }
  if (url.pathname !== '/' || url.search !== '' || url.username !== '') {
    throw new RangeError(`"${shown}" is no endpoint: expected http://HOST:PORT and nothing else`)
  }
  return url.origin
}
