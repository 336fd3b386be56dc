/**
 * The functions that Go's templates have without asking.
 *
 * Owns: all of them but `and` and `or`, which look at one argument at a time (evaluate).
 */
import { equalsAny, order } from './compare.ts'
import { FunctionError } from './errors.ts'
import type { FunctionTable, TemplateFunction } from './functions.ts'
import { printResult } from './print.ts'
import { sprint, sprintf, sprintln } from './printf.ts'
import { isList, isMap, isTrue, lengthOf, typeName, type Value } from './values.ts'

/** `and` and `or` stand here with their parameters, so that their arguments are counted; the evaluator runs them. */
const LAZY: TemplateFunction = { parameters: ['any'], rest: 'any', run: (values) => values.at(-1) ?? null }

export const BUILTINS: FunctionTable = new Map<string, TemplateFunction>([
  ['and', LAZY],
  ['or', LAZY],
  ['not', { parameters: ['any'], run: ([value = null]) => !isTrue(value) }],
  ['len', { parameters: ['any'], run: ([value = null]) => BigInt(lengthOf(value)) }],
  ['index', { parameters: ['any'], rest: 'any', run: ([value = null, ...keys]) => keys.reduce(elementOf, value) }],
  ['slice', { parameters: ['any'], rest: 'any', run: ([value = null, ...bounds]) => sliceOf(value, bounds) }],
  ['print', { parameters: [], rest: 'any', run: sprint }],
  ['println', { parameters: [], rest: 'any', run: sprintln }],
  ['printf', { parameters: ['string'], rest: 'any', run: ([format, ...values]) => sprintf(String(format), values) }],
  ['html', { parameters: [], rest: 'any', run: (values) => escapeHtml(shown(values)) }],
  ['js', { parameters: [], rest: 'any', run: (values) => escapeJs(shown(values)) }],
  ['urlquery', { parameters: [], rest: 'any', run: (values) => escapeQuery(shown(values)) }],
  ['call', { parameters: ['any'], rest: 'any', run: callOf }],
  ['eq', { parameters: ['any'], rest: 'any', run: ([first = null, ...others]) => equalsAny(first, others) }],
  ['ne', { parameters: ['any', 'any'], run: ([a = null, b = null]) => !equalsAny(a, [b]) }],
  ['lt', { parameters: ['any', 'any'], run: ([a = null, b = null]) => order(a, b) < 0 }],
  ['le', { parameters: ['any', 'any'], run: ([a = null, b = null]) => order(a, b) <= 0 }],
  ['gt', { parameters: ['any', 'any'], run: ([a = null, b = null]) => order(a, b) > 0 }],
  ['ge', { parameters: ['any', 'any'], run: ([a = null, b = null]) => order(a, b) >= 0 }],
])

/** What an escaper escapes: nil shows as an action shows it. */
function shown(values: readonly Value[]): string {
  return sprint(values.map((value) => (value === null ? printResult(value) : value)))
}

function callOf([value = null]: readonly Value[]): Value {
  throw new FunctionError(value === null ? 'call of nil' : `non-function of type ${typeName(value)}`)
}

function elementOf(value: Value, key: Value): Value {
  if (value === null) throw new FunctionError('index of untyped nil')
  if (isMap(value)) {
    if (typeof key !== 'string') throw new FunctionError(`value has type ${typeName(key)}; should be string`)
    return value.get(key) ?? null
  }
  if (isList(value)) return value[indexIn(key, value.length)] ?? null
  if (typeof value === 'string') {
    const bytes = Buffer.from(value)
    return BigInt(bytes[indexIn(key, bytes.length)] ?? 0)
  }
  throw new FunctionError(`can't index item of type ${typeName(value)}`)
}

function indexIn(key: Value, length: number): number {
  const at = indexNumber(key)
  if (at < 0n || at >= BigInt(length)) throw new FunctionError(`index out of range: ${at}`)
  return Number(at)
}

function indexNumber(key: Value): bigint {
  if (key === null) throw new FunctionError('cannot index slice/array with nil')
  if (typeof key !== 'bigint') throw new FunctionError(`cannot index slice/array with type ${typeName(key)}`)
  return key
}

function sliceOf(value: Value, bounds: readonly Value[]): Value {
  if (value === null) throw new FunctionError('slice of untyped nil')
  if (bounds.length > 3) throw new FunctionError(`too many slice indexes: ${bounds.length}`)
  if (typeof value === 'string' && bounds.length === 3) throw new FunctionError('cannot 3-index slice a string')
  if (typeof value !== 'string' && !isList(value))
    throw new FunctionError(`can't slice item of type ${typeName(value)}`)
  const whole = typeof value === 'string' ? Buffer.from(value) : value
  const at = bounds.map((bound) => {
    const number = indexNumber(bound)
    if (number < 0n || number > BigInt(whole.length)) throw new FunctionError(`index out of range: ${number}`)
    return Number(number)
  })
  const [from = 0, to = whole.length] = at
  if (from > to) throw new FunctionError(`invalid slice index: ${from} > ${to}`)
  return whole instanceof Buffer
    ? whole.subarray(from, to).toString('utf8')
    : (whole as readonly Value[]).slice(from, to)
}

const HTML: Readonly<Record<string, string>> = {
  '"': '&#34;',
  "'": '&#39;',
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '\0': '\ufffd',
}

function escapeHtml(text: string): string {
  return text.replace(/["'&<>\0]/g, (char) => HTML[char] ?? char)
}

const JS: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  "'": "\\'",
  '"': '\\"',
  '<': '\\u003C',
  '>': '\\u003E',
  '&': '\\u0026',
  '=': '\\u003D',
}

function escapeJs(text: string): string {
  return text.replace(/[\\'"<>&=]|[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, (char) => {
    const named = JS[char]
    if (named !== undefined) return named
    return `\\u${(char.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0')}`
  })
}

function escapeQuery(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+')
}
