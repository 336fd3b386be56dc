/**
 * How values print where nothing is said about their form: Go's `%v`.
 *
 * Owns: the text of every kind of value, the digits of floats. Leaves to others: verbs, widths and flags (printf).
 */
import { isList, isMap, Struct, sortedKeys, type Value } from './values.ts'

/** Lists within maps within lists: what JSON holds is bounded by its text, and this by the stack. */
const DEPTH_MAX = 500
/** Where nothing is said about digits, `%g` shows an exponent from a million on. */
const EXPONENT_LIMIT = 6

/** Prints one value that stands within another. */
export type PrintOne = (value: Value, depth: number) => string

/** As `%v` prints it; nil is `<nil>`. */
export function printValue(value: Value, depth = 0): string {
  switch (typeof value) {
    case 'string':
      return value
    case 'bigint':
    case 'boolean':
      return String(value)
    case 'number':
      return printFloat(value)
    default:
      return value === null ? '<nil>' : printComposite(value, printValue, false, depth)
  }
}

/** What an action prints: nil is "no value". */
export function printResult(value: Value): string {
  return value === null ? '<no value>' : printValue(value)
}

/** Lists, maps, records and times. @param named `%+v`: fields with their names. */
export function printComposite(value: Value & object, printOne: PrintOne, named: boolean, depth: number): string {
  if (depth > DEPTH_MAX) return '...'
  const one = (inner: Value): string => printOne(inner, depth + 1)
  if (isList(value)) return `[${value.map(one).join(' ')}]`
  if (isMap(value))
    return `map[${sortedKeys(value)
      .map((key) => `${one(key)}:${one(value.get(key) ?? null)}`)
      .join(' ')}]`
  if (!(value instanceof Struct)) return value.toString()
  const fields = [...value.fields].map(([name, inner]) => (named ? `${name}:${one(inner)}` : one(inner)))
  return `${value.pointer ? '&' : ''}{${fields.join(' ')}}`
}

/** Go's `%g` with as many digits as the number has: an exponent from a million on and below 1e-4. */
function printFloat(float: number): string {
  const sign = float < 0 || Object.is(float, -0) ? '-' : ''
  return special(float) ?? sign + generalForm(Math.abs(float), undefined)
}

/** NaN and infinities; undefined for all others. */
export function special(float: number): string | undefined {
  if (Number.isNaN(float)) return 'NaN'
  if (float === Number.POSITIVE_INFINITY) return '+Inf'
  return float === Number.NEGATIVE_INFINITY ? '-Inf' : undefined
}

/** `1.5e+06`: at least two digits in the exponent. @param digits After the point, at most 100; undefined: as many as it has. */
export function exponentForm(float: number, digits: number | undefined): string {
  const text = digits === undefined ? float.toExponential() : evenExponential(float, digits)
  const [mantissa = '', exponent = '+0'] = text.split('e')
  return `${mantissa}e${exponent.charAt(0)}${exponent.slice(1).padStart(2, '0')}`
}

/** `%g` of what is not negative. @param precision Significant digits; undefined: as many as the number has. */
export function generalForm(float: number, precision: number | undefined): string {
  const places = precision === undefined ? undefined : Math.min(Math.max(precision, 1), 100)
  const [mantissa = '', exponentText = '0'] = exponentForm(float, places === undefined ? undefined : places - 1).split(
    'e',
  )
  const shown = mantissa.includes('.') ? mantissa.replace(/\.?0+$/, '') : mantissa
  const exponent = Number(exponentText)
  const digits = shown.replace(/[-.]/g, '').length
  if (exponent < -4 || exponent >= exponentLimit(places, digits, exponent)) return `${shown}e${exponentText}`
  return float.toFixed(Math.min(100, Math.max(0, digits - 1 - exponent)))
}

/** From which exponent on `%g` shows one. */
function exponentLimit(places: number | undefined, digits: number, exponent: number): number {
  if (places === undefined) return EXPONENT_LIMIT
  return places > digits && digits > exponent ? digits : places
}

/** `%f` with so many digits, at most 100. */
export function fixedForm(float: number, digits: number): string {
  // From there on toFixed gives up; all digits before the point are those of a whole number.
  if (Math.abs(float) >= 1e21) return digits === 0 ? String(BigInt(float)) : `${BigInt(float)}.${'0'.repeat(digits)}`
  const [whole = '', decimals = ''] = float.toFixed(100).split('.')
  if (!isTieAtEven(whole + decimals, whole.length + digits)) return float.toFixed(digits)
  return digits === 0 ? whole : `${whole}.${decimals.slice(0, digits)}`
}

function evenExponential(float: number, digits: number): string {
  const [mantissa = '', exponent = ''] = float.toExponential(100).split('e')
  const cut = mantissa.slice(0, digits === 0 ? 1 : digits + 2)
  return isTieAtEven(mantissa.replace('.', ''), digits + 1) ? `${cut}e${exponent}` : float.toExponential(digits)
}

/** JavaScript rounds what lies in the middle up, Go to the even digit. @param at How many digits are kept. */
function isTieAtEven(exact: string, at: number): boolean {
  return /^50*$/.test(exact.slice(at)) && Number(exact.charAt(at - 1)) % 2 === 0
}
