/**
 * What is wrong with a template, or with what it was given.
 *
 * Owns: the two errors and their wording, which is Go's: name, line and construct, so that what people know how to read stays.
 */

/** Characters of a construct that a message quotes. */
const QUOTED_CHARS_MAX = 60

/** The text is no template. Its code is API. */
export class TemplateSyntaxError extends Error {
  readonly code = 'MUSTER_TEMPLATE_SYNTAX'
  readonly file: string
  readonly line: number

  constructor(file: string, line: number, problem: string) {
    super(`template: ${file}:${line}: ${problem}`)
    this.name = 'TemplateSyntaxError'
    this.file = file
    this.line = line
  }
}

/** The template is well, but not with these keys. Its code is API. */
export class TemplateFailedError extends Error {
  readonly code = 'MUSTER_TEMPLATE_FAILED'
  readonly file: string
  readonly line: number

  /** @param column In bytes of characters, from 0, as Go counts. @param construct The text that failed. */
  constructor(
    place: { readonly file: string; readonly line: number; readonly column: number },
    construct: string,
    problem: string,
  ) {
    const text = construct.length > QUOTED_CHARS_MAX ? `${construct.slice(0, QUOTED_CHARS_MAX)}...` : construct
    super(`template: ${place.file}:${place.line}:${place.column}: at <${text}>: ${problem}`)
    this.name = 'TemplateFailedError'
    this.file = place.file
    this.line = place.line
  }
}

/** A function cannot do what it was asked; the evaluator adds where. Never leaves the template. */
export class FunctionError extends Error {}
