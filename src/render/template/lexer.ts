/**
 * From the text of a template to its words.
 *
 * Owns: delimiters, trimming, comments, the forms of strings and numbers (Go 1.19's). Leaves to others: what words mean together
 * (parser).
 */
import { TemplateSyntaxError } from './errors.ts'
import { placeOf, type Span } from './nodes.ts'
import { unquote } from './quoted.ts'

export type TokenKind =
  | 'text'
  | 'open'
  | 'close'
  | 'field'
  | 'dot'
  | 'variable'
  | 'word'
  | 'string'
  | 'char'
  | 'number'
  | 'pipe'
  | 'declare'
  | 'assign'
  | 'comma'
  | 'left'
  | 'right'
  | 'end'

export interface Token extends Span {
  readonly kind: TokenKind
  /** The source, but for strings and characters: there the value; for text: after trimming. */
  readonly text: string
  /** Blanks stand before it. */
  readonly spaced: boolean
}

const BLANKS = ' \t\r\n'
const NAME = /[\p{L}\p{Nd}_]+/uy
const NUMBER =
  /[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9_]+)?)/y
const NAME_CHAR = /[\p{L}\p{Nd}_]/u

/** Cuts a template into words. @throws TemplateSyntaxError */
export function lex(file: string, source: string): readonly Token[] {
  return new Lexer(file, source).run()
}

class Lexer {
  readonly #file: string
  readonly #source: string
  readonly #tokens: Token[] = []
  #at = 0
  #depth = 0
  /** What follows loses the blanks at its beginning. */
  #trims = false

  constructor(file: string, source: string) {
    this.#file = file
    this.#source = source
  }

  run(): readonly Token[] {
    const source = this.#source
    while (this.#at < source.length) {
      const open = source.indexOf('{{', this.#at)
      const end = open < 0 ? source.length : open
      const trimsBefore = open >= 0 && source[open + 2] === '-' && isBlank(source[open + 3])
      this.#text(end, trimsBefore)
      if (open < 0) break
      this.#at = open + (trimsBefore ? 4 : 2)
      if (this.#comment(open)) continue
      this.#push('open', open, false)
      this.#action(open)
    }
    this.#at = source.length
    this.#push('end', this.#at, false, '')
    return this.#tokens
  }

  #text(end: number, trimsBefore: boolean): void {
    let text = this.#source.slice(this.#at, end)
    if (this.#trims) text = text.replace(/^[ \t\r\n]+/, '')
    if (trimsBefore) text = text.replace(/[ \t\r\n]+$/, '')
    this.#trims = false
    const at = this.#at
    this.#at = end
    if (text !== '') this.#push('text', at, false, text)
  }

  /** Takes a comment, whose delimiters stand right beside it. */
  #comment(open: number): boolean {
    const source = this.#source
    let at = this.#at
    if (this.#at > open + 2) while (isBlank(source[at])) at += 1
    if (!source.startsWith('/*', at)) return false
    const close = source.indexOf('*/', at + 2)
    if (close < 0) throw this.#error(open, 'unclosed comment')
    at = close + 2
    const trims = isBlank(source[at]) && /^[ \t\r\n]+-\}\}/.test(source.slice(at, at + 1_000))
    if (trims) at = source.indexOf('-', at) + 1
    if (!source.startsWith('}}', at)) throw this.#error(open, 'comment ends before closing delimiter')
    this.#at = at + 2
    this.#trims = trims
    return true
  }

