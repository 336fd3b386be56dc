/** How much log is kept. */
import { describe, expect, test } from 'vitest'
import { LogKeeper } from '../../src/replica/log-keeper.ts'
import { makeEntry } from './builders.ts'

describe('the log', () => {
  test('keeps at least what was promised, and not much more', () => {
    const keeper = new LogKeeper({ entriesMax: 32, bytesMax: 1024 * 1024 })
    let start = 0
    for (let index = 1; index <= 500; index++) {
      keeper.applied(makeEntry(index, 1))
      start = keeper.trimTo(Number.POSITIVE_INFINITY) ?? start
      const kept = index - start
      if (index > 40) expect(kept >= 32 && kept <= 36, `${kept} entries at ${index}`).toBe(true)
      else expect(kept).toBe(Math.min(kept, 34))
    }
  })

  test('is trimmed by bytes too, down to its last step', () => {
    const keeper = new LogKeeper({ entriesMax: 1000, bytesMax: 10_000 })
    let start: number | undefined
    for (let index = 1; index <= 100; index++) {
      keeper.applied(makeEntry(index, 1, { data: new Uint8Array(900) }))
      start = keeper.trimTo(Number.POSITIVE_INFINITY) ?? start
    }
    expect(start).toBeGreaterThan(85)
    expect(start).toBeLessThan(100)
  })

  test('waits by count, but not by bytes, for followers that are being heard', () => {
    const keeper = new LogKeeper({ entriesMax: 32, bytesMax: 100_000 })
    for (let index = 1; index <= 200; index++) keeper.applied(makeEntry(index, 1))
    expect(keeper.trimTo(10)).toBeLessThanOrEqual(10)
    expect(keeper.trimTo(10)).toBeUndefined()
    for (let index = 201; index <= 400; index++) keeper.applied(makeEntry(index, 1, { data: new Uint8Array(900) }))
    expect(keeper.trimTo(10)).toBeGreaterThan(250)
  })

  test('asks for nothing twice, and for nothing after a snapshot took its place', () => {
    const keeper = new LogKeeper({ entriesMax: 1, bytesMax: 1024 * 1024 })
    for (let index = 1; index <= 10; index++) keeper.applied(makeEntry(index, 1))
    expect(keeper.trimTo(Number.POSITIVE_INFINITY)).toBe(9)
    expect(keeper.trimTo(Number.POSITIVE_INFINITY)).toBeUndefined()
    for (let index = 11; index <= 20; index++) keeper.applied(makeEntry(index, 1))
    keeper.reset()
    expect(keeper.trimTo(Number.POSITIVE_INFINITY)).toBeUndefined()
  })
})
