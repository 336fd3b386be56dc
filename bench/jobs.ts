/** All rows, in the order in which they run: those that share a cluster first, those that kill it last. */
import type { Job, Row } from './row.ts'
import { bulkJob } from './rows/bulk.ts'
import { failoverJobs } from './rows/failover.ts'
import { requestJobs } from './rows/requests.ts'
import { ttlJob } from './rows/ttl.ts'
import { watchJob } from './rows/watch.ts'

/** What can be measured. */
export const JOBS: readonly Job[] = [...requestJobs, watchJob, ttlJob, bulkJob, ...failoverJobs]

/** The rows of all jobs. */
export const ROWS: readonly Row[] = JOBS.flatMap((job) => job.rows)
