/**
 * From the text of a value to the value, by the kind of the option.
 *
 * Owns: the grammar of each kind and what is wanted when it is not met. Bounds are checked later (`checks.ts`), so that a
 * number out of bounds is reported like the other rules of the cluster and not like a slip of the keyboard.
 */
import type { Endpoint, InitialMember } from './config.ts'
import type { Option, OptionKind } from './option.ts'
import { parseSwitch } from './switch.ts'
import { parseEndpoint, parseEndpoints } from './urls.ts'

/** What each kind is read into. */
export interface ValueOfKind {
  name: string
  text: string
  output: string
  list: readonly string[]
  integer: number
  switch: boolean
  choice: string
  urls: readonly Endpoint[]
  cluster: readonly InitialMember[]
  origins: readonly string[]
}

/** Reads `text` as the kind of `option` says. Throws a RangeError whose message says what is wanted. */
export function parseValue<K extends OptionKind>(option: Option & { readonly kind: K }, text: string): ValueOfKind[K] {
  return PARSERS[option.kind](text, option)
}

const PARSERS: { readonly [K in OptionKind]: (text: string, option: Option) => ValueOfKind[K] } = {
  name: parseName,
  text: (text) => text,
  output: parseOutput,
  list: parseList,
  integer: parseInteger,
  switch: parseBoolean,
  choice: parseChoice,
  urls: (text) => parseEndpoints(text),
  cluster: (text) => parseCluster(text),
  origins: parseList,
}

/** Blanks at the ends do not count: they do not in `--initial-cluster` either, where names are told apart. */
function parseName(text: string): string {
  const name = text.trim()
  if (!/^[^=,\p{Cc}]{1,256}$/u.test(name)) {
    throw new RangeError('want a name of 1 to 256 characters without "=", "," or control characters')
  }
  return name
}

/** Of several places the first counts. The journal reads standard error. */
function parseOutput(text: string): string {
  const [first = ''] = parseList(text)
  return first === '' || first === 'default' || first === 'systemd/journal' ? 'stderr' : first
}

function parseList(text: string): readonly string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

function parseBoolean(text: string): boolean {
  const on = parseSwitch(text)
  if (on === undefined) throw new RangeError('want true or false')
  return on
}

function parseInteger(text: string, option: Option): number {
  const value = Number(text)
  if (!/^[+-]?[0-9]+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new RangeError(`want a whole number${option.unit === undefined ? '' : ` of ${option.unit}`}`)
  }
  return value
}

function parseChoice(text: string, option: Option): string {
  const choices = option.choices ?? []
  const word = option.aliases?.[text] ?? text
  if (!choices.includes(word)) throw new RangeError(`want one of ${choices.join(', ')}`)
  return word
}

/** `a=http://h:1,b=http://h:2,a=http://h:3`, the members in the order in which they are first named. */
export function parseCluster(text: string): readonly InitialMember[] {
  const members = new Map<string, Endpoint[]>()
  for (const part of text.split(',')) {
    // Generated lists end with a comma.
    if (part.trim() === '') continue
    const at = part.indexOf('=')
    const name = part.slice(0, Math.max(at, 0)).trim()
    if (name === '') throw new RangeError(`want a list of NAME=URL, found "${part}"`)
    const urls = members.get(name) ?? []
    urls.push(parseEndpoint(part.slice(at + 1).trim()))
    members.set(name, urls)
  }
  return [...members].map(([name, peerUrls]) => ({ name, peerUrls }))
}
