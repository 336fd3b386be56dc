/**
 * Schedules as lists of small steps, which shrink: when one breaks something, fast-check prints the handful that is needed.
 *
 * `SIM_SCHEDULES=n` says how many to try. Numbers in a step are read modulo what exists, so that every list means something.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { asFailure } from './failure.ts'
import { mustSettle } from './progress.ts'
import { setCommand } from './scenario.ts'
import { ROOMY } from './settings.ts'
import { FAST_DISK, World } from './world.ts'

const SCHEDULES = Number(process.env['SIM_SCHEDULES'] ?? 150)

type Step = readonly [deed: keyof typeof DEEDS, a: number, b: number]

/** What a step does to a world. */
const DEEDS = {
  run: (world, a) => world.run(a),
  write: async (world, a, b) => void world.ask(world.member(a), setCommand(`/k/${b % 4}`, `v${a}-${b}`)),
  expire: async (world, a, b) => void world.ask(world.member(a), setCommand(`/t/${b % 4}`, 'x', 20 + b)),
  read: async (world, a, b) => world.readQuorum(world.member(a), `/k/${b % 4}`, () => {}),
  crash: async (world, a) => world.crash(world.member(a)),
  start: async (world, a) => world.restart(world.member(a)),
  pause: async (world, a) => world.pause(world.member(a)),
  resume: async (world, a) => world.resume(world.member(a)),
  cut: async (world, a, b) => world.network.cut(world.member(a).id, world.member(b).id),
  isolate: async (world, a) => world.isolate(world.member(a)),
  mend: async (world) => world.network.mendAll(),
  handOver: async (world) => world.leader()?.when((replica) => void replica.handOver()),
  slowDisk: async (world, a, b) => {
    world.diskSpeeds[a % world.members.length] = { msMin: b / 4, msMax: b }
  },
} satisfies Record<string, (world: World, a: number, b: number) => Promise<void>>

const deed = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('run', 'write') },
  { weight: 4, arbitrary: fc.constantFrom('expire', 'read', 'crash', 'start', 'handOver') },
  { weight: 2, arbitrary: fc.constantFrom('pause', 'resume', 'cut', 'isolate', 'mend', 'slowDisk') },
) as fc.Arbitrary<keyof typeof DEEDS>
const steps: fc.Arbitrary<Step[]> = fc.array(fc.tuple(deed, fc.nat(250), fc.nat(250)), { maxLength: 120 })

async function play(seed: number, members: number, schedule: readonly Step[]): Promise<void> {
  const settings = { ...ROOMY, logEntriesMax: 20, unflushedEntriesMax: 4 }
  const world = await World.create({ seed, members, settings })
  try {
    for (const [name, a, b] of schedule) await DEEDS[name](world, a, b)
    world.network.mendAll()
    world.diskSpeeds.fill(FAST_DISK)
    for (const member of world.members) {
      world.resume(member)
      if (!member.isUp) world.restart(member)
    }
    await mustSettle(world, world.members, [])
  } catch (error) {
    const failure = asFailure(error)
    throw new Error(`${failure.kind}: ${failure.message}\n${world.trace.join('\n')}`, { cause: error })
  }
}

test('no schedule of faults breaks safety, and a healed cluster makes progress', async () => {
  const property = fc.asyncProperty(fc.nat(1000), fc.constantFrom(3, 3, 5), steps, play)
  const outcome = await fc.check(property, { numRuns: SCHEDULES })
  // The report names seed, path and the shortest schedule found.
  expect(outcome.failed ? fc.defaultReportMessage(outcome) : '').toBe('')
})
