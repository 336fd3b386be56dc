/**
 * Makes the target's tree like the source's, writing only what differs.
 *
 * Owns: one pass: read the target, read the source beside it, write differences, remove what is gone. Leaves to others: what
 * changes meanwhile (feed, apply), proving that it worked (verify).
 */
import { printOfNode, printOfPath } from './fingerprint.ts'
import { Lanes } from './lanes.ts'
import { Mark, type NodeTable } from './node-table.ts'
import { removeOurs } from './ours.ts'
import type { Counts } from './progress.ts'
import type { Target } from './target.ts'
import type { Tree, TreeNode } from './tree.ts'
import type { TtlKeeper } from './ttl-keeper.ts'

/** TTLs that differ by no more than this are left alone: whole seconds, rounded up, read at different moments. */
const TTL_SLACK_S = 2

export interface CopyOptions {
  readonly source: Tree
  readonly targetTree: Tree
  readonly target: Target
  /** What this run knows; kept from pass to pass. */
  readonly table: NodeTable
  /** Remove what only the target has, whoever wrote it. Otherwise only what this run wrote. */
  readonly mirror: boolean
  /** Writes at once. */
  readonly concurrency: number
  readonly counts: Counts
  /** Hears of every node with a TTL. */
  readonly ttls: TtlKeeper | undefined
  readonly signal: AbortSignal
}

/** What a pass did. */
export interface CopyResult {
  /** The source's store index from which on changes have to be followed. */
  readonly index: number
  readonly clusterId: string
  /** Nodes of the source. */
  readonly nodes: number
  /** Nodes that only the target has and that were left alone. */
  readonly extras: number
}

/** Runs one pass. @throws ClientError; TransferError; the signal's reason. */
export async function copyTree(options: CopyOptions): Promise<CopyResult> {
  const { table, source, counts, signal } = options
  table.unmarkAll(Mark.target | Mark.source | Mark.directory)
  await readTarget(options)
  const lanes = new Lanes(options.concurrency)
  const listing = await source.list(signal)
  let nodes = 0
  /** Keys where the target has a directory, which can only go once it is empty. */
  const inTheWay: TreeNode[] = []
  try {
    for await (const batch of listing.nodes) {
      for (const node of batch) {
        signal.throwIfAborted()
        nodes += 1
        counts.read += 1
        await copyNode(options, node, lanes, inTheWay)
      }
    }
    await lanes.drain()
  } finally {
    await lanes.settle()
  }
  const extras = await removeGone(options)
  for (const node of inTheWay) {
    await options.target.remove(node.path, { dir: true, recursive: options.mirror })
    if (await options.target.put(node)) counts.written += 1
  }
  return { index: listing.index, clusterId: listing.clusterId, nodes, extras }
}

async function readTarget({ targetTree, table, signal }: CopyOptions): Promise<void> {
  const { nodes } = await targetTree.list(signal)
  for await (const batch of nodes) {
    for (const node of batch) {
      const slot = table.put(printOfPath(node.path), printOfNode(node))
      table.mark(slot, Mark.target | (node.dir ? Mark.directory : 0))
      table.setDue(slot, dueOf(node))
    }
  }
}

async function copyNode(options: CopyOptions, node: TreeNode, lanes: Lanes, inTheWay: TreeNode[]): Promise<void> {
  const { table, target, counts, ttls } = options
  const path = printOfPath(node.path)
  const content = printOfNode(node)
  let slot = table.find(path)
  const isThere = slot >= 0 && table.has(slot, Mark.target)
  const wasDirectory = isThere && table.has(slot, Mark.directory)
  if (node.ttlSeconds !== undefined && node.ttlSeconds <= 0) {
    // It is due: the source is about to remove it. At the target it goes the same way.
    if (slot >= 0) table.mark(slot, Mark.source)
    counts.expired += 1
    return
  }
  if (node.ttlSeconds === undefined) ttls?.forget(node.path)
  else ttls?.track(node.path, node.ttlSeconds)
  const isEqual = isThere && table.hasContent(slot, content)
  const isOnTime = isEqual && Math.abs(table.due(slot) - dueOf(node)) <= TTL_SLACK_S
  if (!isThere || !isEqual) slot = table.put(path, content)
  table.mark(slot, Mark.source | Mark.imported)
  table.setDue(slot, dueOf(node))
  if (isEqual && isOnTime) {
    counts.equal += 1
    return
  }
  const { ttlSeconds } = node
  if (isEqual && ttlSeconds !== undefined) {
    await lanes.add(async () => {
      await ttls?.settled(node.path)
      if (!(await target.refresh(node, ttlSeconds))) await target.put(node)
      counts.written += 1
    })
    return
  }
  if (isThere && wasDirectory && !node.dir) {
    inTheWay.push(node)
    return
  }
  if (isThere && node.dir && !wasDirectory) {
    // A directory in place of a key: nothing below may be written before.
    await lanes.drain()
    if (await target.put(node)) counts.written += 1
    return
  }
  await lanes.add(async () => {
    const refreshing = ttls?.settled(node.path)
    if (refreshing !== undefined) await refreshing
    if (await target.put(node)) counts.written += 1
  })
}

/** Removes what the source no longer has, as far as it is ours to remove. Returns how many are left over. */
async function removeGone(options: CopyOptions): Promise<number> {
  const { table, target, targetTree, mirror, concurrency, counts, ttls, signal } = options
  const extras = table.count(Mark.target, Mark.source)
  const ours = mirror ? extras : table.count(Mark.target | Mark.imported, Mark.source)
  if (ours === 0) return extras
  const { nodes } = await targetTree.list(signal)
  const mayGo = (slot: number): boolean => (mirror || table.has(slot, Mark.imported)) && !table.has(slot, Mark.source)
  await removeOurs(nodes, { target, table, ttls, counts, concurrency, mayGo })
  return extras - ours
}

/** When a node falls due, in seconds of this process's monotonic clock; 0: never. */
function dueOf({ ttlSeconds }: TreeNode): number {
  return ttlSeconds === undefined ? 0 : Math.round(performance.now() / 1000) + Math.max(ttlSeconds, -1)
}
