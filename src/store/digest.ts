/**
 * One short text that stands for a whole state, to compare members by.
 *
 * Owns: what goes into it and in which order; taking references in one step, so that a member that serves may hash in slices
 * while the tree moves on. Not a hash for security, and never stored.
 */
import { createHash } from 'node:crypto'
import type { Keyspace } from './keyspace.ts'
import { type Listing, sortListing, takeListing } from './listing.ts'
import type { Node } from './node.ts'
import { RESERVED_ROOT, ROOT } from './path.ts'

/** Nodes hashed in one step. */
const NODES_PER_STEP = 256

/** A subtree at one moment. */
interface Taken {
  readonly root: Node
  readonly listing: Listing
}

/** Digests both subtrees, names in order, with the store index and the replicated clock. Hex. */
export function digestTree(tree: Keyspace, clockMs: number): string {
  const steps = digestSteps(tree, clockMs)
  for (;;) {
    const next = steps.next()
    if (next.done === true) return next.value
  }
}

/** The same of this moment, in steps of a millisecond or so: each `next` does one, the last returns the digest. */
export function digestSteps(tree: Keyspace, clockMs: number): Generator<void, string, void> {
  const taken = [ROOT, RESERVED_ROOT].map((path) => {
    const root = tree.find(path) as Node
    return { root, listing: takeListing(root, { recursive: true, hidden: true }) }
  })
  return digestTaken(`${tree.storeIndex} ${clockMs}\n`, taken)
}

function* digestTaken(head: string, taken: readonly Taken[]): Generator<void, string, void> {
  const hash = createHash('sha256').update(head)
  let text = ''
  let nodes = 0
  for (const { root, listing } of taken) {
    yield* sortListing(listing)
    text += describe(root)
    const levels = [{ listing, at: 0 }]
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      const node = level.listing.nodes[level.at]
      if (node === undefined) {
        levels.pop()
        continue
      }
      level.at += 1
      text += describe(node)
      const below = level.listing.below?.get(node)
      if (below !== undefined) levels.push({ listing: below, at: 0 })
      nodes += 1
      if (nodes % NODES_PER_STEP !== 0) continue
      hash.update(text)
      text = ''
      yield
    }
  }
  return hash.update(text).digest('hex')
}

function describe(node: Node): string {
  const { key, value, dir, createdIndex, modifiedIndex, deadlineMs, expirationMs } = node
  const due = deadlineMs === 0 ? [] : [deadlineMs, expirationMs]
  return `${JSON.stringify([key, dir, value, createdIndex, modifiedIndex, ...due])}\n`
}
