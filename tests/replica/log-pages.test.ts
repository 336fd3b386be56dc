/** Pages of the log: there and back, damaged, overlapping. */
import { describe, expect, test } from 'vitest'
import type { Entry } from '../../src/raft/types.ts'
import { addPages, decodePage, entriesOf, type LogPage } from '../../src/replica/log-pages.ts'
import type { Row } from '../../src/store/rows.ts'
import { makeEntry, setCommand } from './builders.ts'

function pagesOf(...lists: (readonly Entry[])[]): LogPage[] {
  const rows: Row[] = []
  for (const entries of lists) addPages(entries, rows)
  return rows.map((row) => decodePage(row.key, row.type === 'put' ? row.value : Buffer.alloc(0)))
}

const plain = (entries: readonly Entry[]) => entries.map((entry) => ({ ...entry, data: Buffer.from(entry.data) }))

describe('a page', () => {
  test('gives back every field of every entry', () => {
    const entries = [
      makeEntry(7, 3, { seq: 0 }),
      makeEntry(8, 3, { seq: 2 ** 47 - 1, stampMs: 2 ** 50 }, setCommand('/ä', 'väl')),
      makeEntry(9, 2 ** 40, { origin: makeEntry(1, 1).origin }, setCommand('/b', 'x'.repeat(5000))),
    ]
    const [page] = pagesOf(entries)
    expect(page?.firstIndex).toBe(7)
    expect(plain(page?.entries ?? [])).toEqual(plain(entries))
  })

  test('keys sort as the log does, also past 32 bits', () => {
    const rows: Row[] = []
    for (const index of [1, 255, 256, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1]) addPages([makeEntry(index, 1)], rows)
    const keys = rows.map((row) => row.key)
    expect([...keys].sort(Buffer.compare)).toEqual(keys)
  })

  test('ends before it grows too large', () => {
    const entries = [1, 2, 3].map((index) => makeEntry(index, 1, { data: new Uint8Array(700 * 1024) }))
    const rows: Row[] = []
    expect(addPages(entries, rows)).toEqual([1, 3])
    expect(rows).toHaveLength(2)
  })

  test('that a disk changed in any bit is refused', () => {
    const rows: Row[] = []
    addPages([makeEntry(1, 1, {}, setCommand('/a'))], rows)
    const [row] = rows
    if (row?.type !== 'put') throw new Error('a page is put')
    for (let bit = 0; bit < row.value.length * 8; bit++) {
      const value = Buffer.from(row.value)
      value[bit >> 3] = (value[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(() => decodePage(row.key, value), `bit ${bit}`).toThrow(/damaged|unknown kind|longer than/)
    }
    for (let length = 0; length < row.value.length; length++) {
      expect(() => decodePage(row.key, row.value.subarray(0, length)), `${length} bytes`).toThrow(/cut short|damaged/)
    }
  })
})

describe('pages', () => {
  test('make a log, of which what lies at or before its start does not count', () => {
    const pages = pagesOf([makeEntry(1, 1), makeEntry(2, 1)], [makeEntry(3, 1)])
    expect(entriesOf(pages, 1).map((entry) => entry.index)).toEqual([2, 3])
  })

  test('make the tails of earlier ones void', () => {
    const pages = pagesOf([makeEntry(1, 1), makeEntry(2, 1), makeEntry(3, 1)], [makeEntry(2, 2)])
    expect(entriesOf(pages, 0).map(({ index, term }) => [index, term])).toEqual([
      [1, 1],
      [2, 2],
    ])
  })

  test('with a hole between them are refused', () => {
    expect(() => entriesOf(pagesOf([makeEntry(1, 1)], [makeEntry(3, 1)]), 0)).toThrow(/a hole before index 3/)
    expect(() => entriesOf(pagesOf([makeEntry(3, 1)]), 1)).toThrow(/a hole before index 3/)
  })
})
