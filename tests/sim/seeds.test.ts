/**
 * Seeds: whole runs drawn from a number each.
 *
 * `SIM_SEED=n` replays one, with SIM_MEMBERS as a failure says; `SIM_SEEDS=n` says how many to run (500 by default, 3,600 in CI), from `SIM_BASE` on or from a
 * base drawn anew each time and printed. Seeds that once failed come first, always.
 */
import { randomInt } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { type Membership, NOTHING, type RunCounts, runSeed } from './soak.ts'

/**
 * Each finds its fault again when the fix is undone. What a seed means changes with what is drawn from it (faults.ts,
 * settings.ts); after such a change find new ones, or leave the fault to its scenario.
 */
const ONCE_FAILED: readonly (readonly [seed: number, membership: Membership, found: string])[] = [
  [23, 'fixed', 'a dropped quorum read was asked for again in the same turn, for ever'],
  [518, 'fixed', 'a leader elected again went on from its old clock: keys fell due early'],
  [
    753866402,
    'small',
    'a snapshot offered in one term was opened in the next, and showed what its offer could not know',
  ],
]

const ONE = process.env['SIM_SEED']
const COUNT = Number(process.env['SIM_SEEDS'] ?? 500)
const BASE = Number(process.env['SIM_BASE'] ?? randomInt(2 ** 32))

const MEMBERS = (process.env['SIM_MEMBERS'] ?? 'changing') as Membership
/** Of the seeds, so many are run with a cluster of 1 to 3 members too, where one vote decides. */
const SMALL_SHARE = 0.4

type Totals = {
  -readonly [Name in keyof RunCounts]: number
}

async function runSeeds(count: number, membership: Membership): Promise<Totals> {
  const total: Totals = { ...NOTHING }
  for (let seed = BASE; seed < BASE + count; seed++) {
    const counts = await runSeed(seed, membership)
    for (const name of Object.keys(total) as (keyof RunCounts)[]) total[name] += counts[name]
  }
  console.log(`${count} seeds from ${BASE} on, ${membership}: ${JSON.stringify(total)}`)
  return total
}

if (ONE !== undefined) {
  test(`seed ${ONE} breaks nothing`, async () => {
    expect(await runSeed(Number(ONE), MEMBERS)).toMatchObject({ simulatedMs: expect.any(Number) })
  })
} else {
  describe('seeds that once failed', () => {
    test.each(ONCE_FAILED)('%i, %s: %s', async (seed, membership) => {
      await runSeed(seed, membership)
    })
  })

  test(`${COUNT} seeds from ${BASE} on break nothing, and a healed majority makes progress`, async () => {
    const total = await runSeeds(COUNT, 'changing')
    // Runs that do nothing would pass every check.
    expect(total.acknowledged).toBeGreaterThan(COUNT * 30)
    expect(total.delivered).toBeGreaterThan(COUNT * 5)
    expect(total.expired).toBeGreaterThan(COUNT)
    if (COUNT >= 100) expect(total.snapshots).toBeGreaterThan(0)
    if (COUNT >= 100) expect(total.changes).toBeGreaterThan(COUNT / 10)
  })

  const smallCount = Math.ceil(COUNT * SMALL_SHARE)
  test(`${smallCount} seeds from ${BASE} on break nothing where one to three members come and go`, async () => {
    const total = await runSeeds(smallCount, 'small')
    expect(total.acknowledged).toBeGreaterThan(smallCount * 30)
    expect(total.changes).toBeGreaterThan(smallCount)
  })

  test('a seed gives the same run every time', async () => {
    expect(await runSeed(7, 'small')).toEqual(await runSeed(7, 'small'))
  })
}
