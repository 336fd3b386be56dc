/**
 * From a parsed template and its functions to text.
 *
 * Owns: statements, loops, calls of templates, the bounds of one rendering. Leaves to others: pipelines (pipeline).
 */
import type { FunctionTable } from './functions.ts'
import type { Body, Branch, ParsedTemplate, Span, Statement } from './nodes.ts'
import { PipelineRunner } from './pipeline.ts'
import { printResult } from './print.ts'
import { isList, isMap, isTrue, sortedKeys, typeName, type Value } from './values.ts'

/** Characters of one rendering. A file of more is no configuration. */
const OUTPUT_CHARS_MAX = 64 * 1024 * 1024
/** Templates that call each other. */
const CALLS_MAX = 200

/** How a list of statements ended. */
type Flow = 'on' | 'break' | 'continue'

/**
 * Renders a template.
 *
 * @param dot What `.` and `$` are at first. @throws TemplateFailedError
 */
export function renderTemplate(template: ParsedTemplate, functions: FunctionTable, dot: Value): string {
  return new Evaluation(template, functions).run(dot)
}

class Evaluation {
  readonly #template: ParsedTemplate
  readonly #runner: PipelineRunner
  readonly #parts: string[] = []
  #chars = 0
  #calls = 0

  constructor(template: ParsedTemplate, functions: FunctionTable) {
    this.#template = template
    this.#runner = new PipelineRunner(template, functions)
  }

  run(dot: Value): string {
    this.#runner.enter(dot)
    this.#body(this.#template.main, dot)
    return this.#parts.join('')
  }

  #body(body: Body, dot: Value): Flow {
    for (const statement of body) {
      const flow = this.#statement(statement, dot)
      if (flow !== 'on') return flow
    }
    return 'on'
  }

  #statement(statement: Statement, dot: Value): Flow {
    switch (statement.kind) {
      case 'text':
        this.#print(statement.text, undefined)
        return 'on'
      case 'action': {
        const value = this.#runner.value(statement.pipeline, dot)
        if (statement.pipeline.targets.length === 0) this.#print(printResult(value), statement.pipeline)
        return 'on'
      }
      case 'template': {
        const value = statement.pipeline === undefined ? null : this.#runner.value(statement.pipeline, dot)
        this.#call(statement.name, value, statement)
        return 'on'
      }
      case 'break':
      case 'continue':
        return statement.kind
      default:
        return this.#branch(statement, dot)
    }
  }

  #branch(branch: Branch, dot: Value): Flow {
    const mark = this.#runner.mark()
    const value = this.#runner.value(branch.pipeline, dot)
    let flow: Flow = 'on'
    if (branch.kind === 'range') flow = this.#range(branch, value, dot)
    else if (isTrue(value)) flow = this.#body(branch.body, branch.kind === 'with' ? value : dot)
    else if (branch.otherwise !== undefined) flow = this.#body(branch.otherwise, dot)
    this.#runner.forget(mark)
    return flow
  }

  #range(branch: Branch, value: Value, dot: Value): Flow {
    if (isList(value)) {
      if (value.length > 0) return this.#each(branch, value.length, (at) => [BigInt(at), value[at] ?? null])
    } else if (isMap(value)) {
      const keys = sortedKeys(value)
      if (keys.length > 0) {
        return this.#each(branch, keys.length, (at) => [keys[at] ?? '', value.get(keys[at] ?? '') ?? null])
      }
    } else if (value !== null) {
      throw this.#runner.failure(
        branch.pipeline,
        `range can't iterate over ${printResult(value)} of type ${typeName(value)}`,
      )
    }
    return branch.otherwise === undefined ? 'on' : this.#body(branch.otherwise, dot)
  }

  #each(branch: Branch, count: number, pairAt: (at: number) => readonly [Value, Value]): Flow {
    const { targets, assigns } = branch.pipeline
    for (let at = 0; at < count; at += 1) {
      this.#runner.step(branch)
      const mark = this.#runner.mark()
      const [key, element] = pairAt(at)
      targets.forEach((name, place) => {
        const value = targets.length === 2 && place === 0 ? key : element
        if (assigns) this.#runner.assign(name, value)
        else this.#runner.declare(name, value)
      })
      const flow = this.#body(branch.body, element)
      this.#runner.forget(mark)
      if (flow === 'break') break
    }
    return 'on'
  }

  #call(name: string, value: Value, span: Span): void {
    const body = name === this.#template.file ? this.#template.main : this.#template.defined.get(name)
    if (body === undefined) throw this.#runner.failure(span, `template ${JSON.stringify(name)} not defined`)
    this.#calls += 1
    if (this.#calls > CALLS_MAX)
      throw this.#runner.failure(span, `templates call each other more than ${CALLS_MAX} deep`)
    const outer = this.#runner.enter(value)
    this.#body(body, value)
    this.#runner.leave(outer)
    this.#calls -= 1
  }

  #print(text: string, span: Span | undefined): void {
    this.#chars += text.length
    if (this.#chars > OUTPUT_CHARS_MAX) {
      throw this.#runner.failure(span ?? { at: 0, end: 0 }, `the output is longer than ${OUTPUT_CHARS_MAX} characters`)
    }
    this.#parts.push(text)
  }
}
