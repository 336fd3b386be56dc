/**
 * What a pipeline is worth.
 *
 * Owns: commands, arguments, variables, `and` and `or`; where a failure is. Leaves to others: statements (evaluate), functions.
 */
import assert from 'node:assert'
import { FunctionError, TemplateFailedError } from './errors.ts'
import { checkArgument, checkCount, type FunctionTable, type ParameterType, typeAt } from './functions.ts'
import { memberOf } from './members.ts'
import { type Command, type Operand, type ParsedTemplate, type Pipeline, placeOf, type Span } from './nodes.ts'
import { isTrue, type Value } from './values.ts'

/** Steps of one rendering: nested ranges over long lists end in seconds, not never. */
const STEPS_MAX = 10_000_000

/** One rendering: the variables, and what it has cost. */
export class PipelineRunner {
  readonly #template: ParsedTemplate
  readonly #functions: FunctionTable
  #names: string[] = ['$']
  #values: Value[] = [null]
  #steps = 0

  constructor(template: ParsedTemplate, functions: FunctionTable) {
    this.#template = template
    this.#functions = functions
  }

  mark(): number {
    return this.#names.length
  }

  /** Forgets the variables that came since `mark`. */
  forget(mark: number): void {
    this.#names.length = mark
    this.#values.length = mark
  }

  /** A template is called: it sees only `$`. Returns what `leave` wants. */
  enter(root: Value): readonly [string[], Value[]] {
    const outer: readonly [string[], Value[]] = [this.#names, this.#values]
    this.#names = ['$']
    this.#values = [root]
    return outer
  }

  leave([names, values]: readonly [string[], Value[]]): void {
    this.#names = names
    this.#values = values
  }

  declare(name: string, value: Value): void {
    this.#names.push(name)
    this.#values.push(value)
  }

  assign(name: string, value: Value): void {
    this.#values[this.#find(name)] = value
  }

  /** Value of a pipeline, which its variables get too. @throws TemplateFailedError */
  value(pipeline: Pipeline, dot: Value): Value {
    let value: Value = null
    let first = true
    for (const command of pipeline.commands) {
      value = this.#command(command, dot, first ? undefined : value)
      first = false
    }
    for (const name of pipeline.targets) {
      if (pipeline.assigns) this.assign(name, value)
      else this.declare(name, value)
    }
    return value
  }

  /** Counts one step of work. @throws TemplateFailedError when there were too many. */
  step(span: Span): void {
    this.#steps += 1
    if (this.#steps > STEPS_MAX) throw this.failure(span, `the template goes on for more than ${STEPS_MAX} steps`)
  }

  failure(span: Span, problem: string): TemplateFailedError {
    const { file, source } = this.#template
    return new TemplateFailedError(
      { file, ...placeOf(source, span.at) },
      source.slice(span.at, span.end).trim(),
      problem,
    )
  }

  /** @param piped What the command before it was worth; undefined: it is the first. */
  #command(command: Command, dot: Value, piped: Value | undefined): Value {
    const [first, ...rest] = command.words
    assert(first !== undefined, 'the parser makes no empty commands')
    this.step(command)
    switch (first.kind) {
      case 'function':
        return this.#call(first.name, command, rest, dot, piped)
      case 'field':
        return this.#chain(dot, first.names, command, rest, dot, piped)
      case 'variable':
        return this.#chain(this.#variable(first.name), first.names, command, rest, dot, piped)
      case 'chain':
        return this.#chain(this.#operand(first.of, dot, 'any'), first.names, command, rest, dot, piped)
    }
    if (rest.length > 0 || piped !== undefined) {
      throw this.failure(command, `can't give argument to non-function ${this.#textOf(first)}`)
    }
    if (first.kind === 'nil') throw this.failure(command, 'nil is not a command')
    return this.#operand(first, dot, 'any')
  }

  /** `.A.B` of a value; arguments go to the last. */
  #chain(
    from: Value,
    names: readonly string[],
    span: Span,
    rest: readonly Operand[],
    dot: Value,
    piped: Value | undefined,
  ): Value {
    const values = rest.map((word) => this.#operand(word, dot, 'any'))
    if (piped !== undefined) values.push(piped)
    return this.#guard(span, undefined, () => {
      if (names.length === 0 && values.length > 0) throw new FunctionError("can't give argument to non-function")
      return names.reduce((value, name, at) => memberOf(value, name, at === names.length - 1 ? values : []), from)
    })
  }

  #call(name: string, span: Span, rest: readonly Operand[], dot: Value, piped: Value | undefined): Value {
    const definition = this.#functions.get(name)
    assert(definition !== undefined, 'the parser knows all functions')
    const count = rest.length + (piped === undefined ? 0 : 1)
    this.#guard(span, undefined, () => checkCount(name, definition, count))
    if (name === 'and' || name === 'or') return this.#lazy(name, rest, dot, piped)
    const values = rest.map((word, at) => {
      const type = typeAt(definition, at)
      const value = this.#operand(word, dot, type)
      return this.#guard(word, undefined, () => checkArgument(value, type))
    })
    if (piped !== undefined) {
      values.push(this.#guard(span, undefined, () => checkArgument(piped, typeAt(definition, rest.length))))
    }
    return this.#guard(span, name, () => definition.run(values))
  }

  /** `and` and `or` look no further than they must. */
  #lazy(name: 'and' | 'or', rest: readonly Operand[], dot: Value, piped: Value | undefined): Value {
    let value: Value = null
    for (const word of rest) {
      value = this.#operand(word, dot, 'any')
      if (isTrue(value) === (name === 'or')) return value
    }
    return piped ?? value
  }

  /** @param type What it is for: a number has no type of its own. */
  #operand(operand: Operand, dot: Value, type: ParameterType): Value {
    switch (operand.kind) {
      case 'dot':
        return dot
      case 'nil':
        return null
      case 'bool':
      case 'string':
        return operand.value
      case 'number':
        if (type === 'int') {
          if (operand.whole === undefined)
            throw this.failure(operand, `expected integer; found ${this.#textOf(operand)}`)
          return operand.whole
        }
        return operand.looksFloat || operand.whole === undefined ? operand.float : operand.whole
      case 'field':
        return this.#chain(dot, operand.names, operand, [], dot, undefined)
      case 'variable':
        return this.#chain(this.#variable(operand.name), operand.names, operand, [], dot, undefined)
      case 'chain':
        return this.#chain(this.#operand(operand.of, dot, 'any'), operand.names, operand, [], dot, undefined)
      case 'function':
        return this.#call(operand.name, operand, [], dot, undefined)
      case 'group': {
        const { pipeline } = operand
        return this.value(pipeline, dot)
      }
    }
  }

  #variable(name: string): Value {
    return this.#values[this.#find(name)] ?? null
  }

  #find(name: string): number {
    const at = this.#names.lastIndexOf(name)
    assert(at >= 0, 'the parser knows all variables')
    return at
  }

  #guard<T>(span: Span, name: string | undefined, work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (!(error instanceof FunctionError)) throw error
      throw this.failure(span, name === undefined ? error.message : `error calling ${name}: ${error.message}`)
    }
  }

  #textOf(span: Span): string {
    return this.#template.source.slice(span.at, span.end)
  }
}
