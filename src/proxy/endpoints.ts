/**
 * Which members a proxy may ask, and in which order.
 *
 * Owns: the list of client URLs, and passing over those that failed lately. Knows nothing of requests or sockets.
 *
 * All requests go to the first that works, as long as it works: reads that went to another member each time would see time
 * go back, since a plain GET is served from what that member has applied.
 */

/** Most members that are remembered. More are not used: each keeps connections. */
const ENDPOINTS_MAX = 100

export interface EndpointsOptions {
  /** For how long one that failed is passed over. Milliseconds. */
  readonly failureWaitMs: number
  /** Milliseconds that never go back. */
  readonly nowMs: () => number
  /** Uniform in [0, 1): proxies with one list spread over it. */
  readonly random: () => number
}

export class Endpoints {
  readonly #options: EndpointsOptions
  #urls: readonly string[] = []
  /** By URL: until when it is passed over. */
  readonly #failedUntilMs = new Map<string, number>()

  constructor(options: EndpointsOptions) {
    this.#options = options
  }

  /** Every URL that is known, whether or not it works. */
  get all(): readonly string[] {
    return this.#urls
  }

  /** Replaces the list. Those that stay keep their places, and what is known of them; new ones come in any order. */
  set(urls: readonly string[]): void {
    const wanted = new Set(urls.slice(0, ENDPOINTS_MAX))
    const staying = this.#urls.filter((url) => wanted.delete(url))
    this.#urls = [...staying, ...shuffled([...wanted], this.#options.random)]
    for (const url of this.#failedUntilMs.keys()) if (!this.#urls.includes(url)) this.#failedUntilMs.delete(url)
  }

  /** Those worth asking now, the best first. */
  available(): readonly string[] {
    if (this.#failedUntilMs.size === 0) return this.#urls
    const nowMs = this.#options.nowMs()
    return this.#urls.filter((url) => (this.#failedUntilMs.get(url) ?? 0) <= nowMs)
  }

  /** A request could not reach it. Whether that is news: it was worth asking until now. */
  failed(url: string): boolean {
    const nowMs = this.#options.nowMs()
    const isNews = (this.#failedUntilMs.get(url) ?? 0) <= nowMs
    this.#failedUntilMs.set(url, nowMs + this.#options.failureWaitMs)
    return isNews
  }

  /** It answered. */
  worked(url: string): void {
    if (this.#failedUntilMs.size > 0) this.#failedUntilMs.delete(url)
  }
}

function shuffled(urls: string[], random: () => number): readonly string[] {
  for (let at = urls.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1))
    const moved = urls[at] as string
    urls[at] = urls[other] as string
    urls[other] = moved
  }
  return urls
}
