/**
 * Options of time, which all members must agree on, and of what is kept of log and history.
 */
import type { Option } from '../option.ts'

export const TIMING_ROWS = {
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
} as const satisfies Readonly<Record<string, Option>>
