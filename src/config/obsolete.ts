/**
 * Flags of etcd 0.4, 2.3, 3.4 and 3.5 that are not options of ours: what each of them meets.
 *
 * Owns: the list, with a reason for each. Five fates: *ignored* with a warning, since what it asks for is done anyway or
 * concerns nothing that muster has; *renamed* to an option of ours with the same meaning, and *translated* to options of ours
 * in another form, both with a warning; *file*: names a file of options; *refused*, where going on without it would do harm.
 */

export interface ObsoleteFlag {
  readonly flag: string
  readonly fate: 'ignored' | 'renamed' | 'translated' | 'file' | 'refused'
  /** Takes no value of its own: `--flag` or `--flag=true`. */
  readonly boolean: boolean
  /** For `renamed`: the flag of ours. For others: what to know. */
  readonly note: string
  /** For `refused`: values that ask for nothing, and so are ignored like an empty one. */
  readonly neutral: readonly string[]
}

const V3 = 'it concerns the v3 API, which muster does not have'
const BACKEND = 'it concerns a database that muster does not have'
const STANDBY = 'muster has no standby members'
const LEVEL = 'use --log-level'

const ignoredValues: readonly (readonly [string, string])[] = [
  ['auth-token', V3],
  ['auth-token-ttl', V3],
  ['auto-compaction-mode', V3],
  ['auto-compaction-retention', V3],
  ['backend-batch-interval', BACKEND],
  ['backend-batch-limit', BACKEND],
  ['backend-bbolt-freelist-type', BACKEND],
  ['bcrypt-cost', 'passwords are hashed by scrypt'],
  ['cluster-active-size', STANDBY],
  ['cluster-remove-delay', STANDBY],
  ['cluster-sync-interval', STANDBY],
  ['cpuprofile', 'it concerns the profiler of Go'],
  ['experimental-auto-compaction-retention', V3],
  ['experimental-backend-bbolt-freelist-type', BACKEND],
  ['experimental-compact-hash-check-time', V3],
  ['experimental-compaction-batch-limit', V3],
  ['experimental-compaction-sleep-interval', V3],
  ['experimental-corrupt-check-time', 'entries are checksummed always'],
  ['experimental-downgrade-check-time', V3],
  ['experimental-enable-v2v3', 'v2 keys are kept as such'],
  ['experimental-grpc-addr', V3],
  ['experimental-max-learners', 'new members vote as soon as they have caught up'],
  ['experimental-warning-apply-duration', 'see the metrics'],
  ['experimental-warning-unary-request-duration', V3],
  ['experimental-watch-progress-notify-interval', V3],
  ['graphite-host', 'metrics are served at /metrics'],
  ['grpc-keepalive-interval', V3],
  ['grpc-keepalive-min-time', V3],
  ['grpc-keepalive-timeout', V3],
  ['http-read-timeout', 'requests have limits of their own'],
  ['http-write-timeout', 'requests have limits of their own'],
  ['log-package-levels', LEVEL],
  ['log-rotation-config-json', 'leave rotation to the system'],
  ['logger', 'use --log-format'],
  ['max-cluster-size', 'the members are those of --initial-cluster, and those that are added'],
  ['max-concurrent-streams', V3],
  ['max-result-buffer', 'it concerns channels of Go'],
  ['max-retry-attempts', 'members are dialled until they answer'],
  ['max-snapshots', 'muster keeps no snapshot files'],
  ['max-txn-ops', V3],
  ['max-wals', 'muster keeps no log files of its own'],
  ['metrics', 'all metrics are served'],
  ['peer-election-timeout', 'use --election-timeout'],
  ['peer-heartbeat-interval', 'use --heartbeat-interval'],
  ['quota-backend-bytes', BACKEND],
  ['retry-interval', 'members are dialled until they answer'],
  ['snapshot-catchup-entries', 'use --snapshot-count'],
  ['trace', 'use --log-level debug'],
  ['v2-deprecation', 'v2 is what muster is for'],
  ['wal-dir', 'all data is in --data-dir'],
]

