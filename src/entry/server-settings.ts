/**
 * From what a program asks of an embedded member to the settings of one.
 *
 * Owns: the options of `startServer`, their defaults, and how they become the words that `config/` reads, so that a value is
 * checked by the same rules wherever it is said. Leaves to others: ports and folders (`server.ts`).
 */
import { randomUUID } from 'node:crypto'
import { isIPv6 } from 'node:net'
import type { Logger } from 'pino'
import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import type { OptionKind } from '../config/option.ts'
import { OPTIONS, type OptionKey } from '../config/options.ts'
import type { TestClock } from './test-clock.ts'

/** What a program gives for an option of each kind. Lists may be given as one text, too. */
interface ValueOfKind extends Record<OptionKind, unknown> {
  readonly name: string
  readonly text: string
  readonly output: string
  readonly choice: string
  readonly cluster: string
  readonly integer: number
  readonly switch: boolean
  readonly list: string | readonly string[]
  readonly urls: string | readonly string[]
  readonly origins: string | readonly string[]
}

/** Said in another way to `startServer`, or without a meaning there. */
type Unused =
  | ('name' | 'dataDir' | 'listenClientUrls' | 'listenPeerUrls' | 'initialAdvertisePeerUrls' | 'initialCluster')
  | ('logLevel' | 'logFormat' | 'logOutput')
  | ('proxy' | 'proxyFailureWaitMs' | 'proxyRefreshIntervalMs' | 'proxyDialTimeoutMs')
  | ('proxyWriteTimeoutMs' | 'proxyReadTimeoutMs' | 'discoveryFallback')

/** Any other option of `musterd`, by its name on the page of options in camel case; times end in `Ms`. */
export type ServerOverrides = {
  readonly [Key in Exclude<OptionKey, Unused>]?: ValueOfKind[(typeof OPTIONS)[Key]['kind']]
}

/** What `startServer` takes. */
export interface ServerOptions extends ServerOverrides {
  /** This member's name; `default` when missing. */
  readonly name?: string
  /** Where it keeps its data. Missing: a temporary folder that is removed when it stops. */
  readonly dataDir?: string
  /** An IP address, or `localhost`; 127.0.0.1 when missing. */
  readonly host?: string
  /** Where clients are served; 0 or missing: a free one. */
  readonly port?: number
  /** Where other members are heard; 0 or missing: a free one, or that of `initialCluster`. */
  readonly peerPort?: number
  /** Peer URL of each first member by its name, this one included. Missing: this member alone. */
  readonly initialCluster?: Readonly<Record<string, string>>
  /** Made by `testClock`: by it the keys live that have a TTL. True time when missing. */
  readonly clock?: TestClock
  /** A pino logger; silent when missing. Its level is left alone. */
  readonly logger?: Logger
  /** Aborted while the server starts, it does not; later, it stops. */
  readonly signal?: AbortSignal
}

/** Where a server listens: chosen before it starts, since a member's identity follows from its peer URL. */
export interface Ports {
  readonly client: number
  readonly peer: number
}

const OWN_OPTIONS: ReadonlySet<string> = new Set([
  ...['name', 'dataDir', 'host', 'port', 'peerPort', 'initialCluster', 'logger', 'signal', 'clock'],
])
const NO_OPTIONS: ReadonlySet<string> = new Set<Unused>([
  ...(['listenClientUrls', 'listenPeerUrls', 'initialAdvertisePeerUrls', 'logLevel', 'logFormat'] as const),
  ...(['logOutput', 'proxy', 'proxyFailureWaitMs', 'proxyRefreshIntervalMs', 'proxyDialTimeoutMs'] as const),
  ...(['proxyWriteTimeoutMs', 'proxyReadTimeoutMs', 'discoveryFallback'] as const),
])

/** The peer port that the options name; 0: none. @throws RangeError when `initialCluster` does not name this member. */
export function peerPortOf(options: ServerOptions): number {
  if (options.peerPort !== undefined && options.peerPort !== 0) return options.peerPort
  if (options.initialCluster === undefined) return 0
  return Number(new URL(ownPeerUrl(options, options.initialCluster)).port)
}

/** Settings of the member. @throws RangeError with one sentence when they are not possible. */
export function serverConfig(options: ServerOptions, dataDir: string, ports: Ports): Config {
  const { name = 'default', host = '127.0.0.1', initialCluster } = options
  const authority = isIPv6(host) ? `[${host}]` : host
  const isSecure = (options.certFile ?? '') !== '' || options.autoTls === true
  const isPeerSecure = (options.peerCertFile ?? '') !== '' || options.peerAutoTls === true
  const clientUrl = `${isSecure ? 'https' : 'http'}://${authority}:${ports.client}`
  const peerUrl = `${isPeerSecure ? 'https' : 'http'}://${authority}:${ports.peer}`
  const advertised = initialCluster === undefined ? peerUrl : ownPeerUrl(options, initialCluster)
  const words = [
    ...[`--name=${name}`, `--data-dir=${dataDir}`],
    ...[`--listen-client-urls=${clientUrl}`, `--listen-peer-urls=${peerUrl}`],
    `--initial-advertise-peer-urls=${advertised}`,
    ...(options.advertiseClientUrls === undefined ? [`--advertise-client-urls=${clientUrl}`] : []),
    ...(initialCluster === undefined ? aloneWords(options) : [`--initial-cluster=${clusterText(initialCluster)}`]),
    ...overrideWords(options),
  ]
  const loaded = loadConfig(words, {})
  if ('config' in loaded) return loaded.config
  const [sentence = ''] = (loaded.exit.stderr ?? '').split('\n')
  throw new RangeError(sentence.replace(/^musterd: /, ''))
}

/** Clusters that were founded on the same free port one after the other are not the same cluster. */
function aloneWords(options: ServerOptions): readonly string[] {
  const isNamed = options.initialClusterToken !== undefined || options.discovery !== undefined
  return isNamed ? [] : [`--initial-cluster-token=${randomUUID()}`]
}

function overrideWords(options: ServerOptions): readonly string[] {
  return Object.entries(options).flatMap(([key, value]) => {
    if (OWN_OPTIONS.has(key) || value === undefined) return []
    const option = NO_OPTIONS.has(key) ? undefined : OPTIONS[key as OptionKey]
    if (option === undefined) throw new RangeError(`"${key}" is no option of an embedded server`)
    return [`--${option.flag}=${Array.isArray(value) ? value.join(',') : String(value)}`]
  })
}

function clusterText(members: Readonly<Record<string, string>>): string {
  return Object.entries(members)
    .map(([name, url]) => `${name}=${url}`)
    .join(',')
}

function ownPeerUrl({ name = 'default' }: ServerOptions, members: Readonly<Record<string, string>>): string {
  const url = members[name]
  if (url === undefined || !URL.canParse(url)) throw new RangeError(`initialCluster has no peer URL for "${name}"`)
  return url
}
