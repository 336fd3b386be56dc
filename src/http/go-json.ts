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
    new Scanner(text).document()
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

  /**
   * One value, and nothing behind it. What is open is kept in a list: nesting that calls itself would end the stack of the
   * process before Go's limit.
   */
  document(): void {
    const open: string[] = []
    let isOver = false
    while (!isOver) {
      this.#space()
      const next = this.#peek()
      const isOpening = next === '{' || next === '['
      if (!isOpening) this.#scalar(next)
      else if (this.#enter(next, open)) continue
      isOver = !this.#goesOn(open)
    }
    this.#space()
    if (this.#at < this.#text.length) throw this.#unexpected('after top-level value')
  }

  #scalar(next: string): void {
    if (next === '"') this.#string()
    else if (next === '-' || (next >= '0' && next <= '9')) this.#number()
    else if (next === 't') this.#literal('true')
    else if (next === 'f') this.#literal('false')
    else if (next === 'n') this.#literal('null')
    else throw this.#unexpected('looking for beginning of value')
  }

  /** Opens an object or an array. False: it is empty, and is closed again. */
  #enter(bracket: string, open: string[]): boolean {
    if (open.length === DEPTH_MAX) throw this.#unexpected('exceeded max depth')
    this.#at++
    this.#space()
    if (this.#peek() === (bracket === '{' ? '}' : ']')) {
      this.#at++
      return false
    }
    open.push(bracket)
    if (bracket === '{') this.#key()
    return true
  }

  /** Goes on behind a value: closes what ends there. Whether another value follows. */
  #goesOn(open: string[]): boolean {
    for (let bracket = open.at(-1); bracket !== undefined; bracket = open.at(-1)) {
      const isObject = bracket === '{'
      this.#space()
      const after = this.#peek()
      if (after !== ',' && after !== (isObject ? '}' : ']')) {
        throw this.#unexpected(isObject ? 'after object key:value pair' : 'after array element')
      }
      this.#at++
      if (after === ',') {
        if (isObject) this.#key()
        return true
      }
      open.pop()
    }
    return false
  }

  /** A key of an object and its colon. */
  #key(): void {
    this.#space()
    if (this.#peek() !== '"') throw this.#unexpected('looking for beginning of object key string')
    this.#string()
    this.#space()
    if (this.#peek() !== ':') throw this.#unexpected('after object key')
    this.#at++
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
