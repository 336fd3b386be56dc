/**
 * A key or directory of the tree, and how clients see one.
 *
 * Owns: the record, its view in events and answers, the arithmetic of remaining ttl. Leaves to others: where nodes
 * hang (keyspace), when they fall due (expiry), their bytes (rows).
 */

/**
 * What a directory holds, by name. Read it as any map; only `hang` and `unhang` change it, for they keep the census by
 * which a listing of a million keys is taken without looking at each.
 */
export class Children extends Map<string, Node> {
  /** Children that listings leave out. */
  hiddenCount = 0
  /** Names of the child directories. Undefined: there are none. */
  directories: Set<string> | undefined = undefined

  /** Puts a child in place, new or over the one of that name. A directory is never replaced by a file. */
  hang(name: string, node: Node): void {
    const before = this.size
    this.set(name, node)
    if (this.size > before && isHiddenName(name)) this.hiddenCount += 1
    if (!node.dir) return
    this.directories ??= new Set()
    this.directories.add(name)
  }

  /** Takes a child away. */
  unhang(name: string): void {
    if (!this.delete(name)) return
    if (isHiddenName(name)) this.hiddenCount -= 1
    this.directories?.delete(name)
    if (this.directories?.size === 0) this.directories = undefined
  }
}

/** True for a name that listings leave out (API page, 3). */
export function isHiddenName(name: string): boolean {
  return name.charCodeAt(0) === 95
}

/**
 * One key or directory. A record is never changed once it is in the tree: a write replaces it, so whoever holds a
 * reference holds what was true then. Two fields are exceptions, and readers leave them alone: the contents of
 * `children`, and `dueSlot`.
 */
export interface Node {
  /** Full canonical path. */
  readonly key: string
  /** Undefined for a directory, and for nothing else. */
  readonly value: string | undefined
  readonly dir: boolean
  /** Store index at which the present node came to be; 0 for the two roots. */
  readonly createdIndex: number
  /** Store index of the last change; a directory keeps that of its creation (API page, 3). */
  readonly modifiedIndex: number
  /** Replicated clock, in milliseconds, at which the node falls due. 0: never. */
  readonly deadlineMs: number
  /** Wall time shown as `expiration`, milliseconds since 1970. Means nothing when `deadlineMs` is 0. */
  readonly expirationMs: number
  /** By name. Undefined for a file, and for nothing else. Shared by all records of one directory. */
  readonly children: Children | undefined
  /** Position in the expiry heap, which owns this field; -1: not there. */
  dueSlot: number
}

/** A node as a client sees it at one moment. Fields in no particular order; HTTP knows the wire order. */
export interface NodeView {
  readonly key: string
  /** Undefined for directories, and in the node of delete, compareAndDelete and expire events. */
  readonly value: string | undefined
  readonly dir: boolean
  /** Undefined: permanent. Milliseconds since 1970. */
  readonly expirationMs: number | undefined
  /** Remaining whole seconds, see `ttlSeconds`; 0 when permanent, and then (as for any 0) not shown. */
  readonly ttlSeconds: number
  readonly modifiedIndex: number
  readonly createdIndex: number
}

/** Builds a record. `deadlineMs` 0 makes it permanent. */
export function makeFile(
  key: string,
  value: string,
  createdIndex: number,
  modifiedIndex: number,
  deadlineMs: number,
  expirationMs: number,
): Node {
  return {
    key,
    value,
    dir: false,
    createdIndex,
    modifiedIndex,
    deadlineMs,
    expirationMs,
    children: undefined,
    dueSlot: -1,
  }
}

/** Builds a directory's record around `children`, which it shares with the record it replaces, if any. */
export function makeDirectory(
  key: string,
  index: number,
  deadlineMs: number,
  expirationMs: number,
  children: Children,
): Node {
  return {
    key,
    value: undefined,
    dir: true,
    createdIndex: index,
    modifiedIndex: index,
    deadlineMs,
    expirationMs,
    children,
    dueSlot: -1,
  }
}

/**
 * Remaining time to live as clients see it: whole seconds, rounded up; 0 (not shown) for up to a second after the
 * deadline, negative after that (API page, 4.10). 0 for a permanent node.
 */
export function ttlSeconds(deadlineMs: number, clockMs: number): number {
  return deadlineMs === 0 ? 0 : Math.ceil((deadlineMs - clockMs) / 1000) + 0
}

/** The node as it is, at replicated time `clockMs`; children are never part of it. */
export function viewNode(node: Node, clockMs: number): NodeView {
  return {
    key: node.key,
    value: node.value,
    dir: node.dir,
    expirationMs: node.deadlineMs === 0 ? undefined : node.expirationMs,
    ttlSeconds: ttlSeconds(node.deadlineMs, clockMs),
    modifiedIndex: node.modifiedIndex,
    createdIndex: node.createdIndex,
  }
}

/** The `node` of an event that took `node` away at `index`: no value and no expiration (API page, 4.10 and 4.11). */
export function viewRemoved(node: Node, index: number): NodeView {
  return {
    key: node.key,
    value: undefined,
    dir: node.dir,
    expirationMs: undefined,
    ttlSeconds: 0,
    modifiedIndex: index,
    createdIndex: node.createdIndex,
  }
}
