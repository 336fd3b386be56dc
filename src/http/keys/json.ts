/**
 * Nodes and events as JSON, exactly as clients of the v2 API have always read it.
 *
 * Owns: field order, what is left out, escapes, dates (API page, 2.7 and 3.1). Leaves to others: headers and status.
 * Written by hand because it is most of what a GET costs: no object is built, and text without specials is not touched.
 */
import type { Event } from '../../store/event.ts'
import { type Node, type NodeView, ttlSeconds } from '../../store/node.ts'

/** What Go's encoder escapes. U+FFFD is here because it stands for a byte that was no UTF-8. */
const SPECIAL = /["\\<>&\x00-\x1f\u2028\u2029\ufffd]/
const SPECIALS = /["\\<>&\x00-\x1f\u2028\u2029\ufffd]/g

/** A JSON string, quotes included. */
export function jsonString(text: string): string {
  return SPECIAL.test(text) ? `"${text.replace(SPECIALS, escapeSpecial)}"` : `"${text}"`
}

function escapeSpecial(char: string): string {
  switch (char) {
    case '"':
      return '\\"'
    case '\\':
      return '\\\\'
    case '\n':
      return '\\n'
    case '\r':
      return '\\r'
    case '\t':
      return '\\t'
    default:
      return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
  }
}

/** Wall time as RFC 3339 in UTC, trailing zeros of the fraction removed. */
export function jsonTime(wallMs: number): string {
  const text = new Date(wallMs).toISOString()
  return wallMs % 1000 === 0 ? `${text.slice(0, -5)}Z` : `${text.slice(0, -1).replace(/0+$/, '')}Z`
}

/** Everything of a node before its children: an object without its closing brace, at least `{`. */
function openNode(
  key: string,
  value: string | undefined,
  dir: boolean,
  expirationMs: number | undefined,
  seconds: number,
): string {
  let text = key === '/' ? '{' : `{"key":${jsonString(key)}`
  if (value !== undefined) text += `,"value":${jsonString(value)}`
  if (dir) text += key === '/' ? '"dir":true' : ',"dir":true'
  if (expirationMs !== undefined) {
    text += `,"expiration":"${jsonTime(expirationMs)}"`
    if (seconds !== 0) text += `,"ttl":${seconds}`
  }
  return text
}

/** Everything of a node after its children. */
export function closeNode(modifiedIndex: number, createdIndex: number): string {
  return createdIndex === 0 ? '}' : `,"modifiedIndex":${modifiedIndex},"createdIndex":${createdIndex}}`
}

/** A node of the tree without its children, at the replicated time `clockMs`. */
export function renderNode(node: Node, clockMs: number): string {
  return openTreeNode(node, clockMs) + closeNode(node.modifiedIndex, node.createdIndex)
}

/** `openNode` for a node of the tree. */
export function openTreeNode(node: Node, clockMs: number): string {
  if (node.deadlineMs === 0) return openNode(node.key, node.value, node.dir, undefined, 0)
  const seconds = ttlSeconds(node.deadlineMs, clockMs)
  return openNode(node.key, node.value, node.dir, node.expirationMs, seconds)
}

/** The answer to a write, or what a watcher gets; the final line feed included. */
export function renderEvent(event: Event): string {
  const prev = event.prevNode === undefined ? '' : `,"prevNode":${renderView(event.prevNode)}`
  return `{"action":"${event.action}","node":${renderView(event.node)}${prev}}\n`
}

function renderView(view: NodeView): string {
  const open = openNode(view.key, view.value, view.dir, view.expirationMs, view.ttlSeconds)
  return open + closeNode(view.modifiedIndex, view.createdIndex)
}

/** The body of an error of the key space. `cause` empty: not shown. */
export function renderError(code: number, message: string, cause: string, index: number): string {
  const shown = cause === '' ? '' : `,"cause":${jsonString(cause)}`
  return `{"errorCode":${code},"message":${jsonString(message)}${shown},"index":${index}}\n`
}
