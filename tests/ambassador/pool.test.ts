/** Who gets the next connection. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Backend, Pool } from '../../src/ambassador/pool.ts'
import type { Balance } from '../../src/ambassador/settings.ts'
import { makeInstance, type ServiceInstance } from '../../src/sidecar/record.ts'

const PROBE_MS = 100
const NOBODY: ReadonlySet<Backend> = new Set()

function instance(id: string, more: Partial<ServiceInstance> = {}): ServiceInstance {
  return makeInstance({ name: 'api', id, host: `${id}.local`, port: 80, ttl: 30, weight: 1, ...more })
}

function poolOf(balance: Balance, ...instances: readonly ServiceInstance[]): Pool {
  const pool = new Pool(balance, 10_000)
  pool.replace(instances)
  return pool
}

/** Ids of the next choices; the connections stay. */
function choices(pool: Pool, count: number, nowMs = 0): string {
  return Array.from({ length: count }, () => pool.choose(nowMs, NOBODY, PROBE_MS)?.id ?? '-').join('')
}

describe('round robin', () => {
  test('everybody in turn', () => {
    expect(choices(poolOf('round-robin', instance('a'), instance('b'), instance('c')), 7)).toBe('abcabca')
  })

  test('weights are shares, spread evenly', () => {
    expect(choices(poolOf('round-robin', instance('a', { weight: 3 }), instance('b')), 8)).toBe('aabaaaba')
  })

  test('over a round everybody gets exactly its weight', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 }), (weights) => {
        const pool = poolOf(
          'round-robin',
          ...weights.map((weight, at) => instance(String.fromCharCode(97 + at), { weight })),
        )
        const all = choices(
          pool,
          weights.reduce((sum, weight) => sum + weight, 0),
        )
        expect(weights.map((_, at) => all.split(String.fromCharCode(97 + at)).length - 1)).toEqual(weights)
      }),
    )
  })
})

describe('least', () => {
  test('whoever has the fewest connections for its weight', () => {
    const pool = poolOf('least', instance('a', { weight: 2 }), instance('b'))
    expect(choices(pool, 6).split('').toSorted().join('')).toBe('aaaabb')
    const backends = [...pool.backends]
    for (const backend of backends) while (backend.active > 1) pool.release(backend)
    expect(choices(pool, 1)).toBe('a')
  })
})

describe('who is passed over', () => {
  test('higher priorities, while somebody of a lower one is awake', () => {
    const pool = poolOf('round-robin', instance('a', { priority: 2 }), instance('b', { priority: 1 }))
    expect(choices(pool, 2)).toBe('bb')
    for (const backend of pool.backends) if (backend.id === 'b') pool.failed(backend, 0, 0)
    expect(choices(pool, 1)).toBe('a')
  })

  test('weight 0, UDP, and those who were tried', () => {
    const pool = poolOf('round-robin', instance('a', { weight: 0 }), instance('b', { proto: 'udp' }), instance('c'))
    expect(choices(pool, 2)).toBe('cc')
    expect(pool.choose(0, new Set(pool.backends), PROBE_MS)).toBeUndefined()
  })

  test('those who failed, for longer each time, and then one connection at a time asks', () => {
    const pool = poolOf('round-robin', instance('a'), instance('b'))
    const [a] = [...pool.backends]
    if (a === undefined) throw new Error('no backend')
    let restMs = 0
    for (let failures = 0; failures < 5; failures += 1) {
      pool.failed(a, 0, failures)
      expect(a.restUntilMs).toBeGreaterThan(restMs)
      restMs = a.restUntilMs
    }
    expect(choices(pool, 2, restMs - 1)).toBe('bb')
    const asking = choices(pool, 4, restMs)
    expect(asking.split('a')).toHaveLength(2)
    pool.took(a)
    expect(choices(pool, 4, restMs).split('a')).toHaveLength(3)
  })

  test('nobody, when everybody rests: whoever is due first is asked', () => {
    const pool = poolOf('round-robin', instance('a'), instance('b'))
    for (const backend of pool.backends) pool.failed(backend, backend.id === 'a' ? 5_000 : 0, 0)
    expect(choices(pool, 1)).toBe('b')
    expect(pool.wakesAtMs).toBeGreaterThan(0)
  })
})

describe('another list', () => {
  test('whoever is not in it gets nothing, and is known for as long as it has connections', () => {
    const pool = poolOf('round-robin', instance('a'), instance('b'))
    expect(choices(pool, 2)).toBe('ab')
    pool.replace([instance('b')])
    expect(choices(pool, 2)).toBe('bb')
    const gone = [...pool.backends].find(({ id }) => id === 'a')
    expect(gone).toMatchObject({ isListed: false, active: 1 })
    if (gone !== undefined) pool.release(gone)
    expect([...pool.backends].map(({ id }) => id)).toEqual(['b'])
  })

  test('whoever is back is who it was; at another address it is somebody else', () => {
    const pool = poolOf('round-robin', instance('a'))
    const before = pool.choose(0, NOBODY, PROBE_MS)
    pool.replace([])
    pool.replace([instance('a', { tags: ['new'] })])
    expect(pool.choose(0, NOBODY, PROBE_MS)).toBe(before)
    pool.replace([instance('a', { port: 81 })])
    expect(pool.choose(0, NOBODY, PROBE_MS)).not.toBe(before)
  })
})