const ignoredSwitches: readonly (readonly [string, string])[] = [
  ['enable-log-rotation', 'leave rotation to the system'],
  ['enable-pprof', 'it concerns the profiler of Go'],
  ['enable-v2', 'v2 is always served'],
  ['experimental-compact-hash-check-enabled', V3],
  ['experimental-enable-lease-checkpoint', V3],
  ['experimental-initial-corrupt-check', 'entries are checksummed always'],
  ['experimental-memory-mlock', BACKEND],
  ['experimental-peer-skip-client-san-verification', 'addresses in certificates of dialling members are not compared'],
  ['experimental-txn-mode-write-with-shared-buffer', V3],
  ['experimental-v3demo', V3],
  ['f', 'remove the data directory to begin anew'],
  ['force', 'remove the data directory to begin anew'],
  ['initial-election-tick-advance', 'a member that starts hears its leader at once'],
  ['pre-vote', 'members always ask before they stand for election'],
  ['snapshot', 'the log is always compacted'],
  ['socket-reuse-address', 'it is always so'],
  ['socket-reuse-port', 'one member listens at a port'],
  ['unsafe-no-fsync', 'what was acknowledged is on disk'],
  ['v', LEVEL],
  ['vv', LEVEL],
  ['vvv', LEVEL],
]

const renamed: readonly (readonly [string, string])[] = [['log-output', 'log-outputs']]

const translated: readonly (readonly [flag: string, boolean: boolean, note: string])[] = [
  ['addr', false, '--advertise-client-urls, and --listen-client-urls with that port on all addresses'],
  ['bind-addr', false, '--listen-client-urls; the port is that of --addr if it has none'],
  ['peer-addr', false, '--initial-advertise-peer-urls, and --listen-peer-urls with that port on all addresses'],
  ['peer-bind-addr', false, '--listen-peer-urls; the port is that of --peer-addr if it has none'],
  ['ca-file', false, '--trusted-ca-file with --client-cert-auth'],
  ['peer-ca-file', false, '--peer-trusted-ca-file with --peer-client-cert-auth'],
  ['debug', true, '--log-level debug'],
]

const files: readonly (readonly [string, string])[] = [
  ['config-file', 'a YAML file as etcd 3 reads it: keys are flags; all other flags and variables are ignored'],
  ['config', 'a TOML file as etcd 0.4 reads it; flags and variables come before what stands in it'],
]

const SECOND_CLUSTER = 'going on would found a second cluster beside theirs: name all members with --initial-cluster'
const refused: readonly (readonly [flag: string, note: string, neutral: readonly string[]])[] = [
  ['peers', SECOND_CLUSTER, []],
  ['peers-file', SECOND_CLUSTER, []],
  ['tls-min-version', 'TLS 1.2 and 1.3 are spoken, and no other choice can be made', ['TLS1.2']],
  ['tls-max-version', 'TLS 1.2 and 1.3 are spoken, and no other choice can be made', ['TLS1.3']],
]

function row(
  flag: string,
  fate: ObsoleteFlag['fate'],
  boolean: boolean,
  note: string,
  neutral: readonly string[] = [],
) {
  return { flag, fate, boolean, note, neutral }
}

export const OBSOLETE_FLAGS: readonly ObsoleteFlag[] = [
  ...ignoredValues.map(([flag, note]) => row(flag, 'ignored', false, note)),
  ...ignoredSwitches.map(([flag, note]) => row(flag, 'ignored', true, note)),
  ...renamed.map(([flag, note]) => row(flag, 'renamed', false, note)),
  ...translated.map(([flag, boolean, note]) => row(flag, 'translated', boolean, note)),
  ...files.map(([flag, note]) => row(flag, 'file', false, note)),
  ...refused.map(([flag, note, neutral]) => row(flag, 'refused', false, note, neutral)),
]

const BY_FLAG = new Map(OBSOLETE_FLAGS.map((one) => [one.flag, one]))

export function obsoleteFlag(flag: string): ObsoleteFlag | undefined {
  return BY_FLAG.get(flag)
}
