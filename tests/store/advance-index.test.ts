/** The store index is taken further, and the past ends there. */
import { expect, test } from 'vitest'
import { ADVANCED_INDEX_MAX } from '../../src/api.ts'
import type { Event } from '../../src/store/event.ts'
import { diskHistoryReader } from '../../src/store/history-reader.ts'
import { HISTORY_LIMITS_DEFAULT } from '../../src/store/options.ts'
import { restoreStore } from '../../src/store/restore.ts'
import { Section, sectionRange } from '../../src/store/rows.ts'
import type { WatchAnswer, WatchEnd } from '../../src/store/watch.ts'
import { FakeDisk } from '../support/fake-disk.ts'
import { command, StoreRig } from '../support/store-rig.ts'

function rigAt(writes: number): StoreRig {
  const rig = new StoreRig()
  for (let at = 0; at < writes; at += 1) rig.do(command.set('/k', `${at}`))
  return rig
}

/** Watches everything; what came, and how it ended. */
function watch(rig: StoreRig, since: number, stream = true) {
  const events: Event[] = []
  const ends: WatchEnd[] = []
  const answer: WatchAnswer = rig.store.watchers.watch({
    path: '/',
    recursive: true,
    stream,
    since,
    deliver: (event) => events.push(event) > 0,
    closed: (reason) => ends.push(reason),
  })
  return { events, ends, answer }
}

test('the next write gets the index behind it, and POST a name behind what was copied', () => {
  const rig = rigAt(3)
  const outcome = rig.apply({ kind: 'advanceIndex', to: 1229 })
  expect(outcome).toMatchObject({ ok: true, event: { index: 1229 } })
  expect(rig.store.storeIndex).toBe(1229)
  expect(rig.do(command.post('/q', 'job')).node.key).toBe('/q/00000000000000001230')
})

test('an index that lies behind stays where it is', () => {
  const rig = rigAt(3)
  expect(rig.apply({ kind: 'advanceIndex', to: 2 })).toMatchObject({ ok: true, event: { index: 3 } })
  expect(rig.do(command.set('/k', 'v')).index).toBe(4)
})

test('the largest index that may be asked for leaves room for writes', () => {
  const rig = rigAt(1)
  rig.apply({ kind: 'advanceIndex', to: ADVANCED_INDEX_MAX })
  expect(rig.do(command.set('/k', 'v')).index).toBe(ADVANCED_INDEX_MAX + 1)
})

test('keys, statistics and watchers are told of nothing', () => {
  const rig = rigAt(2)
  const before = { ...rig.store.stats }
  const { events, ends } = watch(rig, 0)
  rig.apply({ kind: 'advanceIndex', to: 50 })
  expect([events, ends]).toEqual([[], []])
  expect(rig.store.tree.find('/k')).toMatchObject({ modifiedIndex: 2, createdIndex: 2 })
  expect(rig.store.stats).toEqual({ ...before, watchers: 1 })
})

test.each([
  ['of the time before', 2],
  ['between, which only another cluster knows', 20],
  ['that the index was taken to', 50],
])('who looks back to an index %s is told that it is gone', (_which, since) => {
  const rig = rigAt(5)
  rig.apply({ kind: 'advanceIndex', to: 50 })
  expect(watch(rig, since, false).answer).toEqual({ kind: 'cleared', oldest: 51, requested: since, storeIndex: 50 })
  expect(watch(rig, since).answer.kind).toBe('cleared')
})

test('history begins anew where the index lies behind, too: what was copied since is no past of its clients', () => {
  const rig = rigAt(5)
  rig.apply({ kind: 'advanceIndex', to: 3 })
  expect(watch(rig, 3).answer.kind).toBe('cleared')
})

test('who has seen everything misses nothing', () => {
  const rig = rigAt(5)
  const before = watch(rig, 6)
  rig.apply({ kind: 'advanceIndex', to: 50 })
  const after = watch(rig, 51, false)
  const event = rig.do(command.set('/k', 'new'))
  expect(before.events).toEqual([event])
  expect(after.events).toEqual([event])
  expect(watch(rig, 51, false).answer).toMatchObject({ kind: 'found', event })
})

test('who waits for an index that is passed over is told to begin anew; for a later one, goes on', () => {
  const rig = rigAt(5)
  const passed = watch(rig, 20)
  const last = watch(rig, 50, false)
  const later = watch(rig, 51)
  rig.apply({ kind: 'advanceIndex', to: 50 })
  expect([passed.ends, last.ends, later.ends]).toEqual([['cleared'], ['cleared'], []])
  expect(rig.store.watchers.count).toBe(1)
  rig.do(command.set('/k', 'new'))
  expect([passed.events.length, last.events.length, later.events.length]).toEqual([0, 0, 1])
})

test('index and end of the past survive a restart', async () => {
  const disk = new FakeDisk()
  const rig = rigAt(5)
  disk.writeSync(rig.store.drainRows(), true)
  rig.apply({ kind: 'advanceIndex', to: 50 })
  disk.writeSync(rig.store.drainRows(), true)
  const options = { historyReader: diskHistoryReader(disk) }
  const again = new StoreRig(options, (await restoreStore(disk, options)).stateMachine)
  expect(again.store.digest()).toBe(rig.store.digest())
  expect(again.store.marks).toEqual(rig.store.marks)
  expect(watch(again, 5).answer).toMatchObject({ kind: 'cleared', oldest: 51 })
  expect(again.do(command.set('/k', 'v')).index).toBe(51)
})

test('the rows of a long history leave the disk bit by bit', () => {
  const rowsMax = 6000
  const disk = new FakeDisk()
  const rig = new StoreRig({ history: { ...HISTORY_LIMITS_DEFAULT, memoryEventsMax: 10 } })
  const { gte, lt } = sectionRange(Section.events, 1)
  for (let at = 0; at < 2 * rowsMax; at += 1) {
    rig.do(command.set('/k', 'v'))
    disk.writeSync(rig.store.drainRows(), true)
  }
  expect(disk.entriesSync(gte, lt).length).toBe(2 * rowsMax)
  rig.apply({ kind: 'advanceIndex', to: 0 })
  for (let turns = 0; turns < 4 && disk.entriesSync(gte, lt).length > 1; turns += 1) {
    const rows = rig.store.drainRows()
    expect(rows.length).toBeLessThan(rowsMax)
    disk.writeSync(rows, true)
    rig.do(command.set('/k', 'v'))
  }
  disk.writeSync(rig.store.drainRows(), true)
  expect(disk.entriesSync(gte, lt).length).toBeLessThan(5)
})
