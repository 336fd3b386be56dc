/**
 * Bounds on what clients may ask for at once.
 */
import type { Option } from '../option.ts'

export const LIMIT_ROWS = {
  maxRequestBytes: {
    flag: 'max-request-bytes',
    kind: 'integer',
    group: 'Limits',
    placeholder: 'BYTES',
    unit: 'bytes',
    fallback: '10485760',
    min: 10_485_760,
    max: 16_777_216,
    scope: 'member',
    help: 'The largest body of a request; a larger one is refused. etcd takes as much through the v2 API as the default here says, whatever is set; so a smaller number counts as the default. Too high: a few clients can take all memory.',
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
    help: 'How many connections of clients may be open at once, over all listeners; one more is closed at once. Where the limit of open files (`ulimit -n`) leaves less, so many as it leaves; less than half is a warning at start.',
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
} as const satisfies Readonly<Record<string, Option>>
