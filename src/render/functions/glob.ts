/**
 * Go's path.Match, and the two halves of a path.
 *
 * Owns: `*`, `?`, `[a-z]`, `[^a]` and `\` in patterns of keys; `*` stops at `/`.
 */
import { FunctionError } from '../template/errors.ts'

/** A pattern as a test. @throws FunctionError when it is malformed. */
export function globTest(pattern: string): (key: string) => boolean {
  const expression = new RegExp(`^${translate(pattern)}$`, 'su')
  return (key) => expression.test(key)
}

/** What stands before the first character with a meaning: keys that match begin so. */
export function literalPrefix(pattern: string): string {
  return /^[^*?[\\]*/.exec(pattern)?.[0] ?? ''
}

/**
 * As an expression. What stands between two stars matches where it does first, and is not tried again further on: later is never
 * better, as stars stop at slashes, and trying would take for ever on patterns with many stars.
 */
function translate(pattern: string): string {
  const [head = '', ...parts] = piecesOf([...pattern])
  const last = parts.pop()
  if (last === undefined) return head
  const middle = parts.filter((part) => part !== '').map((part, at) => `(?=([^/]*?${part}))\\${at + 1}`)
  return `${head}${middle.join('')}[^/]*${last}`
}

/** What stands before, between and after the stars. */
function piecesOf(chars: readonly string[]): readonly string[] {
  const pieces: string[] = []
  let piece = ''
  for (let at = 0; at < chars.length; at += 1) {
    const char = chars[at] as string
    if (char === '*') {
      pieces.push(piece)
      piece = ''
    } else if (char === '?') piece += '[^/]'
    else if (char === '[') {
      const end = endOfClass(chars, at)
      piece += `(?!/)${classOf(chars.slice(at + 1, end))}`
      at = end
    } else if (char === '\\') {
      at += 1
      if (at >= chars.length) throw malformed()
      piece += escapeChar(chars[at] as string)
    } else piece += escapeChar(char)
  }
  return [...pieces, piece]
}

/** Index of the `]`. */
function endOfClass(chars: readonly string[], from: number): number {
  let at = from + 1
  if (chars[at] === '^') at += 1
  for (let first = true; at < chars.length; at += 1, first = false) {
    if (chars[at] === ']' && !first) return at
    if (chars[at] === '\\') at += 1
  }
  throw malformed()
}

function classOf(chars: readonly string[]): string {
  const negated = chars[0] === '^'
  let ranges = ''
  let at = negated ? 1 : 0
  const one = (): string => {
    let char = chars[at]
    if (char === '-' || char === ']') throw malformed()
    if (char === '\\') {
      at += 1
      char = chars[at]
    }
    if (char === undefined) throw malformed()
    at += 1
    return char
  }
  while (at < chars.length) {
    const low = one()
    if (chars[at] !== '-') {
      ranges += escapeChar(low)
      continue
    }
    at += 1
    const high = one()
    // A range that runs backwards matches nothing, in Go.
    if ((low.codePointAt(0) as number) <= (high.codePointAt(0) as number))
      ranges += `${escapeChar(low)}-${escapeChar(high)}`
  }
  return `[${negated ? '^' : ''}${ranges}]`
}

/** By number: a backslash before a character that has no meaning where it stands is an error. */
function escapeChar(char: string): string {
  return /\w/.test(char) ? char : `\\u{${(char.codePointAt(0) as number).toString(16)}}`
}

function malformed(): FunctionError {
  return new FunctionError('syntax error in pattern')
}

/** Go's path.Clean. */
export function cleanPath(path: string): string {
  const rooted = path.startsWith('/')
  const names: string[] = []
  for (const name of path.split('/')) {
    if (name === '' || name === '.') continue
    if (name === '..' && names.length > 0 && names.at(-1) !== '..') names.pop()
    else if (name !== '..' || !rooted) names.push(name)
  }
  return `${rooted ? '/' : ''}${names.join('/')}` || '.'
}

/** Go's path.Dir. */
export function dirOf(path: string): string {
  return cleanPath(path.slice(0, path.lastIndexOf('/') + 1))
}

/** Go's path.Base. */
export function baseOf(path: string): string {
  if (path === '') return '.'
  const trimmed = path.replace(/\/+$/, '')
  return trimmed === '' ? '/' : trimmed.slice(trimmed.lastIndexOf('/') + 1)
}
