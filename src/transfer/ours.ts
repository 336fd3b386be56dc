/**
 * What this run wrote at the target, or found equal there: the only thing that it removes unless it mirrors.
 *
 * Owns: noting it, and removing some of it. Leaves to others: which of it goes (copy, apply), the marks themselves
 * (node-table).
 */
import { printOfNode, printOfPath } from './fingerprint.ts'
import { Lanes } from './lanes.ts'
import { Mark, type NodeTable } from './node-table.ts'
import type { Counts } from './progress.ts'
import type { Target } from './target.ts'
import type { TreeNode } from './tree.ts'
import type { TtlKeeper } from './ttl-keeper.ts'

/** A node is, or is about to be, at the target by our doing. */
export function noteOurs(node: TreeNode, table: NodeTable): void {
  table.mark(table.put(printOfPath(node.path), printOfNode(node)), Mark.imported | Mark.changed)
  // Directories on the way to it come to be without an event of their own.
  for (let at = node.path.lastIndexOf('/'); at > 0; at = node.path.lastIndexOf('/', at - 1)) {
    const path = node.path.slice(0, at)
    const print = printOfPath(path)
    const slot = table.find(print)
    if (slot >= 0 && (table.has(slot, Mark.imported) || table.has(slot, Mark.target))) break
    const directory = printOfNode({ path, dir: true, value: '', ttlSeconds: undefined })
    table.mark(table.put(print, directory), Mark.imported | Mark.changed)
  }
}

/** It is gone, or about to go. */
export function forgetOurs(path: string, table: NodeTable): void {
  const slot = table.find(printOfPath(path))
  if (slot >= 0) table.unmark(slot, Mark.imported | Mark.target)
}

export interface RemoveOptions {
  readonly target: Target
  readonly table: NodeTable
  readonly ttls: TtlKeeper | undefined
  readonly counts: Counts
  /** Removals at once. */
  readonly concurrency: number
  /** Whether the node with this slot of the table is one that goes. */
  readonly mayGo: (slot: number) => boolean
}

/**
 * Removes some of what is listed, keys first, then each directory that is empty by then: one that holds somebody else's keys
 * stays. A directory is listed before what it holds. @throws as `Target.remove`.
 */
export async function removeOurs(
  nodes: AsyncIterable<readonly TreeNode[]>,
  { target, table, ttls, counts, concurrency, mayGo }: RemoveOptions,
): Promise<void> {
  const lanes = new Lanes(concurrency)
  const directories: string[] = []
  try {
    for await (const batch of nodes) {
      for (const { path, dir } of batch) {
        const slot = table.find(printOfPath(path))
        if (slot < 0 || !mayGo(slot)) continue
        table.unmark(slot, Mark.imported | Mark.target)
        ttls?.forget(path)
        counts.removed += 1
        if (dir) directories.push(path)
        else await lanes.add(() => removeKey(path, target, ttls))
      }
    }
    await lanes.drain()
  } finally {
    await lanes.settle()
  }
  for (const path of directories.reverse()) {
    await ttls?.settled(path)
    await target.remove(path, { dir: true })
  }
}

async function removeKey(path: string, target: Target, ttls: TtlKeeper | undefined): Promise<void> {
  await ttls?.settled(path)
  await target.remove(path, { dir: false })
}
