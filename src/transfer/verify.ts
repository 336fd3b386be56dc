/**
 * Whether the target holds what the source holds.
 *
 * Owns: counting and digesting both trees, naming what differs, looking again at what may only have been on its way. Changes
 * nothing.
 *
 * Both trees are read once, one after the other, and once more for the names of what is missing. In between the source may
 * change. A path of which an event came meanwhile is compared with what that said, and each path that differs is then compared
 * by itself, a few times, while changes go on being carried over. The digests are of the moments when the trees were read, so
 * that after changes they may differ where the trees do not.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { isSamePrint, printOfNode, printOfPath, TreeDigest } from './fingerprint.ts'
import { inOrderIndex } from './in-order.ts'
import { Lanes } from './lanes.ts'
import { Mark, type NodeTable } from './node-table.ts'
import type { Counts } from './progress.ts'
import type { Tree, TreeNode } from './tree.ts'

/** Paths that are named and looked at again; of more, only the number is known. */
const DIFFERING_MAX = 1_000
/** Looks at a path that differs, and the pause between them. */
const LOOKS_MAX = 20
const LOOK_PAUSE_MS = 250
/** Paths that are looked at side by side. */
const LOOKS_AT_ONCE = 16
/** A node that falls due so soon may be gone on one side already. Seconds. */
const NEARLY_DUE_S = 2

export interface Difference {
  readonly path: string
  /** `twice at the source`: keys whose bytes differ and which the API shows as one; no more than one of them can arrive. */
  readonly kind: 'missing' | 'differs' | 'only at the target' | 'twice at the source'
}

export interface Verdict {
  readonly equal: boolean
  /** Nodes of the source, and the digest over them and over the target's nodes of the same paths. */
  readonly sourceNodes: number
  readonly targetNodes: number
  readonly sourceDigest: string
  readonly targetDigest: string
  /** The first of what differs. */
  readonly differences: readonly Difference[]
  readonly differenceCount: number
  /** Paths that were changing, and were equal when compared by themselves. */
  readonly settled: number
  /** Nodes that only the target has, and that this transfer did not write. */
  readonly extras: number
  /** Some of them. */
  readonly extraPaths: readonly string[]
  /** The largest name of the source that POST made, as the index it stands for; 0: there is none. */
  readonly inOrderIndex: number
}

export interface VerifyOptions {
  readonly source: Tree
  readonly targetTree: Tree
  readonly table: NodeTable
  /** Nothing may be at the target that the source does not have. */
  readonly mirror: boolean
  /** One node on either side, by path of the target. Undefined: the source cannot be asked for one. */
  readonly peek:
    | undefined
    | {
        source(path: string): Promise<TreeNode | undefined>
        target(path: string): Promise<TreeNode | undefined>
      }
  /** Known to differ, and named elsewhere: it is not looked at again. */
  readonly isRefused?: (path: string) => boolean
  readonly counts: Counts
  readonly signal: AbortSignal
}

const EXTRAS_NAMED_MAX = 5

/** Compares both trees. @throws ClientError; TransferError; the signal's reason. */
export async function verifyTrees(options: VerifyOptions): Promise<Verdict> {
  const { table, peek } = options
  table.unmarkAll(Mark.source | Mark.target | Mark.changed)
  const differences: Difference[] = []
  const extraPaths: string[] = []
  let differenceCount = 0
  const differ = (path: string, kind: Difference['kind']): void => {
    differenceCount += 1
    if (differences.length < DIFFERING_MAX) differences.push({ path, kind })
  }
  const { digest: sourceDigest, inOrderIndex: largestName } = await readSource(options, differ)
  const { digest: targetDigest, extras, changed } = await readTarget(options, differ, extraPaths)
  const missing = table.count(Mark.source, Mark.target)
  if (missing > 0) await nameMissing(options, differ)
  const left =
    peek === undefined || differenceCount > differences.length ? differences : await settle(options, peek, differences)
  const cleared = differences.length - left.length
  const settled = changed + cleared
  // Where no difference is known, and none was excused, counts and digests have the last word.
  const isExcused = missing > 0 || settled > 0
  const hasSameDigest = sourceDigest.nodes === targetDigest.nodes && sourceDigest.toString() === targetDigest.toString()
  return {
    equal: left.length === 0 && (hasSameDigest || isExcused),
    sourceNodes: sourceDigest.nodes,
    targetNodes: targetDigest.nodes,
    sourceDigest: sourceDigest.toString(),
    targetDigest: targetDigest.toString(),
    differences: left,
    differenceCount: differenceCount - cleared,
    settled,
    extras,
    extraPaths,
    inOrderIndex: largestName,
  }
}

