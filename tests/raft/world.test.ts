/**
 * No schedule of faults breaks what the Raft paper promises in figure 3, and when they end the cluster goes on.
 *
 * `RAFT_SEED` and `RAFT_RUNS` in the environment choose another stretch of schedules; a failure prints the seed and the
 * shortest schedule that fast-check found.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Act } from './world.ts'
import { World } from './world.ts'

const seed = Number(process.env['RAFT_SEED'] ?? 1)
const numRuns = Number(process.env['RAFT_RUNS'] ?? 60)

/** How often each act comes, relative to the others. */
type Odds = Partial<Record<Act, number>>

interface Schedule {
  readonly odds: Odds
  /** `roll` picks an act by its odds. */
  readonly steps: readonly { readonly roll: number; readonly who: number; readonly how: number }[]
  readonly worldSeed: number
}

const WORK: Odds = { tick: 40, take: 60, write: 60, deliver: 120, flow: 60, propose: 60 }

/** How bad things are is drawn first, so that schedules differ in kind and not only in order. */
function schedules(services: Odds): fc.Arbitrary<Schedule> {
  const faults = fc.record({
    double: fc.constantFrom(0, 5, 40),
    drop: fc.constantFrom(0, 5, 40),
    crash: fc.constantFrom(0, 2, 10),
    gone: fc.constantFrom(0, 2, 20),
    unreachable: fc.constantFrom(0, 5),
    cut: fc.constantFrom(0, 0, 4),
  })
  const step = fc.record({ roll: fc.nat(9999), who: fc.nat(999), how: fc.nat(999) })
  return fc.record({
    odds: faults.map((drawn) => ({ ...WORK, ...services, ...drawn, restart: drawn.crash * 3, heal: drawn.cut * 3 })),
    steps: fc.array(step, { minLength: 100, maxLength: 600, size: 'max' }),
    worldSeed: fc.nat(),
  })
}

function run(voters: string, spares: string, schedule: Schedule): World {
  const world = new World(voters, spares, schedule.worldSeed)
  const table = Object.entries(schedule.odds).flatMap(([act, odds]) => new Array<Act>(odds).fill(act as Act))
  for (const { roll, who, how } of schedule.steps) {
    world.run({ act: table[roll % table.length] ?? 'flow', who, how })
  }
  return world
}

function check(voters: string, spares: string, services: Odds): void {
  const property = fc.property(schedules(services), (schedule) => run(voters, spares, schedule).calm())
  fc.assert(property, { seed, numRuns })
}

/** For long stretches, and for machines that do much else. */
const TIMEOUT_MS = 60_000 + numRuns * 100

describe(`no schedule of faults breaks safety, and calm brings progress (seed ${seed})`, () => {
  test(
    'three members',
    () => {
      check('123', '', {})
    },
    TIMEOUT_MS,
  )

  test(
    'five members with reads, hand-overs and compaction',
    () => {
      check('12345', '', { read: 20, transfer: 4, compact: 10, clock: 20 })
    },
    TIMEOUT_MS,
  )

  test(
    'members that come and go',
    () => {
      check('123', '456', { read: 20, transfer: 4, compact: 10, clock: 20, change: 40 })
    },
    TIMEOUT_MS,
  )

  test(
    'the schedules are not idle: most of them commit entries under faults',
    () => {
      const drawn = fc.sample(schedules({}), { seed, numRuns: 30 })
      const busy = drawn.filter((schedule) => run('123', '', schedule).appliedIndex >= 10)
      expect(busy.length).toBeGreaterThan(15)
    },
    TIMEOUT_MS,
  )
})
