/**
 * The settings of one member, checked and frozen: what everything past `config/` is given.
 *
 * Owns: the shape. Leaves to others: where the values come from (`load.ts`) and their rules (`checks.ts`).
 */

/** A URL of ours: scheme, host and port, nothing else. `href` has no trailing slash, and is what members tell others. */
export interface Endpoint {
  readonly href: string
  readonly protocol: 'http' | 'https'
  /** A name or an address; an IPv6 address without its brackets. */
  readonly host: string
  readonly port: number
}

/** Where to listen. `host` is always an IP address. Port 0 takes a free one. */
export interface ListenEndpoint extends Endpoint {
  /** Nobody asked for it by name: when it is taken or cannot be had, the member goes on without it. */
  readonly optional: boolean
}

/** One member as `--initial-cluster` names it. */
export interface InitialMember {
  readonly name: string
  /** At least one, in the order given. */
  readonly peerUrls: readonly Endpoint[]
}

/** One side of TLS as the options say it: towards clients, or between members. '' and [] mean not given. */
export interface TlsConfig {
  readonly certFile: string
  readonly keyFile: string
  readonly trustedCaFile: string
  readonly clientCertAuth: boolean
  readonly crlFile: string
  readonly allowedCn: string
  readonly allowedHostname: string
  /** Serve with a certificate of our own making when `certFile` is not given. */
  readonly auto: boolean
  /** As given, in Go's names. */
  readonly cipherSuites: readonly string[]
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal'

/** Deep-frozen. The names are those of the rows in `options.ts`, which say what each is for. */
export interface Config {
  readonly name: string
  /** As given: a relative path is relative to the working directory. */
  readonly dataDir: string
  readonly listenClientUrls: readonly ListenEndpoint[]
  readonly advertiseClientUrls: readonly Endpoint[]
  /** Empty: no page may. `['*']`: any. */
  readonly cors: readonly string[]
  /** `['*']`: any. Not compared on TLS connections. */
  readonly hostWhitelist: readonly string[]
  /** Empty: nowhere but at the client URLs. */
  readonly listenMetricsUrls: readonly ListenEndpoint[]
  readonly legacyEndpoints: boolean
  readonly clientTls: TlsConfig
  readonly peerTls: TlsConfig
  readonly listenPeerUrls: readonly ListenEndpoint[]
  readonly initialAdvertisePeerUrls: readonly Endpoint[]
  /** Matters only while there is no data: check it then with `checkBootstrap`. */
  readonly initialCluster: readonly InitialMember[]
  readonly initialClusterState: 'new' | 'existing'
  readonly initialClusterToken: string
  readonly strictReconfigCheck: boolean
  readonly forceNewCluster: boolean
  /** Empty: not given; so are the next four. At most one of this, `discoverySrv` and a given `--initial-cluster` is set. */
  readonly discovery: string
  readonly discoveryFallback: 'proxy' | 'exit'
  readonly discoveryProxy: string
  readonly discoverySrv: string
  readonly discoverySrvName: string
  readonly proxy: 'off' | 'on' | 'readonly'
  readonly proxyFailureWaitMs: number
  readonly proxyRefreshIntervalMs: number
  readonly proxyDialTimeoutMs: number
  readonly proxyWriteTimeoutMs: number
  readonly proxyReadTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly electionTimeoutMs: number
  /** Entries. */
  readonly snapshotCount: number
  /** Events. */
  readonly eventHistory: number
  readonly eventHistoryBytes: number
  readonly maxRequestBytes: number
  readonly maxConnections: number
  readonly maxWatchers: number
  readonly maxRequestsInFlight: number
  readonly logLevel: LogLevel
  readonly logFormat: 'pretty' | 'json'
  /** `stderr`, `stdout`, or the path of a file. */
  readonly logOutput: string
}
