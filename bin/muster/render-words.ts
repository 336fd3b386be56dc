/**
 * What `muster render` is told: its words, before them confd's settings file and variables.
 *
 * Owns: confd's flags, which of words, variables and file counts, and how they name the cluster. Leaves to others: the work.
 */
import { resolveSrv } from 'node:dns/promises'
import { join } from 'node:path'
import process from 'node:process'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseListen } from '../../src/ambassador/settings.ts'
import { DURATION_MAX, DURATION_MS_MAX, parseWait, type Wait } from '../../src/render/duration.ts'
import { reasonOf } from '../../src/render/errors.ts'
import { parseSignal } from '../../src/render/resource.ts'
import { type ConfdSettings, INTERVAL_S_MAX, readConfdSettings } from '../../src/render/settings-file.ts'
import type { StatusAddress } from '../../src/render/status.ts'
import { type ConnectionWords, wholeNumber } from './connection.ts'
import { ourVariable, variable } from './endpoints.ts'
import { durationMs } from './go-values.ts'

const CONFDIR_DEFAULT = '/etc/confd'
const CONFIG_FILE_DEFAULT = '/etc/confd/confd.toml'
const INTERVAL_S_DEFAULT = 600

/** What commander makes of the words. */
export interface RenderWords extends ConnectionWords {
  readonly backend?: string
  readonly confdir?: string
  readonly configFile?: string
  readonly interval?: number
  readonly keepStageFile?: boolean
  readonly logLevel?: string
  readonly node?: readonly string[]
  readonly noop?: boolean
  readonly onetime?: boolean
  readonly prefix?: string
  readonly scheme?: string
  readonly srvDomain?: string
  readonly srvRecord?: string
  readonly syncOnly?: boolean
  readonly watch?: boolean
  readonly basicAuth?: boolean
  readonly password?: string
  readonly clientCaKeys?: string
  readonly clientCakeys?: string
  readonly clientCert?: string
  readonly clientKey?: string
  readonly wait?: Wait
  readonly statusAddr?: StatusAddress
  readonly reloadSignal?: NodeJS.Signals
  readonly restart?: boolean
  readonly killSignal: NodeJS.Signals
  readonly killTimeout: number
}

/** Everything decided. */
export interface RenderSettings {
  readonly connection: ConnectionWords
  readonly confdir: string
  readonly prefix: string
  readonly mode: 'once' | 'every' | 'follow'
  readonly intervalMs: number
  readonly noop: boolean
  readonly syncOnly: boolean
  readonly keepStageFile: boolean
  readonly logLevel: string
  /** Names in the settings file that mean nothing. */
  readonly unknown: readonly string[]
}

/** Adds the options of confd, and ours. */
export function addRenderOptions(command: Command): Command {
  const options = [
    new Option('--confdir <DIR>', `directory with conf.d and templates (default: ${CONFDIR_DEFAULT})`),
    new Option(
      '--config-file <FILE>',
      `settings of confd (default: confd.toml in --confdir, else ${CONFIG_FILE_DEFAULT})`,
    ),
    new Option('--onetime', 'make all files once; status 1 when one cannot be made'),
    new Option('--noop', 'change nothing, say what would be changed'),
    new Option('--watch', 'follow the store; so it is anyway, unless --interval is given'),
    new Option('--interval <SECONDS>', `look every so often instead`).argParser(wholeNumber(1, INTERVAL_S_MAX)),
    new Option('--prefix <PATH>', 'in front of all keys, instead of the prefixes of the templates'),
    new Option('--node <URL>', 'a server; may be repeated; the same as --endpoints').argParser(collect),
    new Option('--wait <MIN[:MAX]>', 'how long to wait for quiet after a change (default: 20ms:1s)').argParser(waitOf),
    new Option(
      '--status-addr <[HOST]:PORT>',
      'serve /status, /metrics and /health there; :PORT is on this machine',
    ).argParser(addressOf),
    new Option('--reload-signal <SIGNAL>', 'how COMMAND is told of new files (default: HUP)').argParser(signalOf),
    new Option('--restart', 'restart COMMAND instead'),
    ...killOptions(),
    new Option('--sync-only', 'neither check nor reload'),
    new Option('--keep-stage-file', 'leave what was made beside its place'),
    new Option('--log-level <LEVEL>', 'error, warn, info or debug (default: info)'),
    new Option('--client-ca-keys <FILE>', 'the same as --cacert').hideHelp(),
    new Option('--client-cakeys <FILE>', 'the same as --cacert').hideHelp(),
    new Option('--client-cert <FILE>', 'the same as --cert').hideHelp(),
    new Option('--client-key <FILE>', 'the same as --key').hideHelp(),
    new Option('--password <PASSWORD>', 'for --username without one; better in confd.toml'),
    new Option('--basic-auth', 'has no meaning: who gives a name logs in').hideHelp(),
    new Option('--backend <NAME>', 'etcd, and no other').hideHelp(),
    new Option('--scheme <SCHEME>', 'http or https, for servers that --srv-domain finds').hideHelp(),
    new Option('--srv-domain <DOMAIN>', 'find the servers by _etcd._tcp.DOMAIN').hideHelp(),
    new Option('--srv-record <NAME>', 'find the servers by this record').hideHelp(),
  ]
  for (const option of options) command.addOption(option)
  return command
}

