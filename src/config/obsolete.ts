/**
 * Flags of etcd that are not options of ours: what each of them meets.
 *
 * Owns: the list. Three fates: *ignored* with a warning, since nothing is lost; *renamed* to an option of ours with a
 * warning; *refused*, where going on without it would do something else than the operator asked for.
 */

export interface ObsoleteFlag {
  readonly flag: string
  readonly fate: 'ignored' | 'renamed' | 'refused'
  /** Takes no value of its own: `--flag` or `--flag=true`. */
  readonly boolean: boolean
  /** For `renamed`: the flag of ours; a HOST:PORT value becomes an http URL. For others: what to know, or empty. */
  readonly note: string
  /** For `refused`: values that ask for nothing, and so are ignored like an empty one. */
  readonly neutral: readonly string[]
}

const ignoredValues = [
  ...['auto-compaction-mode', 'auto-compaction-retention', 'backend-batch-interval', 'backend-batch-limit'],
  ...['backend-bbolt-freelist-type', 'cluster-active-size', 'cluster-remove-delay'],
  ...['cluster-sync-interval', 'config', 'experimental-backend-bbolt-freelist-type'],
  ...['experimental-compaction-batch-limit', 'experimental-corrupt-check-time', 'grpc-keepalive-interval'],
  ...['grpc-keepalive-min-time', 'grpc-keepalive-timeout', 'log-output', 'log-package-levels'],
  ...['logger', 'max-result-buffer', 'max-retry-attempts', 'max-snapshots', 'max-txn-ops', 'max-wals', 'metrics'],
  ...['peer-election-timeout', 'peer-heartbeat-interval'],
  ...['quota-backend-bytes', 'retry-interval'],
  ...['snapshot-catchup-entries', 'wal-dir'],
]

const ignoredBooleans = [
  ...[
    'debug',
    'enable-pprof',
    'enable-v2',
    'experimental-initial-corrupt-check',
    'force',
    'initial-election-tick-advance',
  ],
  ...['pre-vote', 'snapshot', 'v', 'vv'],
]

const renamed: readonly (readonly [string, string])[] = [
  ['addr', 'advertise-client-urls'],
  ['bind-addr', 'listen-client-urls'],
  ['peer-addr', 'initial-advertise-peer-urls'],
  ['peer-bind-addr', 'listen-peer-urls'],
]

const later = 'this version of muster does not have it'
const refused: readonly (readonly [flag: string, boolean: boolean, note: string, neutral: readonly string[]])[] = [
  ['auth-token', false, later, ['simple']],
  ['ca-file', false, later, []],
  ['config-file', false, later, []],
  ['experimental-enable-v2v3', false, 'muster keeps no v3 data', []],
  ['peer-ca-file', false, later, []],
  ['peers', false, 'name the members with --initial-cluster', []],
  ['peers-file', false, 'name the members with --initial-cluster', []],
]

const IGNORED_NOTES: Readonly<Record<string, string>> = {
  debug: 'use --log-level debug',
  'peer-election-timeout': 'use --election-timeout',
  'peer-heartbeat-interval': 'use --heartbeat-interval',
  'wal-dir': 'all data is in --data-dir',
}

function ignored(flag: string, boolean: boolean): ObsoleteFlag {
  return { flag, fate: 'ignored', boolean, note: IGNORED_NOTES[flag] ?? '', neutral: [] }
}

export const OBSOLETE_FLAGS: readonly ObsoleteFlag[] = [
  ...ignoredValues.map((flag) => ignored(flag, false)),
  ...ignoredBooleans.map((flag) => ignored(flag, true)),
  ...renamed.map(([flag, note]): ObsoleteFlag => ({ flag, fate: 'renamed', boolean: false, note, neutral: [] })),
  ...refused.map(([flag, boolean, note, neutral]): ObsoleteFlag => ({ flag, fate: 'refused', boolean, note, neutral })),
]

const BY_FLAG = new Map(OBSOLETE_FLAGS.map((row) => [row.flag, row]))

export function obsoleteFlag(flag: string): ObsoleteFlag | undefined {
  return BY_FLAG.get(flag)
}
