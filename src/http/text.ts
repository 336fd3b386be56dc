/**
 * Bytes of requests as text: percent escapes and UTF-8.
 *
 * Owns: what Go's `net/url` does to escapes and its JSON encoder to bytes that are no UTF-8, since clients of this API
 * see both. Text that comes in is Latin-1, one character per byte as received. Leaves to others: what the text means.
 */
import { isUtf8 } from 'node:buffer'

/** Why text could not be decoded: the escape that is none, at most three characters, as error 210 shows it. */
export interface BadEscape {
  readonly badEscape: string
}

const NEEDS_WORK = /[%+\x80-\xff]/
const HIGH_BYTE = /[\x80-\xff]/

/** Decodes a name or value of a query or form: `+` is a space, escapes are bytes of UTF-8. */
export function decodeFormText(text: string): string | BadEscape {
  if (!NEEDS_WORK.test(text)) return text
  return decodeEscapes(text.includes('+') ? text.replaceAll('+', ' ') : text, text)
}

/** Percent-decodes Latin-1 text to Latin-1 text, byte for byte. */
export function unescapeBytes(text: string): string | BadEscape {
  let at = text.indexOf('%')
  if (at < 0) return text
  let bytes = ''
  let from = 0
  for (; at >= 0; at = text.indexOf('%', from)) {
    const high = hexDigit(text.charCodeAt(at + 1))
    const low = hexDigit(text.charCodeAt(at + 2))
    if (high < 0 || low < 0) return { badEscape: text.slice(at, at + 3) }
    bytes += text.slice(from, at) + String.fromCharCode(high * 16 + low)
    from = at + 3
  }
  return bytes + text.slice(from)
}

/** Latin-1 text that holds UTF-8, as a string. Each byte that is no UTF-8 becomes U+FFFD. */
export function decodeUtf8(bytes: string): string {
  if (!HIGH_BYTE.test(bytes)) return bytes
  const buffer = Buffer.from(bytes, 'latin1')
  return isUtf8(buffer) ? buffer.toString('utf8') : decodeDamaged(buffer)
}

function decodeEscapes(text: string, shown: string): string | BadEscape {
  if (!HIGH_BYTE.test(text)) {
    try {
      return decodeURIComponent(text)
    } catch {
      // Either an escape is none or the bytes are no UTF-8; below they are told apart.
    }
  }
  const bytes = unescapeBytes(text)
  if (typeof bytes === 'string') return decodeUtf8(bytes)
  return unescapeBytes(shown)
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48
  const lower = code | 32
  return lower >= 97 && lower <= 102 ? lower - 87 : -1
}

/** Go replaces every single byte that is no UTF-8; the WHATWG decoder replaces the longest damaged run by one. */
function decodeDamaged(buffer: Buffer): string {
  let text = ''
  for (let at = 0; at < buffer.length; ) {
    const length = sequenceLength(buffer[at] ?? 0)
    const end = at + length
    if (length > 0 && end <= buffer.length && isUtf8(buffer.subarray(at, end))) {
      text += buffer.toString('utf8', at, end)
      at = end
    } else {
      text += '\ufffd'
      at += 1
    }
  }
  return text
}

function sequenceLength(first: number): number {
  if (first < 0x80) return 1
  if (first >= 0xc2 && first <= 0xdf) return 2
  if (first >= 0xe0 && first <= 0xef) return 3
  return first >= 0xf0 && first <= 0xf4 ? 4 : 0
}
