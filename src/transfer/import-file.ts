/**
 * Brings the keys of an export into a cluster.
 *
 * Owns: the order: check the whole file, copy, compare. Leaves to others: each of those (file-tree, copy, verify).
 */
import type { MusterClient } from '../client/client.ts'
import { copyTree } from './copy.ts'
import { TransferError } from './errors.ts'
import { checkExport, FileTree } from './file-tree.ts'
import { HiddenPlaces } from './hidden.ts'
import type { ImportResult } from './import.ts'
import { LiveTree } from './live-tree.ts'
import { NodeTable } from './node-table.ts'
import { Patience } from './patience.ts'
import type { Counts, Report } from './progress.ts'
import { moveIndex } from './store-index.ts'
import { Target } from './target.ts'
import { PathMap } from './tree.ts'
import { verifyTrees } from './verify.ts'

export interface FileImportOptions {
  readonly file: string
  readonly target: MusterClient
  readonly targetListsHidden: boolean
  /** The subtree of the file that is wanted; undefined: all of it. */
  readonly prefix: string | undefined
  /** Where it goes; undefined: where it was. */
  readonly toPrefix: string | undefined
  readonly mirror: boolean
  readonly concurrency: number
  readonly patienceMs: number
  readonly report: Report
  readonly counts: Counts
  /** Called once the file is found whole. */
  readonly onChecked: (nodes: number) => void
  readonly signal: AbortSignal
}

/** @throws TransferError when the file is not whole (nothing was written then) or the target is gone; ClientError. */
export async function importFile(options: FileImportOptions): Promise<ImportResult> {
  const { file, report, counts, signal, mirror, concurrency, targetListsHidden } = options
  report.phase('looking')
  const { clusterId } = await options.target.position({ signal })
  const places = new HiddenPlaces([], '/')
  const wanted = options.prefix === undefined ? undefined : new PathMap(options.prefix, '/')
  let isThere = false
  const { header, nodes } = await checkExport(file, (path) => {
    places.see(path)
    isThere ||= wanted?.toTarget(path) !== undefined
  })
  if (wanted !== undefined && !isThere && wanted.toTarget(header.prefix) === undefined)
    throw new TransferError('MUSTER_TRANSFER_NOTHING_THERE', `${file} holds nothing at ${wanted.from}`)
  options.onChecked(nodes)
  // A file that could not know all hidden keys says nothing of those that it does not hold.
  const listsHidden = targetListsHidden && header.hidden
  const from = options.prefix ?? header.prefix
  const paths = new PathMap(from, options.toPrefix ?? from)
  const patience = new Patience('target', options.patienceMs, signal, (error) =>
    report.note('waiting', `the target: ${error.message}`),
  )
  const target = new Target(options.target, patience)
  const source = new FileTree(file, header, paths)
  const hidden = new HiddenPlaces(places.all, from)
  const targetTree = new LiveTree({ client: options.target, paths, side: 'target', listsHidden, hidden, patience })
  const table = new NodeTable()
  report.phase('copying')
  await copyTree({ source, targetTree, target, table, mirror, concurrency, counts, ttls: undefined, signal })
  report.phase('verifying')
  const verdict = await verifyTrees({ source, targetTree, table, mirror, peek: undefined, counts, signal })
  const { inOrderIndex: inOrder } = verdict
  // Equal ids are no proof that it is the same cluster, but where nothing had to be written it might as well be.
  const isOwn = header.clusterId === clusterId && target.writes === 0
  const index = await moveIndex({ target, inOrder, source: header.index, concurrency, counts, signal, isOwn })
  return { verdict, index, refused: target.refused, refusedCount: target.refusedCount }
}
