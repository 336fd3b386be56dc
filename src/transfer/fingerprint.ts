/**
 * A node, and a whole tree, in a few bytes.
 *
 * Owns: what counts when two trees are compared: path, kind, value, and whether there is a TTL. Indexes and the time that is
 * left do not count: they differ between any two clusters.
 */
import { hash } from 'node:crypto'
import type { TreeNode } from './tree.ts'

/** 20 bytes that stand for a path. */
export function printOfPath(path: string): Buffer {
  return hash('sha1', path, 'buffer')
}

/** 20 bytes that stand for a node with its path. */
export function printOfNode(node: TreeNode): Buffer {
  const kind = node.dir ? 'd' : 'f'
  const life = node.ttlSeconds === undefined ? 'p' : 't'
  return hash('sha1', `${kind}${life}${node.path.length}:${node.path}${node.value}`, 'buffer')
}

/** A digest of nodes in whatever order they come. Not for security: for accidents. */
export class TreeDigest {
  readonly #sums = new Uint32Array(4)
  #nodes = 0

  /** How many went in. */
  get nodes(): number {
    return this.#nodes
  }

  /** @param print of `printOfNode`. */
  add(print: Buffer): void {
    for (let lane = 0; lane < 4; lane += 1) {
      // Sums, not exclusive ors: a node that comes twice must not vanish.
      this.#sums[lane] = (this.#sums[lane] as number) + print.readUInt32LE(lane * 4)
    }
    this.#nodes += 1
  }

  /** 32 hex digits. */
  toString(): string {
    return Array.from(this.#sums, (sum) => sum.toString(16).padStart(8, '0')).join('')
  }
}
