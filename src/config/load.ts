/**
 * From words and variables to the frozen settings of one member, or to what to print and with which status to end.
 *
 * Owns: the order of precedence (flags, `MUSTER_` variables, `ETCD_` variables, defaults), defaults that follow from other
 * options, and the fate of obsolete flags. Touches neither the process nor the network.
 */

import { brokenRule } from './checks.ts'
import { parseCommandLine } from './command-line.ts'
import type { Config, Endpoint, InitialMember, ListenEndpoint, LogLevel } from './config.ts'
import { type Environment, readEnvironment } from './environment.ts'
import { OBSOLETE_FLAGS } from './obsolete.ts'
import { OPTIONAL_CLIENT_URL, OPTIONAL_PEER_URL, OPTIONS, type Option, type OptionKind } from './options.ts'
import { listenEndpoints, parseEndpoint } from './urls.ts'
import { parseValue, type ValueOfKind } from './values.ts'
import { packageVersion } from './version.ts'

/** What to print, and the status to end with. */
export interface Exit {
  readonly code: 0 | 1 | 2
  readonly stdout?: string
  readonly stderr?: string
}

/** `warnings` are sentences for the log, in no order that matters. */
export type Loaded = { readonly config: Config; readonly warnings: readonly string[] } | { readonly exit: Exit }

/** Where a value came from, for the sentence that says what is wrong with it. */
interface Setting {
  readonly text: string
  readonly source: string
  readonly fromFlag: boolean
}

/** By flag. */
type Settings = ReadonlyMap<string, Setting>

/** Ends the loading with a sentence; never leaves this file. */
class LoadError extends Error {
  readonly exitCode: 1 | 2

  constructor(exitCode: 1 | 2, message: string, cause?: unknown) {
    super(message, { cause })
    this.exitCode = exitCode
  }
}

/**
 * Loads the settings of a member.
 *
 * @param argv the words after the program's name
 * @param env usually `process.env`
 */
export function loadConfig(argv: readonly string[], env: Environment): Loaded {
  const line = parseCommandLine(argv)
  if (line.kind === 'help') return { exit: { code: 0, stdout: line.text } }
  if (line.kind === 'version') return { exit: { code: 0, stdout: `musterd ${packageVersion()}\n` } }
  if (line.kind === 'wrong') return { exit: failure(line.status, line.message) }
  try {
    const variables = readEnvironment(env)
    const settings = new Map<string, Setting>()
    for (const [flag, { variable, text }] of variables.settings) {
      settings.set(flag, { text, source: variable, fromFlag: false })
    }
    for (const [flag, text] of line.flags) settings.set(flag, { text, source: `flag --${flag}`, fromFlag: true })

    const warnings = [...variables.warnings, ...settleObsolete(settings)]
    const config = buildConfig(settings)
    const broken = brokenRule(config)
    if (broken !== undefined) throw new LoadError(1, broken)
    return { config: deepFreeze(config), warnings }
  } catch (error) {
    if (!(error instanceof LoadError)) throw error
    return { exit: failure(error.exitCode, error.message) }
  }
}

/** The value of one option, from the setting or the default. */
function readSetting<K extends OptionKind>(settings: Settings, option: Option & { readonly kind: K }): ValueOfKind[K] {
  const setting = settings.get(option.flag)
  if (setting === undefined) return parseValue(option, option.fallback)
  try {
    return parseValue(option, setting.text)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    const message = `invalid value "${setting.text}" for ${setting.source}: ${error.message}`
    throw new LoadError(setting.fromFlag ? 2 : 1, message, error)
  }
}

