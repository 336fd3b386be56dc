/**
 * confd's own settings: `confd.toml`, and its three variables.
 *
 * Owns: their names and types. Leaves to others: which of words, file and variables counts (the command).
 */
import { readFileSync } from 'node:fs'
import { parse } from 'smol-toml'
import { DURATION_MS_MAX } from './duration.ts'
import { RenderError, reasonOf } from './errors.ts'

/** The longest time between two looks. Seconds. */
export const INTERVAL_S_MAX = DURATION_MS_MAX / 1_000

/** What the file may say. Undefined: it does not. */
export interface ConfdSettings {
  readonly backend: string | undefined
  readonly confdir: string | undefined
  /** Seconds. */
  readonly interval: number | undefined
  readonly nodes: readonly string[]
  readonly noop: boolean | undefined
  readonly prefix: string | undefined
  readonly scheme: string | undefined
  readonly srvDomain: string | undefined
  readonly srvRecord: string | undefined
  readonly syncOnly: boolean | undefined
  readonly watch: boolean | undefined
  readonly logLevel: string | undefined
  readonly username: string | undefined
  readonly password: string | undefined
  readonly clientCaKeys: string | undefined
  readonly clientCert: string | undefined
  readonly clientKey: string | undefined
  /** Names that mean nothing here. */
  readonly unknown: readonly string[]
}

type Table = Readonly<Record<string, unknown>>

/** Reads the file; one that is not there says nothing. @throws RenderError on any other trouble. */
export function readConfdSettings(file: string, env: Readonly<Record<string, string | undefined>>): ConfdSettings {
  let table: Table = {}
  try {
    table = parse(readFileSync(file, 'utf8'))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) {
      throw new RenderError('MUSTER_RENDER_CONFIG', `${file}: ${reasonOf(error).split('\n')[0]}`, error)
    }
  }
  const known = new Set<string>()
  const get = (name: string, type: 'string' | 'number' | 'boolean'): unknown => {
    known.add(name)
    const value = table[name]
    if (value === undefined || typeof value === type) return value
    throw new RenderError('MUSTER_RENDER_CONFIG', `${file}: ${name} is no ${type}`)
  }
  const text = (name: string): string | undefined => (get(name, 'string') as string | undefined) || undefined
  const on = (name: string): boolean | undefined => get(name, 'boolean') as boolean | undefined
  const variableOr = (name: string, value: string | undefined): string | undefined => env[name] || value
  const interval = (): number | undefined => {
    const seconds = get('interval', 'number') as number | undefined
    if (seconds === undefined || (Number.isInteger(seconds) && seconds >= 1 && seconds <= INTERVAL_S_MAX))
      return seconds
    const expected = `expected a whole number of seconds from 1 to ${INTERVAL_S_MAX}`
    throw new RenderError('MUSTER_RENDER_CONFIG', `${file}: interval is ${seconds}: ${expected}`)
  }
  known.add('nodes').add('basic_auth').add('secret_keyring')
  const nodes = table['nodes'] ?? []
  if (!Array.isArray(nodes) || !nodes.every((node) => typeof node === 'string')) {
    throw new RenderError('MUSTER_RENDER_CONFIG', `${file}: nodes is no list of texts`)
  }
  const settings = {
    backend: text('backend'),
    confdir: text('confdir'),
    interval: interval(),
    nodes,
    noop: on('noop'),
    prefix: text('prefix'),
    scheme: text('scheme'),
    srvDomain: text('srv_domain'),
    srvRecord: text('srv_record'),
    syncOnly: on('sync-only'),
    watch: on('watch'),
    logLevel: text('log-level'),
    username: text('username'),
    password: text('password'),
    clientCaKeys: variableOr('CONFD_CLIENT_CAKEYS', text('client_cakeys')),
    clientCert: variableOr('CONFD_CLIENT_CERT', text('client_cert')),
    clientKey: variableOr('CONFD_CLIENT_KEY', text('client_key')),
  }
  return { ...settings, unknown: Object.keys(table).filter((name) => !known.has(name)) }
}
