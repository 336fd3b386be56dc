/**
 * A parsed template: statements, pipelines, operands.
 *
 * Owns: the shapes. `at` and `end` are offsets into the source, so that an error can quote the construct it is about.
 */

export interface Span {
  readonly at: number
  readonly end: number
}

/** What can stand as a word of a command. */
export type Operand = Span &
  (
    | { readonly kind: 'dot' }
    | { readonly kind: 'nil' }
    | { readonly kind: 'bool'; readonly value: boolean }
    | { readonly kind: 'string'; readonly value: string }
    | NumberShape
    /** `.A.B`. */
    | { readonly kind: 'field'; readonly names: readonly string[] }
    /** `$x.A.B`; the name with its `$`. */
    | { readonly kind: 'variable'; readonly name: string; readonly names: readonly string[] }
    | { readonly kind: 'function'; readonly name: string }
    /** `(…)`. */
    | { readonly kind: 'group'; readonly pipeline: Pipeline }
    /** `(…).A.B`. */
    | { readonly kind: 'chain'; readonly of: Operand; readonly names: readonly string[] }
  )

/** A constant. It has no type of its own: a parameter that wants a whole number takes `2.0` too. */
interface NumberShape {
  readonly kind: 'number'
  /** Undefined: not whole. */
  readonly whole: bigint | undefined
  readonly float: number
  /** Written with a point or an exponent: a float where nothing else decides. */
  readonly looksFloat: boolean
}

export interface Command extends Span {
  readonly words: readonly Operand[]
}

export interface Pipeline extends Span {
  /** Variables on its left, with their `$`. */
  readonly targets: readonly string[]
  /** `=` rather than `:=`. */
  readonly assigns: boolean
  readonly commands: readonly Command[]
}

/** Statements in their order. */
export type Body = readonly Statement[]

export type Statement =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly pipeline: Pipeline }
  | Branch
  | (Span & { readonly kind: 'template'; readonly name: string; readonly pipeline: Pipeline | undefined })
  | { readonly kind: 'break' }
  | { readonly kind: 'continue' }

export interface Branch extends Span {
  readonly kind: 'if' | 'with' | 'range'
  readonly pipeline: Pipeline
  readonly body: Body
  /** Undefined: no `{{else}}`. */
  readonly otherwise: Body | undefined
}

/** Everything in one file. */
export interface ParsedTemplate {
  readonly file: string
  readonly source: string
  /** What the file itself prints. */
  readonly main: Body
  /** `{{define}}` and `{{block}}`, by name. */
  readonly defined: ReadonlyMap<string, Body>
}

/** Line from 1, column in UTF-8 bytes from 0, as Go counts. */
export function placeOf(source: string, at: number): { readonly line: number; readonly column: number } {
  const before = source.slice(0, at)
  const start = before.lastIndexOf('\n') + 1
  return { line: before.split('\n').length, column: Buffer.byteLength(before.slice(start)) }
}
