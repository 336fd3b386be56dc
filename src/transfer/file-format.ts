/**
 * A tree as JSON lines.
 *
 * Owns: the lines and their check. The first says what follows, then one line a node, a directory before what it holds; the
 * last says how many there were and their digest, so that a file that was cut is noticed.
 *
 * ```text
 * {"muster":"export","version":1,"clusterId":"…","index":12,"takenAt":"2026-01-01T00:00:00.000Z","prefix":"/","hidden":true}
 * {"path":"/services","dir":true}
 * {"path":"/services/web","value":"10.0.0.7:80","ttl":27,"expiration":"2026-01-01T00:00:27.000Z"}
 * {"end":true,"nodes":2,"digest":"…"}
 * ```
 *
 * History: version 1 is the first.
 */
import { TransferError } from './errors.ts'
import type { TreeNode } from './tree.ts'

/** The version that is written, and the newest that is read. */
const FORMAT_VERSION = 1
/** Bytes of a line: a value of 10 MiB with every character escaped, and its key. */
export const LINE_BYTES_MAX = 64 * 1024 * 1024

export interface ExportHeader {
  readonly clusterId: string
  readonly index: number
  /** Wall time, milliseconds since 1970: when the remaining times of the nodes were read. */
  readonly takenAtMs: number
  /** The subtree that was taken. */
  readonly prefix: string
  /** Whether hidden keys are among the nodes, all of them. */
  readonly hidden: boolean
}

export interface ExportFooter {
  readonly nodes: number
  readonly digest: string
}

export function headerLine(header: ExportHeader): string {
  const { takenAtMs, ...rest } = header
  const takenAt = new Date(takenAtMs).toISOString()
  return `${JSON.stringify({ muster: 'export', version: FORMAT_VERSION, ...rest, takenAt })}\n`
}

/** @param nowMs Wall time, for `expiration`. */
export function nodeLine(node: TreeNode, nowMs: number): string {
  const { path, dir, value, ttlSeconds } = node
  const what = dir ? { path, dir } : { path, value }
  if (ttlSeconds === undefined) return `${JSON.stringify(what)}\n`
  const expiration = expirationOf(nowMs + ttlSeconds * 1000)
  return `${JSON.stringify({ ...what, ttl: ttlSeconds, ...expiration })}\n`
}

/** For people; readers go by `ttl`. Nothing beyond what a date can say. */
function expirationOf(wallMs: number): object {
  return wallMs < 8.64e15 ? { expiration: new Date(wallMs).toISOString() } : {}
}

export function footerLine(footer: ExportFooter): string {
  return `${JSON.stringify({ end: true, ...footer })}\n`
}

/** @throws TransferError when it is none, or of a newer format. */
export function parseHeader(line: string): ExportHeader {
  const fields = parseLine(line, 1)
  if (fields['muster'] !== 'export') throw damaged('the first line is not that of a muster export')
  const { version, clusterId, index, takenAt, prefix, hidden } = fields
  if (typeof version !== 'number' || version > FORMAT_VERSION) {
    const sentence = `the file has format ${version}, this muster reads up to ${FORMAT_VERSION}`
    throw new TransferError('MUSTER_EXPORT_NEWER', sentence)
  }
  const takenAtMs = Date.parse(String(takenAt))
  if (Number.isNaN(takenAtMs) || typeof prefix !== 'string') throw damaged('line 1 lacks takenAt or prefix')
  return { clusterId: String(clusterId ?? ''), index: Number(index ?? 0), takenAtMs, prefix, hidden: hidden === true }
}

/** A line behind the first: a node, or the end. @throws TransferError when it is neither. */
export function parseBody(line: string, lineNumber: number): TreeNode | ExportFooter {
  const fields = parseLine(line, lineNumber)
  if (fields['end'] === true) {
    const { nodes, digest } = fields
    if (typeof nodes !== 'number' || typeof digest !== 'string') throw damaged(`line ${lineNumber} is no end`)
    return { nodes, digest }
  }
  const { path, dir, value, ttl } = fields
  const isNode = typeof path === 'string' && path.startsWith('/') && (dir === true || typeof value === 'string')
  if (!isNode || (ttl !== undefined && typeof ttl !== 'number')) throw damaged(`line ${lineNumber} is no node`)
  return { path, dir: dir === true, value: dir === true ? '' : String(value), ttlSeconds: ttl }
}

function parseLine(line: string, lineNumber: number): Readonly<Record<string, unknown>> {
  try {
    const fields: unknown = JSON.parse(line)
    if (typeof fields === 'object' && fields !== null) return fields as Readonly<Record<string, unknown>>
  } catch {
    throw damaged(`line ${lineNumber} is not JSON`)
  }
  throw damaged(`line ${lineNumber} is no object`)
}

/** The file is not what was written. */
export function damaged(detail: string): TransferError {
  return new TransferError('MUSTER_EXPORT_DAMAGED', `the export is damaged or cut: ${detail}`)
}
