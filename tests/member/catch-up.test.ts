/** When a member begins to serve clients. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { onceCaughtUp, onceVoting } from '../../src/member/catch-up.ts'
import type { Condition } from '../../src/replica/ports.ts'
import type { Replica } from '../../src/replica/replica.ts'
import { condition } from '../../src/replica/waiters.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** A replica that refuses every read at once until it is told otherwise. */
function stub() {
  const state = { asked: 0, refusal: condition('MUSTER_OVERLOADED') as Condition | undefined }
  const quorumRead = (done: (refused: Condition | undefined) => void): void => {
    state.asked++
    done(state.refusal)
  }
  const members = { membership: { voters: ['a1'], learners: [] as string[] } }
  return { state, members, replica: { id: 'a1', quorumRead, members } as unknown as Replica }
}

function silentLog() {
  const warned: string[] = []
  const nothing = (): void => {}
  const warn = (_: object, message: string): number => warned.push(message)
  return { warned, log: { debug: nothing, info: nothing, warn, error: nothing } }
}

test('a read that is refused at once is tried again some time later, and not in the same breath', () => {
  const { state, replica } = stub()
  let served = 0
  onceCaughtUp(replica, silentLog().log, () => served++)
  expect([state.asked, served]).toEqual([1, 0])
  vi.advanceTimersToNextTimer()
  expect([state.asked, served]).toEqual([2, 0])
  state.refusal = undefined
  vi.advanceTimersToNextTimer()
  expect([state.asked, served, vi.getTimerCount()]).toEqual([3, 1, 0])
})

test('a wait without a majority is explained in the log, and ends when it is cancelled', () => {
  const { state, replica } = stub()
  const { warned, log } = silentLog()
  const waiting = onceCaughtUp(replica, log, () => expect.unreachable())
  vi.advanceTimersByTime(3000)
  expect(warned).toEqual(['clients are not served yet: this member waits until it can reach a majority of the cluster'])
  const { asked } = state
  waiting.cancel()
  expect(vi.getTimerCount()).toBe(0)
  vi.advanceTimersByTime(10_000)
  expect(state.asked).toBe(asked)
})

test('a member that joins has caught up before it votes, and is ready after', () => {
  const { state, members, replica } = stub()
  const [caughtUp, done] = [vi.fn(), vi.fn()]
  state.refusal = undefined
  members.membership = { voters: ['b2'], learners: ['a1'] }
  onceCaughtUp(replica, silentLog().log, caughtUp)
  expect(caughtUp).toHaveBeenCalledOnce()
  onceVoting(replica, done)
  vi.advanceTimersByTime(1000)
  expect(done).not.toHaveBeenCalled()
  members.membership = { voters: ['a1', 'b2'], learners: [] }
  vi.advanceTimersByTime(1000)
  expect(done).toHaveBeenCalledOnce()
  expect(vi.getTimerCount()).toBe(0)
})
