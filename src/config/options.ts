/**
 * The table of options: one row each, and the only place where a flag, its default, bounds and meaning are written.
 *
 * Owns: putting the groups of rows together. Command line, environment, `--help` and `docs/options.md` are made from them, so
 * they cannot drift. Leaves to others: reading values (`values.ts`), rules that span options (`checks.ts`).
 */
import type { Option } from './option.ts'
import { CLUSTER_ROWS } from './rows/cluster.ts'
import { DISCOVERY_ROWS } from './rows/discovery.ts'
import { LIMIT_ROWS } from './rows/limits.ts'
import { LOG_ROWS } from './rows/log.ts'
import { MEMBER_ROWS } from './rows/member.ts'
import { PROXY_ROWS } from './rows/proxy.ts'
import { SECURITY_ROWS } from './rows/security.ts'
import { TIMING_ROWS } from './rows/timing.ts'

export const OPTIONS = {
  ...MEMBER_ROWS,
  ...CLUSTER_ROWS,
  ...DISCOVERY_ROWS,
  ...SECURITY_ROWS,
  ...PROXY_ROWS,
  ...TIMING_ROWS,
  ...LIMIT_ROWS,
  ...LOG_ROWS,
} as const

export type OptionKey = keyof typeof OPTIONS

/** The rows with their keys, in the order of the table. */
export const OPTION_ROWS: readonly (readonly [OptionKey, Option])[] = Object.entries(OPTIONS) as [OptionKey, Option][]

/** Where the default listeners also listen when nobody else does: the ports of etcd before 2.0. */
export const OPTIONAL_CLIENT_URL = 'http://localhost:4001'
export const OPTIONAL_PEER_URL = 'http://localhost:7001'
