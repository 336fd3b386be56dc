/**
 * The table of options: one row each, and the only place where a flag, its default, bounds and meaning are written.
 *
 * Owns: the rows. Command line, environment, `--help` and `docs/options.md` are made from them, so they cannot drift.
 * Leaves to others: reading values (`values.ts`), rules that span options (`checks.ts`).
 */

/** How the text of a value is read; see `values.ts`. */
export type OptionKind = 'name' | 'text' | 'integer' | 'choice' | 'urls' | 'cluster' | 'origins'

export type OptionGroup = 'Member' | 'Cluster' | 'Timing' | 'History' | 'Limits' | 'Log'

/** One option. `fallback` is the default as one would type it, and is read like any other value. */
export interface Option {
  /** Without dashes. The variables follow from it: `MUSTER_` or `ETCD_`, then upper case with underscores. */
  readonly flag: string
  readonly kind: OptionKind
  readonly group: OptionGroup
  /** What `--help` shows in place of the value. */
  readonly placeholder: string
  /** Unit of a number. */
  readonly unit?: 'milliseconds' | 'entries' | 'events' | 'bytes' | 'connections' | 'watchers' | 'requests'
  /** Empty: not set. */
  readonly fallback: string
  /** Shown instead of `fallback` where the default follows from other options. */
  readonly fallbackNote?: string
  /** Bounds of a number, both allowed. */
  readonly min?: number
  readonly max?: number
  readonly choices?: readonly string[]
  /** Other words for a choice, understood for the sake of old command lines. */
  readonly aliases?: Readonly<Record<string, string>>
  /** `cluster`: all members must agree, and the peer handshake refuses those that do not. */
  readonly scope: 'cluster' | 'member'
  /** What it is for, and what goes wrong at either end. Full sentences. */
  readonly help: string
}

