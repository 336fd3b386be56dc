import { describe, expect, test } from 'vitest'
import { makeEvent } from '../../src/store/event.ts'
import { History } from '../../src/store/history.ts'
import { Keyspace } from '../../src/store/keyspace.ts'
import { Children, makeDirectory, makeFile, viewNode, viewRemoved } from '../../src/store/node.ts'
import { HISTORY_LIMITS_DEFAULT } from '../../src/store/options.ts'
import { WatchHub } from '../../src/store/watch.ts'
import { liveBytes } from '../support/live-bytes.ts'
import { command, StoreRig, ttl } from '../support/store-rig.ts'
import { limits, type Recorded, record, settled } from '../support/watch-rig.ts'

const { set, remove } = command

describe('registering', () => {
  test('answers the index of that moment, and what happens later is delivered at once', () => {
    const rig = new StoreRig()
    rig.do(set('/a', '1'))
    const { log, answer } = record(rig, '/a')
    expect(answer).toMatchObject({ kind: 'registered', index: 1 })
    rig.do(set('/a', '2'))
    expect(log).toEqual(['set /a 2'])
  })

  test('works on a key that does not exist', () => {
    const rig = new StoreRig()
    const { log } = record(rig, '/no/such')
    rig.do(set('/no/such', 'x'))
    expect(log).toEqual(['set /no/such 1'])
  })

  test('without stream, a past event is the answer and nothing is registered', () => {
    const rig = new StoreRig()
    rig.do(set('/a', '1'))
    rig.do(set('/b', '2'))
    rig.do(set('/a', '3'))
    expect(record(rig, '/a', { stream: false, since: 2 }).answer).toMatchObject({
      kind: 'found',
      index: 3,
      event: { index: 3 },
    })
    expect(rig.store.watchers.count).toBe(0)
  })

  test('without stream, one event ends the watcher silently', () => {
    const rig = new StoreRig()
    const { log } = record(rig, '/a', { stream: false })
    rig.do(set('/a', '1'))
    rig.do(set('/a', '2'))
    expect(log).toEqual(['set /a 1'])
    expect(rig.store.watchers.count).toBe(0)
  })

  test('an index that is still to come waits, and earlier events are ignored', () => {
    const rig = new StoreRig()
    const { log } = record(rig, '/a', { since: 3 })
    for (const value of ['1', '2', '3', '4']) rig.do(set('/a', value))
    expect(log).toEqual(['set /a 3', 'set /a 4'])
  })

  test('a huge index waits for ever', () => {
    const rig = new StoreRig()
    rig.do(set('/a', '1'))
    const { log, answer } = record(rig, '/a', { since: 2n ** 64n - 1n, stream: false })
    expect(answer.kind).toBe('registered')
    rig.do(set('/a', '2'))
    expect(log).toEqual([])
  })

  test('history that is gone answers with the oldest usable index, the one asked for and the present one', () => {
    const rig = new StoreRig({ history: limits({ eventsMax: 3 }) })
    for (let at = 1; at <= 10; at += 1) rig.do(set('/a', String(at)))
    expect(record(rig, '/other', { since: 7 }).answer).toEqual({
      kind: 'cleared',
      oldest: 8,
      requested: 7,
      storeIndex: 10,
    })
    expect(record(rig, '/other', { since: 8 }).answer.kind).toBe('registered')
  })

  test('is refused when there are as many watchers as may be', () => {
    const rig = new StoreRig({ watchersMax: 2 })
    const first = record(rig, '/a')
    record(rig, '/b')
    expect(record(rig, '/c').answer).toEqual({ kind: 'full' })
    if (first.answer.kind === 'registered') first.answer.watcher.cancel()
    expect(record(rig, '/c').answer.kind).toBe('registered')
  })
})

