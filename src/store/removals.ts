/**
 * Delete and expire: nodes that go without a comparison.
 *
 * Owns: what may be removed with which flags and every error (API page, 4.11), which nodes an expiry entry takes (4.10).
 * Leaves to others: the tree (keyspace), who hears of it (state-machine), when to propose an expiry (the leader).
 */
import { ErrorCode } from '../api.ts'
import { type DeleteCommand, EXPIRED_COUNT_MAX } from './command.ts'
import { type Event, makeEvent } from './event.ts'
import type { Keyspace } from './keyspace.ts'
import { type Node, viewNode, viewRemoved } from './node.ts'
import type { Outcome } from './outcome.ts'
import { ROOT } from './path.ts'
import { changed } from './writes.ts'

/**
 * DELETE without conditions.
 *
 * - 107: the root.
 * - 100: there is nothing; 104: a file is in the way.
 * - 102: a directory, and neither `dir` nor `recursive`.
 * - 108: a directory that is not empty, and not `recursive`. Hidden children count.
 */
export function remove(tree: Keyspace, command: DeleteCommand, clockMs: number): Outcome {
  const { path, recursive } = command
  if (path === ROOT) return tree.fail(ErrorCode.rootReadOnly, ROOT)
  const cursor = tree.walk(path)
  const old = cursor.node
  if (old === undefined) return tree.lookupFailure(cursor, path)
  if (old.children !== undefined && !recursive) {
    if (!command.dir) return tree.fail(ErrorCode.notFile, old.key)
    if (old.children.size > 0) return tree.fail(ErrorCode.directoryNotEmpty, old.key)
  }

  const index = tree.advance()
  tree.take(cursor)
  return changed(makeEvent(index, 'delete', viewRemoved(old, index), viewNode(old, clockMs), false, false))
}

/**
 * Removes what is due at `clockMs`, soonest first, one store index and one event each, at most `EXPIRED_COUNT_MAX`.
 *
 * @param happened Called with each event, and the node that it took away, as it happens.
 */
export function expire(tree: Keyspace, clockMs: number, happened: (event: Event, node: Node) => void): void {
  for (let count = 0; count < EXPIRED_COUNT_MAX; count += 1) {
    const node = tree.dueAt(clockMs)
    if (node === undefined) return
    const index = tree.advance()
    tree.take(tree.walk(node.key))
    happened(makeEvent(index, 'expire', viewRemoved(node, index), viewNode(node, clockMs), false, false), node)
  }
}
