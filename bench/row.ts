/**
 * The shapes that rows, the runner and the table share: what is measured, in which unit, and which goal it has.
 */
import type { Cluster } from './cluster.ts'
import type { Workspace } from './workspace.ts'

/** A goal of architecture.md, section 9: a bound on our own value, or on our value divided by the other's. */
export interface Goal {
  readonly of: 'value' | 'ratio'
  readonly bound: 'min' | 'max'
  readonly limit: number
}

/** One number of a row. */
export interface Measure {
  /** Under this name it stands in samples and in the JSON file; the unit comes last. */
  readonly id: string
  readonly label: string
  readonly digits: number
  readonly goal?: Goal
}

/** One kind of work, as the table shows it. */
export interface Row {
  /** As `--only` names it. */
  readonly name: string
  readonly title: string
  readonly measures: readonly Measure[]
}

/** What a row measured once. */
export interface Sample {
  readonly row: string
  /** By the measure's id. */
  readonly values: Readonly<Record<string, number>>
  /** What went wrong, in words; empty when all went well. */
  readonly errors: readonly string[]
}

/** How much of everything. */
export interface Effort {
  /** Of load for one measurement. */
  readonly seconds: number
  /** Of load before it, not measured. */
  readonly warmUpSeconds: number
  readonly watchers: number
  readonly bulkKeys: number
  readonly ttlKeys: number
  /** How often the leader is ended in one round. */
  readonly failovers: number
}

/** What a job works with. */
export interface JobContext {
  readonly cluster: Cluster
  readonly workspace: Workspace
  readonly effort: Effort
  /** Rows to measure, by name. A job with several rows may be asked for some. */
  readonly wanted: ReadonlySet<string>
}

/** Rows that are measured together. */
export interface Job {
  readonly rows: readonly Row[]
  /** Whether the job needs a cluster that nothing else has used, and leaves none behind. */
  readonly ownCluster: boolean
  run(context: JobContext): Promise<readonly Sample[]>
}

/** A goal in short: `at least 2x`, `at most 50`. */
export function goalText(goal: Goal): string {
  return `${goal.bound === 'min' ? '≥' : '≤'} ${goal.limit}${goal.of === 'ratio' ? 'x' : ''}`
}
