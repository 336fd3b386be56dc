/**
 * Paths, queries and forms as Go writes them, so that what `--debug` shows is what etcdctl would show.
 *
 * Owns: which characters are escaped where. A value may be any bytes.
 */
import { Buffer } from 'node:buffer'

/** Names and values; undefined ones are left out. */
export type Pairs = Readonly<Record<string, string | Buffer | number | boolean | undefined>>

const PATH_PLAIN = /[\w.~$&+,/:;=@-]/
const FORM_PLAIN = /[\w.~-]/

/** `/v2/keys` with a key: `..`, `.` and empty names are resolved, a slash at the end stays. */
export function keyUrl(key: string, query: Pairs): string {
  const text = encodePairs(query)
  return `${escaped(joined('/v2/keys', key), PATH_PLAIN, '%20')}${text === '' ? '' : `?${text}`}`
}

/** A path below `/v2`, e.g. of a user. */
export function pathUrl(...names: readonly string[]): string {
  return escaped(
    joined('/v2', names.filter((name) => name !== '').join('/')).replace(/(?<=.)\/$/, ''),
    PATH_PLAIN,
    '%20',
  )
}

/** A query or a form, by name. */
export function encodePairs(pairs: Pairs): string {
  return Object.keys(pairs)
    .filter((name) => pairs[name] !== undefined)
    .sort()
    .map((name) => `${name}=${formText(pairs[name] as string | Buffer | number | boolean)}`)
    .join('&')
}

/** A path without `.`, `..` and empty names, as Go's `path.Clean` of what begins with a slash. */
export function cleanPath(path: string): string {
  const names: string[] = []
  for (const name of path.split('/')) {
    if (name === '..') names.pop()
    else if (name !== '' && name !== '.') names.push(name)
  }
  return `/${names.join('/')}`
}

function joined(prefix: string, path: string): string {
  const clean = cleanPath(`${prefix}/${path}`)
  return path.endsWith('/') && clean !== '/' ? `${clean}/` : clean
}

function formText(value: string | Buffer | number | boolean): string {
  return escaped(Buffer.isBuffer(value) ? value : String(value), FORM_PLAIN, '+')
}

function escaped(text: string | Buffer, plain: RegExp, blank: string): string {
  let out = ''
  for (const byte of Buffer.isBuffer(text) ? text : Buffer.from(text)) {
    const char = String.fromCharCode(byte)
    if (byte < 128 && plain.test(char)) out += char
    else if (char === ' ') out += blank
    else out += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return out
}
