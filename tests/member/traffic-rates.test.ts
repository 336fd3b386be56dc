/** How much goes between members, per second. */
import { expect, test } from 'vitest'
import { TrafficMeter } from '../../src/member/traffic-rates.ts'

test('a rate is what came between two looks, and goes back to zero when nothing comes', () => {
  const counts = { sentAppends: 10, sentBytes: 1000, receivedAppends: 0, receivedBytes: 0 }
  let nowMs = 5_000
  const meter = new TrafficMeter(counts, () => nowMs)
  expect(meter.rates).toEqual({ sentAppends: 0, sentBytes: 0, receivedAppends: 0, receivedBytes: 0 })
  counts.sentAppends += 30
  counts.sentBytes += 4000
  counts.receivedBytes += 100
  nowMs += 2_000
  meter.look()
  expect(meter.rates).toEqual({ sentAppends: 15, sentBytes: 2000, receivedAppends: 0, receivedBytes: 50 })
  meter.look()
  expect(meter.rates.sentAppends).toBe(15)
  nowMs += 1_000
  meter.look()
  expect(meter.rates).toEqual({ sentAppends: 0, sentBytes: 0, receivedAppends: 0, receivedBytes: 0 })
  meter.end()
})
