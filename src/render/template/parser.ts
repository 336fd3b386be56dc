/**
 * From words to statements: Go's text/template, version 1.19, with `{{else with}}` of later ones.
 *
 * Owns: the grammar of statements, and which variables exist where. Leaves to others: words (lexer), pipelines
 * (pipeline-parser), meaning (evaluate).
 */
import { TemplateSyntaxError } from './errors.ts'
import { lex, type Token } from './lexer.ts'
import type { Body, Branch, ParsedTemplate, Pipeline, Statement } from './nodes.ts'
import { type KnownNames, PipelineParser } from './pipeline-parser.ts'
import { TokenReader } from './token-reader.ts'

/** Statements within statements. */
const DEPTH_MAX = 200

/** How a list of statements ended. */
type Ending = { readonly word: 'end' | 'end of file' } | { readonly word: 'else'; readonly at: number }

/**
 * Parses one file.
 *
 * @param file Its name in messages. @param isFunction Which names may be called.
 * @throws TemplateSyntaxError
 */
export function parseTemplate(file: string, source: string, isFunction: KnownNames): ParsedTemplate {
  return new Parser(file, source, isFunction).run()
}

class Parser {
  readonly #file: string
  readonly #source: string
  readonly #reader: TokenReader
  readonly #pipelines: PipelineParser
  readonly #defined = new Map<string, Body>()
  #depth = 0
  #ranges = 0

  constructor(file: string, source: string, isFunction: KnownNames) {
    this.#file = file
    this.#source = source
    this.#reader = new TokenReader(file, source, lex(file, source))
    this.#pipelines = new PipelineParser(this.#reader, isFunction)
  }

  run(): ParsedTemplate {
    const { body, ending } = this.#body('top')
    if (ending.word !== 'end of file') throw this.#reader.error(`unexpected {{${ending.word}}}`)
    return { file: this.#file, source: this.#source, main: body, defined: this.#defined }
  }

  /** Statements up to `{{end}}`, `{{else` or the end of the file. The word itself is taken, its closing delimiter after `else` is not. */
  #body(place: 'top' | 'inner'): { readonly body: Body; readonly ending: Ending } {
    const body: Statement[] = []
    while (true) {
      const token = this.#reader.next()
      if (token.kind === 'text') {
        body.push({ kind: 'text', text: token.text })
        continue
      }
      if (token.kind === 'end') {
        if (place === 'inner') throw this.#reader.error('unexpected EOF')
        return { body, ending: { word: 'end of file' } }
      }
      const first = this.#reader.peek()
      if (first.kind === 'word' && first.text === 'end') {
        this.#reader.next()
        this.#reader.expect('close', 'end')
        return { body, ending: { word: 'end' } }
      }
      if (first.kind === 'word' && first.text === 'else') {
        this.#reader.next()
        return { body, ending: { word: 'else', at: token.at } }
      }
      const statement = this.#statement(token, place)
      if (statement !== undefined) body.push(statement)
    }
  }

  #statement(open: Token, place: 'top' | 'inner'): Statement | undefined {
    const word = this.#reader.peek()
    if (word.kind === 'word') {
      switch (word.text) {
        case 'if':
        case 'with':
        case 'range':
          this.#reader.next()
          return this.#branch(word.text, open.at)
        case 'define':
          this.#reader.next()
          if (place !== 'top') throw this.#reader.error('unexpected {{define}}')
          this.#define()
          return undefined
        case 'template':
          this.#reader.next()
          return this.#call(open.at)
        case 'block':
          this.#reader.next()
          return this.#block(open.at)
        case 'break':
        case 'continue':
          this.#reader.next()
          this.#reader.expect('close', word.text)
          if (this.#ranges === 0) throw this.#reader.error(`{{${word.text}}} outside {{range}}`)
          return { kind: word.text }
      }
    }
    return { kind: 'action', pipeline: this.#pipelines.pipeline('command', 'close', false) }
  }

  #branch(kind: Branch['kind'], at: number): Branch {
    this.#deeper()
    const variables = this.#pipelines.mark()
    const pipeline = this.#pipelines.pipeline(kind, 'close', kind === 'range')
    if (kind === 'range') this.#ranges += 1
    const { body, ending } = this.#body('inner')
    if (kind === 'range') this.#ranges -= 1
    const otherwise = ending.word === 'else' ? this.#otherwise(kind, ending.at) : undefined
    this.#pipelines.forget(variables)
    this.#depth -= 1
    return { kind, pipeline, body, otherwise, at, end: this.#reader.at }
  }

  #otherwise(kind: Branch['kind'], at: number): Body {
    const word = this.#reader.peek()
    if (word.kind === 'word' && (word.text === 'if' || word.text === 'with') && kind !== 'range') {
      if (kind !== word.text) throw this.#reader.error(`unexpected {{else ${word.text}}} in {{${kind}}}`)
      this.#reader.next()
      // `{{else if}}` is an if within the else, and both end at one `{{end}}`.
      return [this.#branch(word.text, at)]
    }
    this.#reader.expect('close', 'else')
    const { body, ending } = this.#body('inner')
    if (ending.word !== 'end') throw this.#reader.error(`expected end; found {{${ending.word}}}`)
    return body
  }

  #define(): void {
    const name = this.#reader.expect('string', 'define clause')
    this.#reader.expect('close', 'define clause')
    this.#store(name.text)
  }

  #call(at: number): Statement {
    const name = this.#reader.expect('string', 'template clause')
    const pipeline = this.#contextOf()
    return { kind: 'template', name: name.text, pipeline, at, end: this.#reader.at }
  }

  #block(at: number): Statement {
    const name = this.#reader.expect('string', 'block clause')
    const pipeline = this.#pipelines.pipeline('block clause', 'close', false)
    this.#store(name.text)
    return { kind: 'template', name: name.text, pipeline, at, end: this.#reader.at }
  }

  #contextOf(): Pipeline | undefined {
    if (this.#reader.peek().kind !== 'close') return this.#pipelines.pipeline('template clause', 'close', false)
    this.#reader.next()
    return undefined
  }

  /** Takes the body of a definition, which sees no variable of what stands around it. */
  #store(name: string): void {
    this.#deeper()
    const ranges = this.#ranges
    this.#ranges = 0
    const outer = this.#pipelines.enter()
    const { body, ending } = this.#body('inner')
    if (ending.word !== 'end') throw this.#reader.error(`unexpected {{${ending.word}}} in define clause`)
    this.#pipelines.leave(outer)
    this.#ranges = ranges
    this.#depth -= 1
    const before = this.#defined.get(name)
    if (before !== undefined && !isBlank(before) && !isBlank(body)) {
      throw this.#reader.error(`template: multiple definition of template ${JSON.stringify(name)}`)
    }
    if (before === undefined || !isBlank(body)) this.#defined.set(name, body)
  }

  #deeper(): void {
    this.#depth += 1
    if (this.#depth > DEPTH_MAX) {
      throw new TemplateSyntaxError(this.#file, this.#reader.line, `statements nest deeper than ${DEPTH_MAX}`)
    }
  }
}

/** A definition that prints nothing but blanks may be replaced by another. */
function isBlank(body: Body): boolean {
  return body.every((statement) => statement.kind === 'text' && statement.text.trim() === '')
}
