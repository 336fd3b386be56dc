/**
 * A tree of keys that can be read as a whole, wherever it is: on a server or in a file.
 *
 * Owns: the port that copying and comparing stand on, and the renaming of a subtree on its way. Leaves to others: reading one
 * (live-tree, file-tree).
 */
import type { ListedNode } from '../client/listing.ts'

/** A node on its way. Paths are those of the target; the root is never among them. */
export type TreeNode = ListedNode

/** A tree at about one moment. */
export interface TreeListing {
  /** Store index from which on changes must be followed to miss nothing. 0: not known. */
  readonly index: number
  readonly clusterId: string
  /** A directory before what it holds. */
  readonly nodes: AsyncIterable<readonly TreeNode[]>
}

export interface Tree {
  /** @throws ClientError or TransferError when it cannot be read to its end, also while its nodes are being read. */
  list(signal?: AbortSignal): Promise<TreeListing>
}

/** Takes the subtree at `from` to `to`. Both are clean paths; `/` is the whole tree. */
export class PathMap {
  readonly from: string
  readonly to: string

  constructor(from: string, to: string) {
    this.from = from
    this.to = to
  }

  /** Where a path of the source goes; undefined when it is not part of the subtree. */
  toTarget(path: string): string | undefined {
    return rebase(path, this.from, this.to)
  }

  /** The other way. */
  toSource(path: string): string | undefined {
    return rebase(path, this.to, this.from)
  }
}

function rebase(path: string, from: string, to: string): string | undefined {
  if (from === to && from === '/') return path
  if (path === from) return to
  const base = from === '/' ? '' : from
  if (!path.startsWith(`${base}/`)) return undefined
  return (to === '/' ? '' : to) + path.slice(base.length)
}
