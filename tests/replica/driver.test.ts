/** The loop around a replica, on a disk that can break. */
import { afterEach, describe, expect, test } from 'vitest'
import type { InstallSnapshot } from '../../src/raft/message.ts'
import { Driver, readRaftState } from '../../src/replica/driver.ts'
import type { Replica } from '../../src/replica/replica.ts'
import type { OutgoingSnapshot } from '../../src/replica/snapshots.ts'
import type { WriteAnswer } from '../../src/replica/waiters.ts'
import { restoreStore } from '../../src/store/restore.ts'
import { FakeDisk } from '../support/fake-disk.ts'
import { makeReplica, makeSettings, SILENT, setCommand } from './builders.ts'

/** Holds every synced write until it is let go. */
class HeldDisk extends FakeDisk {
  #held: (() => void)[] | undefined

  hold(): void {
    this.#held = []
  }

  letGo(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const go of held) go()
  }

  get heldCount(): number {
    return this.#held?.length ?? 0
  }

  override async write(...args: Parameters<FakeDisk['write']>): Promise<void> {
    const held = this.#held
    if (held !== undefined && args[1]) await new Promise<void>((resolve) => held.push(resolve))
    await super.write(...args)
  }
}

const drivers: Driver[] = []
afterEach(async () => {
  for (const driver of drivers.splice(0)) await driver.stop()
})

async function start() {
  const made = makeReplica()
  const disk = new HeldDisk()
  disk.writeSync(
    made.disk.entriesSync(Buffer.alloc(0), Buffer.from([255])).map(([key, value]) => ({ type: 'put', key, value })),
    true,
  )
  let fatal: (error: Error) => void = () => {}
  const failed = new Promise<Error>((resolve) => {
    fatal = resolve
  })
  const driver = new Driver({ disk, tickMs: 10, log: SILENT, storeOptions: {}, onFatal: fatal })
  const restored = await readRaftState(disk)
  if (restored === undefined) throw new Error('the disk was formatted')
  const { stateMachine, generation } = await restoreStore(disk, {})
  const settings = makeSettings(restored.identity.memberId)
  const { replica } = makeReplica(['a'], { settings, restored, store: stateMachine, generation, wake: driver.wake })
  drivers.push(driver)
  driver.start(replica)
  const write = (path: string) => new Promise<WriteAnswer>((resolve) => replica.write(setCommand(path), resolve))
  return { driver, disk, replica, failed, write }
}

async function until(holds: () => boolean): Promise<void> {
  for (let pass = 0; !holds(); pass++) {
    if (pass > 10_000) throw new Error('it does not come')
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
}

describe('the driver', () => {
  test('answers writes, also those that are asked from inside an answer', async () => {
    const { replica, write } = await start()
    expect(await write('/a')).toMatchObject({ ok: true })
    const second = await new Promise<WriteAnswer>((resolve) => {
      replica.write(setCommand('/b'), () => replica.write(setCommand('/c'), resolve))
    })
    expect(second).toMatchObject({ ok: true, event: { node: { key: '/c' } } })
  })

  test('everything that comes while the disk is busy shares the next write', async () => {
    const { disk, replica, write } = await start()
    await write('/a')
    disk.hold()
    const writes = [write('/b')]
    await until(() => disk.heldCount === 1)
    for (let i = 0; i < 5; i++) writes.push(write(`/c/${i}`))
    const before = replica.status().lastIndex
    disk.letGo()
    await Promise.all(writes)
    expect(replica.status().lastIndex).toBe(before + 5)
  })

  test('acknowledges nothing that a failing disk refused, and says once that it is over', async () => {
    const { disk, failed, write } = await start()
    await write('/a')
    disk.failWrites('no space left')
    let isAnswered = false
    void write('/b').then(() => {
      isAnswered = true
    })
    expect((await failed).message).toMatch(/no space left/)
    expect(isAnswered).toBe(false)
  })

  test('ends on a broken invariant as on a failing disk', async () => {
    const { replica, failed } = await start()
    replica.poll = () => {
      throw new Error('an assertion failed')
    }
    replica.tick()
    expect((await failed).message).toBe('an assertion failed')
  })

  test('puts everything on disk before it stops', async () => {
    const { driver, disk, replica, write } = await start()
    await write('/kept')
    await driver.stop()
    disk.crash(() => 0)
    const { stateMachine } = await restoreStore(disk, {})
    expect(stateMachine.appliedIndex).toBe(replica.store.appliedIndex)
    expect(stateMachine.digest()).toBe(replica.store.digest())
  })

  test('a snapshot to send holds all that was applied when it was asked for', async () => {
    const { driver, replica, write } = await start()
    await write('/a')
    const { offer, chunks } = await opened(driver, replica)
    expect(offer).toMatchObject({
      ...{ kind: 'installSnapshot', from: replica.id, term: replica.term },
      snapshot: { index: replica.store.appliedIndex, term: replica.term, membership: { voters: [replica.id] } },
    })
    let bytes = 0
    for await (const chunk of chunks) bytes += chunk.length
    expect(bytes).toBeGreaterThan(0)
  })

  test('of a snapshot that the core does not take, nothing is left', async () => {
    const { driver, disk, replica, write } = await start()
    await write('/a')
    const { offer, chunks } = await opened(driver, replica)
    const size = disk.size
    expect(await driver.stage(offer, chunks)).toBe(false)
    expect(disk.size).toBe(size)
  })

  test('nobody speaks of what was applied in a later term than that of the offer', async () => {
    const { driver, replica, write } = await start()
    await write('/a')
    expect(await driver.openSnapshot({ ...offerOf(replica), term: replica.term - 1 })).toBeUndefined()
  })
})

/** What a core asks to be sent, before it is known what the disk will show. */
function offerOf({ id, term, members: { membership } }: Replica): InstallSnapshot {
  const snapshot = { index: 1, term: 1, stampMs: 0, membership }
  return { kind: 'installSnapshot', from: id, to: id, term, snapshot }
}

async function opened(driver: Driver, replica: Replica): Promise<OutgoingSnapshot> {
  const outgoing = await driver.openSnapshot(offerOf(replica))
  if (outgoing === undefined) throw new Error('the term of the offer is not over')
  return outgoing
}

test('a fresh disk has no raft state', async () => {
  expect(await readRaftState(new FakeDisk())).toBeUndefined()
})
