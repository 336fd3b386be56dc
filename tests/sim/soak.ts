/**
 * One seed: a plan drawn, a cluster under its faults, then healed and held to progress.
 *
 * Owns: the two halves of a run and the report of a failed one.
 */
import { SimClient } from './clients.ts'
import { asFailure, report } from './failure.ts'
import { drawChanges, drawPlan, Nemesis, type Plan } from './faults.ts'
import { Prng } from './prng.ts'
import { mustSettle } from './progress.ts'
import { drawSettings, ELECTION_MS } from './settings.ts'
import { SimWatcher } from './watchers.ts'
import { World } from './world.ts'

/** A change that was begun may wait for its deadline, and then be found made after all. */
const CHANGE_MS_MAX = 60 * ELECTION_MS

/** What a run did, to see that runs do something. */
export interface RunCounts {
  readonly acknowledged: number
  readonly applied: number
  readonly snapshots: number
  readonly expired: number
  readonly delivered: number
  readonly simulatedMs: number
  /** Members that joined or left. */
  readonly changes: number
  /** 1 for a run with changes of the members that stood still in the end; see README.md, "What is known". */
  readonly stalled: number
}

export const NOTHING: RunCounts = {
  acknowledged: 0,
  applied: 0,
  snapshots: 0,
  expired: 0,
  delivered: 0,
  simulatedMs: 0,
  changes: 0,
  stalled: 0,
}

/**
 * Runs one seed. Throws an Error whose message begins with the line that replays it.
 *
 * @param mayChangeMembers false for those that were found before members could change.
 * @param mayStall true: a run with changes of the members that makes no progress is counted and told, not thrown.
 */
export async function runSeed(seed: number, mayChangeMembers = true, mayStall = false): Promise<RunCounts> {
  const random = new Prng(seed)
  const fixed = drawPlan(random)
  const settings = drawSettings(random)
  const plan = mayChangeMembers ? drawChanges(fixed, random) : fixed
  const world = await World.create({ seed, members: plan.members, settings, digestEvery: plan.digestEvery })
  const rejected = (error: unknown): void => world.fail(error)
  process.on('unhandledRejection', rejected)
  try {
    return await runPlan(world, plan)
  } catch (error) {
    const failure = asFailure(error)
    const replay = `SIM_SEED=${seed} npx vitest run tests/sim/seeds.test.ts`
    if (mayStall && failure.kind === 'no progress' && world.changeCount > 0) {
      console.log(`no progress after changes of the members: ${replay}`)
      return { ...NOTHING, simulatedMs: world.nowMs, stalled: 1 }
    }
    world.trace.unshift(`plan: ${JSON.stringify(plan)}`, `settings: ${JSON.stringify(settings)}`)
    throw new Error(report(replay, failure, world.nowMs, world.trace), { cause: failure })
  } finally {
    process.off('unhandledRejection', rejected)
  }
}

async function runPlan(world: World, plan: Plan): Promise<RunCounts> {
  const clients = Array.from({ length: plan.clients }, (_, i) => new SimClient(world, `c${i + 1}`, plan.client))
  const watchers = Array.from({ length: plan.watchers }, (_, i) => new SimWatcher(world, `w${i + 1}`, plan.watcher))
  const nemesis = new Nemesis(world, plan)
  await world.run(plan.faultMs)
  const well = nemesis.heal()
  for (const client of clients) client.stop()
  // Who was added joins, who was removed leaves, and who is told to stop has time to.
  const { operator } = nemesis
  if (operator !== undefined)
    await world.mustReach('the members did not settle', () => operator.isSettled, CHANGE_MS_MAX)
  await mustSettle(world, operator === undefined ? well : world.members, watchers)
  const { acknowledged, expiry, watches } = world.judge
  return {
    acknowledged: acknowledged.acknowledgedCount,
    applied: well[0]?.replica?.store.appliedIndex ?? 0,
    snapshots: world.snapshots.installedCount,
    expired: expiry.expiredCount,
    delivered: watches.deliveredCount,
    simulatedMs: world.nowMs,
    changes: world.changeCount,
    stalled: 0,
  }
}