  /** Takes words up to the closing delimiter. */
  #action(open: number): void {
    const source = this.#source
    this.#depth = 0
    while (true) {
      const from = this.#at
      while (isBlank(source[this.#at])) this.#at += 1
      const spaced = this.#at > from
      const at = this.#at
      const trims = spaced && source.startsWith('-}}', at)
      if (trims || source.startsWith('}}', at)) {
        if (this.#depth > 0) throw this.#error(at, 'unclosed left paren')
        this.#at = at + (trims ? 3 : 2)
        this.#push('close', at, spaced)
        this.#trims = trims
        return
      }
      if (at >= source.length) throw this.#error(open, 'unclosed action')
      this.#word(at, spaced)
    }
  }

  #word(at: number, spaced: boolean): void {
    const source = this.#source
    const char = source[at] as string
    if (char === '"') this.#quoted(at, spaced, '"')
    else if (char === '`') this.#raw(at, spaced)
    else if (char === "'") this.#quoted(at, spaced, "'")
    else if (char === ':') {
      if (source[at + 1] !== '=') throw this.#error(at, 'expected :=')
      this.#take('declare', at, 2, spaced)
    } else if (char === '=') this.#take('assign', at, 1, spaced)
    else if (char === '|') this.#take('pipe', at, 1, spaced)
    else if (char === ',') this.#take('comma', at, 1, spaced)
    else if (char === '(') {
      this.#depth += 1
      this.#take('left', at, 1, spaced)
    } else if (char === ')') {
      this.#depth -= 1
      if (this.#depth < 0) throw this.#error(at, "unexpected right paren U+0029 ')'")
      this.#take('right', at, 1, spaced)
    } else if (char === '.' && !/[0-9]/.test(source[at + 1] ?? '')) {
      const name = this.#match(NAME, at + 1)
      this.#take(name === '' ? 'dot' : 'field', at, 1 + name.length, spaced)
      this.#endsWell(at)
    } else if (char === '$') {
      this.#take('variable', at, 1 + this.#match(NAME, at + 1).length, spaced)
      this.#endsWell(at)
    } else if (/[0-9+.-]/.test(char)) {
      const number = this.#match(NUMBER, at)
      const next = source.slice(at + number.length, at + number.length + 2)
      if (number === '' || NAME_CHAR.test(next.charAt(0)) || next.startsWith('.')) {
        throw this.#error(at, `bad number syntax: ${JSON.stringify(source.slice(at, at + number.length + 1))}`)
      }
      this.#take('number', at, number.length, spaced)
    } else {
      const name = this.#match(NAME, at)
      if (name === '') {
        const codePoint = source.codePointAt(at) as number
        const hex = codePoint.toString(16).toUpperCase().padStart(4, '0')
        throw this.#error(at, `unexpected bad character U+${hex} '${String.fromCodePoint(codePoint)}' in command`)
      }
      this.#take('word', at, name.length, spaced)
      this.#endsWell(at)
    }
  }

  /** A name is followed by a blank or by what may follow a name. */
  #endsWell(at: number): void {
    const next = this.#source[this.#at]
    if (next === undefined || isBlank(next) || '.,|:)('.includes(next) || next === '=') return
    if (this.#source.startsWith('}}', this.#at)) return
    const codePoint = this.#source.codePointAt(this.#at) as number
    const hex = codePoint.toString(16).toUpperCase().padStart(4, '0')
    throw this.#error(at, `bad character U+${hex} '${String.fromCodePoint(codePoint)}'`)
  }

  #quoted(at: number, spaced: boolean, mark: '"' | "'"): void {
    const source = this.#source
    const what = mark === '"' ? 'unterminated quoted string' : 'unterminated character constant'
    let end = at + 1
    while (source[end] !== mark) {
      if (source[end] === '\\') end += 1
      if (end >= source.length || source[end] === '\n') throw this.#error(at, what)
      end += 1
    }
    const value = unquote(source.slice(at + 1, end), mark)
    if (value === undefined || (mark === "'" && [...value].length !== 1)) {
      throw this.#error(at, `malformed ${mark === '"' ? 'string' : 'character constant'}: ${source.slice(at, end + 1)}`)
    }
    this.#at = end + 1
    this.#push(mark === '"' ? 'string' : 'char', at, spaced, value)
  }

  #raw(at: number, spaced: boolean): void {
    const end = this.#source.indexOf('`', at + 1)
    if (end < 0) throw this.#error(at, 'unterminated raw quoted string')
    this.#at = end + 1
    this.#push('string', at, spaced, this.#source.slice(at + 1, end).replaceAll('\r', ''))
  }

  #match(pattern: RegExp, at: number): string {
    pattern.lastIndex = at
    return pattern.exec(this.#source)?.[0] ?? ''
  }

  #take(kind: TokenKind, at: number, length: number, spaced: boolean): void {
    this.#at = at + length
    this.#push(kind, at, spaced)
  }

  #push(kind: TokenKind, at: number, spaced: boolean, text = this.#source.slice(at, this.#at)): void {
    this.#tokens.push({ kind, text, at, end: this.#at, spaced })
  }

  #error(at: number, problem: string): TemplateSyntaxError {
    return new TemplateSyntaxError(this.#file, placeOf(this.#source, at).line, problem)
  }
}

function isBlank(char: string | undefined): boolean {
  return char !== undefined && BLANKS.includes(char)
}
