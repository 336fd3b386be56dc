/**
 * Bytes of all kinds for an HTTP port: soups of pieces, and requests that are nearly right, cut, repeated, oversized.
 *
 * Owns: what is drawn. Leaves to others: sending it, and what may come back.
 */
import { Prng } from '../sim/prng.ts'

const METHODS = ['GET', 'PUT', 'POST', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'get']

const ODD_PATHS = ['/v2/keys/%zz', '/v2/keys//x', '/v2/keys/%ff%00', '/v2/keys/..', '*', 'http://h/', '/v1', '']

const QUERIES = [
  ...['?wait=true', '?recursive=true', '&sorted=true', '?ttl=9e9', '?prevIndex=18446744073709551615', '?quorum=true'],
  ...['&stream=1', '?digest=true', '?path=/', '?timeout=1', '?ttl=9&name=a', '%', ';', '?index=1'],
]

const VERSIONS = [' HTTP/1.1\r\n', ' HTTP/1.0\r\n', ' HTTP/2.0\r\n']

const HEADERS = [
  ...['Host: b\r\n', 'Connection: close\r\n', 'Content-Length: 5\r\n', 'Content-Length: 99999999999\r\n'],
  ...['Content-Length: x\r\n', 'Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: gzip\r\n'],
  ...['Expect: 100-continue\r\n', 'Expect: x\r\n', 'Content-Type: application/x-www-form-urlencoded\r\n'],
  ...['Content-Type: application/json\r\n', 'Content-Type: ;;\r\n', 'Origin: x\r\n', 'Upgrade: h2c\r\n', ': \r\n'],
  ...['Authorization: Basic cm9vdDpwdw==\r\n', 'Authorization: x\r\n', 'TE: trailers\r\n', 'X-Forwarded-For: \xff\r\n'],
  // Right below and beyond what a head may be, 64 KiB, as one header and as many.
  `X-Long: ${'h'.repeat(60_000)}\r\n`,
  `X-Long: ${'h'.repeat(70_000)}\r\n`,
  'X-Many: 1\r\n'.repeat(2_000),
]

const BODIES = [
  ...['', 'value=x', 'value=%zz', '5\r\nvalue\r\n0\r\n\r\n', '5\r\nvalue\r\n', 'ffffffff\r\n', '-1\r\nx\r\n'],
  ...[
    '5\r\nvaluevalue\r\n0\r\n\r\n',
    '5;x=y\r\nvalue\r\n0\r\nT: z\r\n\r\n',
    '{"a":',
    '{"peerURLs":["x"]}',
    '\0\0\0\0\0',
  ],
  // Large, and nothing that is kept: what is stored is no leak.
  `other=${'x'.repeat(100_000)}`,
]

const SCRAPS = [
  ...[
    '\0',
    ' ',
    '\r\n',
    '\n',
    '\r',
    '\r\n\r\n',
    '\r\n\r\n',
    'Host: a\r\n',
    '0\r\n\r\n',
    '\xff\xfe',
    '\u0016\u0003\u0001',
  ],
  'x'.repeat(3000),
]

const SOUP_MAX = 14
const PIPELINED_MAX = 4
const HEADERS_MAX = 4
/** Parts in which slow bytes are sent. */
const PARTS_MAX = 20

/** The same draws for the same seed. */
export class Nonsense {
  readonly prng: Prng
  readonly #paths: readonly string[]
  readonly #soup: readonly string[]

  /** @param paths those that are served. Each `draw` is about one of them, in turn, when it is not a soup of all. */
  constructor(seed: number, paths: readonly string[]) {
    this.prng = new Prng(seed)
    this.#paths = paths
    const methods = METHODS.map((method) => `${method} `)
    this.#soup = [...methods, ...paths, ...ODD_PATHS, ...QUERIES, ...VERSIONS, ...HEADERS, ...BODIES, ...SCRAPS]
  }

  /** What is sent on one connection, in parts of which each goes when the loop has turned. */
  draw(round: number): readonly string[] {
    const { prng } = this
    const bytes = round % 3 === 0 ? this.#draws(this.#soup, 1 + prng.below(SOUP_MAX)) : this.#requests(round)
    const end = prng.chance(0.3) ? prng.below(bytes.length + 1) : bytes.length
    if (!prng.chance(0.3)) return [bytes.slice(0, end)]
    const step = Math.ceil((end + 1) / (1 + prng.below(PARTS_MAX)))
    return Array.from({ length: Math.ceil(end / step) }, (_, at) =>
      bytes.slice(at * step, Math.min(end, (at + 1) * step)),
    )
  }

  #requests(round: number): string {
    const path = this.#paths[round % this.#paths.length] as string
    return Array.from({ length: 1 + this.prng.below(PIPELINED_MAX) }, () => this.#request(path)).join('')
  }

  #request(path: string): string {
    const { prng } = this
    const query = prng.chance(0.5) ? prng.pick(QUERIES) : ''
    const version = prng.chance(0.9) ? ' HTTP/1.1\r\n' : prng.pick(VERSIONS)
    const host = prng.chance(0.9) ? 'Host: a\r\n' : ''
    const headers = this.#draws(HEADERS, prng.below(HEADERS_MAX + 1))
    return `${prng.pick(METHODS)} ${path}${query}${version}${host}${headers}\r\n${prng.pick(BODIES)}`
  }

  #draws(pieces: readonly string[], count: number): string {
    return Array.from({ length: count }, () => this.prng.pick(pieces)).join('')
  }
}
