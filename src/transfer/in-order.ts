/**
 * Keys that POST named after the index at which they were made.
 *
 * Owns: knowing such names. Leaves to others: taking the target's index past them (store-index).
 */

const NAME_LENGTH = 20

/**
 * A name that is so far ahead of its cluster's index was not made by counting: somebody's times or numbers, of 20 digits too.
 * Names somewhat ahead came with an earlier move.
 */
const AHEAD_MAX = 1_000_000_000

/** The index of a name that POST made; 0: it is none. @param sourceIndex where the cluster's index stands. */
export function inOrderIndex(path: string, sourceIndex: number): number {
  if (path.charAt(path.length - NAME_LENGTH - 1) !== '/') return 0
  const name = path.slice(-NAME_LENGTH)
  const index = /^\d+$/.test(name) ? Number(name) : 0
  return index <= sourceIndex + AHEAD_MAX ? index : 0
}
