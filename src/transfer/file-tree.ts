/**
 * A tree in a file of JSON lines.
 *
 * Owns: checking the whole file before anything is written anywhere, and what is left of TTLs at the moment of reading.
 * Leaves to others: the lines (file-format).
 */
import { createReadStream } from 'node:fs'
import { damaged, type ExportFooter, type ExportHeader, LINE_BYTES_MAX, parseBody, parseHeader } from './file-format.ts'
import { printOfNode, TreeDigest } from './fingerprint.ts'
import type { PathMap, Tree, TreeListing, TreeNode } from './tree.ts'

/** Nodes handed on at once. */
const BATCH_NODES = 500

/** What a check found. */
export interface CheckedFile {
  readonly header: ExportHeader
  readonly nodes: number
}

/**
 * Reads a whole export and compares it with its last line.
 * @param onNode Hears of each path.
 * @throws TransferError when it is damaged, cut or too new; the errors of reading a file.
 */
export async function checkExport(file: string, onNode: (path: string) => void): Promise<CheckedFile> {
  const digest = new TreeDigest()
  let header: ExportHeader | undefined
  let footer: ExportFooter | undefined
  let number = 0
  for await (const line of linesOf(file)) {
    number += 1
    if (header === undefined) {
      header = parseHeader(line)
      continue
    }
    if (footer !== undefined) throw damaged(`something follows its last line`)
    const body = parseBody(line, number)
    if ('digest' in body) {
      footer = body
      continue
    }
    digest.add(printOfNode(body))
    onNode(body.path)
  }
  if (header === undefined) throw damaged('it is empty')
  if (footer === undefined) throw damaged(`its last line is missing; it ends after line ${number}`)
  if (footer.nodes !== digest.nodes) throw damaged(`${digest.nodes} of ${footer.nodes} nodes are there`)
  if (footer.digest !== digest.toString()) throw damaged('the nodes are not those that were written')
  return { header, nodes: digest.nodes }
}

/** A file that was checked, as a tree. TTLs are what is left of them now; what has fallen due since is left out. */
export class FileTree implements Tree {
  readonly #file: string
  readonly #header: ExportHeader
  readonly #paths: PathMap

  constructor(file: string, header: ExportHeader, paths: PathMap) {
    this.#file = file
    this.#header = header
    this.#paths = paths
  }

  async list(): Promise<TreeListing> {
    return { index: 0, clusterId: this.#header.clusterId, nodes: this.#nodes() }
  }

  async *#nodes(): AsyncGenerator<readonly TreeNode[], void, void> {
    const agedS = Math.max(0, Math.round((Date.now() - this.#header.takenAtMs) / 1000))
    let batch: TreeNode[] = []
    // All of them: what is hidden in a directory may stand far behind it.
    const due = new Set<string>()
    let number = 0
    for await (const line of linesOf(this.#file)) {
      number += 1
      if (number === 1) continue
      const node = parseBody(line, number)
      if ('digest' in node) break
      if (due.size > 0 && isBelow(due, node.path)) continue
      const ttlSeconds = node.ttlSeconds === undefined ? undefined : node.ttlSeconds - agedS
      if (ttlSeconds !== undefined && ttlSeconds <= 0) {
        if (node.dir) due.add(node.path)
        continue
      }
      const path = this.#paths.toTarget(node.path)
      if (path === undefined || path === '/') continue
      batch.push({ path, dir: node.dir, value: node.value, ttlSeconds })
      if (batch.length < BATCH_NODES) continue
      yield batch
      batch = []
    }
    if (batch.length > 0) yield batch
  }
}

function isBelow(directories: ReadonlySet<string>, path: string): boolean {
  for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
    if (directories.has(path.slice(0, at))) return true
  }
  return false
}

/** The lines of a file, without their ends. A last one without an end counts too. */
async function* linesOf(file: string): AsyncGenerator<string, void, void> {
  let pieces: Buffer[] = []
  let bytes = 0
  for await (const chunk of createReadStream(file, { highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>) {
    let from = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      pieces.push(chunk.subarray(from, end))
      yield Buffer.concat(pieces).toString('utf8')
      pieces = []
      bytes = 0
      from = end + 1
    }
    if (from === chunk.length) continue
    pieces.push(chunk.subarray(from))
    bytes += chunk.length - from
    if (bytes > LINE_BYTES_MAX) throw damaged('a line is too long')
  }
  if (pieces.length > 0) yield Buffer.concat(pieces).toString('utf8')
}
