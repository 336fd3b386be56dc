/**
 * The queue of a lock: the in-order keys of its directory.
 *
 * Owns: which of them are places, and finding the few that somebody asks for. Each arrival and each wake asks: so a question looks
 * at every key once, in no order, and nothing is sorted. Pure.
 */
import type { Node } from '../../store/node.ts'

/** How long the name of an in-order key is. */
const NAME_LENGTH = 20

/** The number of a place, as clients see it. */
export function numberOf(key: string): string {
  return `${Number(key.slice(-NAME_LENGTH))}`
}

/** The first of the places that `isWanted`; whatever else is in the directory does not count. Undefined: there is none. */
export function firstPlace(directory: Node | undefined, isWanted: (place: Node) => boolean): Node | undefined {
  let first: Node | undefined
  for (const [name, node] of directory?.children ?? []) {
    if ((first === undefined || node.key < first.key) && isPlace(name, node) && isWanted(node)) first = node
  }
  return first
}

/** Where a place stands: first, or behind another one; or it is gone. @param key Of the place. */
export function standing(directory: Node | undefined, key: string): 'first' | 'gone' | { readonly behind: string } {
  const name = key.slice(-NAME_LENGTH)
  const own = directory?.children?.get(name)
  if (own === undefined || own.key !== key || !isPlace(name, own)) return 'gone'
  let before: string | undefined
  for (const [other, node] of directory?.children ?? []) {
    if (other < name && (before === undefined || node.key > before) && isPlace(other, node)) before = node.key
  }
  return before === undefined ? 'first' : { behind: before }
}

function isPlace(name: string, node: Node): boolean {
  return !node.dir && name.length === NAME_LENGTH && /^\d+$/.test(name)
}
