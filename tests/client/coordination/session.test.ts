/** A session is lost here before any server may remove its keys, and ends what it holds in the right order. Time is simulated. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CoordinationError } from '../../../src/client/coordination/errors.ts'
import { marginMs } from '../../../src/client/coordination/kept-key.ts'
import { openSession, type Session, type SessionClient } from '../../../src/client/coordination/session.ts'
import { wakingNowMs } from '../../../src/client/coordination/waking-clock.ts'
import { ApiError, ClientError } from '../../../src/client/errors.ts'
import type { Found } from '../../../src/client/keys.ts'

/** The machine sleeps: this clock went on by so much while the other stood still. Milliseconds. */
let sleptMs = 0
vi.mock('node:os', async (importOriginal) => ({
  ...(await importOriginal<typeof import('node:os')>()),
  uptime: () => (performance.now() + sleptMs) / 1000,
}))

const DONE = { node: {} } as Found

/** A store that answers heartbeats as a test wants, and keeps an account. */
class FakeStore implements SessionClient {
  readonly asked: string[] = []
  readonly over = new AbortController()
  readonly closed = this.over.signal
  /** What becomes of the next heartbeats. */
  refreshes: (path: string) => Promise<Found> = async () => DONE
  adds: () => Promise<Found> = async () => DONE

  add(path: string): Promise<Found> {
    this.asked.push(`add ${path}`)
    return this.adds()
  }

  delete(path: string): Promise<Found> {
    this.asked.push(`delete ${path}`)
    return Promise.resolve(DONE)
  }

  refresh(path: string): Promise<Found> {
    this.asked.push(`refresh ${path}`)
    return this.refreshes(path)
  }

  count(what: string): number {
    return this.asked.filter((asked) => asked.startsWith(what)).length
  }
}

const unreachable = (): ClientError => {
  return new ClientError('MUSTER_CLIENT_UNREACHABLE', 'nobody is there', { definite: false, retriable: true })
}
const notFound = (): ApiError => new ApiError(404, 100, 'Key not found', '/x', 7)

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

