/**
 * What bytes are in LevelDB: the sections, generations, keys, and the rows of nodes and marks.
 *
 * Owns: key layout and order, format version, node and marks encoding. Leaves to others: event rows (event-rows.ts),
 * raft's rows (the replica, in its section), writing them (database.ts).
 *
 * A key is `<section> <generation u32> …`. All rows of one state share a generation, so that a received snapshot can be
 * staged beside the live rows and switched to by one row. Nodes follow each other in byte order of their paths, so a
 * parent always comes before its children.
 *
 * Format history: 1, first.
 */
import assert from 'node:assert'
import type { StoreStatsJson } from '../api.ts'
import { ByteReader, type ByteWriter } from './bytes.ts'
import { Children, makeDirectory, makeFile, type Node } from './node.ts'
import { StoreError } from './store-error.ts'

/** One change of one key, to be written. The property names are those of LevelDB batches. */
export type Row =
  | { readonly type: 'put'; readonly key: Buffer; readonly value: Buffer }
  | { readonly type: 'del'; readonly key: Buffer }

/** First byte of every key. On disk; never reuse one. */
export const Section = {
  /** `e <generation> <index u64>`: the events of a turn, by their first index. */
  events: 0x65,
  /** `f`: the format version of the whole database. */
  format: 0x66,
  /** `g`: the generation that counts. */
  generation: 0x67,
  /** `m <generation>`: the marks. */
  marks: 0x6d,
  /** `n <generation> <path>`: a node. */
  nodes: 0x6e,
  /** `r …`: the replica's. Nothing in store/ touches it. */
  raft: 0x72,
} as const
export type Section = (typeof Section)[keyof typeof Section]

/** Format that this release reads and writes. */
export const FORMAT_VERSION = 1

/** The generation of a data directory that was never switched. */
export const FIRST_GENERATION = 1

/** The counters that are kept: all of `/v2/stats/store` but the number of watchers. */
export type Counters = Omit<StoreStatsJson, 'watchers'>

/** Where a state stands. One row, written with every turn that applied anything. */
export interface Marks {
  readonly appliedIndex: number
  /** Term of the entry at `appliedIndex`. */
  readonly appliedTerm: number
  /** The replicated clock in milliseconds: the stamp of that entry. */
  readonly stampMs: number
  readonly storeIndex: number
  /** Events up to this store index can no longer be looked back to. */
  readonly clearedTo: number
  /** Of `/v2/stats/store`. */
  readonly counters: Counters
}

/** A half-open range of keys. */
export interface KeyRange {
  readonly gte: Buffer
  readonly lt: Buffer
}

/** Where the format version stands. */
export const FORMAT_KEY: Buffer = Buffer.from([Section.format])

/** Where the current generation stands. */
export const GENERATION_KEY: Buffer = Buffer.from([Section.generation])

/** Bytes in front of the part of a key that belongs to its section. */
export const KEY_PREFIX_BYTES = 5

/** The row that makes `generation` the one that counts. Written by the replica when it switches. */
export function currentGenerationRow(generation: number): Row {
  const value = Buffer.alloc(4)
  value.writeUInt32BE(generation)
  return { type: 'put', key: GENERATION_KEY, value }
}

/** Reads that row's value; undefined (no such row) is the first generation. */
export function readGeneration(value: Buffer | undefined): number {
  if (value === undefined) return FIRST_GENERATION
  const reader = new ByteReader(value)
  const generation = reader.u32()
  reader.end()
  return generation
}

/** A key, or the beginning of keys, of a generation's section. */
export function sectionKey(section: Section, generation: number): Buffer {
  const key = Buffer.alloc(KEY_PREFIX_BYTES)
  key[0] = section
  key.writeUInt32BE(generation, 1)
  return key
}

/** All keys of one section of one generation. */
export function sectionRange(section: Section, generation: number): KeyRange {
  return { gte: sectionKey(section, generation), lt: sectionKey(section, generation + 1) }
}

/** All keys of one generation: three ranges, one per section. */
export function generationRanges(generation: number): readonly KeyRange[] {
  return [Section.events, Section.marks, Section.nodes].map((section) => sectionRange(section, generation))
}

/** The least key greater than `key`: where reading goes on behind it. */
export function keyAfter(key: Buffer): Buffer {
  const next = Buffer.alloc(key.length + 1)
  key.copy(next)
  return next
}

/** The key of the node at `path`. */
export function nodeKey(writer: ByteWriter, generation: number, path: string): Buffer {
  writer.u8(Section.nodes)
  writer.u32(generation)
  writer.text(path)
  return writer.finish()
}