describe('ending', () => {
  test('a cancelled watcher hears nothing more, and cancelling again is harmless', () => {
    const rig = new StoreRig()
    const { log, answer } = record(rig, '/a')
    if (answer.kind !== 'registered') throw new Error('not registered')
    answer.watcher.cancel()
    answer.watcher.cancel()
    rig.do(set('/a', '1'))
    expect(log).toEqual([])
    expect(rig.store.watchers.count).toBe(0)
  })

  test('a sink that takes nothing though it is ready is closed and slows nobody', async () => {
    const rig = new StoreRig()
    const slow = record(rig, '/a', { deliver: () => false })
    const other = record(rig, '/a')
    rig.do(set('/a', '1'))
    rig.do(set('/a', '2'))
    await settled()
    expect(slow.log).toEqual(['closed overflow'])
    expect(other.log).toEqual(['set /a 1', 'set /a 2'])
  })

  test('a watcher may cancel itself and others, and register another, while it is being told', () => {
    const rig = new StoreRig()
    const late: Recorded[] = []
    const cancelled = record(rig, '/a', { recursive: true })
    const busy = record(rig, '/a', {
      deliver: () => {
        late.push(record(rig, '/a'))
        if (busy.answer.kind === 'registered') busy.answer.watcher.cancel()
        if (cancelled.answer.kind === 'registered') cancelled.answer.watcher.cancel()
        return true
      },
    })
    rig.do(set('/a', '1'))
    rig.do(set('/a', '2'))
    expect(late.map(({ log }) => log)).toEqual([['set /a 2']])
    expect(cancelled.log).toEqual([])
  })

  test('all are told when the store shuts down', () => {
    const rig = new StoreRig()
    const watchers = [record(rig, '/a'), record(rig, '/', { recursive: true })]
    rig.store.watchers.closeAll()
    expect(watchers.map(({ log }) => log)).toEqual([['closed closed'], ['closed closed']])
    expect(rig.store.watchers.count).toBe(0)
  })
})

describe('removing a directory', () => {
  test('wakes each watcher on a node that was below it, once, with the event of the directory', () => {
    const rig = new StoreRig()
    rig.do(set('/d/x/_h', '1'))
    rig.do(set('/d/y', '1'))
    const woken = ['/d', '/d/x', '/d/x/_h', '/d/y'].map((path) => record(rig, path))
    const recursive = record(rig, '/d/x', { recursive: true })
    const never = record(rig, '/d/never')
    const deeper = record(rig, '/d/y/never')
    rig.do(remove('/d', { recursive: true }))
    for (const { log } of [...woken, recursive]) expect(log).toEqual(['delete /d 3'])
    expect([never.log, deeper.log]).toEqual([[], []])
  })

  test('finds watchers at any depth', () => {
    const depth = 100_000
    const history = new History(HISTORY_LIMITS_DEFAULT, 0)
    const hub = new WatchHub({ storeIndex: 1, generation: 1, history, tree: new Keyspace() }, {})
    let removed = makeFile('/deepest', 'v', 1, 1, 0, 0)
    for (let level = 0; level < depth; level += 1) {
      const children = new Children()
      children.hang('a', removed)
      removed = makeDirectory('/d', 1, 0, 0, children)
    }
    const seen: number[] = []
    const answer = hub.watch({
      path: `/d${'/a'.repeat(depth)}`,
      recursive: false,
      stream: true,
      since: 0,
      deliver: (event) => seen.push(event.index) > 0,
      closed: () => {},
    })
    expect(answer.kind).toBe('registered')
    hub.notify(makeEvent(2, 'delete', viewRemoved(removed, 2), viewNode(removed, 0), false, false), removed)
    expect(seen).toEqual([2])
  })

  test('also by expiry', () => {
    const rig = new StoreRig()
    rig.do(set('/d/x', '1'))
    rig.do(command.update('/d', '', { ttl: ttl(5) }))
    const { log } = record(rig, '/d/x')
    rig.expireAt(5)
    expect(log).toEqual(['expire /d 3'])
  })
})

test('a hundred thousand watchers on as many keys cost well under a kilobyte each, and an event finds its own', async () => {
  const rig = new StoreRig()
  const count = 100_000
  let delivered = 0
  const request = {
    recursive: false,
    stream: true,
    since: 0,
    deliver: () => {
      delivered += 1
      return true
    },
    closed: () => {},
  }
  const before = await liveBytes()
  for (let at = 0; at < count; at += 1) rig.store.watchers.watch({ ...request, path: `/w/key${at}` })
  const each = ((await liveBytes()) - before) / count
  expect(each).toBeGreaterThan(0)
  expect(each).toBeLessThan(1024)
  for (let at = 0; at < 100; at += 1) rig.do(set(`/w/key${at * 7}`, 'x'))
  expect(delivered).toBe(100)
})
