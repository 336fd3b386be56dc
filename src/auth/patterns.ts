/**
 * The patterns of a role, made ready for being asked about: every request of a user or a guest asks.
 *
 * Owns: what a pattern covers (API page, 10.5). Pure.
 */
import assert from 'node:assert'
import type { Patterns } from './records.ts'

const STAR = 42

/** One list of patterns. Asking makes no strings, and takes about as long for thousands of patterns as for a few. */
export class PatternSet {
  /** Patterns that cover one key. */
  readonly #keys = new Set<string>()
  /**
   * What keys that are covered begin with, sorted. Invariant: none of them begins with another one; so if any is the beginning of a
   * key, it is the last that does not come after that key.
   */
  readonly #beginnings: readonly string[]

  constructor(patterns: Patterns) {
    const beginnings: string[] = []
    for (const pattern of patterns ?? []) {
      if (pattern.charCodeAt(pattern.length - 1) === STAR) beginnings.push(pattern.slice(0, -1))
      // An empty one covers nothing (etcd crashes on it).
      else if (pattern !== '') this.#keys.add(pattern)
    }
    const least: string[] = []
    for (const beginning of beginnings.sort()) {
      const last = least.at(-1)
      if (last === undefined || !beginning.startsWith(last)) least.push(beginning)
    }
    this.#beginnings = least
  }

  /**
   * Whether any pattern covers a key. One that ends in `*` covers what begins with the rest of it; a `*` elsewhere stands for itself;
   * any other covers just that key.
   */
  covers(key: string): boolean {
    return this.#keys.has(key) || this.coversBelow(key)
  }

  /** Whether a pattern covers a key with all that is below it: only one that ends in `*` can. */
  coversBelow(key: string): boolean {
    const beginnings = this.#beginnings
    let low = 0
    let high = beginnings.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const beginning = beginnings[middle]
      assert(beginning !== undefined)
      if (beginning <= key) low = middle + 1
      else high = middle
    }
    return low > 0 && key.startsWith(beginnings[low - 1] as string)
  }
}
