/**
 * Set, create and update: the writes without a comparison.
 *
 * Owns: what each does to which target, every error (API page, 4.5), the TTL rules (4.7, 4.9, 4.10). Leaves to others:
 * the tree (keyspace), who hears of it (state-machine).
 */
import { ErrorCode } from '../api.ts'
import type { CreateCommand, SetCommand, Ttl, UpdateCommand } from './command.ts'
import { type Event, makeEvent } from './event.ts'
import type { Keyspace } from './keyspace.ts'
import { Children, makeDirectory, makeFile, type Node, viewNode } from './node.ts'
import type { Outcome } from './outcome.ts'
import { childPath, ROOT } from './path.ts'

/** Before this wall time (2000-01-01Z) an expiration is nonsense and SET, CREATE and POST take it for "none". */
const EXPIRATION_MIN_MS = 946_684_800_000

/** The deadline of a TTL that starts now. Never 0, for 0 is "none". */
function deadlineOf(ttl: Ttl | undefined, clockMs: number): number {
  return ttl === undefined ? 0 : Math.min(Math.max(1, clockMs + ttl.ms), Number.MAX_SAFE_INTEGER)
}

/**
 * PUT without conditions: creates the node, or replaces the file that is there. A file becomes a directory when `dir`.
 *
 * - 102: a directory is there.
 * - 104: a file is in the way.
 * - 107: the root.
 * - 100: with `refresh`, there is nothing.
 */
export function set(tree: Keyspace, command: SetCommand, clockMs: number): Outcome {
  const { path, refresh } = command
  const cursor = tree.walk(path)
  const old = cursor.node
  if (cursor.blocked !== undefined || (refresh && old === undefined)) return tree.lookupFailure(cursor, path)
  if (path === ROOT) return tree.fail(ErrorCode.rootReadOnly, ROOT)
  if (old?.dir === true) return tree.fail(ErrorCode.notFile, old.key)

  const index = tree.advance()
  const ttl = sensible(command.ttl)
  const prevNode = old === undefined ? undefined : viewNode(old, clockMs)
  const value = refresh ? (old?.value ?? '') : command.value
  const node = makeNode(old?.key ?? path, command.dir, value, index, ttl, clockMs)
  tree.put(cursor, path, node, index)
  return changed(makeEvent(index, 'set', viewNode(node, clockMs), prevNode, old === undefined, refresh))
}

/**
 * PUT with prevExist=false, or POST: creates a node that must not exist; for POST a child of `path`, named by the store
 * index it gets, in 20 digits.
 *
 * - 105: something is there.
 * - 104: a file is in the way; for POST also when `path` is one.
 * - 107: the root (not for POST).
 */
export function create(tree: Keyspace, command: CreateCommand, clockMs: number): Outcome {
  const path = command.inOrder ? childPath(command.path, String(tree.storeIndex + 1).padStart(20, '0')) : command.path
  if (path === ROOT) return tree.fail(ErrorCode.rootReadOnly, ROOT)
  const cursor = tree.walk(path)
  if (cursor.blocked !== undefined) return tree.lookupFailure(cursor, path)
  if (cursor.node !== undefined) return tree.fail(ErrorCode.keyExists, cursor.node.key)

  const index = tree.advance()
  const node = makeNode(path, command.dir, command.value, index, sensible(command.ttl), clockMs)
  tree.put(cursor, path, node, index)
  return changed(makeEvent(index, 'create', viewNode(node, clockMs), undefined, true, false))
}

/**
 * PUT with prevExist=true: replaces value and TTL of what is there, and keeps its `createdIndex`. Of a directory only the
 * TTL; its event shows the new index, the directory keeps the old one.
 *
 * - 100: there is nothing.
 * - 102: a value for a directory.
 * - 104: a file is in the way.
 * - 107: the root.
 */
export function update(tree: Keyspace, command: UpdateCommand, clockMs: number): Outcome {
  const { path } = command
  if (path === ROOT) return tree.fail(ErrorCode.rootReadOnly, ROOT)
  const cursor = tree.walk(path)
  const old = cursor.node
  if (old === undefined) return tree.lookupFailure(cursor, path)
  if (old.dir && command.value !== '') return tree.fail(ErrorCode.notFile, old.key)

  const index = tree.advance()
  const prevNode = viewNode(old, clockMs)
  const node = rewritten(old, command.refresh ? (old.value ?? '') : command.value, index, command.ttl, clockMs)
  tree.put(cursor, path, node, index)
  const view = { ...viewNode(node, clockMs), modifiedIndex: index }
  return changed(makeEvent(index, 'update', view, prevNode, false, command.refresh))
}

/** The record that replaces `old` when its value and TTL are written over. */
export function rewritten(old: Node, value: string, index: number, ttl: Ttl | undefined, clockMs: number): Node {
  const deadlineMs = deadlineOf(ttl, clockMs)
  const expirationMs = ttl?.expirationMs ?? 0
  return old.children === undefined
    ? makeFile(old.key, value, old.createdIndex, index, deadlineMs, expirationMs)
    : makeDirectory(old.key, old.createdIndex, deadlineMs, expirationMs, old.children)
}

/** Wraps an event as an outcome. */
export function changed(event: Event): Outcome {
  return { ok: true, event }
}

function sensible(ttl: Ttl | undefined): Ttl | undefined {
  return ttl !== undefined && ttl.expirationMs < EXPIRATION_MIN_MS ? undefined : ttl
}

function makeNode(
  key: string,
  dir: boolean,
  value: string,
  index: number,
  ttl: Ttl | undefined,
  clockMs: number,
): Node {
  const deadlineMs = deadlineOf(ttl, clockMs)
  const expirationMs = ttl?.expirationMs ?? 0
  return dir
    ? makeDirectory(key, index, deadlineMs, expirationMs, new Children())
    : makeFile(key, value, index, index, deadlineMs, expirationMs)
}
