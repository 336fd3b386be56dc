/** How long polls wait, so that the history of a busy server is not lost. */
import { expect, test } from 'vitest'
import { Pace } from '../../src/client/pace.ts'

/** Polls that each last as long as they may, on a store that goes so fast; their lengths in seconds. */
function lengths(eventsPerS: number, polls: number, pollMsMax = 30_000): readonly number[] {
  const pace = new Pace(pollMsMax)
  const all: number[] = []
  for (let nowMs = 5_000; all.length < polls; nowMs += pace.pollMs) {
    all.push(pace.pollMs / 1000)
    pace.polled(Math.round((nowMs / 1000) * eventsPerS), nowMs)
  }
  return all
}

test('polls grow to their full length on a quiet server', () => {
  expect(lengths(0, 8)).toEqual([1, 1, 2, 4, 8, 16, 30, 30])
  expect(lengths(1, 8)).toEqual([1, 1, 2, 4, 8, 16, 30, 30])
})

test('polls stay within half of what etcd remembers', () => {
  for (const rate of [20, 50, 100, 400, 500]) {
    const last = lengths(rate, 20).at(-1) as number
    expect(last * rate, `${rate} events a second`).toBeLessThanOrEqual(505)
    expect(last * rate).toBeGreaterThan(400)
  }
})

test('polls are never so short that they become a burden, nor longer than they may be', () => {
  expect(Math.min(...lengths(100_000, 20))).toBe(1)
  expect(lengths(0, 5, 50)).toEqual([0.05, 0.05, 0.05, 0.05, 0.05])
})

test('a server that was left behind counts as quiet', () => {
  const pace = new Pace(30_000)
  pace.polled(1_000, 1_000)
  pace.polled(10, 2_000)
  expect(pace.pollMs).toBe(2_000)
})
