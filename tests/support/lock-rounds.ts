/**
 * Rounds of contended locks under faults, for the short test and the long one.
 *
 * Owns: how many contend, which faults come and how often. Asserts nothing.
 */
import { eventually } from './eventually.ts'
import { type FenceRig, randomFrom, startFenceRig } from './fence-rig.ts'

/** Seconds. Short, so that sessions do end within the test. */
const TTL_S = 2
/** Between two faults, about. Milliseconds. */
const REST_MS = 1_500

/** Lets 48 contenders in three processes take eight locks in turn until there were so many rounds. Prints the seed and what happened. */
export async function runLockRounds(rounds: number, msMax: number): Promise<FenceRig> {
  const seed = Number(process.env['LOCK_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
  console.info(`LOCK_SEED=${seed} LOCK_ROUNDS=${rounds}`)
  const rig = await startFenceRig({ mode: 'lock', processes: 3, contenders: 2, resources: 8, ttl: TTL_S })
  const { ledger } = rig
  const endMs = performance.now() + msMax
  const faults = [
    'kill leader',
    'kill follower',
    'pause member',
    'cut',
    'stall',
    'isolate',
    'pause contender',
    'kill contender',
  ] as const
  await rig.torment(faults, REST_MS, randomFrom(seed), () => ledger.rounds >= rounds || performance.now() > endMs)
  const { refusals, overlaps } = ledger
  console.info(`${ledger.rounds} rounds, ${refusals} refusals, ${overlaps} overlaps`, Object.fromEntries(rig.done))
  // Whole again, every lock goes round.
  const before = new Map([...ledger.fences].map(([name, fences]) => [name, fences.length]))
  await eventually('every lock to be taken again', () => {
    return [...ledger.fences].every(([name, fences]) => fences.length > (before.get(name) ?? 0) + 3)
  })
  return rig
}
