/** A lock has one holder at a time, in the order of asking, and tells its holder when it is one no longer. */
import { hostname } from 'node:os'
import { describe, expect, test } from 'vitest'
import type { MusterClient } from '../../../src/client/client.ts'
import { acquireLock, type Lock } from '../../../src/client/coordination/lock.ts'
import { type QueueClient, queueDirectory, readPlaces } from '../../../src/client/coordination/queue.ts'
import { openSession } from '../../../src/client/coordination/session.ts'
import { ClientError } from '../../../src/client/errors.ts'
import { eventually } from '../../support/eventually.ts'
import { describeOnStores } from '../../support/store-servers.ts'

/** How many stand in the queue of a lock. */
async function queued(client: MusterClient, path: string): Promise<number> {
  return (await readPlaces(client, queueDirectory('lock', path), undefined)).places.length
}

describeOnStores('a lock', (server) => {
  test('is given to the second when the first gives it back, with a larger token', async () => {
    const [one, two] = [server.client(), server.client()]
    const first = await acquireLock(one, '/turns/a')
    const holders: string[] = []
    const asking = acquireLock(two, '/turns/a', { onWait: (holder) => holders.push(holder) })
    await eventually('the second to wait', () => holders.length > 0)
    expect(holders).toEqual([`${hostname()}:${process.pid}`])
    expect(first.signal.aborted).toBe(false)
    await first.unlock()
    expect(first.signal.reason).toMatchObject({ code: 'MUSTER_LOCK_RELEASED' })
    const second = await asking
    expect(second.fence).toBeGreaterThan(first.fence)
    await second.unlock()
    expect(await queued(one, '/turns/a')).toBe(0)
  })

  test('is held by one of thirty at any time, and goes round in the order of their tokens', async () => {
    const clients = [server.client(), server.client(), server.client()]
    const fences: number[] = []
    let holders = 0
    await Promise.all(
      Array.from({ length: 30 }, async (_, at) => {
        const lock = await acquireLock(clients[at % 3] as MusterClient, '/crowd')
        holders += 1
        expect(holders).toBe(1)
        fences.push(lock.fence)
        await new Promise((done) => setImmediate(done))
        holders -= 1
        await lock.unlock()
      }),
    )
    expect(fences).toHaveLength(30)
    expect(fences).toEqual([...fences].sort((a, b) => a - b))
    expect(new Set(fences).size).toBe(30)
  })

  test('that nobody waits for any more leaves no place in the queue, and rejects with the reason of the signal', async () => {
    const client = server.client()
    const held = await acquireLock(client, '/given-up')
    const over = new AbortController()
    const asking = acquireLock(client, '/given-up', { signal: over.signal })
    await eventually('two in the queue', async () => (await queued(client, '/given-up')) === 2)
    const reason = new Error('enough')
    over.abort(reason)
    await expect(asking).rejects.toBe(reason)
    expect(await queued(client, '/given-up')).toBe(1)
    await expect(acquireLock(client, '/given-up', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    await held.unlock()
  })

  test('that is held is not touched by the signal that ended the waiting', async () => {
    const over = new AbortController()
    const lock = await acquireLock(server.client(), '/had', { signal: over.signal, ttl: 1 })
    over.abort()
    expect(lock.signal.aborted).toBe(false)
    await lock.unlock()
  })

  test('of a process that is gone is another one after its TTL, and not before its own signal has aborted', async () => {
    const next = server.client()
    let isGone = false
    const gone = new Proxy(server.client(), {
      get: (target, name) => {
        if (isGone && name === 'refresh') return () => Promise.reject(new Error('nobody is there'))
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const lost = await acquireLock(gone, '/orphan', { ttl: 1 })
    isGone = true
    let abortedAtMs = Number.POSITIVE_INFINITY
    lost.signal.addEventListener('abort', () => {
      abortedAtMs = performance.now()
    })
    const second = await acquireLock(next, '/orphan')
    expect(abortedAtMs).toBeLessThan(performance.now())
    expect(lost.signal.reason).toMatchObject({ code: 'MUSTER_SESSION_LOST' })
    expect(second.fence).toBeGreaterThan(lost.fence)
    await second.unlock()
  })

  test('whose key somebody removed is lost at the next heartbeat', async () => {
    const client = server.client()
    const lock = await acquireLock(client, '/removed', { ttl: 1 })
    await client.delete(lock.key)
    await eventually('the signal', () => lock.signal.aborted)
    expect(lock.signal.reason).toMatchObject({ code: 'MUSTER_LOCK_LOST' })
    await lock.unlock()
  })

  test('wakes one waiter when it is given back, however many wait', async () => {
    const client = server.client()
    const path = '/herd'
    const held = await acquireLock(client, path)
    let reads = 0
    const counting: QueueClient = new Proxy(client, {
      get: (target, name) => {
        if (name === 'get') reads += 1
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const over = new AbortController()
    let waits = 0
    const waiting = Array.from({ length: 10 }, () => {
      return acquireLock(counting, path, { signal: over.signal, onWait: () => (waits += 1) })
    })
    await eventually('all to wait', () => waits === 10)
    reads = 0
    await held.unlock()
    const next = await Promise.race(waiting)
    expect(reads).toBe(1)
    over.abort()
    await next.unlock()
    const settled = await Promise.allSettled(waiting)
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(await queued(client, path)).toBe(0)
  })

  test('is held by a session with others, and all are given back when it closes', async () => {
    const client = server.client()
    const session = await openSession(client)
    const locks = await Promise.all(['/x', '/y'].map((path) => acquireLock(client, path, { session })))
    await session.close()
    expect(locks.map((lock) => lock.signal.aborted)).toEqual([true, true])
    expect([await queued(client, '/x'), await queued(client, '/y')]).toEqual([0, 0])
    await expect(acquireLock(client, '/x', { session })).rejects.toMatchObject({ code: 'MUSTER_SESSION_CLOSED' })
  })

  test('is given back by leaving the block that holds it', async () => {
    const client = server.client()
    let lock: Lock
    {
      await using held = await acquireLock(client, '/block')
      lock = held
      expect(lock.remainingMs).toBeGreaterThan(0)
    }
    expect(lock.signal.aborted).toBe(true)
    expect(lock.remainingMs).toBe(0)
    expect(await queued(client, '/block')).toBe(0)
  })

  test('leaves no directory behind, whoever comes and goes', async () => {
    const clients = [server.client(), server.client(), server.client()]
    const fences: number[] = []
    await Promise.all(
      clients.map(async (client) => {
        for (let round = 0; round < 20; round += 1) {
          const lock = await acquireLock(client, '/passing/job')
          fences.push(lock.fence)
          await lock.unlock()
        }
      }),
    )
    expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b))
    expect(fences).toHaveLength(60)
    const [client] = clients as [MusterClient]
    expect(await client.peek('/passing/_lock-job')).toBeUndefined()
    const session = await openSession(client)
    await acquireLock(client, '/passing/other', { session })
    await session.close()
    expect(await client.peek('/passing/_lock-other')).toBeUndefined()
  })

  test('without a session is one key, and nothing is kept alive any more when that is lost', async () => {
    const client = server.client()
    const refreshed: string[] = []
    const counting: QueueClient = new Proxy(client, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name)
        if (typeof value !== 'function') return value
        return (...words: unknown[]) => {
          if (name === 'refresh') refreshed.push(String(words[0]))
          return Reflect.apply(value, target, words)
        }
      },
    })
    const lock = await acquireLock(counting, '/alone', { ttl: 1 })
    await client.delete(lock.key)
    await eventually('the signal', () => lock.signal.aborted)
    expect(lock.signal.reason).toMatchObject({ definite: true, retriable: true })
    expect([...new Set(refreshed)]).toEqual([lock.key])
  })

  test('works below a namespace', async () => {
    const client = server.client()
    const lock = await acquireLock(client.namespace('/team'), '/job')
    expect(await queued(client, '/team/job')).toBe(1)
    await lock.unlock()
    expect(await queued(client, '/team/job')).toBe(0)
  })

  describe('when a request for a place ends without a word', () => {
    const silent = new ClientError('MUSTER_CLIENT_TIMEOUT', 'no answer', { definite: false, retriable: true })

    /** The same client, whose first creation is handed to `first`. */
    function stumbling(client: MusterClient, first: (create: () => Promise<unknown>) => Promise<never>): QueueClient {
      let creations = 0
      return new Proxy(client, {
        get: (target, name) => {
          const value: unknown = Reflect.get(target, name)
          if (typeof value !== 'function') return value
          if (name !== 'create' || creations++ > 0) return value.bind(target)
          return (...words: unknown[]) => first(() => Reflect.apply(value, target, words))
        },
      })
    }

    test('the place that was made all the same is found by its random value', async () => {
      const client = server.client()
      const lock = await acquireLock(
        stumbling(client, async (create) => {
          await create()
          throw silent
        }),
        '/found',
      )
      expect(await queued(client, '/found')).toBe(1)
      await lock.unlock()
      expect(await queued(client, '/found')).toBe(0)
    })

    test('another is made where there is none; one that comes late goes with the lock', async () => {
      const client = server.client()
      let late: (() => Promise<unknown>) | undefined
      const lock = await acquireLock(
        stumbling(client, (create) => {
          late = create
          return Promise.reject(silent)
        }),
        '/late',
      )
      expect(await queued(client, '/late')).toBe(1)
      await late?.()
      expect(await queued(client, '/late')).toBe(2)
      await lock.unlock()
      expect(await queued(client, '/late')).toBe(0)
    })

    test('one that comes before the other is not waited for', async () => {
      const client = server.client()
      let late: (() => Promise<unknown>) | undefined
      const stumbled = stumbling(client, (create) => {
        late = create
        return Promise.reject(silent)
      })
      const slow = new Proxy(stumbled, {
        get: (target, name) => {
          const value: unknown = Reflect.get(target, name)
          if (name !== 'create' || late === undefined) return value
          return async (...words: unknown[]) => {
            await late?.()
            return Reflect.apply(value as (...words: unknown[]) => unknown, target, words)
          }
        },
      })
      const lock = await acquireLock(slow, '/before', { ttl: 60 })
      expect(await queued(client, '/before')).toBe(1)
      await lock.unlock()
    })

    test('and nobody wants it any more, it is taken away', async () => {
      const client = server.client()
      const over = new AbortController()
      const asking = acquireLock(
        stumbling(client, async (create) => {
          await create()
          over.abort(new Error('enough'))
          throw silent
        }),
        '/unwanted',
        { signal: over.signal },
      )
      await expect(asking).rejects.toThrow('enough')
      expect(await queued(client, '/unwanted')).toBe(0)
    })
  })
})

test('the name of a lock is a path with a name at its end', () => {
  expect(queueDirectory('lock', '/a')).toBe('/_lock-a')
  expect(queueDirectory('election', '/team/job')).toBe('/team/_election-job')
  for (const path of ['', '/', 'a', '/a/', '//a', '/a//b', '/.', '/..', '/a/..', '/../a', '/./a']) {
    expect(() => queueDirectory('lock', path), path).toThrow(RangeError)
  }
})
