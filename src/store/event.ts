/**
 * One change, as a writer reads it in the answer and a watcher in the stream.
 *
 * Owns: the shape, and what a watcher of the past may see of it. Leaves to others: keeping events (history), their
 * rows (event-rows), delivering them as they happen (watch), their JSON (HTTP).
 */
import type { Action } from '../api.ts'
import type { NodeView } from './node.ts'
import { isBelow, isHiddenBelow } from './path.ts'

/** A change. Only `rendered` may change after the event was made. */
export interface Event {
  /** The store index that this change produced; equals `node.modifiedIndex`. */
  readonly index: number
  readonly action: Exclude<Action, 'get'>
  readonly node: NodeView
  /** The node as it was before, without children. Undefined when there was none. */
  readonly prevNode: NodeView | undefined
  /** The answer's status is 201 rather than 200 (API page, 1.2). */
  readonly created: boolean
  /** Only a TTL was renewed: no watcher hears of it and the history does not keep it. */
  readonly refresh: boolean
  /** A slot for the HTTP layer: the JSON, rendered once however many watchers get it. */
  rendered: Uint8Array | undefined
}

/** Builds an event with its slots in place. */
export function makeEvent(
  index: number,
  action: Event['action'],
  node: NodeView,
  prevNode: NodeView | undefined,
  created: boolean,
  refresh: boolean,
): Event {
  return { index, action, node, prevNode, created, refresh, rendered: undefined }
}

/** True for an event that took a whole directory away. */
function removesDirectory(event: Event): boolean {
  return event.node.dir && (event.action === 'delete' || event.action === 'expire')
}

/**
 * True when a watcher that looks back sees `event` (API page, 5.3, with our deviations: the hidden rule holds here
 * too, and a removed directory matches what lies below it by whole segments).
 */
export function matchesPast(path: string, recursive: boolean, event: Event): boolean {
  const key = event.node.key
  if (key === path) return true
  if (recursive && isBelow(path, key)) return !isHiddenBelow(path, key)
  return removesDirectory(event) && isBelow(key, path)
}

/** Rough memory of an event in bytes, for the bounds of the history in memory. */
export function eventBytes(event: Event): number {
  const { node, prevNode } = event
  return 320 + node.key.length + (node.value?.length ?? 0) + (prevNode?.value?.length ?? 0)
}
