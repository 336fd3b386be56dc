/** Which server is asked: order, failures, what the cluster tells. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { ENDPOINTS_MAX, Endpoints } from '../../src/client/endpoints.ts'

const [A, B, C] = ['http://a:1', 'http://b:1', 'http://c:1'] as const

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('the one to ask', () => {
  test('is the first of those given, or any of them', () => {
    expect(new Endpoints([A, B, C], 'given').pick([])).toBe(A)
    const firsts = new Set(Array.from({ length: 200 }, () => new Endpoints([A, B, C], 'random').pick([])))
    expect(firsts).toEqual(new Set([A, B, C]))
  })

  test('stays the same until it fails, and is then the next', () => {
    const endpoints = new Endpoints([A, B, C], 'given')
    endpoints.worked(A)
    expect(endpoints.pick([])).toBe(A)
    endpoints.failed(A)
    expect(endpoints.pick([])).toBe(B)
    endpoints.worked(B)
    vi.advanceTimersByTime(120_000)
    // A may be well again, but nobody has a reason to change.
    expect(endpoints.pick([])).toBe(B)
  })

  test('is not one that has failed lately, the longer the oftener it has', () => {
    const endpoints = new Endpoints([A, B], 'given')
    const awayMs = (): number => {
      let ms = 0
      for (; endpoints.pick([B]) !== A || endpoints.pick([]) !== A; ms += 500) {
        // B is down as well: whose time is over first is asked first.
        endpoints.failed(B)
        endpoints.failed(B)
        vi.advanceTimersByTime(500)
        if (ms > 100_000) break
      }
      return ms
    }
    endpoints.failed(A)
    endpoints.failed(B)
    endpoints.failed(B)
    const once = awayMs()
    for (let failures = 0; failures < 5; failures += 1) endpoints.failed(A)
    expect(awayMs()).toBeGreaterThanOrEqual(once)
  })

  test('is one that this call has not tried, even one that failed before', () => {
    const endpoints = new Endpoints([A, B, C], 'given')
    endpoints.failed(B)
    endpoints.failed(C)
    expect(endpoints.pick([A])).toBe(B)
    expect(endpoints.pick([A, B])).toBe(C)
    expect([A, B, C]).toContain(endpoints.pick([A, B, C]))
  })

  test('when all have failed is the one whose time is over first', () => {
    const endpoints = new Endpoints([A, B, C], 'given')
    for (const url of [A, A, A, B, C, C]) endpoints.failed(url)
    expect(endpoints.pick([])).toBe(B)
    expect(endpoints.pick([A, B, C])).toBe(B)
  })

  test('stays the same when a caller has named another, which is then well again', () => {
    const endpoints = new Endpoints([A, B], 'given')
    endpoints.worked(A)
    endpoints.worked(B, true)
    expect(endpoints.pick([])).toBe(A)
    endpoints.failed(B)
    endpoints.worked(B, true)
    endpoints.failed(A)
    expect(endpoints.pick([])).toBe(B)
  })

  test('counts as new once it has answered', () => {
    const endpoints = new Endpoints([A, B], 'given')
    for (let failures = 0; failures < 10; failures += 1) endpoints.failed(A)
    endpoints.worked(A)
    expect(endpoints.pick([])).toBe(A)
    endpoints.failed(A)
    vi.advanceTimersByTime(1_000)
    endpoints.failed(B)
    expect(endpoints.pick([])).toBe(A)
  })
})

describe('what the cluster tells', () => {
  test('is asked too; those that were given stay', () => {
    const endpoints = new Endpoints([A], 'given')
    endpoints.learn([B, `${C}/`, A])
    expect(endpoints.urls.toSorted()).toEqual([A, B, C])
    endpoints.learn([B])
    expect(endpoints.urls).toEqual([A, B])
    endpoints.learn([])
    expect(endpoints.urls).toEqual([A])
  })

  test('takes nothing of what is known of failures', () => {
    const endpoints = new Endpoints([A, B], 'given')
    endpoints.failed(A)
    endpoints.learn([A, C])
    expect(endpoints.pick([])).toBe(B)
  })

  test('removes the one in use when its member is gone', () => {
    const endpoints = new Endpoints([A], 'given')
    endpoints.learn([B])
    endpoints.worked(B)
    expect(endpoints.current).toBe(B)
    endpoints.learn([C])
    expect(endpoints.current).toBe(A)
  })

  test('leads nobody from https to http, and nonsense nowhere', () => {
    const endpoints = new Endpoints(['https://a:1'], 'given')
    endpoints.learn([B, 'https://b:1', '', 'unix://x', 'ftp://a'])
    expect(endpoints.urls).toEqual(['https://a:1', 'https://b:1'])
  })

  test('is bounded', () => {
    const endpoints = new Endpoints([A], 'given')
    endpoints.learn(Array.from({ length: 10_000 }, (_, n) => `http://m${n}:1`))
    expect(endpoints.urls).toHaveLength(ENDPOINTS_MAX)
    const tooMany = Array.from({ length: ENDPOINTS_MAX + 1 }, (_, n) => `http://m${n}:1`)
    expect(() => new Endpoints(tooMany, 'given')).toThrow(RangeError)
  })

  test.each(['http://ann:secret@h:1', 'ann:secret@h:1', 'ftp://ann:secret@h', 'http://ann:se/cr@et@h:1'])(
    '%s is refused without showing the password',
    (endpoint) => {
      expect(() => new Endpoints([endpoint], 'given')).toThrow(/"(\w+:\/\/)?\*\*\*@h(:1)?" is no endpoint/)
    },
  )

  test('without any is refused', () => {
    expect(() => new Endpoints([], 'given')).toThrow('no endpoint is given')
  })
})
