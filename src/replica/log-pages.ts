/**
 * Log entries as rows: a page is a run of consecutive entries, as one turn wrote them.
 *
 * Owns: a page's key and bytes, and which entries count when pages overlap. Every page is checked when it is read. Leaves to
 * `turn.ts` which pages stand on disk.
 *
 * One row for a turn's entries, rather than one for each, spares the disk a call for every write and every trimmed entry. A
 * later page wins over the tail of the one before: entries at and behind the first index of the next page are void. So a
 * tail that a new leader overwrites needs no page to be written again.
 */
import assert from 'node:assert'
import { crc32 } from 'node:zlib'
import { assertCount, type Entry, type EntryKind, type Index, memberId } from '../raft/types.ts'
import type { Row } from '../store/rows.ts'

/** First bytes of a page's key: section `r`, kind `e`. */
export const PAGE_SECTION = 0x72
export const PAGE_KIND = 0x65

/** Bytes of entries after which a page ends, so that no row grows without bound. */
const PAGE_BYTES_MAX = 1024 * 1024

// Layout of an entry in a page, big-endian: kind u8, origin length u8, data length u32, term f64, stampMs f64, seq f64, data
// checksum u32, origin (16 bytes, ASCII, zero-filled), data. A CRC-32 over all entries ends the page.
const HEADER_BYTES = 50
const TRAILER_BYTES = 4

/** A page as it was read. */
export interface LogPage {
  readonly firstIndex: Index
  readonly entries: readonly Entry[]
}

/** Key of the page that begins at `firstIndex`. Keys sort as the log does. */
export function pageKey(firstIndex: Index): Buffer {
  const key = Buffer.allocUnsafe(10)
  key[0] = PAGE_SECTION
  key[1] = PAGE_KIND
  key.writeUInt32BE(Math.floor(firstIndex / 0x1_0000_0000), 2)
  key.writeUInt32BE(firstIndex >>> 0, 6)
  return key
}

/** Appends consecutive entries to `rows`, as few pages as their size allows. Returns the pages' first indexes. */
export function addPages(entries: readonly Entry[], rows: Row[]): Index[] {
  const starts: Index[] = []
  let from = 0
  while (from < entries.length) {
    let to = from
    let bytes = TRAILER_BYTES
    while (to < entries.length && (to === from || bytes < PAGE_BYTES_MAX)) {
      bytes += HEADER_BYTES + (entries[to] as Entry).data.length
      to++
    }
    const { index } = entries[from] as Entry
    starts.push(index)
    rows.push({ type: 'put', key: pageKey(index), value: encodePage(entries, from, to, bytes) })
    from = to
  }
  return starts
}

function encodePage(entries: readonly Entry[], from: number, to: number, bytes: number): Buffer {
  const value = Buffer.allocUnsafe(bytes)
  let at = 0
  for (let i = from; i < to; i++) {
    const entry = entries[i] as Entry
    value[at] = entry.kind
    value[at + 1] = entry.origin.length
    value.writeUInt32BE(entry.data.length, at + 2)
    value.writeDoubleBE(entry.term, at + 6)
    value.writeDoubleBE(entry.stampMs, at + 14)
    value.writeDoubleBE(entry.seq, at + 22)
    value.writeUInt32BE(entry.checksum, at + 30)
    value.fill(0, at + 34, at + HEADER_BYTES)
    value.write(entry.origin, at + 34, 'latin1')
    value.set(entry.data, at + HEADER_BYTES)
    at += HEADER_BYTES + entry.data.length
  }
  value.writeUInt32BE(crc32(value.subarray(0, at)), at)
  return value
}

/** Reads a page. Fails when it is damaged: what a disk changed is never guessed at. */
export function decodePage(key: Buffer, value: Buffer): LogPage {
  const firstIndex = key.readUInt32BE(2) * 0x1_0000_0000 + key.readUInt32BE(6)
  const end = value.length - TRAILER_BYTES
  assert(end >= HEADER_BYTES, `the log page at ${firstIndex} is cut short; replace the member`)
  assert(
    value.readUInt32BE(end) === crc32(value.subarray(0, end)),
    `the log page at ${firstIndex} is damaged: its checksum does not match; this member's disk changed it, replace the member`,
  )
  const entries: Entry[] = []
  let at = 0
  while (at < end) {
    const dataEnd = at + HEADER_BYTES + value.readUInt32BE(at + 2)
    assert(dataEnd <= end, `the log page at ${firstIndex} holds an entry that is longer than the page`)
    entries.push(decodeEntry(value, at, dataEnd, firstIndex + entries.length))
    at = dataEnd
  }
  return { firstIndex, entries }
}

function decodeEntry(value: Buffer, at: number, dataEnd: number, index: Index): Entry {
  const kind = value[at] as EntryKind
  assert(kind === 0 || kind === 1 || kind === 2, `log entry ${index} has an unknown kind ${kind}`)
  const term = value.readDoubleBE(at + 6)
  const stampMs = value.readDoubleBE(at + 14)
  assertCount(term)
  assertCount(stampMs)
  return {
    kind,
    origin: memberId(value.toString('latin1', at + 34, at + 34 + (value[at + 1] ?? 0))),
    seq: value.readDoubleBE(at + 22),
    data: value.subarray(at + HEADER_BYTES, dataEnd),
    checksum: value.readUInt32BE(at + 30),
    index,
    term,
    stampMs,
  }
}

/**
 * The entries that count, of pages in key order: those after `logStart`, and of each page those before the next one.
 * Fails when there is a hole.
 */
export function entriesOf(pages: readonly LogPage[], logStart: Index): Entry[] {
  const entries: Entry[] = []
  for (const [i, page] of pages.entries()) {
    const nextIndex = pages[i + 1]?.firstIndex ?? Number.POSITIVE_INFINITY
    for (const entry of page.entries) {
      if (entry.index <= logStart || entry.index >= nextIndex) continue
      assert(entry.index === logStart + 1 + entries.length, `the log has a hole before index ${entry.index}`)
      entries.push(entry)
    }
  }
  return entries
}
