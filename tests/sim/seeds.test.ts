/**
 * Seeds: whole runs drawn from a number each.
 *
 * `SIM_SEED=n` replays one; `SIM_SEEDS=n` says how many to run (500 by default, 5,000 in CI), from `SIM_BASE` on or from a
 * base drawn anew each time and printed. Seeds that once failed come first, always.
 */
import { randomInt } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { NOTHING, type RunCounts, runSeed } from './soak.ts'

/**
 * Each finds its fault again when the fix is undone. What a seed means changes with what is drawn from it (faults.ts,
 * settings.ts); after such a change find new ones, or leave the fault to its scenario.
 */
const ONCE_FAILED: readonly (readonly [seed: number, found: string])[] = [
  [23, 'a dropped quorum read was asked for again in the same turn, for ever'],
  [518, 'a leader elected again went on from its old clock: keys fell due early'],
]

/**
 * Runs whose members changed and that stood still in the end: a weakness that is known (README.md) and seldom met. More of
 * them are news. Safety is held to without exception.
 */
const STALLED_MAX = 3

const ONE = process.env['SIM_SEED']
const COUNT = Number(process.env['SIM_SEEDS'] ?? 500)
const BASE = Number(process.env['SIM_BASE'] ?? randomInt(2 ** 32))

if (ONE !== undefined) {
  test(`seed ${ONE} breaks nothing`, async () => {
    expect(await runSeed(Number(ONE))).toMatchObject({ simulatedMs: expect.any(Number) })
  })
} else {
  describe('seeds that once failed', () => {
    test.each(ONCE_FAILED)('%i: %s', async (seed) => {
      await runSeed(seed, false)
    })
  })

  test(`${COUNT} seeds from ${BASE} on break nothing, and a healed majority makes progress`, async () => {
    const total: { -readonly [Name in keyof RunCounts]: number } = { ...NOTHING }
    for (let seed = BASE; seed < BASE + COUNT; seed++) {
      const counts = await runSeed(seed, true, true)
      for (const name of Object.keys(total) as (keyof RunCounts)[]) total[name] += counts[name]
    }
    console.log(`${COUNT} seeds from ${BASE} on: ${JSON.stringify(total)}`)
    expect(total.stalled).toBeLessThanOrEqual(Math.max(STALLED_MAX, COUNT / 250))
    // Runs that do nothing would pass every check.
    expect(total.acknowledged).toBeGreaterThan(COUNT * 30)
    expect(total.delivered).toBeGreaterThan(COUNT * 5)
    expect(total.expired).toBeGreaterThan(COUNT)
    if (COUNT >= 100) expect(total.snapshots).toBeGreaterThan(0)
    if (COUNT >= 100) expect(total.changes).toBeGreaterThan(COUNT / 10)
  })

  test('a seed gives the same run every time', async () => {
    expect(await runSeed(7)).toEqual(await runSeed(7))
  })
}
