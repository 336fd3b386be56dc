/** An outage is said once, however many instances notice it. */
import { afterEach, expect, test, vi } from 'vitest'
import { Reach } from '../../src/sidecar/reach.ts'

afterEach(() => void vi.useRealTimers())

test('an outage is one line, and its end another, once nothing has failed for a while', () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  const lines: string[] = []
  const take = (_: object, line: string): void => void lines.push(line)
  const reach = new Reach({ debug: take, info: take, warn: take })
  reach.answered()
  vi.advanceTimersByTime(10_000)
  for (let at = 0; at < 3; at++) {
    reach.failed(new Error('away'))
    reach.answered()
    vi.advanceTimersByTime(500)
  }
  expect(lines).toEqual([expect.stringContaining('cannot be asked')])
  vi.advanceTimersByTime(2_000)
  reach.answered()
  reach.answered()
  expect(lines).toEqual([expect.anything(), 'the store answers again'])
})
