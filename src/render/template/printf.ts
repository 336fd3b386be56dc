/**
 * `printf`, `print` and `println`: Go's verbs, flags, widths and precisions.
 *
 * Owns: the grammar of a format and the text for what does not fit its verb. Leaves to others: values as such (print).
 */
import { exponentForm, fixedForm, generalForm, printComposite, printValue, special } from './print.ts'
import { quote } from './quoted.ts'
import { isList, isMap, Struct, typeName, type Value } from './values.ts'

/** Characters that a width or a precision may ask for, as in Go. */
const WIDTH_MAX = 1_000_000
const VERB = /%([-+# 0]*)(\*|\d+)?(?:\.(\*|\d+)?)?([\s\S]|$)/gu

interface Form {
  readonly verb: string
  readonly minus: boolean
  readonly plus: boolean
  readonly sharp: boolean
  /** Fields with their names. */
  readonly named: boolean
  readonly space: boolean
  readonly zero: boolean
  readonly width: number | undefined
  readonly precision: number | undefined
}

/** Go's Sprint: blanks between two neighbours of which neither is a string. */
export function sprint(values: readonly Value[]): string {
  return values.reduce<string>((text, value, at) => {
    const apart = at > 0 && typeof value !== 'string' && typeof values[at - 1] !== 'string'
    return `${text}${apart ? ' ' : ''}${printValue(value)}`
  }, '')
}

/** Go's Sprintln. */
export function sprintln(values: readonly Value[]): string {
  return `${values.map((value) => printValue(value)).join(' ')}\n`
}

/** Go's Sprintf. What does not fit prints as Go prints it, `%!d(string=x)`; nothing throws. */
export function sprintf(format: string, values: readonly Value[]): string {
  let used = 0
  const number = (text: string | undefined): number | undefined => {
    if (text !== '*') return text === undefined ? undefined : Math.min(Number(text), WIDTH_MAX)
    const value = values[used]
    used += 1
    return typeof value === 'bigint' ? Math.max(-WIDTH_MAX, Math.min(Number(value), WIDTH_MAX)) : undefined
  }
  const text = format.replace(
    VERB,
    (whole, flags: string, widthText: string | undefined, precisionText, verb: string) => {
      const width = number(widthText)
      const hasPoint = /\.(\*|\d+)?[^.]?$/u.test(whole) && whole.includes('.')
      const precision = hasPoint ? (number(precisionText) ?? 0) : undefined
      if (verb === '') return '%!(NOVERB)'
      if (verb === '%') return '%'
      if (used >= values.length) return `%!${verb}(MISSING)`
      const minus = flags.includes('-') || (width ?? 0) < 0
      const form: Form = {
        verb,
        minus,
        plus: flags.includes('+'),
        sharp: flags.includes('#'),
        named: false,
        space: flags.includes(' '),
        zero: flags.includes('0') && !minus,
        width: width === undefined ? undefined : Math.abs(width),
        precision,
      }
      used += 1
      return formatOne(values[used - 1] as Value, form, 0)
    },
  )
  if (used >= values.length) return text
  const extra = values
    .slice(used)
    .map((value) => (value === null ? '<nil>' : `${typeName(value)}=${printValue(value)}`))
  return `${text}%!(EXTRA ${extra.join(', ')})`
}

function formatOne(value: Value, given: Form, depth: number): string {
  // With %v a plus asks for the names of fields, not for signs.
  const form = given.verb === 'v' && given.plus ? { ...given, plus: false, named: true } : given
  if (form.verb === 'T') return pad(typeName(value), form)
  if (value === null) {
    if (depth > 0) return '<nil>'
    return form.verb === 'v' ? pad('<nil>', form) : `%!${form.verb}(<nil>)`
  }
  switch (typeof value) {
    case 'string':
      return formatText(value, form)
    case 'bigint':
      return formatWhole(value, form)
    case 'number':
      return formatFloat(value, form)
    case 'boolean':
      return form.verb === 't' || form.verb === 'v' ? pad(String(value), form) : wrong(value, form)
    default:
      if (!isList(value) && !isMap(value) && !(value instanceof Struct)) return formatText(value.toString(), form)
      return printComposite(value, (inner, at) => formatOne(inner, form, at), form.named, depth)
  }
}

function formatText(text: string, form: Form): string {
  const cut = form.precision === undefined ? text : [...text].slice(0, form.precision).join('')
  switch (form.verb) {
    case 'v':
      return pad(form.sharp ? quote(text) : cut, form)
    case 's':
      return pad(cut, form)
    case 'q':
      return pad(form.sharp && !text.includes('`') ? `\`${cut}\`` : quote(cut), form)
    case 'x':
    case 'X': {
      const bytes = Buffer.from(text).subarray(0, form.precision ?? Number.POSITIVE_INFINITY)
      const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(form.space ? ' ' : '')
      const marked = form.sharp ? `0x${hex}` : hex
      return pad(form.verb === 'X' ? marked.toUpperCase() : marked, form)
    }
    default:
      return wrong(text, form)
  }
}

function formatWhole(value: bigint, given: Form): string {
  // With a precision, zeros come from that.
  const form = { ...given, zero: given.zero && given.precision === undefined }
  const digits = (base: number, mark: string): string => {
    const plain = (value < 0n ? -value : value).toString(base).padStart(form.precision ?? 0, '0')
    return signed(value < 0n, `${form.sharp ? mark : ''}${plain}`, form)
  }
  switch (form.verb) {
    case 'v':
    case 'd':
      return digits(10, '')
    case 'b':
      return digits(2, '0b')
    case 'o':
      return digits(8, '0')
    case 'O':
      return signed(value < 0n, `0o${(value < 0n ? -value : value).toString(8)}`, form)
    case 'x':
      return digits(16, '0x')
    case 'X':
      return digits(16, '0x').toUpperCase()
    case 'c':
      return pad(character(value), form)
    case 'q':
      return pad(quote(character(value), "'"), form)
    case 'U': {
      const name = `U+${value.toString(16).toUpperCase().padStart(4, '0')}`
      return pad(form.sharp ? `${name} '${character(value)}'` : name, form)
    }
    default:
      return wrong(value, form)
  }
}

function character(value: bigint): string {
  const valid = value >= 0n && value <= 0x10ffffn && !(value >= 0xd800n && value <= 0xdfffn)
  return valid ? String.fromCodePoint(Number(value)) : '\ufffd'
}

function formatFloat(value: number, form: Form): string {
  const text = special(value)
  if (text !== undefined) {
    const sign = text.startsWith('+') && !form.plus ? text.slice(1) : text
    return 'vgGeEfF'.includes(form.verb)
      ? pad(form.verb === 'v' ? text : sign, { ...form, zero: false })
      : wrong(value, form)
  }
  const absolute = Math.abs(value)
  const minus = value < 0 || Object.is(value, -0)
  switch (form.verb) {
    case 'v':
    case 'g':
      return signed(minus, generalForm(absolute, form.precision), form)
    case 'G':
      return signed(minus, generalForm(absolute, form.precision).toUpperCase(), form)
    case 'e':
      return signed(minus, exponentForm(absolute, Math.min(form.precision ?? 6, 100)), form)
    case 'E':
      return signed(minus, exponentForm(absolute, Math.min(form.precision ?? 6, 100)).toUpperCase(), form)
    case 'f':
    case 'F':
      return signed(minus, fixedForm(absolute, Math.min(form.precision ?? 6, 100)), form)
    default:
      return wrong(value, form)
  }
}

function signed(minus: boolean, digits: string, form: Form): string {
  const sign = minus ? '-' : form.plus ? '+' : form.space ? ' ' : ''
  if (form.zero && form.width !== undefined) return sign + digits.padStart(form.width - sign.length, '0')
  return pad(sign + digits, { ...form, zero: false })
}

function pad(text: string, form: Form): string {
  const missing = (form.width ?? 0) - [...text].length
  if (missing <= 0) return text
  if (form.minus) return text + ' '.repeat(missing)
  return (form.zero ? '0' : ' ').repeat(missing) + text
}

/** Flags and widths hold for what is shown in place of it too. */
function wrong(value: Value, form: Form): string {
  return `%!${form.verb}(${typeName(value)}=${formatOne(value, { ...form, verb: 'v' }, 0)})`
}
