/**
 * The target of a request: which path it names, and whether that path is written cleanly.
 *
 * Owns: section 2.4 of the API page (slashes, dots, escapes, the redirect). Leaves to others: who serves the path.
 */
import { decodeUtf8, unescapeBytes } from './text.ts'

export type Target =
  /** `path` is decoded, clean and begins with `/`; one trailing slash may be there. `query` is raw, without `?`. */
  | { readonly kind: 'path'; readonly path: string; readonly query: string }
  /** `location` is what the `Location` header says; `html` is how the page of the redirect names it. */
  | { readonly kind: 'moved'; readonly location: string; readonly html: string }
  | { readonly kind: 'bad' }

const BAD: Target = { kind: 'bad' }
/** Nothing that cleaning or decoding could change. */
const PLAIN_PATH = /^[!-$&-\x7e]*$/
const ORIGIN = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?]*/
/** Bytes that Go writes as they are when it encodes a path. */
const KEPT_IN_PATH = /^[A-Za-z0-9\-._~$&+,/:;=@]$/

/** Takes a raw request target apart. @param target Latin-1, as received. */
export function parseTarget(target: string): Target {
  let rest = target
  if (rest.charCodeAt(0) !== 47) {
    const origin = ORIGIN.exec(rest)
    if (origin === null) return BAD
    rest = rest.slice(origin[0].length)
  }
  const mark = rest.indexOf('?')
  const raw = mark < 0 ? rest : rest.slice(0, mark)
  const query = mark < 0 ? '' : rest.slice(mark + 1)
  if (hasControl(rest)) return BAD
  if (raw !== '' && PLAIN_PATH.test(raw) && !raw.includes('//') && !raw.includes('/.'))
    return { kind: 'path', path: raw, query }
  const bytes = unescapeBytes(raw)
  if (typeof bytes !== 'string') return BAD
  const clean = cleanBytes(bytes)
  if (clean === bytes) return { kind: 'path', path: decodeUtf8(bytes), query }
  const location = encodePath(clean) + (query === '' ? '' : `?${query}`)
  return { kind: 'moved', location: escapeHigh(location), html: escapeHtml(location) }
}

/** Resolves repeated slashes, `.` and `..`; keeps one trailing slash unless the last segment was a dot. */
function cleanBytes(path: string): string {
  const kept: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue
    if (segment === '..') kept.pop()
    else kept.push(segment)
  }
  const clean = `/${kept.join('/')}`
  return path.endsWith('/') && clean !== '/' ? `${clean}/` : clean
}

function encodePath(bytes: string): string {
  let text = ''
  for (const byte of bytes) text += KEPT_IN_PATH.test(byte) ? byte : escapeByte(byte).toUpperCase()
  return text
}

function escapeByte(byte: string): string {
  return `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`
}

/** A `Location` holds no bytes above 0x7f: those of the query, which is kept as it is, are escaped. */
function escapeHigh(text: string): string {
  return text.replace(/[\x80-\xff]/g, escapeByte)
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&#34;')
    .replaceAll("'", '&#39;')
}

function hasControl(text: string): boolean {
  return /[\x00-\x20\x7f]/.test(text)
}
