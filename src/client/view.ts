/**
 * A subtree in memory.
 *
 * Owns: applying events to it, its bounds. Leaves to others: where it is read and where events come from (follow).
 */
import { ClientError } from './errors.ts'
import type { EventJson, NodeJson } from './node.ts'

/** A key or directory of a view. */
export interface ViewNode {
  readonly path: string
  readonly dir: boolean
  /** Empty for directories. */
  readonly value: string
  /** Of directories that came with a key below them: that key's. */
  readonly createdIndex: number
  readonly modifiedIndex: number
}

/** Nodes by path; the root has none. */
export class ViewTree {
  readonly #top: string
  readonly #nodesMax: number
  readonly #charsMax: number
  readonly #nodes = new Map<string, ViewNode>()
  #chars = 0

  /** @param top the path that is looked at. */
  constructor(top: string, nodesMax: number, charsMax: number) {
    this.#top = top
    this.#nodesMax = nodesMax
    this.#charsMax = charsMax
  }

  get nodes(): ReadonlyMap<string, ViewNode> {
    return this.#nodes
  }

  /** Takes what was read instead of what is there. @param node undefined: nothing. @throws ClientError beyond the bounds. */
  replace(node: NodeJson | undefined): void {
    this.#nodes.clear()
    this.#chars = 0
    if (node !== undefined) this.#take(node)
  }

  /** Applies an event. @throws ClientError beyond the bounds. */
  apply({ action, node }: EventJson): void {
    const path = node.key ?? '/'
    if (action === 'delete' || action === 'compareAndDelete' || action === 'expire') this.#remove(path)
    else if (path !== '/') {
      this.#addParents(path, node.modifiedIndex ?? 0)
      this.#put(path, node)
    }
  }

  #take(node: NodeJson): void {
    const { key, nodes } = node
    if (key !== undefined && key !== '/') this.#put(key, node)
    if (nodes !== undefined) for (const each of nodes) this.#take(each)
  }

  #put(path: string, { dir = false, value = '', createdIndex = 0, modifiedIndex = 0 }: NodeJson): void {
    this.#drop(path)
    this.#nodes.set(path, { path, dir, value: dir ? '' : value, createdIndex, modifiedIndex })
    this.#chars += path.length + value.length
    if (this.#nodes.size > this.#nodesMax) throw tooLarge(this.#top, `${this.#nodesMax} nodes`)
    if (this.#chars > this.#charsMax) throw tooLarge(this.#top, `${this.#charsMax} characters`)
  }

  /** Events do not tell of directories that were made along with a key. */
  #addParents(path: string, index: number): void {
    const from = this.#top === '/' ? 1 : this.#top.length
    for (let at = path.indexOf('/', from); at > 0; at = path.indexOf('/', at + 1)) {
      const parent = path.slice(0, at)
      if (this.#nodes.has(parent)) continue
      this.#put(parent, { dir: true, createdIndex: index, modifiedIndex: index })
    }
  }

  #remove(path: string): void {
    if (path === '/' || path === this.#top || this.#top.startsWith(`${path}/`)) {
      this.replace(undefined)
      return
    }
    const node = this.#nodes.get(path)
    this.#drop(path)
    if (node?.dir !== true) return
    for (const below of this.#nodes.keys()) if (below.startsWith(`${path}/`)) this.#drop(below)
  }

  #drop(path: string): void {
    const node = this.#nodes.get(path)
    if (node === undefined) return
    this.#chars -= path.length + node.value.length
    this.#nodes.delete(path)
  }
}

function tooLarge(path: string, bound: string): ClientError {
  return new ClientError('MUSTER_CLIENT_ANSWER_TOO_LARGE', `what is below ${path} is more than ${bound}`, {
    definite: true,
    retriable: false,
  })
}
