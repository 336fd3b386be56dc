/** Exactly which rows a batch becomes, and what a restart makes of them. */
import { describe, expect, test } from 'vitest'
import type { Ready } from '../../src/raft/ready.ts'
import type { Entry, HardState } from '../../src/raft/types.ts'
import { pageKey } from '../../src/replica/log-pages.ts'
import {
  hardStateRow,
  initialRows,
  logStartRow,
  membershipRow,
  type RaftState,
  readRaftRows,
} from '../../src/replica/raft-rows.ts'
import { LogRows } from '../../src/replica/turn.ts'
import type { Row } from '../../src/store/rows.ts'
import { FakeDisk } from '../support/fake-disk.ts'
import { batch, ME, makeEntry } from './builders.ts'

const MEMBERSHIP = { voters: [ME], learners: [] }
const NEW: RaftState = {
  identity: { clusterId: 'c1', memberId: ME },
  hardState: { term: 0, vote: undefined, commitIndex: 0 },
  logStart: { index: 0, term: 0, stampMs: 0, membership: MEMBERSHIP },
  membership: MEMBERSHIP,
  entries: [],
  pageStarts: [],
}
const HARD: HardState = { term: 2, vote: ME, commitIndex: 1 }

class Rig {
  readonly disk = new FakeDisk()
  #logRows = new LogRows(NEW)

  constructor() {
    this.disk.writeSync(initialRows(NEW), true)
  }

  add(fields: Partial<Ready>): Row[] {
    return this.#write((rows) => this.#logRows.add(batch(fields), rows))
  }

  trim(index: number, term = 1): Row[] {
    return this.#write((rows) => this.#logRows.trim({ index, term, stampMs: 0, membership: MEMBERSHIP }, rows))
  }

  /** As after a restart. */
  restored(): RaftState {
    const state = readRaftRows(this.disk.entriesSync(Buffer.from('r'), Buffer.from('s')))
    if (state === undefined) throw new Error('the disk holds raft rows')
    this.#logRows = new LogRows(state)
    return state
  }

  log(): (readonly [number, number])[] {
    return this.restored().entries.map(({ index, term }) => [index, term])
  }

  #write(add: (rows: Row[]) => void): Row[] {
    const rows: Row[] = []
    add(rows)
    this.disk.writeSync(rows, true)
    return rows
  }
}

function entries(from: number, to: number, term: number): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, i) => makeEntry(from + i, term))
}

/** Rows as `put e1` and `del e5`, by their first bytes. */
function shape(rows: readonly Row[]): string[] {
  return rows.map(
    ({ type, key }) => `${type} ${String.fromCharCode(key[1] ?? 0)}${key.length > 2 ? key.readUInt32BE(6) : ''}`,
  )
}

describe('a batch', () => {
  test('of entries and hard state is a page and a row', () => {
    const rows = new Rig().add({ entries: entries(1, 3, 2), hardState: HARD })
    expect(shape(rows)).toEqual(['put e1', 'put h'])
    expect(rows[1]).toEqual(hardStateRow(HARD))
  })

  test('of nothing is no row', () => {
    expect(new Rig().add({})).toEqual([])
  })

  test('that overwrites a tail drops the pages in it, and a restart sees the new one only', () => {
    const rig = new Rig()
    rig.add({ entries: entries(1, 3, 1) })
    rig.add({ entries: entries(4, 5, 1) })
    rig.add({ entries: entries(6, 9, 1) })
    expect(shape(rig.add({ entries: entries(5, 5, 2) }))).toEqual(['del e6', 'put e5'])
    expect(rig.log()).toEqual([
      [1, 1],
      [2, 1],
      [3, 1],
      [4, 1],
      [5, 2],
    ])
    expect(shape(rig.add({ entries: entries(4, 4, 3) }))).toEqual(['del e5', 'del e4', 'put e4'])
    expect(rig.log().slice(2)).toEqual([
      [3, 1],
      [4, 3],
    ])
  })

  test('with a snapshot replaces the log, start and membership', () => {
    const rig = new Rig()
    rig.add({ entries: entries(1, 3, 1) })
    const snapshot = { index: 50, term: 4, stampMs: 999, membership: MEMBERSHIP }
    const rows = rig.add({ snapshot, hardState: { ...HARD, commitIndex: 50 } })
    expect(rows.slice(0, 3)).toEqual([
      { type: 'del', key: pageKey(1) },
      logStartRow(snapshot),
      membershipRow(MEMBERSHIP),
    ])
    expect(rig.restored()).toMatchObject({ logStart: snapshot, entries: [], pageStarts: [] })
    rig.add({ entries: entries(51, 52, 4) })
    expect(rig.log()).toHaveLength(2)
  })

  test('with a hole is a mistake', () => {
    expect(() => new Rig().add({ entries: entries(2, 2, 1) })).toThrow(/no holes/)
  })
})

describe('a trim', () => {
  test('drops whole pages from the front, and a restart sees what is left', () => {
    const rig = new Rig()
    for (let first = 1; first <= 7; first += 3) rig.add({ entries: entries(first, first + 2, 1) })
    expect(shape(rig.trim(2))).toEqual(['put s'])
    expect(rig.log()[0]).toEqual([3, 1])
    expect(shape(rig.trim(4))).toEqual(['put s', 'del e1'])
    expect(rig.log()[0]).toEqual([5, 1])
    expect(shape(rig.trim(9))).toEqual(['put s', 'del e4', 'del e7'])
    expect(rig.log()).toEqual([])
    rig.add({ entries: entries(10, 10, 1) })
    expect(rig.log()).toEqual([[10, 1]])
  })

  test('keeps a page that makes the tail of the one before it void', () => {
    const rig = new Rig()
    rig.add({ entries: entries(1, 6, 1) })
    rig.add({ entries: entries(3, 4, 2) })
    rig.trim(2, 1)
    expect(rig.log()).toEqual([
      [3, 2],
      [4, 2],
    ])
  })

  test('of more than there is, is a mistake', () => {
    const rig = new Rig()
    rig.add({ entries: entries(1, 3, 1) })
    expect(() => rig.trim(4)).toThrow(/only what stands in the log/)
  })
})
