/** Watchers that look back: order, pacing, sharing the loop, the disk, and moving to an installed snapshot. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { HistoryReader } from '../../src/store/history-reader.ts'
import { diskHistoryReader } from '../../src/store/history-reader.ts'
import type { StoreOptions } from '../../src/store/options.ts'
import { restoreStore } from '../../src/store/restore.ts'
import { currentGenerationRow, generationRanges } from '../../src/store/rows.ts'
import { openSnapshot, stageSnapshot } from '../../src/store/snapshot.ts'
import { StoreError } from '../../src/store/store-error.ts'
import { FakeDisk } from '../support/fake-disk.ts'
import { command, StoreRig } from '../support/store-rig.ts'
import { limits, record, settled } from '../support/watch-rig.ts'

const { set, remove } = command

describe('a live stream whose sink is full', () => {
  test('waits until it is ready, and misses nothing', async () => {
    const rig = new StoreRig()
    let room = 2
    let open: () => void = () => {}
    const { log } = record(rig, '/a', {
      deliver: (event) => {
        if (room === 0) return false
        room -= 1
        log.push(`${event.index}`)
        return true
      },
      ready: () => {
        return new Promise((resolve) => {
          open = resolve
        })
      },
    })
    for (let at = 1; at <= 5; at += 1) rig.do(set('/a', String(at)))
    await settled()
    expect(log).toEqual(['1', '2'])
    room = 100
    open()
    await settled()
    expect(log).toEqual(['1', '2', '3', '4', '5'])
    rig.do(set('/a', 'live'))
    expect(log).toEqual(['1', '2', '3', '4', '5', '6'])
  })

  test('ends with cleared when the window passes it', async () => {
    const rig = new StoreRig({ history: limits({ eventsMax: 10 }) })
    let open: () => void = () => {}
    const { log } = record(rig, '/a', {
      deliver: () => false,
      ready: () => {
        return new Promise((resolve) => {
          open = resolve
        })
      },
    })
    for (let at = 1; at <= 20; at += 1) rig.do(set('/a', String(at)))
    open()
    await settled()
    expect(log).toEqual(['closed cleared'])
  })
})

describe('a stream from the past', () => {
  test('whose sink fills up in the middle goes on from there, in memory and on disk', async () => {
    for (const memoryEventsMax of [1000, 5]) {
      const disk = new FakeDisk()
      const rig = new StoreRig({ history: limits({ memoryEventsMax }), historyReader: diskHistoryReader(disk) })
      for (let at = 1; at <= 200; at += 1) rig.do(set('/a', String(at)))
      disk.writeSync(rig.store.drainRows(), true)
      let room = 0
      const { log } = record(rig, '/a', {
        since: 1,
        deliver: (event) => {
          if (room === 0) return false
          room -= 1
          return log.push(`${event.index}`) > 0
        },
        ready: () => {
          room = 30
          return undefined
        },
      })
      await settled()
      expect(log).toEqual(Array.from({ length: 200 }, (_, at) => `${at + 1}`))
    }
  })

  test('is one of many, and they share the passes of the loop', async () => {
    const rig = new StoreRig()
    for (let at = 1; at <= 4000; at += 1) rig.do(set(at === 4000 ? '/last' : '/busy', 'v'))
    const watchers = Array.from({ length: 1000 }, () => record(rig, '/last', { since: 1, recursive: true }))
    const arrived = (): number => watchers.filter(({ log }) => log.length === 1).length
    let most = 0
    let before = 0
    for (let pass = 0; pass < 2000 && before < watchers.length; pass += 1) {
      await nextTurn()
      const now = arrived()
      most = Math.max(most, now - before)
      before = now
    }
    expect(before).toBe(watchers.length)
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThan(100)
  })

  test('gets the past in order and goes on live, and nothing before watch returned', async () => {
    const rig = new StoreRig()
    for (let at = 1; at <= 200; at += 1) rig.do(set('/a', String(at)))
    const { log } = record(rig, '/a', { since: 1 })
    expect(log).toEqual([])
    rig.do(set('/a', 'between'))
    await settled()
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
      await settled()
      seen.push(log.length)
      gates.shift()?.()
    }
    await settled()
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
    await settled()
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
    await settled()
    rig.do(set('/a', 'live'))
    expect([log, asked, rig.store.watchers.count]).toEqual([['closed overflow'], 4, 0])
  })

  test('may be cancelled on the way', async () => {
    const rig = new StoreRig()
    rig.do(set('/a', '1'))
    const { log, answer } = record(rig, '/a', { since: 1 })
    if (answer.kind === 'registered') answer.watcher.cancel()
    await settled()
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
    await settled()
    expect(stream.log).toEqual(['set /rare 7', 'set /rare 107', 'set /rare 207'])
    expect(single.log).toEqual(['set /rare 107'])
  })

  test('are searched only for watchers of keys that changed since', async () => {
    let reads = 0
    const { rig, drain } = withDisk((disk) => {
      const reader = diskHistoryReader(disk)
      return {
        read: (generation, from) => {
          reads += 1
          return reader.read(generation, from)
        },
      }
    })
    for (const path of ['/quiet', '/d/back', '/d/there']) rig.do(set(path, 'v'))
    rig.do(remove('/d', { recursive: true }))
    rig.do(set('/d/back', 'again'))
    for (let at = 6; at <= 50; at += 1) rig.do(set('/busy', String(at)))
    drain()
    const quiet = [true, false].map((stream) => record(rig, '/quiet', { since: 2, stream }))
    await settled()
    expect([reads, ...quiet.map(({ log }) => log.length)]).toEqual([0, 0, 0])
    const itself = record(rig, '/quiet', { since: 1 })
    await settled()
    expect(itself.log).toEqual(['set /quiet 1'])
    rig.do(set('/quiet', 'at last'))
    expect(quiet.map(({ log }) => log)).toEqual([['set /quiet 51'], ['set /quiet 51']])
    const changed = [
      record(rig, '/quiet', { since: 1 }),
      record(rig, '/d/back', { since: 2 }),
      record(rig, '/d/there', { since: 4 }),
    ]
    await settled()
    expect(changed.map(({ log }) => log)).toEqual([
      ['set /quiet 1', 'set /quiet 51'],
      ['set /d/back 2', 'delete /d 4', 'set /d/back 5'],
      ['delete /d 4'],
    ])
    expect(reads).toBeGreaterThan(2)
  })

  test('that leave the window while they are read end the watcher: it would miss some', async () => {
    const disk = new FakeDisk()
    const reader = diskHistoryReader(disk)
    const historyReader: HistoryReader = {
      read: async (generation, from) => {
        for (let at = 1; at <= 90; at += 1) rig.do(set('/a', String(at)))
        disk.writeSync(rig.store.drainRows(), true)
        return reader.read(generation, from)
      },
    }
    const rig = new StoreRig({ history: limits({ eventsMax: 100, memoryEventsMax: 5 }), historyReader })
    for (let at = 1; at <= 100; at += 1) {
      rig.do(set('/a', String(at)))
      disk.writeSync(rig.store.drainRows(), true)
    }
    const { log } = record(rig, '/a', { since: 50 })
    await settled()
    expect(log).toEqual(['closed cleared'])
  })

  test('are read again when the state was replaced while they were read', async () => {
    const options: StoreOptions = {
      history: limits({ memoryEventsMax: 5 }),
      historyReader: {
        read: async (generation, from) => {
          if (rig.store.generation === 1) {
            rig.store.install(
              (await stageSnapshot(disk, 2, (await openSnapshot(disk.view())).chunks(), options)).stateMachine,
            )
            for (const { gte, lt } of generationRanges(1)) await disk.clearRange(gte, lt)
          }
          return diskHistoryReader(disk).read(generation, from)
        },
      },
    }
    const disk = new FakeDisk()
    const rig = new StoreRig(options)
    for (let at = 1; at <= 20; at += 1) rig.do(set('/a', String(at)))
    disk.writeSync([currentGenerationRow(1), ...rig.store.drainRows()], true)
    const { log } = record(rig, '/a', { since: 1 })
    await settled()
    expect(log).toEqual(Array.from({ length: 20 }, (_, at) => `set /a ${at + 1}`))
  })

  test('a disk that cannot be read ends the watcher, not the store', async () => {
    const failing: HistoryReader = { read: () => Promise.reject(new StoreError('MUSTER_DISK_FAILED', 'broken disk')) }
    const { rig, drain } = withDisk(() => failing)
    for (let at = 1; at <= 20; at += 1) rig.do(set('/a', String(at)))
    drain()
    const { log } = record(rig, '/a', { since: 1 })
    await settled()
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
    await settled()
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
    await settled()
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
    await settled()
    expect(log).toEqual(['closed cleared'])
  })
})
