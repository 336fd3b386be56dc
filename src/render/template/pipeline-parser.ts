/**
 * Pipelines: variables on the left, commands with `|` between them, their words.
 *
 * Owns: the grammar within one action, and which variables are known there. Leaves to others: statements (parser).
 */
import type { Token } from './lexer.ts'
import type { Command, Operand, Pipeline } from './nodes.ts'
import type { TokenReader } from './token-reader.ts'

/** Whether a name is that of a function. */
export type KnownNames = (name: string) => boolean

const STATEMENT_WORDS: ReadonlySet<string> = new Set([
  ...['block', 'break', 'continue', 'define', 'else', 'end', 'if', 'range', 'template', 'with'],
])
const INT_MAX = 2n ** 63n
/** Parentheses within parentheses. */
const DEPTH_MAX = 200

export class PipelineParser {
  readonly #reader: TokenReader
  readonly #isFunction: KnownNames
  #variables: string[] = ['$']
  #depth = 0

  constructor(reader: TokenReader, isFunction: KnownNames) {
    this.#reader = reader
    this.#isFunction = isFunction
  }

  /** How many variables are known; for `forget`. */
  mark(): number {
    return this.#variables.length
  }

  forget(mark: number): void {
    this.#variables.length = mark
  }

  /** A definition begins: only `$` is known. Returns what `leave` wants. */
  enter(): readonly string[] {
    const outer = this.#variables
    this.#variables = ['$']
    return outer
  }

  leave(outer: readonly string[]): void {
    this.#variables = [...outer]
  }

