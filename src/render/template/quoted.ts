/**
 * Go's quoted strings, both ways.
 *
 * Owns: escapes. Leaves to others: where a string begins and ends (lexer).
 */

const SIMPLE: Readonly<Record<string, number>> = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11, '\\': 92 }
const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([\s\S]))|[^\\]+/gy

/**
 * What stands between the marks of a Go string or character; undefined when it is malformed. Bytes that make no UTF-8 together
 * become U+FFFD: our strings are text.
 */
export function unquote(text: string, mark: '"' | "'"): string | undefined {
  if (!text.includes('\\')) return text
  const parts: Buffer[] = []
  ESCAPE.lastIndex = 0
  let at = 0
  for (let match = ESCAPE.exec(text); match !== null; match = ESCAPE.exec(text)) {
    at = ESCAPE.lastIndex
    const [whole, hex, octal, short, long, letter] = match
    const point = short ?? long
    if (hex !== undefined) parts.push(Buffer.from([Number.parseInt(hex, 16)]))
    else if (octal !== undefined) {
      const byte = Number.parseInt(octal, 8)
      if (byte > 255) return undefined
      parts.push(Buffer.from([byte]))
    } else if (point !== undefined) {
      const codePoint = Number.parseInt(point, 16)
      if (codePoint > 0x10ffff || (codePoint >= 0xd800 && codePoint < 0xe000)) return undefined
      parts.push(Buffer.from(String.fromCodePoint(codePoint)))
    } else if (letter !== undefined) {
      const byte = letter === mark ? mark.charCodeAt(0) : SIMPLE[letter]
      if (byte === undefined) return undefined
      parts.push(Buffer.from([byte]))
    } else parts.push(Buffer.from(whole))
  }
  return at === text.length ? Buffer.concat(parts).toString('utf8') : undefined
}

const NAMED: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
}
const NOT_PRINTED = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u

/** As Go's `%q`. */
export function quote(text: string, mark: '"' | "'" = '"'): string {
  let quoted = ''
  for (const char of text) {
    if (char === mark) quoted += `\\${mark}`
    else if (NAMED[char] !== undefined) quoted += NAMED[char]
    else if (!NOT_PRINTED.test(char)) quoted += char
    else {
      const codePoint = char.codePointAt(0) as number
      const hex = codePoint.toString(16)
      if (codePoint < 0x20 || codePoint === 0x7f) quoted += `\\x${hex.padStart(2, '0')}`
      else quoted += codePoint > 0xffff ? `\\U${hex.padStart(8, '0')}` : `\\u${hex.padStart(4, '0')}`
    }
  }
  return `${mark}${quoted}${mark}`
}
