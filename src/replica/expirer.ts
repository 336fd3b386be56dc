/**
 * Leader only: proposes an expiry entry when a key falls due.
 *
 * Owns: when to propose. What falls due is decided when the entry is applied, by its stamp; an expiry of an earlier term
 * changes nothing. One is under way at a time, so a burst of due keys costs one entry and an idle cluster none.
 */
import type { Term } from '../raft/types.ts'
import type { ExpireCommand } from '../store/command.ts'

export class Expirer {
  /** Number of the proposal under way; 0 for none. */
  #seq = 0
  #term: Term = 0

  /**
   * Looks whether something is due.
   *
   * @param nextDeadlineMs the soonest deadline in the tree, on the replicated clock; undefined for none, or none known yet.
   * @param clockMs the leader's replicated clock now.
   * @returns the command to propose, or undefined.
   */
  due(nextDeadlineMs: number | undefined, clockMs: number, term: Term): ExpireCommand | undefined {
    if (nextDeadlineMs === undefined || nextDeadlineMs > Math.floor(clockMs)) return undefined
    if (this.#seq !== 0 && this.#term === term) return undefined
    return { kind: 'expire', term }
  }

  /** The command was proposed as number `seq`. */
  proposed(seq: number, term: Term): void {
    this.#seq = seq
    this.#term = term
  }

  /** An entry of this member with number `seq` was applied. */
  applied(seq: number): void {
    if (seq === this.#seq) this.#seq = 0
  }
}
