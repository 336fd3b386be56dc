/** Snapshots: bounded chunks, and nothing of a damaged one is kept. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { Database } from '../../src/store/database.ts'
import type { Disk } from '../../src/store/disk.ts'
import { restoreStore } from '../../src/store/restore.ts'
import { currentGenerationRow, generationRanges, keyAfter, type Row } from '../../src/store/rows.ts'
import { CHUNK_BYTES_MAX, openSnapshot, stageSnapshot } from '../../src/store/snapshot.ts'
import { FakeDisk } from '../support/fake-disk.ts'
import { scratchDir } from '../support/scratch.ts'
import { command, StoreRig } from '../support/store-rig.ts'

async function source(fill: (rig: StoreRig) => void): Promise<{ rig: StoreRig; disk: FakeDisk; chunks: Buffer[] }> {
  const rig = new StoreRig()
  const disk = new FakeDisk()
  fill(rig)
  disk.writeSync(rig.store.drainRows(), true)
  const chunks: Buffer[] = []
  const snapshot = await openSnapshot(disk.view())
  expect(snapshot.marks).toEqual(rig.store.marks)
  for await (const chunk of snapshot.chunks()) chunks.push(chunk)
  return { rig, disk, chunks }
}

function some(rig: StoreRig): void {
  for (let at = 0; at < 3000; at += 1) rig.do(command.set(`/k/${at % 50}/${at}`, 'v'.repeat(200)))
}

async function* inPieces(bytes: Buffer, size: number): AsyncIterable<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function rowsOf(disk: Disk, generation: number): Promise<number> {
  await disk.write([], true)
  const view = disk.view()
  let count = 0
  for (const { gte, lt } of generationRanges(generation)) {
    for (let from = gte; ; ) {
      const entries = await view.entries(from, lt, { limit: 1000 })
      const last = entries.at(-1)
      if (last === undefined) break
      count += entries.length
      from = keyAfter(last[0])
    }
  }
  await view.close()
  return count
}

describe('sending', () => {
  test('cuts chunks of at most 256 KiB, also where one value is larger', async () => {
    const { chunks } = await source((rig) => {
      some(rig)
      rig.do(command.set('/large', 'x'.repeat(1_000_000)))
    })
    expect(Math.max(...chunks.map((chunk) => chunk.length))).toBe(CHUNK_BYTES_MAX)
    expect(chunks.length).toBeGreaterThan(8)
  })

  test('shows the view, not what is written meanwhile', async () => {
    const { rig, disk } = await source(some)
    const digest = rig.store.digest()
    const snapshot = await openSnapshot(disk.view())
    rig.do(command.remove('/k', { recursive: true }))
    disk.writeSync(rig.store.drainRows(), true)
    const staged = await stageSnapshot(new FakeDisk(), 2, snapshot.chunks())
    expect(staged.stateMachine.digest()).toBe(digest)
  })
})

describe('staging', () => {
  test.each([1, 13, 1000, 10_000_000])('takes chunks of %i bytes', async (size) => {
    const { rig, chunks } = await source((filled) => {
      for (let at = 0; at < 40; at += 1) filled.do(command.set(`/k${at}`, 'v'.repeat(at)))
    })
    const staged = await stageSnapshot(new FakeDisk(), 2, inPieces(Buffer.concat(chunks), size))
    expect(staged.stateMachine.digest()).toBe(rig.store.digest())
    expect([staged.generation, staged.marks.storeIndex, staged.rows]).toEqual([2, 40, 42])
  })

  test('on LevelDB leaves the live rows alone, and one row switches', async () => {
    const { rig, chunks } = await source(some)
    const directory = await scratchDir()
    const disk = await Database.open(directory)
    const live = new StoreRig()
    live.do(command.set('/live', 'v'))
    await disk.write(live.store.drainRows(), true)
    const staged = await stageSnapshot(disk, 2, inPieces(Buffer.concat(chunks), 5000))
    expect((await restoreStore(disk)).stateMachine.digest()).toBe(live.store.digest())
    expect(await rowsOf(disk, 2)).toBe(0)
    const again = await stageSnapshot(disk, 3, inPieces(Buffer.concat(chunks), 5000))
    expect(again.rows).toBe(staged.rows)
    await disk.write([currentGenerationRow(3)], true)
    await disk.close()
    const reopened = await Database.open(directory)
    onTestFinished(() => reopened.close())
    const { stateMachine, generation } = await restoreStore(reopened)
    expect([generation, stateMachine.digest()]).toEqual([3, rig.store.digest()])
    expect(await rowsOf(reopened, 1)).toBe(0)
  })

  test('deletes what a removed directory left in batches as small as all others', async () => {
    const { disk } = await source((rig) => {
      for (let at = 0; at < 9000; at += 1) rig.do(command.set(`/d/${at}`, 'v'))
    })
    const rig = new StoreRig({}, (await restoreStore(disk)).stateMachine)
    rig.do(command.remove('/d', { recursive: true }))
    disk.writeSync(rig.store.drainRows(), true)
    const batches: number[] = []
    class CountingDisk extends FakeDisk {
      override async write(rows: readonly Row[], sync: boolean): Promise<void> {
        batches.push(rows.length)
        await super.write(rows, sync)
      }
    }
    const target = new CountingDisk()
    const staged = await stageSnapshot(target, 2, (await openSnapshot(disk.view())).chunks())
    expect(staged.stateMachine.digest()).toBe(rig.store.digest())
    expect(batches.reduce((sum, rows) => sum + rows)).toBeGreaterThan(8000)
    expect(Math.max(...batches)).toBeLessThanOrEqual(1000)
    expect(await rowsOf(target, 2)).toBeLessThan(20)
  })

  test('an empty state is sent and taken too', async () => {
    const disk = new FakeDisk()
    const snapshot = await openSnapshot(disk.view())
    const staged = await stageSnapshot(disk, 2, snapshot.chunks())
    expect([staged.marks.appliedIndex, staged.rows]).toEqual([0, 0])
  })
})

describe('a damaged stream is refused, and nothing of it stays', () => {
  async function refused(chunks: AsyncIterable<Buffer>): Promise<void> {
    const disk = new FakeDisk()
    const live = new StoreRig()
    live.do(command.set('/live', 'v'))
    disk.writeSync(live.store.drainRows(), true)
    await expect(stageSnapshot(disk, 2, chunks)).rejects.toMatchObject({ code: 'MUSTER_SNAPSHOT_BROKEN' })
    expect(await rowsOf(disk, 2)).toBe(0)
    expect((await restoreStore(disk)).stateMachine.digest()).toBe(live.store.digest())
  }

  test('cut short anywhere', async () => {
    const { chunks } = await source((rig) => {
      for (let at = 0; at < 5; at += 1) rig.do(command.set(`/k${at}`, 'v'))
    })
    const bytes = Buffer.concat(chunks)
    for (let length = 0; length < bytes.length; length += 7) await refused(inPieces(bytes.subarray(0, length), 50))
    await refused(inPieces(bytes.subarray(0, bytes.length - 1), 50))
  })

  test('with any bit turned', async () => {
    const { chunks } = await source((rig) => {
      for (let at = 0; at < 5; at += 1) rig.do(command.set(`/k${at}`, 'v'))
    })
    const bytes = Buffer.concat(chunks)
    for (let at = 0; at < bytes.length; at += 3) {
      const damaged = Buffer.from(bytes)
      damaged[at] = (damaged[at] as number) ^ (1 << (at % 8))
      await refused(inPieces(damaged, 64))
    }
  })

  test('with bytes behind its end', async () => {
    const { chunks } = await source(some)
    await refused(inPieces(Buffer.concat([...chunks, Buffer.from('x')]), 100_000))
    await refused(
      (async function* () {
        yield* chunks
        yield Buffer.from('x')
      })(),
    )
  })

  test('that is not a snapshot at all', async () => {
    await refused(inPieces(Buffer.from('GET / HTTP/1.1\r\n\r\n'), 4))
  })

  test('that ends with an error of its source, which is the cause', async () => {
    const { chunks } = await source(some)
    const gone = new Error('connection reset')
    const failing = async function* (): AsyncIterable<Buffer> {
      yield chunks[0] as Buffer
      throw gone
    }
    await refused(failing())
    await expect(stageSnapshot(new FakeDisk(), 2, failing())).rejects.toMatchObject({ cause: gone })
  })

  test('a failing disk is reported as such', async () => {
    const { chunks } = await source(some)
    const disk = new FakeDisk()
    disk.failWrites('no space')
    await expect(stageSnapshot(disk, 2, inPieces(Buffer.concat(chunks), 1e6))).rejects.toMatchObject({
      code: 'MUSTER_DISK_FAILED',
    })
  })
})
