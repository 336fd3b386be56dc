/**
 * confd's functions on text: paths, cutting, joining, case, base64, JSON.
 */
import { FunctionError } from '../template/errors.ts'
import type { TemplateFunction } from '../template/functions.ts'
import type { Value } from '../template/values.ts'
import { baseOf, dirOf } from './glob.ts'

/** Whole numbers as `split` counts them fit. */
const WHOLE_MAX = BigInt(Number.MAX_SAFE_INTEGER)

export const TEXT_FUNCTIONS: ReadonlyMap<string, TemplateFunction> = new Map<string, TemplateFunction>([
  ['base', { parameters: ['string'], run: ([path]) => baseOf(String(path)) }],
  ['dir', { parameters: ['string'], run: ([path]) => dirOf(String(path)) }],
  ['split', { parameters: ['string', 'string'], run: ([text, by]) => split(String(text), String(by)) }],
  ['join', { parameters: ['strings', 'string'], run: ([list, by]) => (list as readonly string[]).join(String(by)) }],
  [
    'replace',
    {
      parameters: ['string', 'string', 'string', 'int'],
      run: ([text, from, to, count]) => replace(String(text), String(from), String(to), count as bigint),
    },
  ],
  ['toUpper', { parameters: ['string'], run: ([text]) => eachChar(String(text), (char) => char.toUpperCase()) }],
  ['toLower', { parameters: ['string'], run: ([text]) => eachChar(String(text), (char) => char.toLowerCase()) }],
  ['contains', { parameters: ['string', 'string'], run: ([text, part]) => String(text).includes(String(part)) }],
  ['trimSuffix', { parameters: ['string', 'string'], run: ([text, end]) => trimSuffix(String(text), String(end)) }],
  ['base64Encode', { parameters: ['string'], run: ([text]) => Buffer.from(String(text)).toString('base64') }],
  ['base64Decode', { parameters: ['string'], run: ([text]) => decode(String(text)) }],
  ['json', { parameters: ['string'], run: ([text]) => parseJson(String(text), 'object') }],
  ['jsonArray', { parameters: ['string'], run: ([text]) => parseJson(String(text), 'array') }],
])

function split(text: string, by: string): Value {
  return by === '' ? [...text] : text.split(by)
}

/** The first `count` places, all with a negative one; an empty text stands before each character and at the end. */
function replace(text: string, from: string, to: string, count: bigint): string {
  if (count < 0n)
    return from === '' ? [to, ...[...text].map((char) => char + to)].join('') : text.replaceAll(from, () => to)
  const most = Number(count > WHOLE_MAX ? WHOLE_MAX : count)
  const parts = from === '' ? ['', ...text] : text.split(from)
  const shown = parts.length - 1 + (from === '' ? 1 : 0)
  const places = Math.min(most, shown)
  let result = ''
  parts.forEach((part, at) => {
    const last = at === parts.length - 1 && from !== ''
    result += part + (last ? '' : at < places ? to : from)
  })
  return result
}

/** Letter by letter, as Go does: where a letter would become two (German sharp s), it stays. */
function eachChar(text: string, change: (char: string) => string): string {
  let result = ''
  for (const char of text) {
    const changed = change(char)
    result += [...changed].length === 1 ? changed : char
  }
  return result
}

function trimSuffix(text: string, end: string): string {
  return end !== '' && text.endsWith(end) ? text.slice(0, -end.length) : text
}

function decode(text: string): string {
  const plain = text.replace(/[\r\n]/g, '')
  const wellFormed = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.exec(plain)
  if (wellFormed === null) throw new FunctionError('illegal base64 data')
  return Buffer.from(plain, 'base64').toString('utf8')
}

function parseJson(text: string, kind: 'object' | 'array'): Value {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw new FunctionError(error instanceof Error ? error.message : String(error))
  }
  if (parsed === null) return kind === 'array' ? [] : new Map()
  const isArray = Array.isArray(parsed)
  if (typeof parsed !== 'object' || isArray !== (kind === 'array')) {
    const want = kind === 'array' ? '[]interface {}' : 'map[string]interface {}'
    throw new FunctionError(`json: cannot unmarshal ${isArray ? 'array' : typeof parsed} into Go value of type ${want}`)
  }
  return fromJson(parsed)
}

/** All numbers of JSON are floats, as in Go. */
function fromJson(value: unknown): Value {
  if (Array.isArray(value)) return value.map(fromJson)
  if (typeof value !== 'object' || value === null) return value as Value
  return new Map(Object.entries(value).map(([name, inner]) => [name, fromJson(inner)]))
}
