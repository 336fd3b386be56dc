/**
 * Which server to ask now.
 *
 * Owns: the list, the one in use, going on to the next when it failed. Leaves to others: noticing failures (http).
 */

/** Servers of one cluster, in the order in which they are tried. */
export class Endpoints {
  readonly urls: readonly string[]
  #at = 0

  /**
   * @param texts URLs, or `host:port`, which means http; a path is not taken.
   * @throws RangeError when there is none, or one is not a URL of http or https.
   */
  constructor(texts: readonly string[]) {
    this.urls = texts.map(parseEndpoint)
    if (this.urls.length === 0) throw new RangeError('no endpoint is given')
  }

  /** The one to ask, without a trailing slash. */
  get current(): string {
    return this.urls[this.#at] as string
  }

  /** That one failed; the next is asked from now on, unless somebody has gone on already. */
  failed(url: string): void {
    if (url === this.current) this.#at = (this.#at + 1) % this.urls.length
  }

  /** All of them, for messages. */
  toString(): string {
    return this.urls.join(', ')
  }
}

function parseEndpoint(text: string): string {
  const given = text.trim()
  const full = given.includes('://') ? given : `http://${given}`
  if (!URL.canParse(full)) throw new RangeError(`"${given}" is no endpoint: expected http://HOST:PORT`)
  const url = new URL(full)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new RangeError(`"${given}" is no endpoint: expected http or https, found ${url.protocol.slice(0, -1)}`)
  }
  if (url.pathname !== '/' || url.search !== '' || url.username !== '') {
    throw new RangeError(`"${given}" is no endpoint: expected http://HOST:PORT and nothing else`)
  }
  return url.origin
}
