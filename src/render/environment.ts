/**
 * Keys as variables of a process.
 *
 * Owns: the rules for names, the bounds of what a process can be given. They are written down in docs/render.md.
 */
import { RenderError } from './errors.ts'
import { compareBytes } from './template/values.ts'

/** Bytes of one `NAME=value`: the kernel's limit, with its end. */
const VARIABLE_BYTES_MAX = 128 * 1024 - 1
/** Bytes of all of them: the kernel gives arguments and environment 2 MiB together, commonly. */
const ENVIRONMENT_BYTES_MAX = 1024 * 1024

export interface Environment {
  readonly variables: Readonly<Record<string, string>>
  /** Keys that lost their name to one that comes later in order. */
  readonly hidden: readonly string[]
}

export interface EnvironmentRules {
  /** Taken off the keys. */
  readonly prefix: string
  /** Names in capitals. */
  readonly upcase: boolean
}

/**
 * The name of a key: what follows the prefix, capitals, `_` for all that is neither letter nor digit, and before a digit at the
 * beginning. Of the prefix itself: its last name.
 */
export function variableName(key: string, { prefix, upcase }: EnvironmentRules): string {
  const below =
    key === prefix ? key.slice(key.lastIndexOf('/') + 1) : prefix === '/' ? key.slice(1) : key.slice(prefix.length + 1)
  const name = (upcase ? below.toUpperCase() : below).replace(/[^A-Za-z0-9_]/g, '_')
  return /^[0-9]/.test(name) ? `_${name}` : name
}

/** All of them. @throws RenderError when no process could have such an environment. */
export function environmentOf(values: ReadonlyMap<string, string>, rules: EnvironmentRules): Environment {
  const owners = new Map<string, string>()
  const hidden: string[] = []
  const variables: Record<string, string> = {}
  let bytes = 0
  for (const key of [...values.keys()].sort(compareBytes)) {
    const name = variableName(key, rules)
    const value = values.get(key) ?? ''
    const size = Buffer.byteLength(name) + Buffer.byteLength(value) + 2
    bytes += size
    if (value.includes('\0')) throw wrong(`the value of ${key} has a zero byte`)
    if (size > VARIABLE_BYTES_MAX) throw wrong(`${key} has ${size} bytes, more than ${VARIABLE_BYTES_MAX}`)
    if (bytes > ENVIRONMENT_BYTES_MAX) throw wrong(`the keys have more than ${ENVIRONMENT_BYTES_MAX} bytes together`)
    const before = owners.get(name)
    if (before !== undefined) hidden.push(before)
    owners.set(name, key)
    variables[name] = value
  }
  return { variables, hidden }
}

/** Whether two environments are the same, whatever the order. */
export function isSameEnvironment(a: Environment, b: Environment): boolean {
  const names = Object.keys(a.variables)
  return (
    names.length === Object.keys(b.variables).length && names.every((name) => a.variables[name] === b.variables[name])
  )
}

function wrong(problem: string): RenderError {
  return new RenderError('MUSTER_RENDER_ENVIRONMENT', `no process can have this environment: ${problem}`)
}
