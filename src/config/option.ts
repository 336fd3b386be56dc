/**
 * What a row of the table of options says.
 *
 * Owns: the shape of a row, and how variables are named. The rows are in `rows/`, the table in `options.ts`.
 */

/** How the text of a value is read; see `values.ts`. */
export type OptionKind =
  | 'name'
  | 'text'
  | 'output'
  | 'list'
  | 'integer'
  | 'switch'
  | 'choice'
  | 'urls'
  | 'cluster'
  | 'origins'

export type OptionGroup =
  | 'Member'
  | 'Cluster'
  | 'Discovery'
  | 'Client TLS'
  | 'Peer TLS'
  | 'Proxy'
  | 'Timing'
  | 'History'
  | 'Limits'
  | 'Log'

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
  /** The name that it has in `Config`, where that is not the row's key: TLS rows lie one level deeper. */
  readonly field?: string
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

/** The environment variable of a flag under one of the two prefixes. */
export function variableOf(flag: string, prefix: 'MUSTER_' | 'ETCD_'): string {
  return prefix + flag.toUpperCase().replaceAll('-', '_')
}
