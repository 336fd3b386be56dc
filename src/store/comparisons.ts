/**
 * Compare-and-swap and compare-and-delete.
 *
 * Owns: what is compared with what, the causes of error 101 (API page, 4.6), the order of checks. Leaves to others: the
 * tree (keyspace), writing and taking (writes.ts, removals.ts).
 */
import { ErrorCode } from '../api.ts'
import type { CompareAndDeleteCommand, CompareAndSwapCommand, PrevIndex } from './command.ts'
import { makeEvent } from './event.ts'
import type { Keyspace } from './keyspace.ts'
import { type Node, viewNode, viewRemoved } from './node.ts'
import type { Outcome } from './outcome.ts'
import { ROOT } from './path.ts'
import { changed, rewritten } from './writes.ts'

/**
 * PUT with prevIndex or prevValue: replaces value and TTL when the comparison holds, and keeps `createdIndex`.
 *
 * - 107: the root.
 * - 100: there is nothing; 104: a file is in the way.
 * - 102: a directory.
 * - 101: the comparison fails.
 */
export function compareAndSwap(tree: Keyspace, command: CompareAndSwapCommand, clockMs: number): Outcome {
  const { path, refresh } = command
  if (path === ROOT) return tree.fail(ErrorCode.rootReadOnly, ROOT)
  const cursor = tree.walk(path)
  const old = cursor.node
  if (old === undefined) return tree.lookupFailure(cursor, path)
  if (old.dir) return tree.fail(ErrorCode.notFile, old.key)
  const difference = compare(old, command.prevIndex, command.prevValue)
  if (difference !== undefined) return tree.fail(ErrorCode.compareFailed, difference)

  const index = tree.advance()
  const prevNode = viewNode(old, clockMs)
  const node = rewritten(old, refresh ? (old.value ?? '') : command.value, index, command.ttl, clockMs)
  tree.put(cursor, path, node, index)
  return changed(makeEvent(index, 'compareAndSwap', viewNode(node, clockMs), prevNode, false, refresh))
}

/**
 * DELETE with prevIndex or prevValue: removes the file when the comparison holds.
 *
 * - 100: there is nothing; 104: a file is in the way.
 * - 102: a directory; for the root without a cause.
 * - 101: the comparison fails.
 */
export function compareAndDelete(tree: Keyspace, command: CompareAndDeleteCommand, clockMs: number): Outcome {
  const { path } = command
  const cursor = tree.walk(path)
  const old = cursor.node
  if (old === undefined) return tree.lookupFailure(cursor, path)
  if (old.dir) return tree.fail(ErrorCode.notFile, path === ROOT ? '' : old.key)
  const difference = compare(old, command.prevIndex, command.prevValue)
  if (difference !== undefined) return tree.fail(ErrorCode.compareFailed, difference)

  const index = tree.advance()
  tree.take(cursor)
  return changed(makeEvent(index, 'compareAndDelete', viewRemoved(old, index), viewNode(old, clockMs), false, false))
}

/** Undefined when everything that was given holds, else the cause of error 101. */
function compare(node: Node, prevIndex: PrevIndex, prevValue: string): string | undefined {
  const indexHolds = Number(prevIndex) === 0 || prevIndex === node.modifiedIndex
  const valueHolds = prevValue === '' || prevValue === node.value
  if (indexHolds && valueHolds) return undefined
  const index = `[${prevIndex} != ${node.modifiedIndex}]`
  const value = `[${prevValue} != ${node.value}]`
  if (indexHolds) return value
  return valueHolds ? index : `${value} ${index}`
}
