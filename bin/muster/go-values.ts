/**
 * Values of options as Go's flags take them, because old command lines have them so: `1m30s`, `0x10`.
 *
 * Owns: the two grammars, their bounds, and the words for what is neither. For commander.
 */
import { InvalidArgumentError } from 'commander'

const UNITS_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
}
/** A timer would fire at once beyond 24 days. */
const SPAN_MS_MAX = 86_400_000
const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y

/** Milliseconds of a duration such as `300ms`, `1.5h`, `2h45m`, `0`. @throws InvalidArgumentError on anything else, and below 0. */
export function durationMs(text: string): number {
  const body = text.replace(/^[-+]/, '')
  if (body === '0') return 0
  let ms = 0
  PART.lastIndex = 0
  let at = 0
  for (let part = PART.exec(body); part !== null; part = PART.exec(body)) {
    ms += Number(part[1]) * (UNITS_MS[part[2] as string] as number)
    at = PART.lastIndex
  }
  if (at !== body.length || body === '') throw new InvalidArgumentError('parse error')
  if (text.startsWith('-') && ms > 0) throw new InvalidArgumentError('a duration is not negative')
  return ms
}

/** As `durationMs`, up to a day. @throws InvalidArgumentError on anything else. */
export function spanMs(text: string): number {
  const ms = durationMs(text)
  if (ms <= SPAN_MS_MAX) return ms
  throw new InvalidArgumentError('expected 0s to 24h')
}

/** A whole number: decimal, `0x…`, `0o…` or `0…`, `0b…`, with `_` between digits. @throws InvalidArgumentError on anything else. */
export function integer(text: string): number {
  const match = /^([-+]?)(0[xX]_?[\da-fA-F_]+|0[bB]_?[01_]+|0[oO]_?[0-7_]+|0[0-7_]*|[1-9][\d_]*)$/.exec(text)
  if (match === null || /__|_$/.test(text)) throw new InvalidArgumentError('parse error')
  const digits = (match[2] as string).replaceAll('_', '')
  const number = Number(/^0[0-7]+$/.test(digits) ? `0o${digits}` : digits)
  if (!Number.isSafeInteger(number)) throw new InvalidArgumentError('value out of range')
  return match[1] === '-' ? -number : number
}
