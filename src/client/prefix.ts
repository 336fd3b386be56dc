/**
 * A namespace: keys as they are named inside it, and as the cluster names them.
 *
 * Owns: going from one to the other, in nodes and events too. Leaves to others: asking (keys).
 */
import { posix } from 'node:path'
import type { EventJson, NodeJson } from './node.ts'

/** Names that mean another place than their own. */
const DOTS = /(^|\/)\.\.?(\/|$)/

/** The paths below one directory. The whole tree has the prefix ''. */
export class Prefix {
  /** Without a slash at the end. */
  readonly text: string

  /** @param text '' for the whole tree, or the path of a directory. */
  constructor(text: string) {
    this.text = text.replace(/\/+$/, '')
  }

  /** The namespace that a directory of this one is. @throws RangeError when a name in it is '.' or '..'. */
  below(path: string): Prefix {
    refuseDots(path)
    return new Prefix(this.full(path))
  }

  /**
   * A key as the cluster names it. Dots are resolved here: a server resolves them too, but of the whole URL, and `/../../version` is
   * then no key. @throws RangeError on dots in a namespace, which could lead out of it.
   */
  full(path: string): string {
    const own = path.startsWith('/') ? path : `/${path}`
    if (this.text === '') return DOTS.test(own) ? posix.normalize(own) : own
    refuseDots(own)
    return own === '/' ? this.text : this.text + own
  }

  /** A key as it is named inside; what is above is `/`. */
  own(key: string): string {
    if (this.text === '') return key
    return key.startsWith(`${this.text}/`) ? key.slice(this.text.length) : '/'
  }

  /** A node with what is below it. */
  node(node: NodeJson): NodeJson {
    if (this.text === '') return node
    const { key, nodes } = node
    return {
      ...node,
      ...(key === undefined ? {} : { key: this.own(key) }),
      ...(nodes === undefined ? {} : { nodes: nodes.map((each) => this.node(each)) }),
    }
  }

  event(event: EventJson): EventJson {
    if (this.text === '') return event
    const { action, node, prevNode } = event
    const own = { action, node: this.node(node) }
    return prevNode === undefined ? own : { ...own, prevNode: this.node(prevNode) }
  }
}

function refuseDots(path: string): void {
  if (DOTS.test(path)) throw new RangeError(`"${path}" has a name of dots, which leads elsewhere`)
}
