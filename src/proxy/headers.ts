/**
 * Headers on their way through a proxy.
 *
 * Owns: which of them concern one connection only (RFC 9110, 7.6.1) and stay behind, and `X-Forwarded-For`. All others go
 * through in their order and spelling.
 */

const ONE_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'trailers',
  'transfer-encoding',
  'upgrade',
])
/** Of requests also: the length is that of what is sent, and no member need be asked whether it wants a body that is here. */
const NOT_SENT = new Set([...ONE_HOP, 'content-length', 'expect'])

/** Flat pairs for the member. @param raw flat pairs as received. @param from the client's address. */
export function requestHeaders(raw: readonly string[], from: string | undefined, bodyBytes: number): string[] {
  const named = namedByConnection(raw)
  const pairs: string[] = []
  let forwarded = ''
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] as string
    const value = raw[at + 1] as string
    const lower = name.toLowerCase()
    if (lower === 'x-forwarded-for') forwarded += forwarded === '' ? value : `, ${value}`
    else if (!NOT_SENT.has(lower) && !named?.has(lower)) pairs.push(name, value)
  }
  if (from !== undefined) forwarded += forwarded === '' ? from : `, ${from}`
  if (forwarded !== '') pairs.push('X-Forwarded-For', forwarded)
  if (bodyBytes > 0) pairs.push('Content-Length', `${bodyBytes}`)
  return pairs
}

/** Flat pairs for the client. @param raw flat pairs as the member sent them. */
export function responseHeaders(raw: readonly (string | Buffer)[]): string[] {
  const texts = raw.map((text) => (typeof text === 'string' ? text : text.toString('latin1')))
  const named = namedByConnection(texts)
  const pairs: string[] = []
  for (let at = 0; at < texts.length; at += 2) {
    const name = texts[at] as string
    const lower = name.toLowerCase()
    if (!ONE_HOP.has(lower) && !named?.has(lower)) pairs.push(name, texts[at + 1] as string)
  }
  return pairs
}

/** The further headers that `Connection` says are for this connection only; undefined when there are none. */
function namedByConnection(raw: readonly string[]): ReadonlySet<string> | undefined {
  for (let at = 0; at < raw.length; at += 2) {
    if ((raw[at] as string).toLowerCase() !== 'connection') continue
    const names = (raw[at + 1] as string).toLowerCase().split(',')
    return new Set(names.map((name) => name.trim()))
  }
  return undefined
}
