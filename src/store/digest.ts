/**
 * One short text that stands for a whole state, to compare members by.
 *
 * Owns: what goes into it and in which order. Not a hash for security, and never stored.
 */
import { createHash } from 'node:crypto'
import type { Keyspace } from './keyspace.ts'
import type { Node } from './node.ts'
import { RESERVED_ROOT, ROOT } from './path.ts'

/** Digests both subtrees, names in order, with the store index and the replicated clock. Hex. */
export function digestTree(tree: Keyspace, clockMs: number): string {
  const hash = createHash('sha256').update(`${tree.storeIndex} ${clockMs}\n`)
  const pending = [tree.find(RESERVED_ROOT), tree.find(ROOT)]
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    hash.update(describe(node))
    if (node.children === undefined) continue
    const names = [...node.children.keys()].sort().reverse()
    for (const name of names) pending.push(node.children.get(name))
  }
  return hash.digest('hex')
}

function describe(node: Node): string {
  const { key, value, dir, createdIndex, modifiedIndex, deadlineMs, expirationMs } = node
  const due = deadlineMs === 0 ? [] : [deadlineMs, expirationMs]
  return `${JSON.stringify([key, dir, value, createdIndex, modifiedIndex, ...due])}\n`
}
