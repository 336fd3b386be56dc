/**
 * What every `Disk` promises, as a suite that LevelDB and the simulator's fake both run.
 */
import { describe, expect, test } from 'vitest'
import type { Disk, DiskEntry, DiskView } from '../../src/store/disk.ts'
import { keyAfter, type Row } from '../../src/store/rows.ts'

/** Opens a fresh, empty disk for one test, and closes it when the test is over. */
export type OpenDisk = () => Promise<Disk>

function put(key: string, value: string): Row {
  return { type: 'put', key: Buffer.from(key, 'latin1'), value: Buffer.from(value) }
}

function del(key: string): Row {
  return { type: 'del', key: Buffer.from(key, 'latin1') }
}

function range(gte: string, lt: string): readonly [Buffer, Buffer] {
  return [Buffer.from(gte, 'latin1'), Buffer.from(lt, 'latin1')]
}

function text(entries: readonly DiskEntry[]): string[] {
  return entries.map(([key, value]) => `${key.toString('latin1')}=${value}`)
}

/** Every entry of a range, the way callers read one. */
async function all(view: DiskView, gte: string, lt: string, limit = 1000): Promise<string[]> {
  const [first, end] = range(gte, lt)
  const found: DiskEntry[] = []
  for (let from = first; ; ) {
    const entries = await view.entries(from, end, { limit })
    const last = entries.at(-1)
    if (last === undefined) return text(found)
    expect(entries.length).toBeLessThanOrEqual(limit)
    found.push(...entries)
    from = keyAfter(last[0])
  }
}

async function show(disk: Disk, gte = 'x', lt = 'y'): Promise<string[]> {
  await disk.write([], true)
  const view = disk.view()
  try {
    return await all(view, gte, lt)
  } finally {
    await view.close()
  }
}

/** Runs the suite. Keys begin with `x`, so that an implementation may keep rows of its own. */
export function diskContract(name: string, open: OpenDisk): void {
  describe(`a disk, ${name}`, () => {
    test('shows what was written, in byte order of the keys', async () => {
      const disk = await open()
      await disk.write([put('xb', '2'), put('x\xff', '4'), put('xa', '1'), put('xb\0', '3')], true)
      expect(await show(disk)).toEqual(['xa=1', 'xb=2', 'xb\0=3', 'x\xff=4'])
    })

    test('lets later rows of a batch win over earlier ones', async () => {
      const disk = await open()
      await disk.write([put('xa', '1'), put('xa', '2'), put('xb', '1'), del('xb'), del('xc'), put('xc', '1')], true)
      expect(await show(disk)).toEqual(['xa=2', 'xc=1'])
    })

    test('lets later batches win over earlier ones, synced or not, also when nobody waits between them', async () => {
      const disk = await open()
      const writes: Promise<void>[] = []
      for (let at = 0; at < 200; at += 1) {
        writes.push(disk.write([put('xa', String(at)), put(`xb${at % 7}`, String(at))], at % 3 === 0))
      }
      await Promise.all(writes)
      expect(await show(disk)).toEqual([
        'xa=199',
        'xb0=196',
        'xb1=197',
        'xb2=198',
        'xb3=199',
        'xb4=193',
        'xb5=194',
        'xb6=195',
      ])
    })

    test('keeps batches in the order of the calls, also when a range is cleared meanwhile', async () => {
      const disk = await open()
      for (let round = 0; round < 300; round++) {
        void disk.write([put('xa', 'old')], false)
        const cleared = disk.clearRange(...range('xp', 'xq'))
        await disk.write([put('xa', `new ${round}`)], true)
        await cleared
        expect(await show(disk)).toEqual([`xa=new ${round}`])
      }
    })

    test('shows unsynced rows after an empty synced write', async () => {
      const disk = await open()
      await disk.write([put('xa', '1')], false)
      await disk.write([], true)
      expect(String(await disk.get(Buffer.from('xa')))).toBe('1')
    })

    test('takes an empty batch', async () => {
      const disk = await open()
      await disk.write([], false)
      await disk.write([], true)
      expect(await show(disk)).toEqual([])
    })

    test('keeps buffers to itself: the caller may use his again', async () => {
      const disk = await open()
      const value = Buffer.from('before')
      const writing = disk.write([{ type: 'put', key: Buffer.from('xa'), value }], false)
      value.fill('?')
      await writing
      expect(await show(disk)).toEqual(['xa=before'])
    })

    test('keeps empty values apart from missing rows', async () => {
      const disk = await open()
      await disk.write([put('xa', '')], true)
      expect((await disk.get(Buffer.from('xa')))?.length).toBe(0)
      expect(await disk.get(Buffer.from('xb'))).toBeUndefined()
    })

    test('reads half-open ranges', async () => {
      const disk = await open()
      await disk.write([put('xa', '1'), put('xb', '2'), put('xc', '3')], true)
      expect(await show(disk, 'xb', 'xc')).toEqual(['xb=2'])
      expect(await show(disk, 'xc', 'xc')).toEqual([])
      expect(await show(disk, 'xd', 'xz')).toEqual([])
    })

    test('reads backwards, from the end of the range', async () => {
      const disk = await open()
      await disk.write([put('xa', '1'), put('xb', '2'), put('xc', '3'), put('xd', '4')], true)
      const view = disk.view()
      const [gte, lt] = range('xa', 'xd')
      expect(text(await view.entries(gte, lt, { limit: 2, reverse: true }))).toEqual(['xc=3', 'xb=2'])
      await view.close()
    })

    test('goes on behind the last key until nothing is left, in pieces bounded by count', async () => {
      const disk = await open()
      await disk.write(
        Array.from({ length: 250 }, (_, at) => put(`x${String(at).padStart(3, '0')}`, 'v')),
        true,
      )
      const view = disk.view()
      expect((await all(view, 'x', 'y', 20)).length).toBe(250)
      await view.close()
    })

    test('bounds pieces by bytes, and always gives at least one entry', async () => {
      const disk = await open()
      await disk.write(
        Array.from({ length: 40 }, (_, at) => put(`x${at + 10}`, 'v'.repeat(10_000))),
        true,
      )
      const view = disk.view()
      const [gte, lt] = range('x', 'y')
      const some = await view.entries(gte, lt, { limit: 40, bytesMax: 50_000 })
      expect(some.length).toBeGreaterThanOrEqual(5)
      expect(some.length).toBeLessThanOrEqual(7)
      expect((await view.entries(gte, lt, { limit: 40, bytesMax: 1 })).length).toBe(1)
      await view.close()
    })

    test('shows a view of one moment, whatever is written and cleared later', async () => {
      const disk = await open()
      await disk.write([put('xa', '1'), put('xb', '1')], true)
      const view = disk.view()
      await disk.write([put('xa', '2'), del('xb'), put('xc', '2')], true)
      await disk.clearRange(...range('xa', 'xb'))
      expect(await all(view, 'x', 'y')).toEqual(['xa=1', 'xb=1'])
      await view.close()
      expect(await show(disk)).toEqual(['xc=2'])
    })

    test('clears a range, half-open, with what waits unsynced, and nothing else', async () => {
      const disk = await open()
      await disk.write([put('xa', '1'), put('xb', '1'), put('xc', '1')], true)
      await disk.write([put('xbb', '1'), put('xcc', '1')], false)
      await disk.clearRange(...range('xb', 'xc'))
      expect(await show(disk)).toEqual(['xa=1', 'xc=1', 'xcc=1'])
    })
  })
}
