/**
 * Files of options: the YAML of etcd 3 (`--config-file`) and the TOML of etcd 0.4 (`-config`).
 *
 * Owns: from their text to the text of flags. Values go through the same parsers as those of the command line. Leaves to
 * others: reading the file, and which of the two comes before flags and variables (`load.ts`).
 */
import { parse as parseToml } from 'smol-toml'
import { parse as parseYaml } from 'yaml'
import { obsoleteFlag } from './obsolete.ts'
import { OPTION_ROWS } from './options.ts'
import { LoadError, type Setting } from './settings.ts'

/** What a file says, by flag, and warnings about keys that nobody knows. */
export interface FileSettings {
  readonly settings: ReadonlyMap<string, Setting>
  readonly warnings: readonly string[]
}

/** Sections of the YAML form, with what their keys are called as flags. */
const SECTIONS: Readonly<
  Record<string, { readonly prefix: string; readonly names: Readonly<Record<string, string>> }>
> = {
  'client-transport-security': {
    prefix: '',
    names: { 'crl-file': 'client-crl-file', 'allowed-hostname': 'client-cert-allowed-hostname' },
  },
  'peer-transport-security': {
    prefix: 'peer-',
    names: { 'allowed-cn': 'peer-cert-allowed-cn', 'allowed-hostname': 'peer-cert-allowed-hostname' },
  },
}

/** Reads the YAML form. Throws a LoadError with one sentence. */
export function parseConfigFile(path: string, text: string): FileSettings {
  // All scalars stay text: `off` and `1e3` mean what they mean as values of flags.
  const root = table(
    path,
    attempt(path, () => parseYaml(text, { schema: 'failsafe' }) ?? {}),
  )
  const pairs: [string, unknown][] = []
  for (const [key, value] of Object.entries(root)) {
    const section = SECTIONS[key]
    if (section === undefined) pairs.push([key, value])
    else {
      for (const [inner, innerValue] of Object.entries(table(path, value === '' ? {} : value))) {
        pairs.push([section.names[inner] ?? section.prefix + inner, innerValue])
      }
    }
  }
  return settingsOf(path, pairs)
}

/** Reads the TOML form: underscores for hyphens, and the sections `peer` and `cluster`. Throws a LoadError with one sentence. */
export function parseOldConfigFile(path: string, text: string): FileSettings {
  const root = table(
    path,
    attempt(path, () => parseToml(text)),
  )
  const pairs: [string, unknown][] = []
  for (const [key, value] of Object.entries(root)) {
    const flag = OLD_NAMES[key] ?? key.replaceAll('_', '-')
    if (key !== 'peer' && key !== 'cluster') pairs.push([flag, value])
    else
      for (const [inner, innerValue] of Object.entries(table(path, value))) {
        pairs.push([`${key}-${inner.replaceAll('_', '-')}`, innerValue])
      }
  }
  return settingsOf(path, pairs)
}

const OLD_NAMES: Readonly<Record<string, string>> = {
  verbose: 'v',
  very_verbose: 'vv',
  very_very_verbose: 'vvv',
  cpu_profile_file: 'cpuprofile',
}

function settingsOf(path: string, pairs: readonly (readonly [string, unknown])[]): FileSettings {
  const settings = new Map<string, Setting>()
  const warnings: string[] = []
  for (const [flag, value] of pairs) {
    if (obsoleteFlag(flag) === undefined && !OPTION_ROWS.some(([, option]) => option.flag === flag)) {
      warnings.push(`unrecognized key ${flag} in ${path}`)
      continue
    }
    const text = textOf(value)
    if (text === undefined) throw new LoadError(1, `cannot read ${path}: ${flag} must be a value or a list of values`)
    if (text !== '') settings.set(flag, { text, source: `${flag} in ${path}`, fromFlag: false })
  }
  return { settings, warnings }
}

/** Undefined: neither a value nor a list of values. */
function textOf(value: unknown): string | undefined {
  if (value === null) return ''
  if (Array.isArray(value)) {
    return value.every((item) => typeof item !== 'object') ? value.map(String).join(',') : undefined
  }
  return typeof value === 'object' ? undefined : String(value)
}

function table(path: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new LoadError(1, `cannot read ${path}: want keys and values`)
}

function attempt(path: string, parse: () => unknown): unknown {
  try {
    return parse()
  } catch (error) {
    const [reason] = (error instanceof Error ? error.message : String(error)).split('\n')
    throw new LoadError(1, `cannot read ${path}: ${reason}`, error)
  }
}
