/** The clock of sessions counts sleep, and takes no coarse or wandering clock for it. */
import { expect, test } from 'vitest'
import { WakingClock } from '../../../src/client/coordination/waking-clock.ts'

function rig() {
  const world = { steadyMs: 500, uptimeMs: 90_000 }
  const clock = new WakingClock(
    () => world.steadyMs,
    () => world.uptimeMs,
    50,
  )
  const pass = (ms: number, asleepMs = 0): number => {
    world.steadyMs += ms
    world.uptimeMs += ms + asleepMs
    return clock.nowMs()
  }
  return { world, clock, pass }
}

test('the clock goes on while the machine sleeps', () => {
  const { pass } = rig()
  expect(pass(10)).toBe(510)
  expect(pass(10, 60_000)).toBe(60_520)
  expect(pass(10)).toBe(60_530)
  expect(pass(0, 1_000)).toBe(61_530)
})

test('steps of the coarse clock are no sleep, but small sleeps add up', () => {
  const { world, clock, pass } = rig()
  for (const jitterMs of [10, -20, 49, -39]) {
    world.uptimeMs += jitterMs
    expect(clock.nowMs()).toBe(500)
  }
  expect(pass(0, 30)).toBe(500)
  expect(pass(0, 30)).toBe(560)
})

test('the clock never goes back when the coarse one does', () => {
  const { world, clock, pass } = rig()
  expect(pass(0, 5_000)).toBe(5_500)
  world.uptimeMs -= 100_000
  expect(clock.nowMs()).toBe(5_500)
  expect(pass(10)).toBe(5_510)
})
