/**
 * A whole state as a stream of bytes: sent from a view of one applied index, staged beside the live rows where it arrives.
 *
 * Owns: the stream's format, its checksum and counts, bounded chunks and batches. Leaves to others: carrying it
 * (peer/snapshot-send.ts), when to send and whether to accept (replica), switching generations (replica, by
 * `currentGenerationRow`).
 *
 * Format history: 1, first. `MSNP`, version, then records: section (u8), key length and value length (u32 each), the
 * key behind its generation, the value; marks first, then events, then nodes, as on disk. The end record is a zero byte,
 * the number of records (f64) and the CRC-32 of every byte before that record.
 */
import { crc32 } from 'node:zlib'
import type { Disk, DiskView } from './disk.ts'
import type { StoreOptions } from './options.ts'
import { Rebuilder } from './rebuild.ts'
import {
  decodeMarks,
  GENERATION_KEY,
  generationRanges,
  KEY_PREFIX_BYTES,
  keyAfter,
  type Marks,
  type Row,
  readGeneration,
  Section,
  sectionKey,
  sectionRange,
  zeroMarks,
} from './rows.ts'
import type { StateMachine } from './state-machine.ts'
import { StoreError } from './store-error.ts'

const MAGIC = Buffer.from('MSNP\x01', 'latin1')
const RECORD_HEAD_BYTES = 9
const END_BYTES = 13

/** Most bytes in a chunk that is sent. */
export const CHUNK_BYTES_MAX = 256 * 1024
/** Longest key and value that a receiver believes; longer ones mean that the stream is damaged. */
const KEY_BYTES_MAX = 16 * 1024 * 1024
const VALUE_BYTES_MAX = 512 * 1024 * 1024
/** Rows and bytes of one batch while staging, and of one read while sending. */
const BATCH_ROWS_MAX = 1000
const BATCH_BYTES_MAX = 1024 * 1024

/** A state that can be sent. */
export interface OutgoingSnapshot {
  /** Where the state stands. */
  readonly marks: Marks
  /** Its bytes, at most `CHUNK_BYTES_MAX` at a time. To be read once; needs the view until it ends. */
  chunks(): AsyncIterable<Buffer>
}

/** A state that arrived whole. */
export interface StagedSnapshot {
  /** Rebuilt, not in use yet: `StateMachine.install` takes it. */
  readonly stateMachine: StateMachine
  readonly marks: Marks
  readonly generation: number
  /** Records received. */
  readonly rows: number
}

/**
 * Prepares to send the state that a view shows. The view stays the caller's to close, after the last chunk. What is
 * not synced may be missing in a view: `disk.write([], true)` before opening it.
 */
export async function openSnapshot(view: DiskView): Promise<OutgoingSnapshot> {
  const [pointer] = await view.entries(GENERATION_KEY, keyAfter(GENERATION_KEY), { limit: 1 })
  const generation = readGeneration(pointer?.[1])
  const marksKey = sectionKey(Section.marks, generation)
  const [found] = await view.entries(marksKey, keyAfter(marksKey), { limit: 1 })
  const marks = found === undefined ? zeroMarks() : decodeMarks(found[1])
  return { marks, chunks: () => sendRows(view, generation) }
}

async function* sendRows(view: DiskView, generation: number): AsyncGenerator<Buffer, void, void> {
  let pieces: Buffer[] = [MAGIC]
  let checksum = 0
  let bytes = MAGIC.length
  let records = 0
  const add = (piece: Buffer): void => {
    pieces.push(piece)
    bytes += piece.length
  }
  for (const section of [Section.marks, Section.events, Section.nodes]) {
    const range = sectionRange(section, generation)
    for (let from = range.gte; ; ) {
      const entries = await view.entries(from, range.lt, { limit: BATCH_ROWS_MAX, bytesMax: CHUNK_BYTES_MAX })
      const last = entries.at(-1)
      if (last === undefined) break
      for (const [key, value] of entries) {
        add(recordHead(section, key.length - KEY_PREFIX_BYTES, value.length))
        add(key.subarray(KEY_PREFIX_BYTES))
        add(value)
        records += 1
      }
      from = keyAfter(last[0])
      if (bytes < CHUNK_BYTES_MAX) continue
      const chunk = Buffer.concat(pieces)
      checksum = crc32(chunk, checksum)
      yield* cut(chunk)
      pieces = []
      bytes = 0
    }
  }
  const rest = Buffer.concat(pieces)
  checksum = crc32(rest, checksum)
  const end = Buffer.alloc(END_BYTES)
  end.writeDoubleBE(records, 1)
  end.writeUInt32BE(checksum, 9)
  yield* cut(Buffer.concat([rest, end]))
}