  /** Takes a pipeline and what ends it. @param context For messages. @throws TemplateSyntaxError */
  pipeline(context: string, end: 'close' | 'right', isRange: boolean): Pipeline {
    const { at } = this.#reader.peek()
    const { targets, assigns } = this.#targets(context, isRange)
    const commands: Command[] = []
    while (true) {
      const token = this.#reader.peek()
      if (token.kind === end) {
        this.#reader.next()
        break
      }
      commands.push(this.#command(context, end))
    }
    if (commands.length === 0) throw this.#reader.error(`missing value for ${context}`)
    commands.slice(1).forEach(({ words }, at) => {
      const first = words[0]
      if (first !== undefined && ['bool', 'dot', 'nil', 'number', 'string'].includes(first.kind)) {
        throw this.#reader.error(`non executable command in pipeline stage ${at + 2}`)
      }
    })
    return { targets, assigns, commands, at, end: commands.at(-1)?.end ?? at }
  }

  #targets(context: string, isRange: boolean): { readonly targets: readonly string[]; readonly assigns: boolean } {
    const first = this.#reader.peek()
    const sign = this.#reader.peek(1)
    if (first.kind !== 'variable') return { targets: [], assigns: false }
    if (sign.kind === 'comma') {
      this.#reader.next()
      this.#reader.next()
      if (!isRange) throw this.#reader.error(`too many declarations in ${context}`)
      const second = this.#reader.expect('variable', context)
      const declares = this.#sign(context)
      return { targets: this.#declare([first, second], declares), assigns: !declares }
    }
    if (sign.kind !== 'declare' && sign.kind !== 'assign') return { targets: [], assigns: false }
    this.#reader.next()
    const declares = this.#sign(context)
    return { targets: this.#declare([first], declares), assigns: !declares }
  }

  #sign(context: string): boolean {
    const sign = this.#reader.next()
    if (sign.kind !== 'declare' && sign.kind !== 'assign') throw this.#reader.unexpected(sign, context)
    return sign.kind === 'declare'
  }

  #declare(tokens: readonly Token[], declares: boolean): readonly string[] {
    for (const { text } of tokens) {
      if (declares) this.#variables.push(text)
      else if (!this.#variables.includes(text)) throw this.#reader.error(`undefined variable "${text}"`)
    }
    return tokens.map(({ text }) => text)
  }

  #command(context: string, end: 'close' | 'right'): Command {
    const { at } = this.#reader.peek()
    const words: Operand[] = []
    while (true) {
      const operand = this.#operand()
      if (operand !== undefined) words.push(operand)
      const token = this.#reader.peek()
      if (token.kind === end) break
      if (token.kind === 'pipe') {
        this.#reader.next()
        if (words.length === 0) throw this.#reader.error('empty command')
        const next = this.#reader.peek()
        if (next.kind === end) throw this.#reader.error(`missing value for ${context}`)
        return { words, at, end: token.at }
      }
      if (operand === undefined) {
        this.#reader.next()
        throw this.#reader.unexpected(token, context)
      }
      if (!token.spaced) {
        this.#reader.next()
        throw this.#reader.unexpected(token, 'operand')
      }
    }
    if (words.length === 0) throw this.#reader.error('empty command')
    return { words, at, end: this.#reader.at }
  }

  /** Undefined: what comes is no operand. */
  #operand(): Operand | undefined {
    const term = this.#term()
    if (term === undefined) return undefined
    const names: string[] = []
    while (this.#reader.peek().kind === 'field' && !this.#reader.peek().spaced) {
      names.push(this.#reader.next().text.slice(1))
    }
    if (names.length === 0) return term
    const end = this.#reader.at
    switch (term.kind) {
      case 'field':
      case 'variable':
        return { ...term, names: [...term.names, ...names], end }
      case 'bool':
      case 'string':
      case 'number':
      case 'nil':
      case 'dot':
        throw this.#reader.error(`unexpected . after term "${this.#reader.peek(-2).text}"`)
      default:
        return { kind: 'chain', of: term, names, at: term.at, end }
    }
  }

  #term(): Operand | undefined {
    const token = this.#reader.peek()
    const { at, end, text } = token
    switch (token.kind) {
      case 'word':
        return this.#word(token)
      case 'dot':
        this.#reader.next()
        return { kind: 'dot', at, end }
      case 'field':
        this.#reader.next()
        return { kind: 'field', names: [text.slice(1)], at, end }
      case 'variable':
        this.#reader.next()
        if (!this.#variables.includes(text)) throw this.#reader.error(`undefined variable "${text}"`)
        return { kind: 'variable', name: text, names: [], at, end }
      case 'string':
        this.#reader.next()
        return { kind: 'string', value: text, at, end }
      case 'char': {
        this.#reader.next()
        const whole = BigInt(text.codePointAt(0) ?? 0)
        return { kind: 'number', whole, float: Number(whole), looksFloat: false, at, end }
      }
      case 'number':
        this.#reader.next()
        return this.#number(token)
      case 'left': {
        this.#reader.next()
        this.#depth += 1
        if (this.#depth > DEPTH_MAX) throw this.#reader.error(`parentheses nest deeper than ${DEPTH_MAX}`)
        const pipeline = this.pipeline('parenthesized pipeline', 'right', false)
        this.#depth -= 1
        return { kind: 'group', pipeline, at, end: this.#reader.at }
      }
      default:
        return undefined
    }
  }

  #word({ text, at, end }: Token): Operand | undefined {
    if (STATEMENT_WORDS.has(text)) return undefined
    this.#reader.next()
    if (text === 'true' || text === 'false') return { kind: 'bool', value: text === 'true', at, end }
    if (text === 'nil') return { kind: 'nil', at, end }
    if (!this.#isFunction(text)) throw this.#reader.error(`function "${text}" not defined`)
    return { kind: 'function', name: text, at, end }
  }

  #number({ text, at, end }: Token): Operand {
    const digits = text.replace(/^[+-]/, '')
    const minus = text.startsWith('-')
    const whole = wholeOf(digits)
    if (whole !== undefined) {
      if (whole > INT_MAX || (whole === INT_MAX && !minus)) throw this.#reader.error('integer overflow')
      const value = minus ? -whole : whole
      return { kind: 'number', whole: value, float: Number(value), looksFloat: false, at, end }
    }
    const float = Number(text.replaceAll('_', ''))
    if (!Number.isFinite(float)) throw this.#reader.error(`illegal number syntax: "${text}"`)
    return {
      kind: 'number',
      whole: Number.isInteger(float) ? BigInt(float) : undefined,
      float,
      looksFloat: true,
      at,
      end,
    }
  }
}

/** A whole number in Go's bases; undefined: it is a float, or nothing. */
function wholeOf(digits: string): bigint | undefined {
  const plain = digits.replaceAll('_', '')
  if (/^0[0-7]+$/.test(plain)) return BigInt(`0o${plain.slice(1)}`)
  return /^(0|[1-9][0-9]*|0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+)$/.test(plain) ? BigInt(plain) : undefined
}
