/**
 * Events as rows: the events of one turn side by side, and which of those rows are still wanted.
 *
 * Owns: the encoding, the key, the window on disk by count and bytes. Leaves to others: events in memory (history.ts),
 * reading rows back for watchers (history-reader.ts).
 *
 * Value history: 1, first.
 */
import assert from 'node:assert'
import { ByteReader, type ByteWriter } from './bytes.ts'
import { type Event, makeEvent } from './event.ts'
import type { NodeView } from './node.ts'
import { NumberQueue } from './number-queue.ts'
import { type Row, Section } from './rows.ts'
import { StoreError } from './store-error.ts'

const VERSION = 1

/** A turn with more events than this many bytes gets several rows, so that readers decode them in bounded pieces. */
const ROW_BYTES_MAX = 1024 * 1024

/** Rows deleted at once: the history may begin anew, and deleting all of it in one batch would stall the loop. */
const ROWS_TRIMMED_MAX = 5000

/** Numbers on disk. Never reuse one. */
const ACTIONS = ['set', 'create', 'update', 'compareAndSwap', 'delete', 'compareAndDelete', 'expire'] as const

const DIR = 1
const VALUE = 2
const TTL = 4
const CREATED = 8
const PREV = 16
const PREV_DIR = 32
const PREV_VALUE = 64
const PREV_TTL = 128

/** The key of the row whose first event has `index`. */
export function eventKey(generation: number, index: number): Buffer {
  const key = Buffer.alloc(13)
  key[0] = Section.events
  key.writeUInt32BE(generation, 1)
  key.writeBigUInt64BE(BigInt(index), 5)
  return key
}

/** The index of the first event of the row with this key. */
export function indexOfEventKey(key: Buffer): number {
  return Number(key.readBigUInt64BE(5))
}

/** A row's value. The indexes come first, so that a restart learns the window without decoding events. */
export function encodeEvents(writer: ByteWriter, events: readonly Event[]): Buffer {
  writer.u8(VERSION)
  writer.u32(events.length)
  for (const event of events) writer.f64(event.index)
  for (const event of events) encodeEvent(writer, event)
  return writer.finish()
}

/** The indexes of a row's events. Throws StoreError MUSTER_DATA_DAMAGED or MUSTER_DATA_FORMAT_NEWER. */
export function decodeEventIndexes(value: Buffer): number[] {
  return readIndexes(new ByteReader(value))
}

/** All events of a row, in order. Throws as `decodeEventIndexes` does. */
export function decodeEvents(value: Buffer): Event[] {
  const reader = new ByteReader(value)
  const events = readIndexes(reader).map((index) => decodeEvent(reader, index))
  reader.end()
  return events
}

function readIndexes(reader: ByteReader): number[] {
  const version = reader.u8()
  if (version !== VERSION) {
    throw new StoreError(
      'MUSTER_DATA_FORMAT_NEWER',
      `cannot read events of version ${version}: this data needs a newer muster`,
    )
  }
  const count = reader.u32()
  if (count * 8 > reader.remaining) throw new StoreError('MUSTER_DATA_DAMAGED', 'cannot read events: cut short')
  const indexes: number[] = []
  for (let at = 0; at < count; at += 1) indexes.push(reader.f64())
  return indexes
}

function encodeEvent(writer: ByteWriter, event: Event): void {
  const { node, prevNode } = event
  assert(!event.refresh && node.modifiedIndex === event.index, 'an event that is kept shows its own index')
  writer.u8(ACTIONS.indexOf(event.action))
  writer.u8(
    nodeFlags(node, DIR, VALUE, TTL) |
      (event.created ? CREATED : 0) |
      (prevNode === undefined ? 0 : PREV | nodeFlags(prevNode, PREV_DIR, PREV_VALUE, PREV_TTL)),
  )
  writer.string(node.key)
  encodeView(writer, node)
  if (prevNode === undefined) return
  encodeView(writer, prevNode)
  writer.f64(prevNode.modifiedIndex)
}

function nodeFlags(node: NodeView, dir: number, value: number, ttl: number): number {
  return (node.dir ? dir : 0) | (node.value === undefined ? 0 : value) | (node.expirationMs === undefined ? 0 : ttl)
}

