/** The feed brings every change once and in order, as fast as the history of an etcd needs it. */
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { ApiError, ClientError } from '../../src/client/errors.ts'
import type { EventJson } from '../../src/client/node.ts'
import type { Polled, PollOptions } from '../../src/client/poll.ts'
import { EventQueue } from '../../src/transfer/event-queue.ts'
import { Feed, type FeedSource } from '../../src/transfer/feed.ts'
import { Patience } from '../../src/transfer/patience.ts'
import { eventually } from '../support/eventually.ts'

/** The history and the watches of an etcd: a window of events, hidden keys only for those who look back. */
class FakeEtcd implements FeedSource {
  readonly #events: { readonly index: number; readonly key: string }[] = []
  readonly #waiting = new Set<(event: { readonly index: number; readonly key: string }) => void>()
  readonly #window: number
  index = 3
  polls = 0
  /** Polls under way, and the most there were. */
  open = 0
  most = 0
  /** Fails so many polls. */
  failures = 0

  constructor(window = 1_000) {
    this.#window = window
  }

  /** One change; `refresh` takes an index and makes no event. */
  change(key: string | 'refresh'): number {
    this.index += 1
    const event = { index: this.index, key }
    if (key === 'refresh') return this.index
    this.#events.push(event)
    if (!key.includes('/_')) for (const wake of [...this.#waiting]) wake(event)
    return this.index
  }

  async poll(_path: string, { waitIndex, pollMs = 1_000, signal }: PollOptions): Promise<Polled> {
    this.polls += 1
    this.open += 1
    this.most = Math.max(this.most, this.open)
    try {
      await new Promise((done) => setImmediate(done))
      if (this.failures > 0) {
        this.failures -= 1
        throw new ClientError('MUSTER_CLIENT_UNREACHABLE', 'away', { definite: true, retriable: true })
      }
      const oldest = this.index - this.#window + 1
      if (waitIndex < oldest) throw new ApiError(400, 401, 'cleared', `gone [${oldest}/${waitIndex}]`, this.index)
      const index = this.index
      const past = this.#events.find((event) => event.index >= waitIndex)
      if (past !== undefined) return { index, event: eventOf(past), closed: false }
      return { index, event: await this.#next(waitIndex, pollMs, signal), closed: false }
    } finally {
      this.open -= 1
    }
  }

  #next(waitIndex: number, pollMs: number, signal: AbortSignal | undefined): Promise<EventJson | undefined> {
    return new Promise((done, failed) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer)
        this.#waiting.delete(wake)
        act()
      }
      const wake = (event: { readonly index: number; readonly key: string }): void => {
        if (event.index >= waitIndex) settle(() => done(eventOf(event)))
      }
      const timer = setTimeout(() => settle(() => done(undefined)), pollMs)
      this.#waiting.add(wake)
      signal?.addEventListener('abort', () => settle(() => failed(signal.reason)), { once: true })
    })
  }
}

function eventOf({ index, key }: { readonly index: number; readonly key: string }): EventJson {
  return { action: 'set', node: { key, value: '', modifiedIndex: index, createdIndex: index } }
}

function follow(source: FakeEtcd, fromIndex = source.index + 1, patienceMs = 1_000) {
  const over = new AbortController()
  const queue = new EventQueue()
  const waits: ClientError[] = []
  const patience = new Patience('source', patienceMs, over.signal, (error) => waits.push(error))
  const heard: string[] = []
  const onEvent = ({ node }: EventJson): number => heard.push(node.key ?? '')
  const feed = new Feed({ source, path: '/', fromIndex, queue, patience, onEvent, pollMs: 20 })
  const running = feed.run(over.signal)
  const settled = running.catch(() => undefined)
  onTestFinished(async () => {
    over.abort()
    await settled
  })
  const seen: number[] = []
  const taken = (): readonly number[] => {
    seen.push(...queue.take().map(({ index }) => index))
    return seen
  }
  return { feed, queue, heard, waits, running, taken, stop: () => over.abort() }
}

test('a backlog is read side by side, each event once and in order', async () => {
  const source = new FakeEtcd()
  const first = source.index + 1
  for (let n = 0; n < 500; n++) source.change(`/k${n}`)
  const { taken, feed } = follow(source, first)
  await eventually('all events', () => taken().length >= 500)
  expect(taken()).toEqual(Array.from({ length: 500 }, (_, n) => first + n))
  expect(source.most).toBe(16)
  expect(feed.nextIndex).toBe(source.index + 1)
  expect(feed.behind).toBeLessThanOrEqual(1)
})