export const OPTIONS = {
  name: {
    flag: 'name',
    kind: 'name',
    group: 'Member',
    placeholder: 'NAME',
    fallback: 'default',
    scope: 'member',
    help: "This member's name, as it stands in --initial-cluster.",
  },
  dataDir: {
    flag: 'data-dir',
    kind: 'text',
    group: 'Member',
    placeholder: 'DIR',
    fallback: '',
    fallbackNote: 'NAME.etcd',
    scope: 'member',
    help: 'Where this member keeps its data. Belongs to one process at a time; made with mode 0700 when missing.',
  },
  listenClientUrls: {
    flag: 'listen-client-urls',
    kind: 'urls',
    group: 'Member',
    placeholder: 'URLS',
    fallback: 'http://localhost:2379',
    fallbackNote: 'http://localhost:2379, and http://localhost:4001 when that port is free',
    scope: 'member',
    help: 'Where clients are served: a comma-separated list of http://ADDRESS:PORT with an IP address or localhost.',
  },
  advertiseClientUrls: {
    flag: 'advertise-client-urls',
    kind: 'urls',
    group: 'Member',
    placeholder: 'URLS',
    fallback: 'http://localhost:2379',
    scope: 'member',
    help: 'The URLs under which clients reach this member, as /v2/members shows them. Required with --listen-client-urls.',
  },
  cors: {
    flag: 'cors',
    kind: 'origins',
    group: 'Member',
    placeholder: 'ORIGINS',
    fallback: '',
    scope: 'member',
    help: 'Origins whose pages may use the API from a browser: a comma-separated list, or * for all.',
  },
  listenPeerUrls: {
    flag: 'listen-peer-urls',
    kind: 'urls',
    group: 'Cluster',
    placeholder: 'URLS',
    fallback: 'http://localhost:2380',
    fallbackNote: 'http://localhost:2380, and http://localhost:7001 when that port is free',
    scope: 'member',
    help: 'Where the other members are heard: a comma-separated list of http://ADDRESS:PORT with an IP address or localhost.',
  },
  initialAdvertisePeerUrls: {
    flag: 'initial-advertise-peer-urls',
    kind: 'urls',
    group: 'Cluster',
    placeholder: 'URLS',
    fallback: 'http://localhost:2380',
    scope: 'member',
    help: 'The URLs under which the other members reach this one. They must equal what --initial-cluster says of it.',
  },
  initialCluster: {
    flag: 'initial-cluster',
    kind: 'cluster',
    group: 'Cluster',
    placeholder: 'NAME=URL,…',
    fallback: '',
    fallbackNote: 'NAME=URL for each of the --initial-advertise-peer-urls',
    scope: 'member',
    help: 'All first members with their peer URLs; a name is repeated for each of its URLs. Ignored once there is data.',
  },
  initialClusterState: {
    flag: 'initial-cluster-state',
    kind: 'choice',
    group: 'Cluster',
    placeholder: 'STATE',
    fallback: 'new',
    choices: ['new', 'existing'],
    scope: 'member',
    help: 'Whether a member without data starts a new cluster or joins one that exists.',
  },
  initialClusterToken: {
    flag: 'initial-cluster-token',
    kind: 'text',
    group: 'Cluster',
    placeholder: 'TOKEN',
    fallback: 'etcd-cluster',
    scope: 'cluster',
    help: 'Enters the ids of cluster and members, so that clusters with equal URLs are never taken for each other.',
  },
  heartbeatIntervalMs: {
    flag: 'heartbeat-interval',
    kind: 'integer',
    group: 'Timing',
    placeholder: 'MS',
    unit: 'milliseconds',
    fallback: '100',
    min: 1,
    max: 10_000,
    scope: 'cluster',
    help:
      'How often a leader says that it lives. About one round trip between members. ' +
      'Too low: work for nothing. Too high: --election-timeout must grow with it.',
  },
  electionTimeoutMs: {
    flag: 'election-timeout',
    kind: 'integer',
    group: 'Timing',
    placeholder: 'MS',
    unit: 'milliseconds',
    fallback: '1000',
    min: 5,
    max: 50_000,
    scope: 'cluster',
    help:
      'How long a member waits without news of a leader before it stands for election; at least 5 heartbeats. ' +
      'Too low: elections during a slow disk write. Too high: that long without writes when a machine vanishes.',
  },
  snapshotCount: {
    flag: 'snapshot-count',
    kind: 'integer',
    group: 'History',
    placeholder: 'N',
    unit: 'entries',
    fallback: '10000',
    min: 1,
    max: 10_000_000,
    scope: 'member',
    help:
      'How many applied entries of the log are kept for members that fall behind; one further behind gets a snapshot. ' +
      'Too low: snapshots after every hiccup. Too high: memory.',
  },
  eventHistory: {
    flag: 'event-history',
    kind: 'integer',
    group: 'History',
    placeholder: 'N',
    unit: 'events',
    fallback: '100000',
    min: 1,
    max: 100_000_000,
    scope: 'member',
    help:
      'How many past events a watcher can ask for with waitIndex. 1000 gives the window of etcd exactly. ' +
      'Too low: watchers that were away get error 401. Too high: disk.',
  },
  eventHistoryBytes: {
    flag: 'event-history-bytes',
    kind: 'integer',
    group: 'History',
    placeholder: 'BYTES',
    unit: 'bytes',
    fallback: '67108864',
    min: 65_536,
    max: 68_719_476_736,
    scope: 'member',
    help: 'How many bytes of past events are kept on disk at most; the oldest go first, whatever --event-history says.',
  },
  maxRequestBytes: {
    flag: 'max-request-bytes',
    kind: 'integer',
    group: 'Limits',
    placeholder: 'BYTES',
    unit: 'bytes',
    fallback: '10485760',
    min: 1_024,
    max: 16_777_216,
    scope: 'member',
    help: 'The largest body of a request; a larger one is refused. Too high: a few clients can take all memory.',
  },
  maxConnections: {
    flag: 'max-connections',
    kind: 'integer',
    group: 'Limits',
    placeholder: 'N',
    unit: 'connections',
    fallback: '20000',
    min: 1,
    max: 1_000_000,
    scope: 'member',
    help: 'How many connections of clients may be open at once, over all listeners; one more is closed at once. Mind the limit of open files.',
  },
  maxWatchers: {
    flag: 'max-watchers',
    kind: 'integer',
    group: 'Limits',
    placeholder: 'N',
    unit: 'watchers',
    fallback: '100000',
    min: 1,
    max: 10_000_000,
    scope: 'member',
    help: 'How many watches may wait at once on this member; one more is answered with an error. Each costs about 1 KB.',
  },
  maxRequestsInFlight: {
    flag: 'max-requests-in-flight',
    kind: 'integer',
    group: 'Limits',
    placeholder: 'N',
    unit: 'requests',
    fallback: '20000',
    min: 1,
    max: 1_000_000,
    scope: 'member',
    help: 'How many writes and quorum reads may wait for their answer at once; one more is answered with an error at once.',
  },
  logLevel: {
    flag: 'log-level',
    kind: 'choice',
    group: 'Log',
    placeholder: 'LEVEL',
    fallback: 'info',
    choices: ['debug', 'info', 'warn', 'error', 'fatal'],
    aliases: { panic: 'fatal', dpanic: 'fatal', warning: 'warn' },
    scope: 'member',
    help: 'The least severe lines that are logged.',
  },
  logFormat: {
    flag: 'log-format',
    kind: 'choice',
    group: 'Log',
    placeholder: 'FORMAT',
    fallback: 'pretty',
    choices: ['pretty', 'json'],
    scope: 'member',
    help: 'How a log line on standard error looks: for people, or one JSON object a line for a log collector.',
  },
} as const satisfies Readonly<Record<string, Option>>

export type OptionKey = keyof typeof OPTIONS

/** The rows with their keys, in the order of the table. */
export const OPTION_ROWS: readonly (readonly [OptionKey, Option])[] = Object.entries(OPTIONS) as [OptionKey, Option][]

/** Where the default listeners also listen when nobody else does: the ports of etcd before 2.0. */
export const OPTIONAL_CLIENT_URL = 'http://localhost:4001'
export const OPTIONAL_PEER_URL = 'http://localhost:7001'

/** The environment variable of a flag under one of the two prefixes. */
export function variableOf(flag: string, prefix: 'MUSTER_' | 'ETCD_'): string {
  return prefix + flag.toUpperCase().replaceAll('-', '_')
}