function encodeView(writer: ByteWriter, node: NodeView): void {
  writer.f64(node.createdIndex)
  if (node.expirationMs !== undefined) {
    writer.f64(node.expirationMs)
    writer.f64(node.ttlSeconds)
  }
  if (node.value !== undefined) writer.string(node.value)
}

function decodeEvent(reader: ByteReader, index: number): Event {
  const action = ACTIONS[reader.u8()]
  if (action === undefined) throw new StoreError('MUSTER_DATA_DAMAGED', 'cannot read events: unknown action')
  const flags = reader.u8()
  const key = reader.string()
  const node = decodeView(reader, key, index, flags & DIR, flags & VALUE, flags & TTL)
  const prevNode =
    (flags & PREV) === 0
      ? undefined
      : decodeView(reader, key, undefined, flags & PREV_DIR, flags & PREV_VALUE, flags & PREV_TTL)
  return makeEvent(index, action, node, prevNode, (flags & CREATED) !== 0, false)
}

/** @param index The modified index, or undefined when it follows the rest. */
function decodeView(
  reader: ByteReader,
  key: string,
  index: number | undefined,
  dir: number,
  hasValue: number,
  hasTtl: number,
): NodeView {
  const createdIndex = reader.f64()
  const expirationMs = hasTtl === 0 ? undefined : reader.f64()
  const ttlSeconds = hasTtl === 0 ? 0 : reader.f64()
  const value = hasValue === 0 ? undefined : reader.string()
  const modifiedIndex = index ?? reader.f64()
  return { key, value, dir: dir !== 0, expirationMs, ttlSeconds, modifiedIndex, createdIndex }
}

/** Which event rows are on disk (or about to be), and which have left the window. */
export class EventRowWindow {
  readonly #bytesMax: number
  readonly #firsts = new NumberQueue()
  readonly #lasts = new NumberQueue()
  readonly #sizes = new NumberQueue()
  #bytes = 0

  /** @param bytesMax Bytes of rows that may stay. The newest row always may. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Notes a row that exists. Rows come in order. */
  note(first: number, last: number, bytes: number): void {
    assert(first <= last && (this.#lasts.length === 0 || this.#lasts.last() < first), 'event rows follow each other')
    this.#firsts.push(first)
    this.#lasts.push(last)
    this.#sizes.push(bytes)
    this.#bytes += bytes
  }

  /** Adds the rows of a turn's events to `rows`. */
  append(writer: ByteWriter, generation: number, events: readonly Event[], rows: Row[]): void {
    let from = 0
    let bytes = 0
    for (let at = 0; at < events.length; at += 1) {
      const { node, prevNode } = events[at] as Event
      bytes += 64 + node.key.length + (node.value?.length ?? 0) + (prevNode?.value?.length ?? 0)
      if (bytes < ROW_BYTES_MAX && at + 1 < events.length) continue
      const piece = events.slice(from, at + 1)
      const first = (piece[0] as Event).index
      const value = encodeEvents(writer, piece)
      rows.push({ type: 'put', key: eventKey(generation, first), value })
      this.note(first, (piece[piece.length - 1] as Event).index, value.length)
      from = at + 1
      bytes = 0
    }
  }

  /**
   * Adds the deletion of rows that hold nothing after `clearedTo`, and of the oldest rows past the bound in bytes; at most
   * `ROWS_TRIMMED_MAX`, the rest goes with the next calls.
   *
   * @returns The index up to which events are gone now, `clearedTo` or more.
   */
  trim(generation: number, clearedTo: number, rows: Row[]): number {
    let cleared = clearedTo
    for (let trimmed = 0; this.#lasts.length > 0 && trimmed < ROWS_TRIMMED_MAX; trimmed += 1) {
      const last = this.#lasts.first()
      const tooMuch = this.#bytes > this.#bytesMax && this.#lasts.length > 1
      if (last > cleared && !tooMuch) break
      rows.push({ type: 'del', key: eventKey(generation, this.#firsts.shift()) })
      this.#lasts.shift()
      this.#bytes -= this.#sizes.shift()
      if (last > cleared) cleared = last
    }
    return cleared
  }
}