test('refreshes, which take an index and make no event, hold nothing up', async () => {
  const source = new FakeEtcd()
  const first = source.index + 1
  const expected: number[] = []
  for (let n = 0; n < 300; n++) {
    if (n % 3 === 0) expected.push(source.change(`/k${n}`))
    else source.change('refresh')
  }
  const { taken, feed } = follow(source, first)
  await eventually('all events', () => feed.nextIndex > source.index)
  expect(taken()).toEqual(expected)
})

test('hidden keys are found: in the history, among others, and when nothing else happens', async () => {
  const source = new FakeEtcd()
  const first = source.index + 1
  source.change('/_a/x')
  const { taken, heard, feed } = follow(source, first)
  await eventually('the first', () => taken().length === 1)
  await eventually('that it waits', () => source.open > 0)
  source.change('/_b/x')
  source.change('/seen')
  await eventually('both', () => taken().length === 3)
  source.change('/_c/x')
  await eventually('the last', () => taken().length === 4)
  expect(heard).toEqual(['/_a/x', '/_b/x', '/seen', '/_c/x'])
  expect(feed.nextIndex).toBe(source.index + 1)
})

test('any mixture of changes, made while it reads, arrives whole', async () => {
  const kinds = fc.constantFrom<'/k' | '/_h' | 'refresh' | 'breathe'>('/k', '/_h', 'refresh', 'breathe')
  await fc.assert(
    fc.asyncProperty(fc.array(kinds, { maxLength: 60 }), async (steps) => {
      const source = new FakeEtcd()
      const { taken, feed, stop } = follow(source)
      const expected: number[] = []
      for (const step of steps) {
        if (step === 'breathe') await new Promise((done) => setImmediate(done))
        else if (step === 'refresh') source.change('refresh')
        else expected.push(source.change(step))
      }
      await eventually('that it is through', () => feed.nextIndex > source.index)
      stop()
      expect(taken()).toEqual(expected)
    }),
    { numRuns: 60 },
  )
})

test('a history that no longer reaches back is said to be lost, once', async () => {
  const source = new FakeEtcd(10)
  const first = source.index + 1
  for (let n = 0; n < 30; n++) source.change(`/k${n}`)
  const { queue, running } = follow(source, first)
  await running
  expect(queue.lost).toBe(`the source keeps no history from index ${first} on: gone [24/${first}]`)
})

test('a source that is away for a moment is asked again; one that stays away ends the feed with a sentence', async () => {
  const source = new FakeEtcd()
  source.failures = 2
  const { taken, waits } = follow(source)
  await eventually('that it waited', () => waits.length >= 2)
  source.change('/a')
  await eventually('the event', () => taken().length === 1)
  const gone = new FakeEtcd()
  gone.failures = Number.POSITIVE_INFINITY
  await expect(follow(gone, 4, 100).running).rejects.toMatchObject({
    code: 'MUSTER_TRANSFER_SOURCE_GONE',
    message: 'the source has not answered for 0 s: away',
  })
})

test('more changes than may wait are dropped, all of them, and said to be lost', async () => {
  const queue = new EventQueue(3, 10_000)
  for (let index = 1; index <= 3; index++) queue.push(eventOf({ index, key: '/k' }), index)
  expect([queue.length, queue.lost]).toEqual([3, undefined])
  queue.push(eventOf({ index: 4, key: '/k' }), 4)
  expect([queue.length, queue.lost]).toEqual([0, expect.stringContaining('more than 3 changes')])
  queue.push(eventOf({ index: 5, key: '/k' }), 5)
  expect(queue.take()).toEqual([])
  const bytes = new EventQueue(1_000, 1_000)
  bytes.push({ action: 'set', node: { key: '/k', value: 'x'.repeat(300), modifiedIndex: 1 } }, 1)
  expect(bytes.lost).toBeUndefined()
  bytes.push({ action: 'delete', node: { key: `/${'k'.repeat(300)}`, modifiedIndex: 2 } }, 2)
  expect(bytes.lost).toBeDefined()
})

test('the value before a change does not wait with it', () => {
  const queue = new EventQueue()
  const prevNode = { key: '/k', value: 'x'.repeat(100_000), modifiedIndex: 1 }
  queue.push({ action: 'delete', node: { key: '/k', modifiedIndex: 2 }, prevNode }, 2)
  queue.push({ action: 'expire', node: { key: '/d', modifiedIndex: 3 }, prevNode: { key: '/d', dir: true } }, 3)
  expect(queue.take().map(({ event }) => event.prevNode)).toEqual([{ dir: false }, { dir: true }])
})
