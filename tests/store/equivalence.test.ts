/** One state, four ways: live, from its rows, from a snapshot of them, and from what a crash left plus the log. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteWriter } from '../../src/store/bytes.ts'
import type { Command } from '../../src/store/command.ts'
import type { Event } from '../../src/store/event.ts'
import { diskHistoryReader } from '../../src/store/history-reader.ts'
import { HISTORY_LIMITS_DEFAULT, type StoreOptions } from '../../src/store/options.ts'
import { restoreStore } from '../../src/store/restore.ts'
import { nodeKey, Section, sectionRange } from '../../src/store/rows.ts'
import { openSnapshot, stageSnapshot } from '../../src/store/snapshot.ts'
import type { StateMachine } from '../../src/store/state-machine.ts'
import { FakeDisk } from '../support/fake-disk.ts'
import { anyStep, type Step } from '../support/store-arbitraries.ts'
import { command, StoreRig, ttl } from '../support/store-rig.ts'

const options: StoreOptions = { history: { ...HISTORY_LIMITS_DEFAULT, eventsMax: 20, memoryEventsMax: 6 } }

type DiskStep =
  | Step
  | { readonly kind: 'drain'; readonly sync: boolean }
  | { readonly kind: 'member'; readonly id: string }
  | { readonly kind: 'advance'; readonly to: number }

const diskStep: fc.Arbitrary<DiskStep> = fc.oneof(
  { weight: 8, arbitrary: anyStep.map((step): DiskStep => step) },
  { weight: 2, arbitrary: fc.boolean().map((sync): DiskStep => ({ kind: 'drain', sync })) },
  { weight: 1, arbitrary: fc.constantFrom('a', 'b').map((id): DiskStep => ({ kind: 'member', id })) },
  { weight: 1, arbitrary: fc.nat({ max: 60 }).map((to): DiskStep => ({ kind: 'advance', to })) },
)

/** The command of a step, as the log would hold it. */
function commandOf(step: DiskStep): Command | undefined {
  switch (step.kind) {
    case 'command':
      return step.command
    case 'expire':
      return { kind: 'expire', term: 1 }
    case 'member':
      return { kind: 'putMember', id: step.id, peerUrls: ['http://p'], name: step.id, clientUrls: undefined }
    case 'advance':
      return { kind: 'advanceIndex', to: step.to }
    default:
      return undefined
  }
}

function run(rig: StoreRig, disk: FakeDisk, step: DiskStep): void {
  if (step.kind === 'drain') {
    disk.writeSync(rig.store.drainRows(), step.sync)
    return
  }
  if (step.kind === 'expire' || step.kind === 'wait') rig.clockMs += step.elapsedMs
  rig.apply(commandOf(step))
}

/** Every event that can be looked back to, from disk where memory does not reach. */
async function history(store: StateMachine, disk: FakeDisk): Promise<Event[]> {
  const events: Event[] = []
  const reader = diskHistoryReader(disk)
  for (let from = store.history.clearedTo + 1; from < store.history.memoryFrom; ) {
    const some = await reader.read(store.generation, from)
    const last = some.at(-1)
    if (last === undefined) break
    events.push(...some.filter((event) => event.index < store.history.memoryFrom))
    from = last.index + 1
  }
  for (let at = store.history.positionOf(0); ; at += 1) {
    const event = store.history.at(at)
    if (event === undefined) return events
    events.push(event)
  }
}

async function expectSame(
  found: StateMachine,
  onDisk: FakeDisk,
  wanted: StateMachine,
  wantedDisk: FakeDisk,
): Promise<void> {
  expect(found.digest()).toBe(wanted.digest())
  expect(found.marks).toEqual(wanted.marks)
  expect(found.members.list()).toEqual(wanted.members.list())
  expect(found.nextDeadlineMs()).toBe(wanted.nextDeadlineMs())
  expect(found.history.length).toBe(wanted.history.length)
  expect(await history(found, onDisk)).toEqual(await history(wanted, wantedDisk))
}

async function snapshotOf(disk: FakeDisk): Promise<Buffer[]> {
  const chunks: Buffer[] = []
  for await (const chunk of (await openSnapshot(disk.view())).chunks()) chunks.push(chunk)
  return chunks
}

async function* streamed(chunks: readonly Buffer[]): AsyncIterable<Buffer> {
  yield* chunks
}

test('a state from its rows, and one from a snapshot of those, are the live one', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(diskStep, { maxLength: 60, size: 'max' }), async (steps) => {
      const disk = new FakeDisk()
      const rig = new StoreRig(options)
      for (const step of steps) run(rig, disk, step)
      disk.writeSync(rig.store.drainRows(), true)
      const restored = await restoreStore(disk, options)
      await expectSame(restored.stateMachine, disk, rig.store, disk)

      const elsewhere = new FakeDisk()
      const staged = await stageSnapshot(elsewhere, 2, streamed(await snapshotOf(disk)), options)
      await expectSame(staged.stateMachine, elsewhere, rig.store, disk)
    }),
    { numRuns: 100 },
  )
})

