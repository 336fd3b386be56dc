/**
 * confd's functions on numbers, lists and maps.
 */
import { FunctionError } from '../template/errors.ts'
import type { TemplateFunction } from '../template/functions.ts'
import { quote } from '../template/quoted.ts'
import { isList, lengthOf, Struct, type Value } from '../template/values.ts'

/** Elements of one `seq`. */
const SEQ_MAX = 100_000n

type Whole = (a: bigint, b: bigint) => bigint

export const LIST_FUNCTIONS: ReadonlyMap<string, TemplateFunction> = new Map<string, TemplateFunction>([
  ['atoi', { parameters: ['string'], run: ([text]) => atoi(String(text)) }],
  ['parseBool', { parameters: ['string'], run: ([text]) => parseBool(String(text)) }],
  ['add', arithmetic((a, b) => a + b)],
  ['sub', arithmetic((a, b) => a - b)],
  ['mul', arithmetic((a, b) => a * b)],
  ['div', arithmetic((a, b) => a / notZero(b))],
  ['mod', arithmetic((a, b) => a % notZero(b))],
  ['seq', { parameters: ['int', 'int'], run: ([first, last]) => seq(first as bigint, last as bigint) }],
  ['reverse', { parameters: ['any'], run: ([list = null]) => (isList(list) ? [...list].reverse() : list) }],
  ['sortByLength', { parameters: ['strings'], run: ([list = null]) => byLength(list, (one) => one) }],
  ['sortKVByLength', { parameters: ['any'], run: ([list = null]) => byLength(list, keyOf) }],
  ['map', { parameters: [], rest: 'any', run: makeMap }],
])

function arithmetic(work: Whole): TemplateFunction {
  return { parameters: ['int', 'int'], run: ([a, b]) => BigInt.asIntN(64, work(a as bigint, b as bigint)) }
}

function notZero(number: bigint): bigint {
  if (number === 0n) throw new FunctionError('runtime error: integer divide by zero')
  return number
}

function atoi(text: string): bigint {
  const whole = /^[+-]?\d+$/.test(text) ? BigInt(text.replace(/^\+/, '')) : undefined
  if (whole === undefined) throw new FunctionError(`strconv.Atoi: parsing ${quote(text)}: invalid syntax`)
  if (BigInt.asIntN(64, whole) !== whole)
    throw new FunctionError(`strconv.Atoi: parsing ${quote(text)}: value out of range`)
  return whole
}

function parseBool(text: string): boolean {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text)) return false
  throw new FunctionError(`strconv.ParseBool: parsing ${quote(text)}: invalid syntax`)
}

function seq(first: bigint, last: bigint): Value {
  if (last - first >= SEQ_MAX) throw new FunctionError(`seq of more than ${SEQ_MAX} numbers`)
  return Array.from({ length: last < first ? 0 : Number(last - first) + 1 }, (_, at) => first + BigInt(at))
}

function byLength(list: Value, textOf: (value: Value) => Value): Value {
  if (!isList(list)) throw new FunctionError('expected a list')
  return [...list].sort((a, b) => lengthOf(textOf(a)) - lengthOf(textOf(b)))
}

function keyOf(value: Value): Value {
  const key = value instanceof Struct ? value.fields.get('Key') : undefined
  if (key === undefined) throw new FunctionError('expected a list of keys with their values')
  return key
}

function makeMap(values: readonly Value[]): Value {
  if (values.length % 2 !== 0) throw new FunctionError('invalid map call')
  const map = new Map<string, Value>()
  for (let at = 0; at < values.length; at += 2) {
    const key = values[at]
    if (typeof key !== 'string') throw new FunctionError('map keys must be strings')
    map.set(key, values[at + 1] ?? null)
  }
  return map
}