function recordHead(section: number, keyBytes: number, valueBytes: number): Buffer {
  const head = Buffer.allocUnsafe(RECORD_HEAD_BYTES)
  head[0] = section
  head.writeUInt32BE(keyBytes, 1)
  head.writeUInt32BE(valueBytes, 5)
  return head
}

function* cut(bytes: Buffer): Generator<Buffer, void, void> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES_MAX) yield bytes.subarray(at, at + CHUNK_BYTES_MAX)
}

/**
 * Receives a snapshot: writes its rows under `generation`, where nothing may be yet, and rebuilds its state beside the live
 * one. Rows are not synced; the synced batch that switches generations comes after them.
 *
 * @throws StoreError MUSTER_SNAPSHOT_BROKEN when the stream is cut short, damaged, or ends with an error (its `cause`);
 *   MUSTER_DISK_FAILED. The rows of the generation are gone then.
 */
export async function stageSnapshot(
  disk: Disk,
  generation: number,
  chunks: AsyncIterable<Buffer>,
  options: StoreOptions = {},
): Promise<StagedSnapshot> {
  const receiver = new Receiver(disk, generation, options)
  try {
    for await (const chunk of chunks) await receiver.take(chunk)
    return await receiver.finish()
  } catch (error) {
    for (const { gte, lt } of generationRanges(generation)) await disk.clearRange(gte, lt)
    if (error instanceof StoreError && (error.code === 'MUSTER_DISK_FAILED' || error.code === 'MUSTER_SNAPSHOT_BROKEN'))
      throw error
    const why = error instanceof Error ? error.message : String(error)
    throw new StoreError('MUSTER_SNAPSHOT_BROKEN', `cannot take in a snapshot: ${why}`, { cause: error })
  }
}

/** Where a receiver is in the stream. */
type Stage = 'magic' | 'records' | 'ended'

class Receiver {
  readonly #disk: Disk
  readonly #generation: number
  readonly #rebuilder: Rebuilder
  #stage: Stage = 'magic'
  /** Bytes received and not yet used. */
  #pending: Buffer[] = []
  #pendingBytes = 0
  /** Bytes without which the next step cannot be taken. */
  #wanted = MAGIC.length
  #checksum = 0
  #rows: Row[] = []
  #rowBytes = 0
  /** The marks come first, but a state is rebuilt from them after its events. */
  #marksRow: Row | undefined

  constructor(disk: Disk, generation: number, options: StoreOptions) {
    this.#disk = disk
    this.#generation = generation
    this.#rebuilder = new Rebuilder(options, generation)
  }

