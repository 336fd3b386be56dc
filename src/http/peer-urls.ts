/**
 * The body of a request that adds or moves a member: `{"peerURLs":["http://host:port",…]}`.
 *
 * Owns: how Go decodes it and what etcd finds wrong with the URLs, in their words (API page, 7.2). Leaves to others: whether the
 * URLs are free.
 */
import { jsonFault } from './go-json.ts'

/** URLs of one member. More: 400; etcd takes any number, replicates them and shows them for ever. */
const URLS_MAX = 64
/** Characters of a URL. More: 400. */
const URL_CHARS_MAX = 2048

const CONTROL = /[\x00-\x1f\x7f]/
const CONTROLS = /["\\\x00-\x1f\x7f]/g

/** The URLs, sorted; or what is wrong with them, for a 400. */
export type PeerUrls = { readonly urls: readonly string[] } | { readonly fault: string }

/** etcd decodes into a structure without a name, which its messages spell out. */
const STRUCTURE = 'Go value of type struct { PeerURLs []string "json:\\"peerURLs\\"" }'

/** @param text Text of the body, decoded. */
export function parsePeerUrls(text: string): PeerUrls {
  const malformed = jsonFault(text)
  if (malformed !== undefined) return { fault: malformed }
  const body = JSON.parse(text) as unknown
  if (body !== null && (typeof body !== 'object' || Array.isArray(body))) return mistyped(body, STRUCTURE)
  let items: readonly unknown[] = []
  // Go takes names of fields in any case, and the last one counts.
  for (const [name, value] of Object.entries(body ?? {})) {
    if (name.toLowerCase() !== 'peerurls') continue
    if (value !== null && !Array.isArray(value)) return mistyped(value, 'Go struct field .peerURLs of type []string')
    const wrong = value?.find((item: unknown) => item !== null && typeof item !== 'string')
    if (wrong !== undefined) return mistyped(wrong, 'Go struct field .peerURLs of type string')
    items = value ?? []
  }
  if (items.length === 0) return { fault: 'no valid URLs given' }
  if (items.length > URLS_MAX) return { fault: `too many URLs: a member has ${URLS_MAX} at most` }
  const urls: string[] = []
  for (const item of items) {
    const url = typeof item === 'string' ? item.trim() : ''
    const fault = urlFault(url)
    if (fault !== undefined) return { fault }
    urls.push(url)
  }
  return { urls: urls.sort() }
}

function mistyped(value: unknown, wanted: string): PeerUrls {
  const kind = typeof value === 'boolean' ? 'bool' : Array.isArray(value) ? 'array' : typeof value
  return { fault: `json: cannot unmarshal ${kind} into ${wanted}` }
}

function urlFault(url: string): string | undefined {
  if (CONTROL.test(url)) {
    const shown = url.slice(0, URL_CHARS_MAX).replace(CONTROLS, goEscape)
    return `parse "${shown}": net/url: invalid control character in URL`
  }
  if (url.length > URL_CHARS_MAX) return `a URL has ${URL_CHARS_MAX} characters at most`
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(url)?.[1]?.toLowerCase()
  if (scheme === undefined) {
    const hasColon = /^[^/?#]*:/.test(url)
    if (url.startsWith(':')) return `parse "${url}": missing protocol scheme`
    if (hasColon) return `parse "${url}": first path segment in URL cannot contain colon`
  }
  const rest = scheme === undefined ? url : url.slice(scheme.length + 1)
  const [, authority = '', path = '', tail = ''] = /^\/\/([^/?#]*)([^?#]*)(.*)$/.exec(rest) ?? []
  const malformed = authorityFault(authority)
  if (malformed !== undefined) return `parse "${url}": ${malformed}`
  if (scheme !== 'http' && scheme !== 'https') return `URL scheme must be http, https, unix, or unixs: ${url}`
  if (!/:\d+$/.test(authority)) return `URL address does not have the form "host:port": ${url}`
  if (path !== '') return `URL must not contain a path: ${url}`
  // etcd takes these, and then cannot reach the member.
  const isDialable = tail === '' && !authority.includes('@') && URL.canParse(url) && Number(portOf(authority)) < 65_536
  return isDialable ? undefined : `URL address does not have the form "host:port": ${url}`
}

/** As Go writes a character in quotes. */
function goEscape(character: string): string {
  const at = '\x07\b\t\n\v\f\r"\\'.indexOf(character)
  if (at >= 0) return `\\${'abtnvfr"\\'[at]}`
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`
}

function authorityFault(authority: string): string | undefined {
  const host = authority.slice(authority.lastIndexOf('@') + 1)
  const badEscape = /%(?![0-9A-Fa-f]{2}).{0,2}/.exec(host)?.[0]
  if (host.startsWith('[')) {
    if (!host.includes(']')) return `missing ']' in host`
  } else {
    const odd = /[ "<>\\^`{|}]/.exec(host)?.[0]
    if (odd !== undefined) return `invalid character "${odd}" in host name`
  }
  if (badEscape !== undefined) return `invalid URL escape "${badEscape}"`
  const port = /:([^:\]]*)$/.exec(host.slice(host.lastIndexOf(']') + 1))?.[1]
  return port === undefined || /^\d*$/.test(port) ? undefined : `invalid port ":${port}" after host`
}

function portOf(authority: string): string {
  return authority.slice(authority.lastIndexOf(':') + 1)
}
