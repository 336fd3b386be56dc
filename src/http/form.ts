/**
 * Queries and form bodies.
 *
 * Owns: taking them apart, which of two equal names wins, the texts of error 210 (API page, 2.5). Leaves to others: what
 * the parameters mean (keys/parse.ts).
 */
import { type BadEscape, decodeFormText } from './text.ts'

/** The parameters that `/v2/keys` knows. Undefined: not given. Each the first of its name, a body's before a query's. */
export interface Form {
  value: string | undefined
  ttl: string | undefined
  dir: string | undefined
  prevExist: string | undefined
  prevIndex: string | undefined
  prevValue: string | undefined
  recursive: string | undefined
  sorted: string | undefined
  quorum: string | undefined
  wait: string | undefined
  stream: string | undefined
  waitIndex: string | undefined
  refresh: string | undefined
  noValueOnSuccess: string | undefined
}

/** A form without parameters. Fields are always in this order. */
export function emptyForm(): Form {
  return {
    value: undefined,
    ttl: undefined,
    dir: undefined,
    prevExist: undefined,
    prevIndex: undefined,
    prevValue: undefined,
    recursive: undefined,
    sorted: undefined,
    quorum: undefined,
    wait: undefined,
    stream: undefined,
    waitIndex: undefined,
    refresh: undefined,
    noValueOnSuccess: undefined,
  }
}

/**
 * Adds the pairs of `text` to `form`; names that are there already stay as they are.
 * @param text Latin-1, as received.
 * @returns undefined, or the cause of error 210. The form is then of no use.
 */
export function readPairs(text: string, form: Form): string | undefined {
  let fault: string | undefined
  for (let at = 0; at < text.length; ) {
    let end = text.indexOf('&', at)
    if (end < 0) end = text.length
    const from = at
    at = end + 1
    if (end === from) continue
    let equals = text.indexOf('=', from)
    if (equals < 0 || equals > end) equals = end
    const pair = from === 0 && end === text.length ? text : text.slice(from, end)
    if (pair.includes(';')) {
      fault = 'invalid semicolon separator in query'
      continue
    }
    const name = decodeFormText(text.slice(from, equals))
    if (typeof name !== 'string') {
      fault ??= causeOf(name)
      continue
    }
    const value = decodeFormText(text.slice(Math.min(equals + 1, end), end))
    if (typeof value !== 'string') fault ??= causeOf(value)
    else put(form, name, value)
  }
  return fault
}

function causeOf(bad: BadEscape): string {
  return `invalid URL escape ${quote(bad.badEscape)}`
}

/** As Go quotes: what is not printable ASCII is escaped. */
function quote(text: string): string {
  const escaped = text.replace(/["\\\x00-\x1f\x7f-\xff]/g, (byte) =>
    byte === '"' || byte === '\\' ? `\\${byte}` : `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
  return `"${escaped}"`
}

function put(form: Form, name: string, value: string): void {
  switch (name) {
    case 'value':
      form.value ??= value
      return
    case 'ttl':
      form.ttl ??= value
      return
    case 'dir':
      form.dir ??= value
      return
    case 'prevExist':
      form.prevExist ??= value
      return
    case 'prevIndex':
      form.prevIndex ??= value
      return
    case 'prevValue':
      form.prevValue ??= value
      return
    case 'recursive':
      form.recursive ??= value
      return
    case 'sorted':
      form.sorted ??= value
      return
    case 'quorum':
      form.quorum ??= value
      return
    case 'wait':
      form.wait ??= value
      return
    case 'stream':
      form.stream ??= value
      return
    case 'waitIndex':
      form.waitIndex ??= value
      return
    case 'refresh':
      form.refresh ??= value
      return
    case 'noValueOnSuccess':
      form.noValueOnSuccess ??= value
      return
    default:
  }
}
