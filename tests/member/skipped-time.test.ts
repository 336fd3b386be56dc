/** Time that is skipped has passed only when every member has seen it, and holds nothing more that is due. */
import { expect, test } from 'vitest'
import { SkippedTime } from '../../src/member/skipped-time.ts'
import type { RoleView } from '../../src/raft/ready.ts'

/** A member whose turns are counted: it takes what was skipped in one, and removes what is due in later ones. */
class Turning {
  readonly clusterId = 'c'
  readonly replica
  readonly time
  turns = 0
  dueTurns = 0
  #clockMs = 0

  constructor(shared: SkippedTime, role: RoleView['role']) {
    this.time = shared.join()
    this.replica = {
      roleView: { role, term: 1, leader: undefined },
      clockNowMs: () => this.#clockMs,
      store: { nextDeadlineMs: () => (this.dueTurns > 0 ? 500 : undefined) },
    }
    this.time.attend(this)
  }

  readonly wake = (): void => {
    this.turns += 1
    this.#clockMs += this.time.skippedMs()
    if (this.#clockMs >= 500 && this.dueTurns > 0) this.dueTurns -= 1
  }

  /** It hears of its leader's clock. */
  hear(clockMs: number): void {
    this.#clockMs = clockMs
  }
}

test('what is due is waited for, however many turns that takes, and time is skipped once', async () => {
  const shared = new SkippedTime()
  const leader = new Turning(shared, 'leader')
  leader.dueTurns = 20
  await shared.advance(1_000)
  expect(leader.dueTurns).toBe(0)
  expect(leader.replica.clockNowMs()).toBe(1_000)
})

test('a follower skips nothing itself, and is waited for', async () => {
  const shared = new SkippedTime()
  const leader = new Turning(shared, 'leader')
  const follower = new Turning(shared, 'follower')
  let isOver = false
  const passing = shared.advance(1_000).then(() => {
    isOver = true
  })
  await expect.poll(() => leader.turns > 3 && follower.turns > 3).toBe(true)
  expect([isOver, follower.replica.clockNowMs()]).toEqual([false, 0])
  follower.hear(1_000)
  await passing
})

test('a signal ends the waiting where nobody leads', async () => {
  const shared = new SkippedTime()
  const follower = new Turning(shared, 'follower')
  const over = new AbortController()
  const passing = shared.advance(1_000, { signal: over.signal })
  await expect.poll(() => follower.turns > 3).toBe(true)
  over.abort(new Error('enough'))
  await expect(passing).rejects.toThrow('enough')
  expect(follower.replica.clockNowMs()).toBe(0)
})