test('what a crash leaves, and the log after its applied index, make the same state again', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(diskStep, { maxLength: 60, size: 'max' }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      async (steps, random) => {
        const disk = new FakeDisk()
        const rig = new StoreRig(options)
        const log: { clockMs: number; asked: Command | undefined }[] = []
        for (const step of steps) {
          run(rig, disk, step)
          if (rig.store.appliedIndex > log.length) log.push({ clockMs: rig.clockMs, asked: commandOf(step) })
        }
        disk.crash(() => random)
        const again = new StoreRig(options, (await restoreStore(disk, options)).stateMachine)
        for (const { clockMs, asked } of log.slice(again.store.appliedIndex)) {
          again.clockMs = clockMs
          again.apply(asked)
        }
        expect(again.store.digest()).toBe(rig.store.digest())
        expect(again.store.marks).toEqual(rig.store.marks)
        again.store.drainRows()
        rig.store.drainRows()
        expect(again.store.history.length).toBe(rig.store.history.length)
      },
    ),
    { numRuns: 100 },
  )
})

describe('a removed directory with more in it than one sweep takes', () => {
  const count = 12_000

  function filled(): { rig: StoreRig; disk: FakeDisk } {
    const rig = new StoreRig()
    const disk = new FakeDisk()
    for (let at = 0; at < count; at += 1) rig.do(command.set(`/d/${at % 10}/${at}`, 'old', { ttl: ttl(1000) }))
    disk.writeSync(rig.store.drainRows(), true)
    rig.do(command.remove('/d', { recursive: true }))
    return { rig, disk }
  }

  function nodesOn(disk: FakeDisk): number {
    const { gte, lt } = sectionRange(Section.nodes, 1)
    return disk.entriesSync(gte, lt).length
  }

  test('leaves disk and expiry bit by bit, and shows nothing meanwhile', () => {
    const { rig, disk } = filled()
    expect(rig.store.nextDeadlineMs()).toBeUndefined()
    const left: number[] = []
    for (let round = 0; round < 10 && rig.store.sweeping; round += 1) {
      const rows = rig.store.drainRows()
      expect(rows.length).toBeLessThan(6000)
      disk.writeSync(rows, true)
      left.push(nodesOn(disk))
    }
    expect(left.at(-1)).toBe(0)
    expect(left.length).toBeGreaterThan(2)
    expect(rig.store.drainRows()).toEqual([])
  })

  test('is gone after a restart in the middle of it, and stays gone when its names come back', async () => {
    const { rig, disk } = filled()
    rig.do(command.set('/d/3/13', 'new'))
    disk.writeSync(rig.store.drainRows(), true)
    expect(nodesOn(disk)).toBeGreaterThan(5000)
    const { stateMachine } = await restoreStore(disk)
    expect(stateMachine.digest()).toBe(rig.store.digest())
    expect(stateMachine.nextDeadlineMs()).toBeUndefined()
    expect(nodesOn(disk)).toBe(3)
    for (let round = 0; round < 10 && rig.store.sweeping; round += 1) disk.writeSync(rig.store.drainRows(), true)
    expect(disk.getSync(nodeKey(new ByteWriter(), 1, '/d/3/13'))).toBeDefined()
    expect((await restoreStore(disk)).stateMachine.digest()).toBe(rig.store.digest())
  })

  test('is gone from a snapshot that was taken in the middle of it', async () => {
    const { rig, disk } = filled()
    disk.writeSync(rig.store.drainRows(), true)
    const elsewhere = new FakeDisk()
    const staged = await stageSnapshot(elsewhere, 2, streamed(await snapshotOf(disk)))
    expect(staged.stateMachine.digest()).toBe(rig.store.digest())
    const { gte, lt } = sectionRange(Section.nodes, 2)
    expect(elsewhere.entriesSync(gte, lt).length).toBe(0)
  })
})

test('events are the same to watchers after a restart, ttl and all', async () => {
  const disk = new FakeDisk()
  const rig = new StoreRig()
  rig.do(command.set('/k', 'v', { ttl: ttl(2500) }))
  rig.clockMs = 1000
  rig.do(command.set('/k', 'w'))
  disk.writeSync(rig.store.drainRows(), true)
  const { stateMachine } = await restoreStore(disk)
  expect(await history(stateMachine, disk)).toEqual(await history(rig.store, disk))
  expect((await history(stateMachine, disk))[1]?.prevNode?.ttlSeconds).toBe(2)
})

test('the digest tells states apart by value, index, deadline and clock', () => {
  const rig = new StoreRig()
  const digests = new Set<string>()
  const add = (): unknown => digests.add(rig.store.digest())
  add()
  rig.do(command.set('/k', 'v'))
  add()
  rig.do(command.update('/k', 'w'))
  add()
  rig.do(command.update('/k', 'w', { ttl: ttl(5) }))
  add()
  rig.clockMs = 1
  rig.apply(undefined)
  add()
  rig.apply({ kind: 'putMember', id: 'a', peerUrls: [], name: 'n', clientUrls: [] })
  add()
  expect(digests.size).toBe(6)
})