describe('a session', () => {
  test('lasts as long as its heartbeats are answered, three in a TTL', async () => {
    const store = new FakeStore()
    const session = await openSession(store, { ttl: 9 })
    await vi.advanceTimersByTimeAsync(90_000)
    expect(session.signal.aborted).toBe(false)
    expect(store.count('refresh')).toBeGreaterThanOrEqual(30)
    expect(store.count('refresh')).toBeLessThanOrEqual(34)
    await session.close()
  })

  test('is lost a margin before its TTL, counted from when the last answered heartbeat was sent', async () => {
    const store = new FakeStore()
    const session = await openSession(store, { ttl: 10 })
    let sentAtMs = performance.now()
    const answerMs = 1_000
    store.refreshes = async () => {
      sentAtMs = performance.now()
      await new Promise((done) => setTimeout(done, answerMs))
      return DONE
    }
    await vi.advanceTimersByTimeAsync(20_000)
    const answeredMs = sentAtMs
    store.refreshes = () => Promise.reject(unreachable())
    let lostAtMs = 0
    session.signal.addEventListener('abort', () => {
      lostAtMs = performance.now()
    })
    await vi.advanceTimersByTimeAsync(20_000)
    expect(lostAtMs - answeredMs).toBeGreaterThan(7_990)
    expect(lostAtMs - answeredMs).toBeLessThanOrEqual(10_000 - marginMs(10))
    expect(session.signal.reason).toMatchObject({ code: 'MUSTER_SESSION_LOST' })
    expect(session.remainingMs).toBe(0)
    expect(store.count('delete')).toBe(0)
  })

  test('survives an outage that is shorter, with several tries', async () => {
    const store = new FakeStore()
    const session = await openSession(store, { ttl: 10 })
    await vi.advanceTimersByTimeAsync(3_000)
    store.refreshes = () => Promise.reject(unreachable())
    await vi.advanceTimersByTimeAsync(4_000)
    store.refreshes = async () => DONE
    await vi.advanceTimersByTimeAsync(60_000)
    expect(session.signal.aborted).toBe(false)
    await session.close()
  })

  test('is lost at once when a server says that its key is gone', async () => {
    const store = new FakeStore()
    const session = await openSession(store, { ttl: 9 })
    store.refreshes = () => Promise.reject(notFound())
    await vi.advanceTimersByTimeAsync(3_000)
    expect(session.signal.reason).toMatchObject({ code: 'MUSTER_SESSION_LOST' })
  })

  test('whose process was paused is over before its timers run, and no late answer brings it back', async () => {
    const store = new FakeStore()
    const answers: (() => void)[] = []
    store.refreshes = () => new Promise((done) => answers.push(() => done(DONE)))
    const session = await openSession(store, { ttl: 9 })
    await vi.advanceTimersByTimeAsync(3_000)
    expect(answers).toHaveLength(1)
    // The clock goes on and no timer runs, as for a process that was stopped.
    const now = performance.now()
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now + 5_000)
    expect(session.remainingMs).toBe(0)
    answers[0]?.()
    await Promise.resolve()
    expect(session.remainingMs).toBe(0)
    clock.mockRestore()
    await vi.advanceTimersByTimeAsync(8_000)
    expect(session.signal.reason).toMatchObject({ code: 'MUSTER_SESSION_LOST' })
  })

  test('is over at once when the machine wakes too late, and its signal aborts within a tenth of the TTL', async () => {
    const store = new FakeStore()
    const session = await openSession(store, { ttl: 60 })
    store.refreshes = () => new Promise(() => undefined)
    sleptMs += 50_000
    expect(session.remainingMs).toBe(0)
    await vi.advanceTimersByTimeAsync(6_000)
    expect(session.signal.reason).toMatchObject({ code: 'MUSTER_SESSION_LOST', definite: false, retriable: false })
  })

  test('lives on when the machine wakes in time, and is over as soon as its key may be gone', async () => {
    const store = new FakeStore()
    const session = await openSession(store, { ttl: 60 })
    sleptMs += 30_000
    expect(session.remainingMs).toBeCloseTo(18_000, -1)
    store.refreshes = () => new Promise(() => undefined)
    await vi.advanceTimersByTimeAsync(17_000)
    expect(session.signal.aborted).toBe(false)
    await vi.advanceTimersByTimeAsync(1_100)
    expect(session.signal.aborted).toBe(true)
  })

  test('that is lost tells why its heartbeats failed', async () => {
    const store = new FakeStore()
    const session = await openSession(store, { ttl: 9 })
    const refused = new ApiError(401, 110, 'The request requires user authentication', '', 7)
    store.refreshes = () => Promise.reject(refused)
    await vi.advanceTimersByTimeAsync(9_000)
    const { message, cause } = session.signal.reason as Error
    expect(message).toContain('110 The request requires user authentication')
    expect((cause as Error).cause).toBe(refused)
  })

  test('that could not be opened leaves nothing behind at its client', async () => {
    const store = new FakeStore()
    const removed = vi.spyOn(store.closed, 'removeEventListener')
    store.adds = () => Promise.reject(unreachable())
    await expect(openSession(store)).rejects.toMatchObject({ code: 'MUSTER_CLIENT_UNREACHABLE' })
    expect(removed).toHaveBeenCalled()
  })

  test('that is closed aborts first and removes its keys then', async () => {
    const store = new FakeStore()
    const session = await openSession(store, { ttl: 9 })
    const key = session.keep('/place', wakingNowMs())
    let removedBefore = -1
    session.signal.addEventListener('abort', () => {
      removedBefore = store.count('delete')
    })
    await session.close()
    await session.close()
    expect(removedBefore).toBe(0)
    expect(store.asked.filter((asked) => asked.startsWith('delete'))).toEqual([
      'delete /place',
      `delete ${session.key}`,
    ])
    expect(session.signal.reason).toMatchObject({ code: 'MUSTER_SESSION_CLOSED' })
    expect(key.signal.aborted).toBe(true)
  })

  test('ends with its signal, and by leaving the block that holds it', async () => {
    const over = new AbortController()
    const one = await openSession(new FakeStore(), { signal: over.signal })
    over.abort()
    expect(one.signal.aborted).toBe(true)
    let two: Session
    {
      await using held = await openSession(new FakeStore())
      two = held
    }
    expect(two.signal.aborted).toBe(true)
  })

  test('is lost at once with its client, which can keep nothing any more', async () => {
    const store = new FakeStore()
    const session = await openSession(store, { ttl: 86_400 })
    const key = session.keep('/a', wakingNowMs())
    store.over.abort()
    expect(session.signal.reason).toMatchObject({ code: 'MUSTER_SESSION_LOST' })
    expect(key.signal.aborted).toBe(true)
    expect((await openSession(store)).remainingMs).toBe(0)
  })

  test('whose opening was answered with "exists" is open: an earlier try of the same call has made its key', async () => {
    const store = new FakeStore()
    store.adds = () => Promise.reject(new ApiError(412, 105, 'Key already exists', '/x', 7, unreachable()))
    const session = await openSession(store)
    expect(session.remainingMs).toBeGreaterThan(0)
    await session.close()
    store.adds = () => Promise.reject(unreachable())
    await expect(openSession(store)).rejects.toMatchObject({ code: 'MUSTER_CLIENT_UNREACHABLE' })
  })

  test('has a TTL of whole seconds, at least one', async () => {
    for (const ttl of [0, -1, 1.5, Number.NaN, 86_401]) {
      await expect(openSession(new FakeStore(), { ttl })).rejects.toThrow(RangeError)
    }
  })
})

describe('a key that a session keeps', () => {
  test('is lost alone when somebody removed it, with the session when nobody answers', async () => {
    const store = new FakeStore()
    const session = await openSession(store, { ttl: 9 })
    const [one, two] = [session.keep('/one', wakingNowMs()), session.keep('/two', wakingNowMs())]
    store.refreshes = (path) => (path === '/one' ? Promise.reject(notFound()) : Promise.resolve(DONE))
    await vi.advanceTimersByTimeAsync(10_000)
    expect(one.signal.reason).toMatchObject({ code: 'MUSTER_LOCK_LOST' })
    expect([two.signal.aborted, session.signal.aborted]).toEqual([false, false])

    store.refreshes = (path) => (path === '/two' ? Promise.reject(unreachable()) : Promise.resolve(DONE))
    await vi.advanceTimersByTimeAsync(10_000)
    expect(two.signal.reason).toMatchObject({ code: 'MUSTER_SESSION_LOST' })
    expect(session.signal.reason).toMatchObject({ code: 'MUSTER_SESSION_LOST' })
  })

  test('is refused when the session is over, and when it keeps a thousand', async () => {
    const session = await openSession(new FakeStore())
    for (let at = 0; at < 1_000; at += 1) session.keep(`/${at}`, wakingNowMs())
    expect(() => session.keep('/more', wakingNowMs())).toThrow(expect.objectContaining({ code: 'MUSTER_SESSION_FULL' }))
    await session.close()
    expect(() => session.keep('/more', wakingNowMs())).toThrow(CoordinationError)
  })
})
