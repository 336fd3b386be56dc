/**
 * Progress: a majority that is well answers everybody, agrees, and serves again, within a bound.
 *
 * Owns: what "well" means at the end of a run, and how long it may take. Safety without it is a cluster that does nothing
 * very correctly.
 */
import type { EndState } from './checker.ts'
import { SimFailure, wrong } from './failure.ts'
import type { SimMember } from './member.ts'
import { ELECTION_MS } from './settings.ts'
import type { SimWatcher } from './watchers.ts'
import type { World } from './world.ts'

/** Elections, a snapshot or two, and every request that was waiting runs into its deadline at the latest. */
const SETTLE_MS_MAX = 30 * ELECTION_MS
/** A write in a cluster that is well; an election may still be under way. */
const WRITE_MS_MAX = 10 * ELECTION_MS
/** What is due expires, and news of the last commit goes round. */
const REST_MS = ELECTION_MS

function isSettled(world: World, well: readonly SimMember[]): boolean {
  if (world.waitingCount > 0) return false
  const first = well[0]?.replica
  if (first === undefined) return false
  const { leader } = first.roleView
  if (leader === undefined) return false
  return well.every((member) => {
    const { replica } = member
    if (replica === undefined || member.isPaused) return false
    const { commitIndex, store, roleView } = replica
    return roleView.leader === leader && commitIndex === first.commitIndex && store.appliedIndex === commitIndex
  })
}

/** Runs until the members in `well` have nothing left to do; then writes through each of them, and ends the run. */
export async function mustSettle(
  world: World,
  well: readonly SimMember[],
  watchers: readonly SimWatcher[],
): Promise<void> {
  await mustBecome(world, well, 'the healed majority did not settle')
  // A hand-over to a member that is gone ends after an election timeout; until then its leader takes no writes.
  await world.run(2 * ELECTION_MS)
  await mustBecome(world, well, 'the healed majority did not stay settled')
  for (const member of [...well]) {
    // Whoever was removed waits for the healed cluster to do without its vote, and may leave only now.
    const hasLeft = (): boolean => !world.members.includes(member)
    if (hasLeft()) continue
    const write = world.ask(member, {
      kind: 'set',
      path: '/end',
      value: member.name,
      dir: false,
      ttl: undefined,
      refresh: false,
    })
    await world.mustReach(
      `a write through ${member.name} was not answered`,
      () => write.answer !== undefined || hasLeft(),
      WRITE_MS_MAX,
    )
    if (hasLeft()) continue
    if (typeof write.answer !== 'object')
      throw new SimFailure('no progress', `a write to a healed majority met ${write.answer}`)
  }
  for (const watcher of watchers) watcher.moveTo(world.random.pick(well))
  await world.run(REST_MS)
  await mustBecome(world, well, 'the healed majority did not settle again')
  const ends = well.map(endOf)
  world.judge.ended(ends)
  // Keys go on falling due while slow watchers catch up, so the goal moves.
  const storeIndex = (): number => Math.min(...well.map((member) => member.replica?.store.storeIndex ?? 0))
  for (const watcher of watchers) {
    while (!watcher.hasSeenAll(storeIndex())) {
      const { seenCount } = watcher
      // A slow client with long polls that fell far behind needs long for all of them, but for no single one.
      if (await world.until(() => watcher.hasSeenAll(storeIndex()) || watcher.seenCount > seenCount, SETTLE_MS_MAX))
        continue
      watcher.checkComplete(storeIndex())
      throw new SimFailure('no progress', 'a watcher was never registered')
    }
  }
}

async function mustBecome(world: World, well: readonly SimMember[], what: string): Promise<void> {
  if (await world.until(() => isSettled(world, well), SETTLE_MS_MAX)) return
  const states = well.map((member) => {
    const status = member.replica?.status()
    return `${member.name}: ${status === undefined ? 'down' : JSON.stringify({ ...status, membership: undefined, waiting: member.replica?.waiting })}`
  })
  throw new SimFailure('no progress', `${what} within ${SETTLE_MS_MAX} ms\n${states.join('\n')}`)
}

function endOf(member: SimMember): EndState {
  const { replica } = member
  if (replica === undefined) throw wrong(`${member.name} does not run in the end`)
  return { member, store: replica.store, status: replica.status(), clockNowMs: replica.clockNowMs() }
}
