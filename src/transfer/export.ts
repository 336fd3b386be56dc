/**
 * Writes the tree of a cluster as JSON lines.
 *
 * Owns: reading at the pace of the writer. Leaves to others: the lines (file-format), where they go (the command).
 */

import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { footerLine, headerLine, nodeLine } from './file-format.ts'
import { printOfNode, TreeDigest } from './fingerprint.ts'
import type { Counts, Report } from './progress.ts'
import type { Tree } from './tree.ts'

/** Characters gathered before they are written. */
const PIECE_CHARS = 64 * 1024

export interface ExportOptions {
  readonly source: Tree
  readonly prefix: string
  /** Whether `source` shows all hidden keys. */
  readonly hidden: boolean
  readonly out: Writable
  readonly report: Report
  readonly counts: Counts
  readonly signal: AbortSignal
}

export interface ExportResult {
  readonly nodes: number
  readonly digest: string
  readonly index: number
}

/** Writes everything, and leaves `out` open. @throws ClientError; TransferError; the signal's reason; errors of `out`. */
export async function exportTree(options: ExportOptions): Promise<ExportResult> {
  const { source, prefix, hidden, out, counts, report, signal } = options
  const { index, clusterId, nodes } = await source.list(signal)
  const takenAtMs = Date.now()
  const digest = new TreeDigest()
  report.phase('writing')
  let text = headerLine({ clusterId, index, takenAtMs, prefix, hidden })
  for await (const batch of nodes) {
    signal.throwIfAborted()
    for (const node of batch) {
      if (node.ttlSeconds !== undefined && node.ttlSeconds <= 0) continue
      digest.add(printOfNode(node))
      text += nodeLine(node, takenAtMs)
      counts.read += 1
    }
    if (text.length < PIECE_CHARS) continue
    if (!out.write(text)) await once(out, 'drain', { signal })
    text = ''
  }
  const result = { nodes: digest.nodes, digest: digest.toString() }
  if (!out.write(text + footerLine(result))) await once(out, 'drain', { signal })
  return { ...result, index }
}
