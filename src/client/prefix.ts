/**
 * A namespace: keys as they are named inside it, and as the cluster names them.
 *
 * Owns: going from one to the other, in nodes and events too. Leaves to others: asking (keys).
 */
import type { EventJson, NodeJson } from './node.ts'

/** The paths below one directory. The whole tree has the prefix ''. */
export class Prefix {
  /** Without a slash at the end. */
  readonly text: string

  /** @throws RangeError when a name in it is '.' or '..'. */
  constructor(text: string) {
    const path = text.startsWith('/') || text === '' ? text : `/${text}`
    refuseDots(path)
    this.text = path.replace(/\/+$/, '')
  }

  /** A key as the cluster names it. @throws RangeError when the path leads out of the namespace. */
  full(path: string): string {
    const own = path.startsWith('/') ? path : `/${path}`
    if (this.text === '') return own
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

/** Servers resolve dots, and a key could lead out of its namespace. */
function refuseDots(path: string): void {
  if (/(^|\/)\.\.?(\/|$)/.test(path)) throw new RangeError(`"${path}" has a name of dots, which leads elsewhere`)
}
