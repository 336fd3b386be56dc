/**
 * Differences that are meant: each cites the entry of COMPATIBILITY.md that gives its reason, by the words with which the
 * entry begins, and explains as little as it can.
 *
 * Owns: the table, and how often each row was needed. Leaves to others: what is equal anyhow (compare).
 */
import type { Shown } from './compare.ts'
import type { Observation } from './run.ts'

export interface Explanation {
  /** First cell of the row, or first words of the line, in COMPATIBILITY.md. */
  readonly entry: string
  /** Whether this is why the two differ. */
  explains(observation: Observation, shown: Shown): boolean
}

export const EXPLANATIONS: readonly Explanation[] = []

/** How often each explanation was needed. */
export class Uses {
  readonly #counts = new Map<string, number>()

  /** The entry that explains the difference, which is counted; undefined when none does. */
  explain(observation: Observation, shown: Shown): string | undefined {
    const found = EXPLANATIONS.find((explanation) => explanation.explains(observation, shown))
    if (found === undefined) return undefined
    this.#counts.set(found.entry, (this.#counts.get(found.entry) ?? 0) + 1)
    return found.entry
  }

  /** A line an entry, most used first. */
  toString(): string {
    const rows = [...this.#counts].sort(([, a], [, b]) => b - a)
    return rows.map(([entry, count]) => `${String(count).padStart(7)}  ${entry}`).join('\n')
  }
}
