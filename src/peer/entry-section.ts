/**
 * Entries and proposals as bytes: the bulk of what members send each other.
 *
 * Owns: the layout below and the checks on each field. Leaves to others: the message around it (`codec.ts`).
 *
 * A section holds for each entry 35 bytes, little endian, then its data:
 *
 *     kind u8 · origin u16 (position in the table of origins) · term f64 · stampMs f64 · seq f64 · checksum u32 · length u32
 *
 * A proposal is an entry whose term and stamp are 0. The index is not sent: an append names the index before its first.
 */
import { crc32 } from 'node:zlib'
import { type Entry, EntryKind, type MemberId, type Proposal } from '../raft/types.ts'
import { BadMessageError } from './errors.ts'

const HEAD_BYTES = 35
const ORIGINS_MAX = 0xffff

/** Encoded entries or proposals. Immutable: one section goes into the frames of several remotes. */
export interface EntrySection {
  readonly count: number
  /** Who proposed them, each once. */
  readonly origins: readonly MemberId[]
  readonly bytes: Buffer
}

/** Encodes entries (with term and stamp) or proposals (without). The data is copied. */
export function encodeSection(items: readonly (Entry | Proposal)[]): EntrySection {
  let size = 0
  for (const item of items) size += HEAD_BYTES + item.data.length
  const bytes = Buffer.allocUnsafe(size)
  const view = new DataView(bytes.buffer, bytes.byteOffset, size)
  const origins: MemberId[] = []
  let at = 0
  for (const item of items) {
    let origin = origins.indexOf(item.origin)
    if (origin < 0) {
      origin = origins.push(item.origin) - 1
      if (origin > ORIGINS_MAX) throw new RangeError(`cannot encode more than ${ORIGINS_MAX + 1} origins`)
    }
    const { data } = item
    bytes[at] = item.kind
    view.setUint16(at + 1, origin, true)
    view.setFloat64(at + 3, 'term' in item ? item.term : 0, true)
    view.setFloat64(at + 11, 'term' in item ? item.stampMs : 0, true)
    view.setFloat64(at + 19, item.seq, true)
    view.setUint32(at + 27, item.checksum, true)
    view.setUint32(at + 31, data.length, true)
    bytes.set(data, at + HEAD_BYTES)
    at += HEAD_BYTES + data.length
  }
  return { count: items.length, origins, bytes }
}

/**
 * Decodes the entries of an append and checks them: they follow `prevIndex`, terms do not fall and do not pass `term`,
 * stamps do not fall. Data are views of `bytes`. Throws a BadMessageError.
 */
export function decodeEntries(
  bytes: Buffer,
  count: number,
  origins: readonly MemberId[],
  prevIndex: number,
  prevTerm: number,
  term: number,
): Entry[] {
  const reader = new SectionReader(bytes, origins)
  const entries: Entry[] = []
  let lastTerm = prevTerm
  let lastStampMs = 0
  for (let i = 1; i <= count; i++) {
    reader.next()
    if (!(reader.term >= lastTerm && reader.term >= 1 && reader.term <= term) || !Number.isSafeInteger(reader.term)) {
      throw new BadMessageError('entry.term', reader.term, `an integer from ${Math.max(lastTerm, 1)} to ${term}`)
    }
    if (!(reader.stampMs >= lastStampMs) || !Number.isSafeInteger(reader.stampMs)) {
      throw new BadMessageError('entry.stampMs', reader.stampMs, `a safe integer, ${lastStampMs} or more`)
    }
    lastTerm = reader.term
    lastStampMs = reader.stampMs
    if (!Number.isSafeInteger(prevIndex + i)) {
      throw new BadMessageError('append.prevIndex', prevIndex, 'room for the indexes of its entries')
    }
    entries.push({
      kind: reader.kind,
      origin: reader.origin,
      seq: reader.seq,
      data: reader.data,
      checksum: reader.checksum,
      index: prevIndex + i,
      term: reader.term,
      stampMs: reader.stampMs,
    })
  }
  reader.end()
  return entries
}

/** Decodes and checks the proposals of a follower. Data are views of `bytes`. Throws a BadMessageError. */
export function decodeProposals(bytes: Buffer, count: number, origins: readonly MemberId[]): Proposal[] {
  const reader = new SectionReader(bytes, origins)
  const proposals: Proposal[] = []
  for (let i = 0; i < count; i++) {
    reader.next()
    // A noop is a leader's own: nobody asks for one.
    if (reader.kind === EntryKind.noop) throw new BadMessageError('proposal.kind', reader.kind, 'a command or a change')
    if (reader.term !== 0) throw new BadMessageError('proposal.term', reader.term, '0')
    if (reader.stampMs !== 0) throw new BadMessageError('proposal.stampMs', reader.stampMs, '0')
    proposals.push({
      kind: reader.kind,
      origin: reader.origin,
      seq: reader.seq,
      data: reader.data,
      checksum: reader.checksum,
    })
  }
  reader.end()
  return proposals
}

/** Reads one entry after the other; never past the end. Checks what entries and proposals share. */
class SectionReader {
  kind: EntryKind = 0
  origin: MemberId
  term = 0
  stampMs = 0
  seq = 0
  checksum = 0
  data: Uint8Array
  readonly #bytes: Buffer
  readonly #view: DataView
  readonly #origins: readonly MemberId[]
  #at = 0

  constructor(bytes: Buffer, origins: readonly MemberId[]) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#origins = origins
    this.origin = '' as MemberId
    this.data = bytes
  }

  next(): void {
    const view = this.#view
    const at = this.#at
    if (this.#bytes.length - at < HEAD_BYTES) {
      throw new BadMessageError('entry', `${this.#bytes.length - at} bytes`, `${HEAD_BYTES} bytes or more`)
    }
    const kind = view.getUint8(at)
    if (kind > 2) throw new BadMessageError('entry.kind', kind, 'a known kind')
    const origin = this.#origins[view.getUint16(at + 1, true)]
    if (origin === undefined) throw new BadMessageError('entry.origin', view.getUint16(at + 1, true), 'a known origin')
    const seq = view.getFloat64(at + 19, true)
    if (!(seq >= 0) || !Number.isSafeInteger(seq)) {
      throw new BadMessageError('entry.seq', seq, 'a safe integer, 0 or more')
    }
    const length = view.getUint32(at + 31, true)
    const start = at + HEAD_BYTES
    if (length > this.#bytes.length - start) {
      throw new BadMessageError('entry.data', `${length} bytes`, `at most ${this.#bytes.length - start} bytes`)
    }
    const data = this.#bytes.subarray(start, start + length)
    const checksum = view.getUint32(at + 27, true)
    // Here, and not only where it is applied: what was damaged on its way must not get into anybody's log.
    if (crc32(data) !== checksum) throw new BadMessageError('entry.checksum', checksum, 'that of the data')
    this.kind = kind as EntryKind
    this.origin = origin
    this.term = view.getFloat64(at + 3, true)
    this.stampMs = view.getFloat64(at + 11, true)
    this.seq = seq
    this.checksum = checksum
    this.data = data
    this.#at = start + length
  }

  end(): void {
    if (this.#at !== this.#bytes.length) {
      throw new BadMessageError('entries', `${this.#bytes.length} bytes`, `${this.#at} bytes`)
    }
  }
}
