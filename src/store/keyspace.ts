/**
 * The tree of keys and directories.
 *
 * Owns: the two roots, walking, putting and taking nodes, the store index, which nodes changed since rows were last
 * drawn. Leaves to others: what each command does (writes.ts, comparisons.ts, removals.ts), rows (state-machine.ts).
 *
 * Taking a directory away is one step however much is in it: the directory is unhooked, and what was below it is swept
 * from heap and disk later, in pieces (`sweep`). Until then such an orphan is told apart by not being found in the tree.
 */
import assert from 'node:assert'
import { ErrorCode } from '../api.ts'
import { ExpiryHeap } from './expiry.ts'
import { Children, makeDirectory, type Node } from './node.ts'
import { type Failure, failure } from './outcome.ts'
import { ownString, RESERVED_ROOT, ROOT } from './path.ts'

/** Orphans that asking for the next node to fall due may meet, so that a leader that asks each turn is not held up. */
const ORPHANS_SKIPPED_MAX = 1000

/** Where a walk along a path ended. One record, overwritten by every walk. */
export interface Cursor {
  /** The last directory that exists on the way. */
  directory: Node
  /** The node at the path, if there is one. */
  node: Node | undefined
  /** Name of the node in `directory`, existing or not; means nothing unless the walk got that far, see `rest`. */
  name: string
  /** Position in the path of the first component that is missing; that of the name when only the node may be. */
  rest: number
  /** The file that is in the way, if one is. */
  blocked: Node | undefined
}

/** The keyspace of one store. */
export class Keyspace {
  readonly #root = makeDirectory(ROOT, 0, 0, 0, new Children())
  readonly #reserved = makeDirectory(RESERVED_ROOT, 0, 0, 0, new Children())
  readonly #cursor: Cursor = { directory: this.#root, node: undefined, name: '', rest: 0, blocked: undefined }
  #changed = new Map<string, Node | undefined>()
  /** Contents of removed directories, from the last to the first to be swept. */
  readonly #orphaned: Iterator<Node>[] = []
  #storeIndex: number

  /** When which node falls due. May hold orphans. */
  readonly due = new ExpiryHeap()

  /** An empty tree at a store index. */
  constructor(storeIndex = 0) {
    this.#storeIndex = storeIndex
  }

  /** Steps so far: what clients see as `X-Etcd-Index`. */
  get storeIndex(): number {
    return this.#storeIndex
  }

  /** The node at a canonical path, or the exact error: 100 with the first missing component, 104 with the file met. */
  get(path: string): Node | Failure {
    const cursor = this.walk(path)
    return cursor.node ?? this.lookupFailure(cursor, path)
  }

  /** The node at a canonical path, or undefined. */
  find(path: string): Node | undefined {
    return this.walk(path).node
  }

  /** Walks along a canonical path. The answer holds until the next walk. */
  walk(path: string): Cursor {
    const cursor = this.#cursor
    cursor.blocked = undefined
    const user = path.charCodeAt(0) === 47
    let directory = user ? this.#root : this.#reserved
    let start = user ? 1 : 2
    if (path.length < start || (user && path.length === 1)) {
      cursor.directory = directory
      cursor.node = directory
      cursor.name = ''
      cursor.rest = start
      return cursor
    }
    for (;;) {
      const slash = path.indexOf('/', start)
      const name = slash === -1 ? path.slice(start) : path.slice(start, slash)
      const child: Node | undefined = (directory.children as Children).get(name)
      if (slash === -1 || child === undefined || child.children === undefined) {
        cursor.directory = directory
        cursor.node = slash === -1 ? child : undefined
        cursor.name = name
        cursor.rest = start
        if (slash !== -1) cursor.blocked = child
        return cursor
      }
      directory = child
      start = slash + 1
    }
  }

  /** The error of a walk that found no node. */
  lookupFailure(cursor: Cursor, path: string): Failure {
    if (cursor.blocked !== undefined) return this.fail(ErrorCode.notDirectory, cursor.blocked.key)
    const slash = path.indexOf('/', cursor.rest)
    return this.fail(ErrorCode.keyNotFound, slash === -1 ? path : path.slice(0, slash))
  }

