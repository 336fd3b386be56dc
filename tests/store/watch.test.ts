/** Watchers one by one: limits, ends, pacing, and moving to an installed snapshot. The rules of matching have a model. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { HistoryReader } from '../../src/store/history-reader.ts'
import { diskHistoryReader } from '../../src/store/history-reader.ts'
import { HISTORY_LIMITS_DEFAULT, type HistoryLimits, type StoreOptions } from '../../src/store/options.ts'
import { restoreStore } from '../../src/store/restore.ts'
import { currentGenerationRow } from '../../src/store/rows.ts'
import { openSnapshot, stageSnapshot } from '../../src/store/snapshot.ts'
import { StoreError } from '../../src/store/store-error.ts'
import type { WatchAnswer, WatchRequest } from '../../src/store/watch.ts'
import { FakeDisk } from '../support/fake-disk.ts'
import { command, StoreRig, ttl } from '../support/store-rig.ts'

const { set, remove } = command

interface Recorded {
  readonly log: string[]
  readonly answer: WatchAnswer
}

function record(rig: StoreRig, path: string, more: Partial<WatchRequest> = {}): Recorded {
  const log: string[] = []
  const answer = rig.store.watchers.watch({
    path,
    recursive: false,
    stream: true,
    since: 0,
    deliver: (event) => {
      log.push(`${event.action} ${event.node.key} ${event.index}`)
      return true
    },
    closed: (reason) => log.push(`closed ${reason}`),
    ...more,
  })
  return { log, answer }
}

function limits(more: Partial<HistoryLimits>): HistoryLimits {
  return { ...HISTORY_LIMITS_DEFAULT, ...more }
}

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

  test('a sink that cannot take an event is closed and slows nobody', () => {
    const rig = new StoreRig()
    const slow = record(rig, '/a', { deliver: () => false })
    const other = record(rig, '/a')
    rig.do(set('/a', '1'))
    rig.do(set('/a', '2'))
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

  test('also by expiry', () => {
    const rig = new StoreRig()
    rig.do(set('/d/x', '1'))
    rig.do(command.update('/d', '', { ttl: ttl(5) }))
    const { log } = record(rig, '/d/x')
    rig.expireAt(5)
    expect(log).toEqual(['expire /d 3'])
  })
})

describe('a stream from the past', () => {
  test('gets the past in order and goes on live, and nothing before watch returned', async () => {
    const rig = new StoreRig()
    for (let at = 1; at <= 200; at += 1) rig.do(set('/a', String(at)))
    const { log } = record(rig, '/a', { since: 1 })
    expect(log).toEqual([])
    rig.do(set('/a', 'between'))
    await nextTurn()
    rig.do(set('/a', 'live'))
    expect(log).toEqual(Array.from({ length: 202 }, (_, at) => `set /a ${at + 1}`))
  })

  test('waits for its sink after every 64 events', async () => {
    const rig = new StoreRig()
    for (let at = 1; at <= 150; at += 1) rig.do(set('/a', String(at)))
    const gates: (() => void)[] = []
    const { log } = record(rig, '/a', { since: 1, ready: () => new Promise((resolve) => gates.push(resolve)) })
    const seen: number[] = []
    for (let round = 0; round < 4; round += 1) {
      await nextTurn()
      seen.push(log.length)
      gates.shift()?.()
    }
    await nextTurn()
    expect([...seen, log.length]).toEqual([0, 64, 128, 150, 150])
    rig.do(set('/a', 'live'))
    expect(log.length).toBe(151)
  })

  test('ends with cleared when the window passes it', async () => {
    const rig = new StoreRig({ history: limits({ eventsMax: 100 }) })
    for (let at = 1; at <= 100; at += 1) rig.do(set('/a', String(at)))
    let open: () => void = () => {}
    const { log } = record(rig, '/a', {
      since: 1,
      ready: () =>
        new Promise((resolve) => {
          open = resolve
        }),
    })
    for (let at = 1; at <= 100; at += 1) rig.do(set('/b', String(at)))
    open()
    await nextTurn()
    expect(log).toEqual(['closed cleared'])
  })

  test('closes when its sink cannot take the past', async () => {
    const rig = new StoreRig()
    for (let at = 1; at <= 5; at += 1) rig.do(set('/a', String(at)))
    let asked = 0
    const { log } = record(rig, '/a', {
      since: 1,
      deliver: () => {
        asked += 1
        return asked < 3
      },
    })
    await nextTurn()
    rig.do(set('/a', 'live'))
    expect([log, asked, rig.store.watchers.count]).toEqual([['closed overflow'], 3, 0])
  })

  test('may be cancelled on the way', async () => {
    const rig = new StoreRig()
    rig.do(set('/a', '1'))
    const { log, answer } = record(rig, '/a', { since: 1 })
    if (answer.kind === 'registered') answer.watcher.cancel()
    await nextTurn()
    expect(log).toEqual([])
  })
})

describe('events on disk only', () => {
  function withDisk(reader?: (disk: FakeDisk) => HistoryReader): { rig: StoreRig; disk: FakeDisk; drain: () => void } {
    const disk = new FakeDisk()
    const rig = new StoreRig({
      history: limits({ memoryEventsMax: 5 }),
      historyReader: reader?.(disk) ?? diskHistoryReader(disk),
    })
    return { rig, disk, drain: () => disk.writeSync(rig.store.drainRows(), false) }
  }

  test('are read back, for a stream and for a single answer', async () => {
    const { rig, drain } = withDisk()
    for (let at = 1; at <= 300; at += 1) {
      rig.do(set(at % 100 === 7 ? '/rare' : '/a', String(at)))
      if (at % 10 === 0) drain()
    }
    const stream = record(rig, '/rare', { since: 1 })
    const single = record(rig, '/rare', { since: 8, stream: false })
    expect(single.answer.kind).toBe('registered')
    await nextTurn()
    expect(stream.log).toEqual(['set /rare 7', 'set /rare 107', 'set /rare 207'])
    expect(single.log).toEqual(['set /rare 107'])
  })

  test('a disk that cannot be read ends the watcher, not the store', async () => {
    const failing: HistoryReader = { read: () => Promise.reject(new StoreError('MUSTER_DISK_FAILED', 'broken disk')) }
    const { rig, drain } = withDisk(() => failing)
    for (let at = 1; at <= 20; at += 1) rig.do(set('/a', String(at)))
    drain()
    const { log } = record(rig, '/a', { since: 1 })
    await nextTurn()
    expect(log).toEqual(['closed failed'])
    rig.do(set('/a', 'x'))
  })

  test('are read by a few watchers at a time', async () => {
    let now = 0
    let most = 0
    const { rig, drain } = withDisk((disk) => {
      const reader = diskHistoryReader(disk)
      return {
        read: async (generation, from) => {
          now += 1
          most = Math.max(most, now)
          await nextTurn()
          const events = await reader.read(generation, from)
          now -= 1
          return events
        },
      }
    })
    for (let at = 1; at <= 50; at += 1) rig.do(set('/a', String(at)))
    drain()
    const watchers = Array.from({ length: 40 }, () => record(rig, '/a', { since: 1 }))
    for (let turn = 0; turn < 200 && watchers.some(({ log }) => log.length < 50); turn += 1) await nextTurn()
    expect(watchers.map(({ log }) => log.length)).toEqual(watchers.map(() => 50))
    expect(most).toBe(8)
  })

  test('cannot be looked back to without a reader', () => {
    const rig = new StoreRig({ history: limits({ memoryEventsMax: 5 }) })
    for (let at = 1; at <= 20; at += 1) rig.do(set('/a', String(at)))
    rig.store.drainRows()
    expect(record(rig, '/a', { since: 15 }).answer).toMatchObject({ kind: 'cleared', oldest: 16 })
  })
})

describe('installing a snapshot', () => {
  test('keeps watchers, which see what they missed, once, and go on live', async () => {
    const ahead = new StoreRig()
    const disk = new FakeDisk()
    const options: StoreOptions = { history: limits({ memoryEventsMax: 3 }), historyReader: diskHistoryReader(disk) }
    const behind = new StoreRig(options)
    for (const rig of [ahead, behind]) rig.do(set('/a', '1'))
    const stream = record(behind, '/a')
    const single = record(behind, '/b', { stream: false })
    const future = record(behind, '/a', { since: 30 })
    for (let at = 2; at <= 20; at += 1) ahead.do(set(at === 9 ? '/b' : '/a', String(at)))

    const source = new FakeDisk()
    source.writeSync(ahead.store.drainRows(), true)
    const { chunks } = await openSnapshot(source.view())
    const staged = await stageSnapshot(disk, 2, chunks(), options)
    behind.store.install(staged.stateMachine)
    disk.writeSync([currentGenerationRow(2), ...behind.store.drainRows()], true)
    expect(behind.store.digest()).toBe(ahead.store.digest())
    await nextTurn()
    behind.do(set('/a', 'live'))
    const missed = Array.from({ length: 20 }, (_, at) => at + 2).filter((index) => index !== 9)
    expect(stream.log).toEqual(missed.map((index) => `set /a ${index}`))
    expect(single.log).toEqual(['set /b 9'])
    expect(future.log).toEqual([])
    expect((await restoreStore(disk, options)).stateMachine.storeIndex).toBe(20)
  })

  test('does not tell watchers of what they saw, or were not to see, before', async () => {
    const ahead = new StoreRig()
    const behind = new StoreRig()
    ahead.do(set('/d/y', '1'))
    behind.do(set('/d/y', '1'))
    const { log } = record(behind, '/d/never')
    for (const rig of [ahead, behind]) rig.do(remove('/d', { recursive: true }))
    ahead.do(set('/d/never', '1'))
    const source = new FakeDisk()
    source.writeSync(ahead.store.drainRows(), true)
    const { chunks } = await openSnapshot(source.view())
    behind.store.install((await stageSnapshot(new FakeDisk(), 2, chunks())).stateMachine)
    await nextTurn()
    expect(log).toEqual(['set /d/never 3'])
  })

  test('ends watchers whose events left the window', async () => {
    const ahead = new StoreRig({ history: limits({ eventsMax: 3 }) })
    const behind = new StoreRig({ history: limits({ eventsMax: 3 }) })
    const { log } = record(behind, '/a')
    for (let at = 1; at <= 20; at += 1) ahead.do(set('/a', String(at)))
    const source = new FakeDisk()
    source.writeSync(ahead.store.drainRows(), true)
    const { chunks } = await openSnapshot(source.view())
    const staged = await stageSnapshot(new FakeDisk(), 2, chunks())
    behind.store.install(staged.stateMachine)
    await nextTurn()
    expect(log).toEqual(['closed cleared'])
  })
})

test('a hundred thousand watchers on as many keys cost well under a kilobyte each, and an event finds its own', () => {
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
  const before = process.memoryUsage().heapUsed
  for (let at = 0; at < count; at += 1) rig.store.watchers.watch({ ...request, path: `/w/key${at}` })
  expect((process.memoryUsage().heapUsed - before) / count).toBeLessThan(1024)
  for (let at = 0; at < 100; at += 1) rig.do(set(`/w/key${at * 7}`, 'x'))
  expect(delivered).toBe(100)
})