async function readSource(
  { source, table, counts, signal }: VerifyOptions,
  differ: (path: string, kind: Difference['kind']) => void,
): Promise<{ readonly digest: TreeDigest; readonly inOrderIndex: number }> {
  const digest = new TreeDigest()
  let largest = 0
  const { index, nodes } = await source.list(signal)
  for await (const batch of nodes) {
    signal.throwIfAborted()
    for (const node of batch) {
      if (isDue(node)) continue
      const print = printOfNode(node)
      digest.add(print)
      const path = printOfPath(node.path)
      const slot = table.find(path)
      if (slot >= 0 && table.has(slot, Mark.source)) differ(node.path, 'twice at the source')
      // What an event said is as new as this or newer, or another one is on its way.
      const isNewer = slot >= 0 && table.has(slot, Mark.changed)
      table.mark(isNewer ? slot : table.put(path, print), Mark.source)
      largest = Math.max(largest, inOrderIndex(node.path, index))
      counts.compared += 1
    }
  }
  return { digest, inOrderIndex: largest }
}

async function readTarget(
  { targetTree, table, mirror, counts, signal }: VerifyOptions,
  differ: (path: string, kind: Difference['kind']) => void,
  extraPaths: string[],
): Promise<{ readonly digest: TreeDigest; readonly extras: number; readonly changed: number }> {
  const digest = new TreeDigest()
  let extras = 0
  let changed = 0
  const { nodes } = await targetTree.list(signal)
  for await (const batch of nodes) {
    signal.throwIfAborted()
    for (const node of batch) {
      const slot = table.find(printOfPath(node.path))
      const print = printOfNode(node)
      counts.compared += 1
      if (slot >= 0 && table.has(slot, Mark.source)) {
        table.mark(slot, Mark.target)
        digest.add(print)
        if (!table.hasContent(slot, print)) differ(node.path, 'differs')
        else if (table.has(slot, Mark.changed)) changed += 1
        continue
      }
      if (slot >= 0 && table.has(slot, Mark.changed) && table.hasContent(slot, print)) {
        digest.add(print)
        changed += 1
        continue
      }
      if (node.ttlSeconds !== undefined && node.ttlSeconds <= NEARLY_DUE_S) continue
      if (mirror || (slot >= 0 && table.has(slot, Mark.imported))) {
        digest.add(print)
        differ(node.path, 'only at the target')
        continue
      }
      extras += 1
      if (extraPaths.length < EXTRAS_NAMED_MAX) extraPaths.push(node.path)
    }
  }
  return { digest, extras, changed }
}

async function nameMissing(
  { source, table, signal }: VerifyOptions,
  differ: (path: string, kind: Difference['kind']) => void,
): Promise<void> {
  const { nodes } = await source.list(signal)
  for await (const batch of nodes) {
    signal.throwIfAborted()
    for (const node of batch) {
      const slot = table.find(printOfPath(node.path))
      const isMissing = slot >= 0 && table.has(slot, Mark.source) && !table.has(slot, Mark.target)
      if (isMissing && !isNearlyDue(node)) differ(node.path, 'missing')
    }
  }
}

/** Looks at each path again until both sides agree on it, or patience is over. Returns those that still differ. */
async function settle(
  { signal, isRefused, counts }: VerifyOptions,
  peek: NonNullable<VerifyOptions['peek']>,
  differences: readonly Difference[],
): Promise<readonly Difference[]> {
  const lasting: Difference[] = []
  let left: Difference[] = []
  for (const difference of differences) {
    const lasts = difference.kind === 'twice at the source' || isRefused?.(difference.path) === true
    ;(lasts ? lasting : left).push(difference)
  }
  for (let looks = 0; left.length > 0 && looks < LOOKS_MAX; looks += 1) {
    if (looks > 0) await wait(LOOK_PAUSE_MS, undefined, { signal })
    const still: Difference[] = []
    const lanes = new Lanes(LOOKS_AT_ONCE)
    counts.left = left.length
    try {
      for (const difference of left) {
        signal.throwIfAborted()
        await lanes.add(async () => {
          const [here, there] = await Promise.all([peek.source(difference.path), peek.target(difference.path)])
          if (isSame(here, there)) counts.left -= 1
          else still.push(difference)
        })
      }
      await lanes.drain()
    } finally {
      await lanes.settle()
    }
    left = still
  }
  counts.left = 0
  return [...lasting, ...left]
}

function isSame(source: TreeNode | undefined, target: TreeNode | undefined): boolean {
  if (source === undefined || target === undefined) {
    const one = source ?? target
    return one === undefined || isNearlyDue(one)
  }
  return isSamePrint(printOfNode(source), printOfNode(target))
}

function isDue({ ttlSeconds }: TreeNode): boolean {
  return ttlSeconds !== undefined && ttlSeconds <= 0
}

function isNearlyDue({ ttlSeconds }: TreeNode): boolean {
  return ttlSeconds !== undefined && ttlSeconds <= NEARLY_DUE_S
}
