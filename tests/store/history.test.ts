/** The window of events: exact by count, bounded by bytes, in memory and on disk. */
import { describe, expect, test } from 'vitest'
import { decodeEventIndexes } from '../../src/store/event-rows.ts'
import { HISTORY_LIMITS_DEFAULT, type HistoryLimits } from '../../src/store/options.ts'
import { type Row, Section } from '../../src/store/rows.ts'
import { command, StoreRig, ttl } from '../support/store-rig.ts'

function rigWith(more: Partial<HistoryLimits>): StoreRig {
  return new StoreRig({ history: { ...HISTORY_LIMITS_DEFAULT, ...more } })
}

function oldest(rig: StoreRig): number {
  return rig.store.history.clearedTo + 1
}

/** Applies the rows to what is on disk: event rows only, by key. */
function keep(disk: Map<string, Row>, rows: readonly Row[]): void {
  for (const row of rows) {
    if (row.key[0] !== Section.events) continue
    if (row.type === 'put') disk.set(row.key.toString('hex'), row)
    else expect(disk.delete(row.key.toString('hex'))).toBe(true)
  }
}

function indexesOnDisk(disk: ReadonlyMap<string, Row>): number[] {
  return [...disk.keys()].sort().flatMap((key) => {
    const row = disk.get(key)
    return row?.type === 'put' ? decodeEventIndexes(row.value) : []
  })
}

describe('by count', () => {
  test('with 1,000 events the oldest usable index is C-999, whatever turns the events came in', () => {
    for (const turn of [1, 7, 64, 5000]) {
      const rig = rigWith({ eventsMax: 1000 })
      for (let at = 1; at <= 2500; at += 1) {
        rig.do(command.set(`/k${at % 10}`, 'v'))
        if (at % turn === 0) rig.store.drainRows()
        expect(oldest(rig)).toBe(Math.max(1, at - 999))
      }
    }
  })

  test('refreshes and bookkeeping move the index and take no slot', () => {
    const rig = rigWith({ eventsMax: 3 })
    for (let at = 0; at < 3; at += 1) rig.do(command.set('/k', 'v'))
    for (let at = 0; at < 5; at += 1) rig.do(command.set('/k', '', { refresh: true, ttl: ttl(1000) }))
    rig.apply({ kind: 'putMember', id: 'a', peerUrls: [], name: 'n', clientUrls: [] })
    expect([oldest(rig), rig.store.storeIndex]).toEqual([1, 9])
    rig.do(command.set('/k', 'v'))
    expect([oldest(rig), rig.store.storeIndex]).toEqual([2, 10])
  })

  test('rows that hold nothing wanted are deleted in the batch of the turn that made them so', () => {
    const disk = new Map<string, Row>()
    const rig = rigWith({ eventsMax: 20 })
    for (let at = 1; at <= 200; at += 1) {
      rig.do(command.set('/k', 'v'))
      if (at % 6 !== 0) continue
      keep(disk, rig.store.drainRows())
      const kept = indexesOnDisk(disk)
      expect(kept.at(-1)).toBe(at)
      expect(kept[0]).toBeLessThanOrEqual(oldest(rig))
      expect(kept.length).toBeLessThan(20 + 6)
    }
  })
})

describe('by bytes', () => {
  test('the oldest rows go, whole, and what was in them can no longer be looked back to', () => {
    const disk = new Map<string, Row>()
    const rig = rigWith({ eventsBytesMax: 10_000 })
    for (let at = 1; at <= 100; at += 1) {
      rig.do(command.create(`/k${at}`, 'v'.repeat(900)))
      keep(disk, rig.store.drainRows())
    }
    const kept = indexesOnDisk(disk)
    expect(kept[0]).toBe(oldest(rig))
    expect(kept.length).toBeGreaterThan(7)
    expect(kept.length).toBeLessThan(12)
    expect(rig.store.history.memoryLength).toBe(kept.length)
  })

  test('the newest row stays however large it is', () => {
    const rig = rigWith({ eventsBytesMax: 10 })
    rig.do(command.set('/k', 'v'.repeat(1000)))
    rig.store.drainRows()
    expect(oldest(rig)).toBe(1)
  })

  test('a turn with many large events makes several rows', () => {
    const disk = new Map<string, Row>()
    const rig = rigWith({})
    for (let at = 1; at <= 30; at += 1) rig.do(command.create(`/k${at}`, 'v'.repeat(200_000)))
    keep(disk, rig.store.drainRows())
    expect(indexesOnDisk(disk)).toEqual(Array.from({ length: 30 }, (_, at) => at + 1))
    expect(disk.size).toBeGreaterThan(4)
  })
})

describe('in memory', () => {
  test('is bounded by count and by bytes once rows were drawn', () => {
    const rig = rigWith({ memoryEventsMax: 50, memoryBytesMax: 20_000 })
    for (let at = 0; at < 500; at += 1) rig.do(command.create(`/a${at}`, 'v'))
    rig.store.drainRows()
    expect(rig.store.history.memoryLength).toBe(50)
    expect(rig.store.history.memoryFrom).toBe(451)
    for (let at = 0; at < 500; at += 1) rig.do(command.create(`/b${at}`, 'v'.repeat(2000)))
    rig.store.drainRows()
    expect(rig.store.history.memoryLength).toBeLessThanOrEqual(8)
    expect(rig.store.history.memoryLength).toBeGreaterThanOrEqual(7)
    expect(rig.store.history.length).toBe(1000)
  })

  test('keeps what no row holds yet', () => {
    const rig = rigWith({ memoryEventsMax: 10 })
    for (let at = 0; at < 100; at += 1) rig.do(command.set('/k', 'v'))
    expect([rig.store.undrainedEvents, rig.store.history.memoryLength]).toEqual([100, 100])
    rig.store.drainRows()
    expect([rig.store.undrainedEvents, rig.store.history.memoryLength]).toEqual([0, 10])
  })
})
