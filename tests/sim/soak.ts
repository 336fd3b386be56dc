/**
 * One seed: a plan drawn, a cluster under its faults, then healed and held to progress.
 *
 * Owns: the two halves of a run and the report of a failed one.
 */
import { SimClient } from './clients.ts'
import { asFailure, report } from './failure.ts'
import { drawChanges, drawPlan, drawSmall, Nemesis, type Plan } from './faults.ts'
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
}

/** Whether a run's members stay, change, or change in a cluster of 1 to 3. */
export type Membership = 'fixed' | 'changing' | 'small'

export const NOTHING: RunCounts = {
  acknowledged: 0,
  applied: 0,
  snapshots: 0,
  expired: 0,
  delivered: 0,
  simulatedMs: 0,
  changes: 0,
}

/**
 * Runs one seed. Throws an Error whose message begins with the line that replays it.
 *
 * @param membership 'fixed' for those that were found before members could change.
 */
export async function runSeed(seed: number, membership: Membership): Promise<RunCounts> {
  const random = new Prng(seed)
  const fixed = drawPlan(random)
  const settings = drawSettings(random)
  const draw = { fixed: () => fixed, changing: drawChanges, small: drawSmall }[membership]
  const plan = draw(fixed, random)
  const world = await World.create({ seed, members: plan.members, settings, digestEvery: plan.digestEvery })
  const rejected = (error: unknown): void => world.fail(error)
  process.on('unhandledRejection', rejected)
  try {
    return await runPlan(world, plan)
  } catch (error) {
    const failure = asFailure(error)
    const replay = `SIM_SEED=${seed} SIM_MEMBERS=${membership} npx vitest run tests/sim/seeds.test.ts`
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
  }
}
