/** Tokens grow from holder to holder whatever breaks, and leaders do not overlap unless a process is paused. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { MusterClient } from '../../src/entry/client.ts'
import type { Child } from '../support/child.ts'
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
    await eventually('terms', () => rig.ledger.rounds > 0)
    return rig
  }

  test('never overlap while no process is paused, whatever else fails', async () => {
    const seed = Number(process.env['LOCK_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
    console.info(`LOCK_SEED=${seed}`)
    const rig = await startElection()
    const { ledger } = rig
    const faultsDone = (): number => [...rig.done.values()].reduce((sum, count) => sum + count, 0)
    await rig.torment(
      ['isolate', 'kill leader', 'cut', 'stall', 'kill contender'],
      500,
      randomFrom(seed),
      () => faultsDone() >= FAULTS,
    )
    console.info(`${ledger.rounds} terms`, Object.fromEntries(rig.done))
    const before = ledger.rounds
    await eventually('terms when all is whole', () => ledger.rounds > before + 1, 60_000)
    expect(ledger.wrongs).toEqual([])
    expect(ledger.overlaps).toBe(0)
  })

  /** Stops the leader while it is inside, or cuts it off, and tells which one that was. */
  async function takeLeader(rig: FenceRig, take: (child: Child) => void, letGo: (child: Child) => void) {
    const client = new MusterClient({ endpoints: rig.cluster.urls })
    onTestFinished(() => client.close())
    // Between two terms there is nobody inside, and short ones may end by themselves: another try then.
    return eventually('a leader in a long term', async () => {
      const leader = await client.election(ELECTION).leader()
      const child = rig.contenders.find(({ pid }) => `${pid}` === leader?.value)
      if (leader === undefined || child === undefined || leader.fence % 2 === 1) return undefined
      take(child)
      if (rig.ledger.inside(ELECTION).includes(leader.fence)) return { child, fence: leader.fence }
      letGo(child)
      return undefined
    })
  }

  /** The token of a leader after that one. */
  function leaderAfter({ ledger }: FenceRig, fence: number): Promise<number> {
    return eventually('another leader', () => ledger.inside(ELECTION).find((other) => other > fence))
  }

  test('of a leader that is cut off has ended before another begins', async () => {
    const rig = await startElection()
    const { ledger } = rig
    const cut = await takeLeader(
      rig,
      (child) => rig.isolate(child),
      (child) => rig.isolate(child).resume(),
    )
    await leaderAfter(rig, cut.fence)
    expect(ledger.inside(ELECTION)).not.toContain(cut.fence)
    expect(ledger.overlaps).toBe(0)
    expect(ledger.wrongs).toEqual([])
    rig.isolate(cut.child).resume()
    const before = ledger.rounds
    await eventually('another term', () => ledger.rounds > before, 60_000)
    expect(ledger.wrongs).toEqual([])
  })

  test('overlap with a paused process, and the token tells them apart', async () => {
    const rig = await startElection()
    const { ledger } = rig
    const stopped = await takeLeader(
      rig,
      (child) => child.kill('SIGSTOP'),
      (child) => child.kill('SIGCONT'),
    )
    await leaderAfter(rig, stopped.fence)
    expect(ledger.overlaps).toBeGreaterThan(0)
    expect(ledger.refusals).toBe(0)
    stopped.child.kill('SIGCONT')
    await eventually('the paused one to be refused', () => ledger.refusals > 0)
    // It knew by its own clock that it had lost what it held.
    expect(ledger.wrongs).toEqual([])
  })
})
