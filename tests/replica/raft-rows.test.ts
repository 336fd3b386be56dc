/** The rows of section r: there and back, damaged, missing. */
import { describe, expect, test } from 'vitest'
import { memberId } from '../../src/raft/types.ts'
import { addPages } from '../../src/replica/log-pages.ts'
import {
  hardStateRow,
  initialRows,
  membershipRow,
  type RaftState,
  readMembershipRow,
  readRaftRows,
} from '../../src/replica/raft-rows.ts'
import type { Row } from '../../src/store/rows.ts'
import { ME, makeEntry } from './builders.ts'

const MEMBERSHIP = { voters: [ME, memberId('b2')], learners: [memberId('c3')] }
const STATE: RaftState = {
  identity: { clusterId: 'cdf818194e3a8c32', memberId: ME },
  hardState: { term: 5, vote: memberId('b2'), commitIndex: 40 },
  logStart: { index: 40, term: 4, stampMs: 1234, membership: MEMBERSHIP },
  membership: MEMBERSHIP,
  entries: [],
  pageStarts: [],
}

/** What a disk would hold after these rows, in key order. */
function onDisk(rows: readonly Row[]): (readonly [Buffer, Buffer])[] {
  const held = new Map<string, Buffer>()
  for (const row of rows) {
    const key = row.key.toString('latin1')
    if (row.type === 'put') held.set(key, row.value)
    else held.delete(key)
  }
  return [...held].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => [Buffer.from(key, 'latin1'), value])
}

describe('raft rows', () => {
  test('give back what was written', () => {
    expect(readRaftRows(onDisk(initialRows(STATE)))).toEqual(STATE)
  })

  test('give back the entries after the start, and where their pages begin', () => {
    const rows = initialRows(STATE)
    addPages([makeEntry(40, 4), makeEntry(41, 4)], rows)
    addPages([makeEntry(42, 5)], rows)
    const state = readRaftRows(onDisk(rows))
    expect(state?.entries.map(({ index, term }) => [index, term])).toEqual([
      [41, 4],
      [42, 5],
    ])
    expect(state?.pageStarts).toEqual([40, 42])
  })

  test('tell no vote from a vote', () => {
    const rows = [...initialRows(STATE), hardStateRow({ term: 6, vote: undefined, commitIndex: 41 })]
    expect(readRaftRows(onDisk(rows))?.hardState).toEqual({ term: 6, vote: undefined, commitIndex: 41 })
  })

  test('of a fresh data directory are none', () => {
    expect(readRaftRows([])).toBeUndefined()
  })

  test('that lack one of the first four are refused', () => {
    const rows = onDisk(initialRows(STATE))
    for (const missing of rows.keys()) {
      expect(() => readRaftRows(rows.filter((_row, i) => i !== missing))).toThrow(/lacks raft rows/)
    }
  })

  test('that a disk changed are refused, each', () => {
    const rows = onDisk(initialRows(STATE))
    for (const [i, [key, value]] of rows.entries()) {
      for (let at = 0; at < value.length; at++) {
        const damaged = Buffer.from(value)
        damaged[at] = (damaged[at] ?? 0) ^ 0x10
        expect(() => readRaftRows(rows.with(i, [key, damaged]))).toThrow(/is damaged/)
      }
    }
  })

  test('say the membership to whoever sends a snapshot', () => {
    const row = membershipRow(MEMBERSHIP)
    expect(row.type === 'put' && readMembershipRow(row.value)).toEqual(MEMBERSHIP)
  })
})
