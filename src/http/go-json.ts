/**
 * What Go's JSON decoder says of text that is no JSON: clients of some endpoints see its words.
 *
 * Owns: the grammar as Go scans it, and the sentences. Leaves to others: what valid JSON means.
 */

/** Nesting that is looked into; Go's own limit. */
const DEPTH_MAX = 10_000

const SPACE = /[ \t\r\n]/
const HEX = /[0-9a-fA-F]/

/** The first fault, in Go's words; undefined for valid JSON. */
export function jsonFault(text: string): string | undefined {
  try {
    const scanner = new Scanner(text)
    scanner.value(0)
    scanner.end()
    return undefined
  } catch (error) {
    if (error instanceof Fault) return error.message
    throw error
  }
}

class Fault extends Error {}

class Scanner {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  value(depth: number): void {
    if (depth > DEPTH_MAX) throw new Fault('exceeded max depth')
    this.#space()
    const next = this.#peek()
    if (next === '{') this.#object(depth)
    else if (next === '[') this.#array(depth)
    else if (next === '"') this.#string()
    else if (next === '-' || (next >= '0' && next <= '9')) this.#number()
    else if (next === 't') this.#literal('true')
    else if (next === 'f') this.#literal('false')
    else if (next === 'n') this.#literal('null')
    else throw this.#unexpected('looking for beginning of value')
  }

  end(): void {
    this.#space()
    if (this.#at < this.#text.length) throw this.#unexpected('after top-level value')
  }

  #object(depth: number): void {
    this.#at++
    this.#space()
    if (this.#peek() === '}') {
      this.#at++
      return
    }
    for (;;) {
      this.#space()
      if (this.#peek() !== '"') throw this.#unexpected('looking for beginning of object key string')
      this.#string()
      this.#space()
      if (this.#peek() !== ':') throw this.#unexpected('after object key')
      this.#at++
      this.value(depth + 1)
      this.#space()
      const after = this.#peek()
      if (after !== ',' && after !== '}') throw this.#unexpected('after object key:value pair')
      this.#at++
      if (after === '}') return
    }
  }

  #array(depth: number): void {
    this.#at++
    this.#space()
    if (this.#peek() === ']') {
      this.#at++
      return
    }
    for (;;) {
      this.value(depth + 1)
      this.#space()
      const after = this.#peek()
      if (after !== ',' && after !== ']') throw this.#unexpected('after array element')
      this.#at++
      if (after === ']') return
    }
  }

  #string(): void {
    this.#at++
    for (;;) {
      const next = this.#peek()
      if (next === '"') break
      if (next < ' ') throw this.#unexpected('in string literal')
      this.#at++
      if (next === '\\') this.#escape()
    }
    this.#at++
  }

  #escape(): void {
    const next = this.#peek()
    if (!'bfnrt\\/"u'.includes(next)) throw this.#unexpected('in string escape code')
    this.#at++
    if (next !== 'u') return
    for (let digit = 0; digit < 4; digit++) {
      if (!HEX.test(this.#peek())) throw this.#unexpected('in \\u hexadecimal character escape')
      this.#at++
    }
  }

  #number(): void {
    if (this.#peek() === '-') this.#at++
    if (this.#peek() === '0') this.#at++
    else this.#digits('in numeric literal')
    if (this.#text[this.#at] === '.') {
      this.#at++
      this.#digits('after decimal point in numeric literal')
    }
    const exponent = this.#text[this.#at]
    if (exponent !== 'e' && exponent !== 'E') return
    this.#at++
    const sign = this.#text[this.#at]
    if (sign === '+' || sign === '-') this.#at++
    this.#digits('in exponent of numeric literal')
  }

  /** At least one digit. */
  #digits(context: string): void {
    if (!isDigit(this.#peek())) throw this.#unexpected(context)
    while (isDigit(this.#text[this.#at] ?? '')) this.#at++
  }

  #literal(word: string): void {
    for (const letter of word) {
      if (this.#peek() !== letter) throw this.#unexpected(`in literal ${word} (expecting '${letter}')`)
      this.#at++
    }
  }

  #space(): void {
    while (SPACE.test(this.#text[this.#at] ?? '')) this.#at++
  }

  /** The next character, which there must be. */
  #peek(): string {
    const next = this.#text[this.#at]
    if (next === undefined) throw new Fault('unexpected end of JSON input')
    return next
  }

  #unexpected(context: string): Fault {
    return new Fault(`invalid character ${quoted(this.#peek())} ${context}`)
  }
}

function isDigit(character: string): boolean {
  return character >= '0' && character <= '9' && character.length === 1
}

/** As Go quotes a byte. */
function quoted(character: string): string {
  if (character === "'") return `'\\''`
  if (character === '"') return `'"'`
  const names: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }
  const code = character.charCodeAt(0)
  if (names[character] !== undefined) return `'${names[character]}'`
  if (code < 32 || code === 127) return `'\\x${code.toString(16).padStart(2, '0')}'`
  return `'${character}'`
}