  async take(chunk: Buffer): Promise<void> {
    if (this.#stage === 'ended') throw broken('bytes follow its end')
    this.#pending.push(chunk)
    this.#pendingBytes += chunk.length
    while (this.#pendingBytes >= this.#wanted && (this.#stage as Stage) !== 'ended') {
      const bytes = this.#pending.length === 1 ? (this.#pending[0] as Buffer) : Buffer.concat(this.#pending)
      const used = await this.#use(bytes)
      this.#pending = used === bytes.length ? [] : [bytes.subarray(used)]
      this.#pendingBytes = bytes.length - used
      if (used === 0) return
    }
    if ((this.#stage as Stage) === 'ended' && this.#pendingBytes > 0) throw broken('bytes follow its end')
  }

  async finish(): Promise<StagedSnapshot> {
    if (this.#stage !== 'ended') throw broken('it was cut short')
    for (const key of this.#rebuilder.orphans) {
      this.#rows.push({ type: 'del', key })
      if (this.#rows.length >= BATCH_ROWS_MAX) await this.#flush()
    }
    await this.#flush()
    const stateMachine = this.#rebuilder.finish()
    return {
      stateMachine,
      marks: stateMachine.marks,
      generation: this.#generation,
      rows: this.#rebuilder.rows,
    }
  }

  /** Uses the complete records in front; says how many bytes that were, and how many it needs to go on. */
  async #use(bytes: Buffer): Promise<number> {
    let at = 0
    if (this.#stage === 'magic') {
      if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw broken('it is not of a version known here')
      at = MAGIC.length
      this.#stage = 'records'
    }
    let checked = 0
    for (;;) {
      const left = bytes.length - at
      if (left === 0) {
        this.#wanted = 1
        break
      }
      const head = bytes[at] === 0 ? END_BYTES : RECORD_HEAD_BYTES
      this.#wanted = head
      if (left < head) break
      if (bytes[at] === 0) {
        this.#checksum = crc32(bytes.subarray(checked, at), this.#checksum)
        this.#end(bytes.subarray(at, at + END_BYTES))
        return at + END_BYTES
      }
      const keyBytes = bytes.readUInt32BE(at + 1)
      const valueBytes = bytes.readUInt32BE(at + 5)
      if (keyBytes > KEY_BYTES_MAX || valueBytes > VALUE_BYTES_MAX) throw broken('it holds a row of impossible size')
      this.#wanted = head + keyBytes + valueBytes
      if (left < this.#wanted) break
      const valueAt = at + head + keyBytes
      this.#record(
        bytes[at] as number,
        bytes.subarray(at + head, valueAt),
        bytes.subarray(valueAt, valueAt + valueBytes),
      )
      at += this.#wanted
      if (this.#rows.length < BATCH_ROWS_MAX && this.#rowBytes < BATCH_BYTES_MAX) continue
      this.#checksum = crc32(bytes.subarray(checked, at), this.#checksum)
      checked = at
      await this.#flush()
    }
    this.#checksum = crc32(bytes.subarray(checked, at), this.#checksum)
    return at
  }

  #record(section: number, suffix: Buffer, value: Buffer): void {
    if (section !== Section.marks && section !== Section.events && section !== Section.nodes) {
      throw broken('it holds a row of an unknown kind')
    }
    const key = Buffer.concat([sectionKey(section, this.#generation), suffix])
    const row: Row = { type: 'put', key, value }
    if (section === Section.marks) {
      if (this.#marksRow !== undefined || this.#rebuilder.rows > 0) throw broken('its marks are not in front')
      this.#marksRow = row
    } else {
      if (section === Section.nodes) this.#addMarks()
      this.#rebuilder.add(key, value)
    }
    this.#rows.push(row)
    this.#rowBytes += key.length + value.length
  }

  #end(end: Buffer): void {
    this.#addMarks()
    if (end.readDoubleBE(1) !== this.#rebuilder.rows) throw broken('rows are missing')
    if (end.readUInt32BE(9) !== this.#checksum) throw broken('its checksum is wrong')
    this.#stage = 'ended'
  }

  #addMarks(): void {
    const row = this.#marksRow
    if (row?.type !== 'put') return
    this.#marksRow = undefined
    this.#rebuilder.add(row.key, row.value)
  }

  async #flush(): Promise<void> {
    if (this.#rows.length === 0) return
    const rows = this.#rows
    this.#rows = []
    this.#rowBytes = 0
    await this.#disk.write(rows, false)
  }
}

function broken(how: string): StoreError {
  return new StoreError('MUSTER_SNAPSHOT_BROKEN', `cannot take in a snapshot: ${how}`)
}