  /** An error at the present store index. */
  fail(code: ErrorCode, cause: string): Failure {
    return failure(code, cause, this.#storeIndex)
  }

  /** Takes the next store index. */
  advance(): number {
    assert(this.#storeIndex < Number.MAX_SAFE_INTEGER, 'the store index is a safe integer')
    this.#storeIndex += 1
    return this.#storeIndex
  }

  /** Takes the store index to a later one, without a change. */
  advanceTo(index: number): void {
    assert(Number.isSafeInteger(index) && index >= this.#storeIndex, 'the store index never goes back')
    this.#storeIndex = index
  }

  /**
   * Hangs a node where the last walk ended, over the node that is there, if any; makes the directories that are missing
   * on the way, permanent and with `index` (API page, 3).
   */
  put(cursor: Cursor, path: string, node: Node, index: number): void {
    assert(cursor.blocked === undefined, 'nothing hangs below a file')
    const old = cursor.node
    if (old === undefined) {
      const directory = this.#makeDirectories(cursor, path, index)
      directory.children?.hang(ownString(cursor.name), node)
      if (node.deadlineMs !== 0) this.due.add(node)
    } else {
      cursor.directory.children?.hang(cursor.name, node)
      this.due.replace(old, node)
    }
    cursor.node = node
    this.#changed.set(node.key, node)
  }

  /** Takes away the node where the last walk ended, with all that is in it. */
  take(cursor: Cursor): Node {
    const node = cursor.node
    assert(node !== undefined && node !== this.#root && node !== this.#reserved, 'what is taken away exists')
    cursor.directory.children?.unhang(cursor.name)
    cursor.node = undefined
    this.due.remove(node)
    this.#changed.set(node.key, undefined)
    if (node.children !== undefined && node.children.size > 0) this.#orphaned.push(node.children.values())
    return node
  }

  /**
   * The first node to fall due that is still in the tree. Takes at most `ORPHANS_SKIPPED_MAX` orphans out of its way:
   * undefined as well when there are more of them before it. They are swept away soon, and then it shows.
   */
  nextDue(): Node | undefined {
    for (let skipped = 0; skipped < ORPHANS_SKIPPED_MAX; skipped += 1) {
      const node = this.due.peek()
      if (node === undefined || this.find(node.key) === node) return node
      this.due.remove(node)
    }
    return undefined
  }

  /**
   * The first node that is due at `clockMs` and still in the tree. Takes every orphan out of its way that is due as well,
   * however many: how far sweeping has come differs between members, and what expires must not.
   */
  dueAt(clockMs: number): Node | undefined {
    for (;;) {
      const node = this.due.peek()
      if (node === undefined || node.deadlineMs > clockMs) return undefined
      if (this.find(node.key) === node) return node
      this.due.remove(node)
    }
  }

  /** Hangs a node that was read from a row. Its parent is there already: rows come parents first. False: it is not. */
  restore(node: Node): boolean {
    const cursor = this.walk(node.key)
    const last = cursor.rest + cursor.name.length === node.key.length
    if (cursor.blocked !== undefined || cursor.node !== undefined || !last) return false
    if (node.createdIndex < cursor.directory.createdIndex) return false
    cursor.directory.children?.hang(ownString(cursor.name), node)
    if (node.deadlineMs !== 0) this.due.add(node)
    return true
  }

  /** Hands over what changed since the last call: the node now at each path, or undefined where there is none. */
  drainChanged(): ReadonlyMap<string, Node | undefined> {
    const changed = this.#changed
    if (changed.size > 0) this.#changed = new Map()
    return changed
  }

  /** True when contents of removed directories wait to be swept. */
  get hasOrphans(): boolean {
    return this.#orphaned.length > 0
  }

  /** Takes at most `countMax` orphans out of the heap; calls `gone` with each path that holds nothing now. */
  sweep(countMax: number, gone: (path: string) => void): void {
    for (let count = 0; count < countMax; ) {
      const top = this.#orphaned.at(-1)
      if (top === undefined) return
      const next = top.next()
      if (next.done === true) {
        this.#orphaned.pop()
        continue
      }
      const node = next.value
      count += 1
      this.due.remove(node)
      if (this.find(node.key) === undefined) gone(node.key)
      if (node.children !== undefined && node.children.size > 0) this.#orphaned.push(node.children.values())
    }
  }

  #makeDirectories(cursor: Cursor, path: string, index: number): Node {
    let directory = cursor.directory
    let start = cursor.rest
    for (;;) {
      const slash = path.indexOf('/', start)
      if (slash === -1) break
      const made = makeDirectory(ownString(path.slice(0, slash)), index, 0, 0, new Children())
      directory.children?.hang(ownString(path.slice(start, slash)), made)
      this.#changed.set(made.key, made)
      directory = made
      start = slash + 1
    }
    cursor.directory = directory
    cursor.name = path.slice(start)
    cursor.rest = start
    return directory
  }
}
