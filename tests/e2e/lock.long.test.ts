/** The fencing token over many rounds: LOCK_ROUNDS of them, 10,000 by default; LOCK_SEED draws the same faults again. */
import { expect, test } from 'vitest'
import { runLockRounds } from '../support/lock-rounds.ts'

const ROUNDS = Number(process.env['LOCK_ROUNDS'] ?? 10_000)

test(`the fencing token strictly increases across holders in ${ROUNDS} contended rounds with faults`, async () => {
  const { ledger } = await runLockRounds(ROUNDS, 800_000)
  expect(ledger.wrongs).toEqual([])
  expect(ledger.rounds).toBeGreaterThanOrEqual(ROUNDS)
  for (const fences of ledger.fences.values()) expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b))
})