/** How a command that lives with its files or keys is ended. */
export function killOptions(): readonly Option[] {
  return [
    new Option('--kill-signal <SIGNAL>', 'how COMMAND is asked to end').argParser(signalOf).default('SIGTERM', 'TERM'),
    new Option('--kill-timeout <DURATION>', 'after it COMMAND is killed').argParser(boundedMs).default(10_000, '10s'),
  ]
}

function boundedMs(text: string): number {
  const ms = durationMs(text)
  if (ms <= DURATION_MS_MAX) return ms
  throw new InvalidArgumentError(`expected a duration from 0 to ${DURATION_MAX}`)
}

/** By the rule of all the tool's addresses: without a host it is for this machine only. */
function addressOf(text: string): StatusAddress {
  try {
    return parseListen(text)
  } catch (error) {
    throw new InvalidArgumentError(reasonOf(error))
  }
}

export function waitOf(text: string): Wait {
  const wait = parseWait(text)
  if (wait === undefined)
    throw new InvalidArgumentError(`expected a duration, or two like 2s:10s, up to ${DURATION_MAX}`)
  return wait
}

export function signalOf(text: string): NodeJS.Signals {
  const signal = parseSignal(text)
  if (signal === undefined) throw new InvalidArgumentError('expected a signal like HUP')
  return signal
}

function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text]
}

/** Decides: words first, then variables, then the file. @throws RenderError; Error when words make no sense. */
export async function settingsOf(words: RenderWords): Promise<RenderSettings> {
  const beside = join(words.confdir ?? CONFDIR_DEFAULT, 'confd.toml')
  const file = readConfdSettings(words.configFile ?? beside, process.env)
  const backend = words.backend ?? file.backend ?? 'etcd'
  if (backend !== 'etcd')
    throw new Error(`the backend ${backend} is none that muster reads: only etcd, which means the v2 API`)
  const seconds = words.interval ?? file.interval
  const watches = words.watch ?? file.watch ?? seconds === undefined
  return {
    connection: await connectionWords(words, file),
    confdir: words.confdir ?? file.confdir ?? CONFDIR_DEFAULT,
    prefix: words.prefix ?? file.prefix ?? '',
    mode: words.onetime === true ? 'once' : watches ? 'follow' : 'every',
    intervalMs: (seconds ?? INTERVAL_S_DEFAULT) * 1000,
    noop: words.noop ?? file.noop ?? false,
    syncOnly: words.syncOnly ?? file.syncOnly ?? false,
    keepStageFile: words.keepStageFile ?? false,
    logLevel: levelOf(words.logLevel ?? file.logLevel ?? 'info'),
    unknown: file.unknown,
  }
}

/** The words that say which cluster, where confd's say something. */
async function connectionWords(words: RenderWords, file: ConfdSettings): Promise<ConnectionWords> {
  const nodes = await nodesOf(words, file)
  const caFile = words.clientCaKeys ?? words.clientCakeys ?? file.clientCaKeys
  const certFile = words.clientCert ?? file.clientCert
  const keyFile = words.clientKey ?? file.clientKey
  const user = words.username ?? file.username
  const password = words.password ?? file.password
  return {
    ...words,
    ...(nodes.length === 0 ? {} : { endpoints: nodes.join(',') }),
    ...(caFile === undefined ? {} : { caFile }),
    ...(certFile === undefined ? {} : { certFile }),
    ...(keyFile === undefined ? {} : { keyFile }),
    ...(user === undefined
      ? {}
      : { username: password === undefined || user.includes(':') ? user : `${user}:${password}` }),
  }
}

/** Empty: nothing of confd's says which servers. */
async function nodesOf(words: RenderWords, file: ConfdSettings): Promise<readonly string[]> {
  if (words.node !== undefined) return words.node
  if (words.endpoints !== undefined || words.endpoint !== undefined || words.peers !== undefined) return []
  const domain = words.srvDomain ?? file.srvDomain
  const record = words.srvRecord ?? file.srvRecord ?? (domain === undefined ? undefined : `_etcd._tcp.${domain}`)
  if (record !== undefined) {
    const scheme = words.scheme ?? file.scheme ?? 'http'
    const found = await resolveSrv(record)
    return found.map(({ name, port }) => `${scheme}://${name.replace(/\.$/, '')}:${port}`)
  }
  return (ourVariable('ENDPOINTS') ?? variable('ETCDCTL_ENDPOINTS')) === undefined ? file.nodes : []
}

function levelOf(level: string): string {
  if (level === 'panic' || level === 'fatal') return 'fatal'
  if (['error', 'warn', 'info', 'debug'].includes(level)) return level
  throw new Error(`the log level ${level} is none of error, warn, info and debug`)
}