/** Applies renamed flags to `settings` and removes all obsolete ones. Returns the warnings. */
function settleObsolete(settings: Map<string, Setting>): readonly string[] {
  const warnings: string[] = []
  for (const { flag, fate, note, neutral } of OBSOLETE_FLAGS) {
    const setting = settings.get(flag)
    if (setting === undefined) continue
    settings.delete(flag)
    if (fate === 'renamed') {
      warnings.push(`${setting.source} is obsolete: use --${note}`)
      const text = setting.text.includes('://') ? setting.text : `http://${setting.text}`
      if (!settings.has(note)) settings.set(note, { ...setting, text })
    } else if (fate === 'refused' && setting.text !== '' && !neutral.includes(setting.text)) {
      throw new LoadError(1, `${setting.source} cannot be honoured: ${note}`)
    } else {
      warnings.push(`${setting.source} is ignored${note === '' ? '' : `: ${note}`}`)
    }
  }
  return warnings
}

function buildConfig(settings: Settings): Config {
  if (settings.has('listen-client-urls') && !settings.has('advertise-client-urls')) {
    throw new LoadError(1, '--advertise-client-urls is required when --listen-client-urls is set explicitly')
  }
  const name = readSetting(settings, OPTIONS.name)
  const initialAdvertisePeerUrls = readSetting(settings, OPTIONS.initialAdvertisePeerUrls)
  return {
    name,
    dataDir: readSetting(settings, OPTIONS.dataDir) || `${name}.etcd`,
    listenClientUrls: listeners(settings, OPTIONS.listenClientUrls, OPTIONAL_CLIENT_URL),
    advertiseClientUrls: readSetting(settings, OPTIONS.advertiseClientUrls),
    cors: settings.has('cors') ? readSetting(settings, OPTIONS.cors) : [],
    listenPeerUrls: listeners(settings, OPTIONS.listenPeerUrls, OPTIONAL_PEER_URL),
    initialAdvertisePeerUrls,
    initialCluster: initialCluster(settings, name, initialAdvertisePeerUrls),
    initialClusterState: readSetting(settings, OPTIONS.initialClusterState) as 'new' | 'existing',
    initialClusterToken: readSetting(settings, OPTIONS.initialClusterToken),
    heartbeatIntervalMs: readSetting(settings, OPTIONS.heartbeatIntervalMs),
    electionTimeoutMs: readSetting(settings, OPTIONS.electionTimeoutMs),
    snapshotCount: readSetting(settings, OPTIONS.snapshotCount),
    eventHistory: readSetting(settings, OPTIONS.eventHistory),
    eventHistoryBytes: readSetting(settings, OPTIONS.eventHistoryBytes),
    maxRequestBytes: readSetting(settings, OPTIONS.maxRequestBytes),
    maxConnections: readSetting(settings, OPTIONS.maxConnections),
    maxWatchers: readSetting(settings, OPTIONS.maxWatchers),
    maxRequestsInFlight: readSetting(settings, OPTIONS.maxRequestsInFlight),
    logLevel: readSetting(settings, OPTIONS.logLevel) as LogLevel,
    logFormat: readSetting(settings, OPTIONS.logFormat) as 'pretty' | 'json',
  }
}

/** Addresses to listen on; by default also those of the old ports, which may be taken. */
function listeners(
  settings: Settings,
  option: Option & { readonly kind: 'urls' },
  optionalUrl: string,
): readonly ListenEndpoint[] {
  const setting = settings.get(option.flag)
  const wanted = readSetting(settings, option)
  try {
    const endpoints = wanted.flatMap((endpoint) => listenEndpoints(endpoint, false))
    if (setting === undefined) endpoints.push(...listenEndpoints(parseEndpoint(optionalUrl), true))
    return endpoints
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new LoadError(1, error.message, error)
  }
}

/** Not set, it is this member alone under the URLs that it advertises, as in etcd. */
function initialCluster(settings: Settings, name: string, advertised: readonly Endpoint[]): readonly InitialMember[] {
  if (settings.has('initial-cluster')) return readSetting(settings, OPTIONS.initialCluster)
  return [{ name, peerUrls: advertised }]
}

function failure(code: 1 | 2, message: string): Exit {
  return { code, stderr: `musterd: ${message}\nRun 'musterd --help' for the options.\n` }
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) deepFreeze(inner)
  return Object.freeze(value)
}
