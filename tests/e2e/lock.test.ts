/** Tokens grow from holder to holder whatever breaks, and leaders do not overlap unless a process is paused. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { MusterClient } from '../../src/entry/client.ts'
import { eventually } from '../support/eventually.ts'
import { type FenceRig, randomFrom, startFenceRig } from '../support/fence-rig.ts'
import { runLockRounds } from '../support/lock-rounds.ts'

/** Short form; `lock.long.test.ts` does 10,000. */
const ROUNDS = 300
/** In the test of elections; each may cost a TTL. */
const FAULTS = 8
const ELECTION = '/contended/election-0'

test(`the fencing token strictly increases across holders in ${ROUNDS} contended rounds with faults`, {
  timeout: 300_000,
}, async () => {
  const { ledger } = await runLockRounds(ROUNDS, 180_000)
  expect(ledger.wrongs).toEqual([])
  expect(ledger.rounds).toBeGreaterThanOrEqual(ROUNDS)
})

describe('elected callbacks', () => {
  async function startElection(): Promise<FenceRig> {
    // A wide margin: a busy machine that does not run a process for a second has paused it.
    const rig = await startFenceRig({ mode: 'election', processes: 3, contenders: 1, resources: 1, ttl: 5 })
    await eventually('terms', () => rig.ledger.rounds > 3)
    return rig
  }

  test('never overlap while no process is paused, whatever else fails', async () => {
    const seed = Number(process.env['LOCK_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
    console.info(`LOCK_SEED=${seed}`)
    const rig = await startElection()
    const { ledger } = rig
    const faultsDone = (): number => [...rig.done.values()].reduce((sum, count) => sum + count, 0)
    await rig.torment(
      ['kill leader', 'cut', 'stall', 'kill contender'],
      500,
      randomFrom(seed),
      () => faultsDone() >= FAULTS,
    )
    console.info(`${ledger.rounds} terms`, Object.fromEntries(rig.done))
    const before = ledger.rounds
    await eventually('terms when all is whole', () => ledger.rounds > before + 3)
    expect(ledger.wrongs).toEqual([])
    expect(ledger.overlaps).toBe(0)
  })

  test('overlap with a paused process, and the token tells them apart', async () => {
    const rig = await startElection()
    const { ledger, cluster } = rig
    const client = new MusterClient({ endpoints: cluster.urls })
    onTestFinished(() => client.close())
    // Between two terms there is nobody inside: another try then.
    const paused = await eventually('a leader that is stopped while it is inside', async () => {
      const leader = await client.election(ELECTION).leader()
      const child = rig.contenders.find(({ pid }) => `${pid}` === leader?.value)
      child?.kill('SIGSTOP')
      if (child !== undefined && ledger.inside(ELECTION).includes(leader?.fence ?? 0)) return child
      child?.kill('SIGCONT')
      return undefined
    })
    const [stopped = 0] = ledger.inside(ELECTION)
    const next = await eventually('another leader', () => ledger.inside(ELECTION).find((fence) => fence > stopped))
    expect(ledger.overlaps).toBeGreaterThan(0)
    expect(ledger.refusals).toBe(0)
    paused.kill('SIGCONT')
    await eventually('the paused one to be refused', () => ledger.refusals > 0)
    expect(next).toBeGreaterThan(stopped)
    // It knew by its own clock that it had lost what it held.
    expect(ledger.wrongs).toEqual([])
  })
})
