/**
 * Carries the source's changes over, in order.
 *
 * Owns: what each event means for the target, which of them may go side by side, what may be removed. Leaves to others: single
 * writes (target), reading events (feed).
 */
import type { EventJson } from '../client/node.ts'
import type { QueuedEvent } from './event-queue.ts'
import { Lanes } from './lanes.ts'
import type { LiveTree } from './live-tree.ts'
import { Mark, type NodeTable } from './node-table.ts'
import { forgetOurs, noteOurs, removeOurs } from './ours.ts'
import type { Counts } from './progress.ts'
import type { Target } from './target.ts'
import type { PathMap, TreeNode } from './tree.ts'
import type { TtlKeeper } from './ttl-keeper.ts'

export interface ApplyOptions {
  readonly target: Target
  readonly targetTree: LiveTree
  readonly paths: PathMap
  readonly table: NodeTable
  /** A removed directory goes with all that is in it, whoever wrote that. Otherwise only what this run wrote. */
  readonly mirror: boolean
  readonly concurrency: number
  readonly counts: Counts
  readonly ttls: TtlKeeper
}

/** Keys that are written side by side. The last change of each is enough: its state is what counts. */
const GATHERED_MAX = 256

/** Changes of keys that do not depend on each other. */
type Gathered = Map<string, QueuedEvent>

/** Carries events over. @throws as `Target.put`. */
export async function applyEvents(events: readonly QueuedEvent[], options: ApplyOptions): Promise<void> {
  const { paths, counts } = options
  let gathered: Gathered = new Map()
  const flush = async (): Promise<void> => {
    const lanes = new Lanes(options.concurrency)
    try {
      for (const [path, queued] of gathered) await lanes.add(() => applyToKey(path, queued, options))
      await lanes.drain()
    } finally {
      await lanes.settle()
      gathered = new Map()
    }
  }
  for (const queued of events) {
    const key = queued.event.node.key ?? '/'
    // What goes above the subtree takes all of it along.
    const isAbove = isRemoval(queued.event) && (key === '/' || paths.from.startsWith(`${key}/`))
    const path = isAbove ? paths.to : paths.toTarget(key)
    counts.events += 1
    if (path === undefined || path === '/') continue
    if (isAbove || isDirectory(queued.event)) {
      await flush()
      await applyToDirectory(path, queued, options)
      continue
    }
    // A key that was set and removed again leaves the directories that were made on its way.
    const isUndone = gathered.has(path) && isRemoval(queued.event)
    if (gathered.size >= GATHERED_MAX || isUndone || hasAncestor(gathered, path)) await flush()
    gathered.set(path, queued)
  }
  await flush()
}

async function applyToKey(path: string, queued: QueuedEvent, options: ApplyOptions): Promise<void> {
  const { target, ttls } = options
  const node = nodeOf(path, queued)
  if (isRemoval(queued.event)) {
    ttls.forget(path)
    forgetOurs(path, options.table)
    await ttls.settled(path)
    await target.remove(path, { dir: false })
    return
  }
  note(node, options)
  await ttls.settled(path)
  // Due already: its end is the next that is heard of it.
  if (node.ttlSeconds !== undefined && node.ttlSeconds <= 0) return
  await target.put(node)
}

async function applyToDirectory(path: string, queued: QueuedEvent, options: ApplyOptions): Promise<void> {
  const { target, targetTree, table, ttls, counts, mirror, concurrency } = options
  if (!isRemoval(queued.event)) {
    const node = nodeOf(path, queued)
    note(node, options)
    await ttls.settled(path)
    await target.put(node)
    return
  }
  ttls.forget(path)
  await ttls.settled(path)
  await ttls.forgetBelow(path)
  if (mirror) {
    await target.remove(path, { dir: true, recursive: true })
    return
  }
  const mayGo = (slot: number): boolean => table.has(slot, Mark.imported)
  await removeOurs(targetTree.below(path), { target, table, ttls, counts, concurrency, mayGo })
}

/** Notes what is about to be written. */
function note(node: TreeNode, { table, ttls }: ApplyOptions): void {
  noteOurs(node, table)
  if (node.ttlSeconds === undefined) ttls.forget(node.path)
  else ttls.track(node.path, node.ttlSeconds)
}

function nodeOf(path: string, { event, arrivedMs }: QueuedEvent): TreeNode {
  const { value = '', expiration, ttl = 0 } = event.node
  const dir = isDirectory(event)
  const sinceS = Math.floor((performance.now() - arrivedMs) / 1000)
  const ttlSeconds = expiration === undefined ? undefined : ttl <= 0 ? ttl : Math.max(1, ttl - sinceS)
  return { path, dir, value: dir ? '' : value, ttlSeconds }
}

function isRemoval({ action }: EventJson): boolean {
  return action === 'delete' || action === 'compareAndDelete' || action === 'expire'
}

/** etcd 2.3 leaves `dir` out when a directory expires; the node before has it. */
function isDirectory({ action, node, prevNode }: EventJson): boolean {
  return node.dir === true || (action === 'expire' && prevNode?.dir === true)
}

function hasAncestor(gathered: Gathered, path: string): boolean {
  for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
    if (gathered.has(path.slice(0, at))) return true
  }
  return false
}
