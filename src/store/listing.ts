/**
 * What a GET shows of a directory.
 *
 * Owns: the hidden rule, one level or all, order by UTF-8 bytes; taking references in one step, so that HTTP may render
 * in slices while the tree moves on. Leaves to others: JSON (HTTP), the lookup and its errors (keyspace).
 */
import assert from 'node:assert'
import { type Children, isHiddenName, type Node } from './node.ts'

/** The children of one directory at one moment, those that a GET shows unless all were asked for. */
export interface Listing {
  /** In the order in which they are shown. */
  nodes: readonly Node[]
  /** Recursive only: the contents of the child directories among `nodes`, also of empty ones. */
  readonly below: ReadonlyMap<Node, Listing> | undefined
}

export interface ListingOptions {
  /** The whole subtree rather than the children. */
  readonly recursive: boolean
  /** Also what is hidden. */
  readonly hidden?: boolean
}

const NO_BELOW: ReadonlyMap<Node, Listing> = new Map()

/**
 * Takes what a GET of `directory` shows, in one step and without copying nodes. In no particular order; see
 * `sortListing`. A hidden directory that is asked for itself shows its children.
 */
export function takeListing(directory: Node, options: ListingOptions): Listing {
  const { recursive, hidden = false } = options
  const top = takeLevel(directory, recursive, hidden)
  const pending = recursive ? [{ directory, listing: top }] : []
  for (let level = pending.pop(); level !== undefined; level = pending.pop()) {
    const { children } = level.directory
    if (children?.directories === undefined) continue
    const below = level.listing.below as Map<Node, Listing>
    for (const name of children.directories) {
      if (!hidden && isHiddenName(name)) continue
      const child = children.get(name) as Node
      const listing = takeLevel(child, true, hidden)
      below.set(child, listing)
      if (child.children?.directories !== undefined) pending.push({ directory: child, listing })
    }
  }
  return top
}

function takeLevel(directory: Node, recursive: boolean, hidden: boolean): Listing {
  const { children } = directory
  assert(children !== undefined, 'only a directory is listed')
  const below = recursive ? (children.directories === undefined ? NO_BELOW : new Map()) : undefined
  return { nodes: hidden ? Array.from(children.values()) : visibleNodes(children), below }
}

function visibleNodes(children: Children): Node[] {
  if (children.hiddenCount === 0) return Array.from(children.values())
  const nodes: Node[] = []
  children.forEach((node, name) => {
    if (!isHiddenName(name)) nodes.push(node)
  })
  return nodes
}

/** Runs of this length are sorted at once; longer lists are merged from them, with a pause after as many steps. */
const RUN = 2048

/**
 * Sorts every level by full key in byte order of UTF-8. A generator, because a million keys take a second: each `next`
 * does a bounded piece of work (a millisecond or so). A small listing is done by the first.
 */
export function* sortListing(listing: Listing): Generator<void, void, void> {
  const pending = [listing]
  let steps = 0
  for (let level = pending.pop(); level !== undefined; level = pending.pop()) {
    if (level.nodes.length <= RUN) level.nodes = [...level.nodes].sort(compareNodes)
    else level.nodes = yield* mergeSort(level.nodes)
    steps += level.nodes.length + 1
    if (level.below !== undefined) for (const below of level.below.values()) pending.push(below)
    if (steps < RUN) continue
    steps = 0
    yield
  }
}

function* mergeSort(nodes: readonly Node[]): Generator<void, Node[], void> {
  let from: Node[] = []
  for (let start = 0; start < nodes.length; start += RUN) {
    for (const node of nodes.slice(start, start + RUN).sort(compareNodes)) from.push(node)
    yield
  }
  let into = new Array<Node>(nodes.length)
  for (let width = RUN; width < nodes.length; width *= 2) {
    let steps = 0
    for (let start = 0; start < nodes.length; start += width * 2) {
      const middle = Math.min(start + width, nodes.length)
      const end = Math.min(start + width * 2, nodes.length)
      let left = start
      let right = middle
      for (let at = start; at < end; at += 1) {
        const takeLeft = right >= end || (left < middle && compareNodes(from[left] as Node, from[right] as Node) <= 0)
        into[at] = (takeLeft ? from[left++] : from[right++]) as Node
        steps += 1
        if (steps % (RUN * 4) === 0) yield
      }
    }
    const sorted = into
    into = from
    from = sorted
  }
  return from
}

function compareNodes(a: Node, b: Node): number {
  return compareUtf8(a.key, b.key)
}

/**
 * Byte order of the UTF-8 forms, without making them. It differs from the order of JavaScript only where one text has a
 * surrogate (a character above U+FFFF) and the other a character from U+E000 to U+FFFF.
 */
export function compareUtf8(a: string, b: string): number {
  if (a === b) return 0
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at += 1) {
    const left = a.charCodeAt(at)
    const right = b.charCodeAt(at)
    if (left === right) continue
    const leftSurrogate = left >= 0xd800 && left < 0xe000
    const rightSurrogate = right >= 0xd800 && right < 0xe000
    if (leftSurrogate !== rightSurrogate && left >= 0xd800 && right >= 0xd800) return leftSurrogate ? 1 : -1
    return left - right
  }
  return a.length - b.length
}
