/** Which members a proxy asks. */
import { expect, test } from 'vitest'
import { Endpoints } from '../../src/proxy/endpoints.ts'

function make(random = () => 0.999) {
  const clock = { ms: 0 }
  return { clock, endpoints: new Endpoints({ failureWaitMs: 5000, nowMs: () => clock.ms, random }) }
}

test('one that failed is passed over for a while, and then is in its place again', () => {
  const { clock, endpoints } = make()
  endpoints.set(['a', 'b', 'c'])
  expect(endpoints.available()).toEqual(['a', 'b', 'c'])
  expect([endpoints.failed('a'), endpoints.failed('a')]).toEqual([true, false])
  expect(endpoints.available()).toEqual(['b', 'c'])
  clock.ms = 4999
  expect(endpoints.available()).toEqual(['b', 'c'])
  clock.ms = 5000
  expect(endpoints.available()).toEqual(['a', 'b', 'c'])
})

test('one that answers is worth asking at once', () => {
  const { endpoints } = make()
  endpoints.set(['a', 'b'])
  endpoints.failed('a')
  endpoints.worked('a')
  expect(endpoints.available()).toEqual(['a', 'b'])
})

test('those that stay keep their places, so that reads do not go back in time', () => {
  const { endpoints } = make()
  endpoints.set(['b', 'c'])
  endpoints.set(['a', 'c', 'b', 'd'])
  expect(endpoints.all.slice(0, 2)).toEqual(['b', 'c'])
  expect(endpoints.all.toSorted()).toEqual(['a', 'b', 'c', 'd'])
  endpoints.failed('c')
  endpoints.set(['a'])
  endpoints.set(['a', 'c'])
  expect(endpoints.available()).toEqual(['a', 'c'])
})

test('new ones come in any order, so that proxies spread over the members', () => {
  const first = new Set<string | undefined>()
  for (const random of [0, 0.4, 0.7]) {
    const { endpoints } = make(() => random)
    endpoints.set(['a', 'b', 'c'])
    first.add(endpoints.all[0])
  }
  expect(first.size).toBeGreaterThan(1)
})

test('no more than 100 are remembered', () => {
  const { endpoints } = make()
  endpoints.set(Array.from({ length: 150 }, (_, at) => `u${at}`))
  expect(endpoints.all).toHaveLength(100)
})
