/** How a member that was removed ends: not before the others can do without its vote, and not without a word. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Leaving } from '../../src/member/leave.ts'
import type { MemberError } from '../../src/member/member-error.ts'
import { memberId } from '../../src/raft/types.ts'

const [ME, OTHER] = [memberId('a1'), memberId('b2')]

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function makeLeaving(isServing: boolean) {
  const state = { isServed: true, closed: 0 }
  const warned: string[] = []
  const ends: (MemberError | undefined)[] = []
  const nothing = (): void => {}
  const warn = (_: object, message: string): number => warned.push(message)
  let letClientsGo = (): void => {}
  const leaving = new Leaving({
    replica: { id: ME, members: { isServed: () => state.isServed } as never },
    log: { debug: nothing, info: nothing, warn, error: nothing },
    isServing: () => isServing,
    closeClients: () => {
      state.closed++
      return new Promise((done) => {
        letClientsGo = done
      })
    },
    over: (error) => ends.push(error),
  })
  return { leaving, state, warned, ends, letClientsGo: () => letClientsGo() }
}

test('one that serves sends its clients away at once, and ends as asked when it was let go and they are gone', async () => {
  const { leaving, state, warned, ends, letClientsGo } = makeLeaving(true)
  leaving.removed()
  expect(state.closed).toBe(1)
  expect(warned).toEqual([
    expect.stringMatching(/^this member was removed from the cluster: remove its data directory/),
  ])
  letClientsGo()
  await vi.advanceTimersByTimeAsync(1000)
  expect(ends).toEqual([])
  state.isServed = false
  await vi.advanceTimersByTimeAsync(100)
  expect(ends).toEqual([undefined])
  expect(vi.getTimerCount()).toBe(0)
})

test('clients that are answered yet are waited for', async () => {
  const { leaving, state, ends, letClientsGo } = makeLeaving(true)
  leaving.removed()
  state.isServed = false
  await vi.advanceTimersByTimeAsync(1000)
  expect(ends).toEqual([])
  letClientsGo()
  await vi.advanceTimersByTimeAsync(0)
  expect(ends).toEqual([undefined])
})

test('as long as its vote may be needed it stays, and says so every few seconds', async () => {
  const { leaving, warned, ends, letClientsGo } = makeLeaving(true)
  leaving.removed()
  letClientsGo()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(ends).toEqual([])
  const told = warned.filter((line) =>
    line.includes('waits until the others can do without its vote. A signal ends it'),
  )
  expect(told).toHaveLength(12)
})

test('one that is turned away goes at once: whoever does that needs it no more', async () => {
  const { leaving, ends, letClientsGo } = makeLeaving(true)
  leaving.removed()
  leaving.turnedAway(OTHER)
  letClientsGo()
  await vi.advanceTimersByTimeAsync(100)
  expect(ends).toEqual([undefined])
})

test('one that was started after its removal ends with an error, and says who told it', async () => {
  for (const [tell, sentence] of [
    [(leaving: Leaving) => leaving.removed(), /^this member was removed from the cluster: remove its data directory/],
    [(leaving: Leaving) => leaving.turnedAway(OTHER), /^this member was removed from the cluster, says b2: remove its/],
  ] as const) {
    const { leaving, state, ends, letClientsGo } = makeLeaving(false)
    tell(leaving)
    state.isServed = false
    letClientsGo()
    await vi.advanceTimersByTimeAsync(100)
    expect(ends).toMatchObject([{ code: 'MUSTER_MEMBER_REMOVED', message: expect.stringMatching(sentence) }])
  }
})

test('a stop for another reason ends the waiting, and nothing begins after it', async () => {
  const { leaving, state, ends, letClientsGo } = makeLeaving(true)
  leaving.removed()
  leaving.cancel()
  state.isServed = false
  letClientsGo()
  await vi.advanceTimersByTimeAsync(1000)
  expect(ends).toEqual([])
  expect(vi.getTimerCount()).toBe(0)
  const late = makeLeaving(true)
  late.leaving.cancel()
  late.leaving.removed()
  expect(late.state.closed).toBe(0)
})
