/**
 * The words of a template, one after the other.
 *
 * Owns: the place where the parsers are, and the sentence for a word that does not belong there.
 */
import { TemplateSyntaxError } from './errors.ts'
import type { Token, TokenKind } from './lexer.ts'
import { placeOf } from './nodes.ts'

export class TokenReader {
  readonly #file: string
  readonly #source: string
  readonly #tokens: readonly Token[]
  #next = 0

  /** @param tokens Ends with one of the kind `end`. */
  constructor(file: string, source: string, tokens: readonly Token[]) {
    this.#file = file
    this.#source = source
    this.#tokens = tokens
  }

  /** Where the last word that was taken ended. */
  get at(): number {
    return this.#tokens[this.#next - 1]?.end ?? 0
  }

  /** Line of the last word that was taken. */
  get line(): number {
    return placeOf(this.#source, this.#tokens[Math.max(0, this.#next - 1)]?.at ?? 0).line
  }

  /** The word after the next with 1. */
  peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#next + ahead, this.#tokens.length - 1)] as Token
  }

  next(): Token {
    const token = this.peek()
    if (this.#next < this.#tokens.length) this.#next += 1
    return token
  }

  /** Takes the next word, which has to be of this kind. @throws TemplateSyntaxError */
  expect(kind: TokenKind, context: string): Token {
    const token = this.next()
    if (token.kind !== kind) throw this.unexpected(token, context)
    return token
  }

  unexpected(token: Token, context: string): TemplateSyntaxError {
    const text = token.kind === 'end' ? 'EOF' : `"${this.#source.slice(token.at, token.end)}"`
    return this.error(`unexpected ${token.kind === 'word' ? `<${token.text}>` : text} in ${context}`)
  }

  /** About the word that was taken last. */
  error(problem: string): TemplateSyntaxError {
    return new TemplateSyntaxError(this.#file, this.line, problem)
  }
}