/** The path in a node's key. */
export function pathOfKey(key: Buffer): string {
  return key.toString('utf8', KEY_PREFIX_BYTES)
}

const NODE_DIR = 1
const NODE_TTL = 2
const NODE_CHANGED = 4

/** A node's row value. Children are rows of their own. */
export function encodeNode(writer: ByteWriter, node: Node): Buffer {
  const changed = node.modifiedIndex !== node.createdIndex
  const due = node.deadlineMs !== 0
  writer.u8((node.dir ? NODE_DIR : 0) | (due ? NODE_TTL : 0) | (changed ? NODE_CHANGED : 0))
  writer.f64(node.createdIndex)
  if (changed) writer.f64(node.modifiedIndex)
  if (due) {
    writer.f64(node.deadlineMs)
    writer.f64(node.expirationMs)
  }
  if (node.value !== undefined) writer.text(node.value)
  return writer.finish()
}

/** Rebuilds a node from its row; a directory comes back empty. Throws StoreError MUSTER_DATA_DAMAGED. */
export function decodeNode(path: string, value: Buffer): Node {
  try {
    return readNode(path, new ByteReader(value))
  } catch (error) {
    throw new StoreError('MUSTER_DATA_DAMAGED', `cannot read the row of "${path}": it holds no node`, { cause: error })
  }
}

function readNode(path: string, reader: ByteReader): Node {
  const flags = reader.u8()
  assert(flags <= (NODE_DIR | NODE_TTL | NODE_CHANGED), 'flags of a node are known')
  const createdIndex = reader.f64()
  const modifiedIndex = (flags & NODE_CHANGED) === 0 ? createdIndex : reader.f64()
  const due = (flags & NODE_TTL) !== 0
  const deadlineMs = due ? reader.f64() : 0
  const expirationMs = due ? reader.f64() : 0
  assert(Number.isSafeInteger(createdIndex) && Number.isSafeInteger(modifiedIndex), 'indexes are safe integers')
  if ((flags & NODE_DIR) === 0) {
    return makeFile(path, reader.text(), createdIndex, modifiedIndex, deadlineMs, expirationMs)
  }
  reader.end()
  return makeDirectory(path, createdIndex, deadlineMs, expirationMs, new Children())
}

const MARKS_VERSION = 1

/** In the order of the wire, and of the row. Add at the end, with a new marks version. */
const COUNTER_NAMES = [
  'getsSuccess',
  'getsFail',
  'setsSuccess',
  'setsFail',
  'deleteSuccess',
  'deleteFail',
  'updateSuccess',
  'updateFail',
  'createSuccess',
  'createFail',
  'compareAndSwapSuccess',
  'compareAndSwapFail',
  'compareAndDeleteSuccess',
  'compareAndDeleteFail',
  'expireCount',
] as const

/** Counters of a store that never did anything. */
export function zeroCounters(): Counters {
  return Object.fromEntries(COUNTER_NAMES.map((name) => [name, 0])) as unknown as Counters
}

/** The marks' row value. */
export function encodeMarks(writer: ByteWriter, marks: Marks): Buffer {
  writer.u8(MARKS_VERSION)
  writer.f64(marks.appliedIndex)
  writer.f64(marks.appliedTerm)
  writer.f64(marks.stampMs)
  writer.f64(marks.storeIndex)
  writer.f64(marks.clearedTo)
  for (const name of COUNTER_NAMES) writer.f64(marks.counters[name])
  return writer.finish()
}

/** Reads the marks. Throws StoreError MUSTER_DATA_DAMAGED or MUSTER_DATA_FORMAT_NEWER. */
export function decodeMarks(value: Buffer): Marks {
  const reader = new ByteReader(value)
  const version = reader.u8()
  if (version !== MARKS_VERSION) {
    throw new StoreError(
      'MUSTER_DATA_FORMAT_NEWER',
      `cannot read marks of version ${version}: this data needs a newer muster`,
    )
  }
  const appliedIndex = reader.f64()
  const appliedTerm = reader.f64()
  const stampMs = reader.f64()
  const storeIndex = reader.f64()
  const clearedTo = reader.f64()
  const counters = zeroCounters()
  for (const name of COUNTER_NAMES) counters[name] = reader.f64()
  reader.end()
  return { appliedIndex, appliedTerm, stampMs, storeIndex, clearedTo, counters }
}

/** Marks of a store to which nothing was applied. */
export function zeroMarks(): Marks {
  return { appliedIndex: 0, appliedTerm: 0, stampMs: 0, storeIndex: 0, clearedTo: 0, counters: zeroCounters() }
}
