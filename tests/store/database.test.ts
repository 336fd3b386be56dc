/** The data directory: what can be wrong with it, and the sentence for it. */
import { chmod, mkdir, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Level } from 'level'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Database } from '../../src/store/database.ts'
import { FORMAT_KEY, type Row } from '../../src/store/rows.ts'
import { scratchDir } from '../support/scratch.ts'

async function open(directory: string): Promise<Database> {
  const disk = await Database.open(directory)
  onTestFinished(() => disk.close().catch(() => {}))
  return disk
}

const row: Row = { type: 'put', key: Buffer.from('xa'), value: Buffer.from('1') }

test('a directory that does not exist is made, for this user only, parents too', async () => {
  const directory = join(await scratchDir(), 'deep', 'down')
  await open(directory)
  expect((await stat(directory)).mode & 0o777).toBe(0o700)
})

test('what was written is there after closing and opening again, unsynced rows too', async () => {
  const directory = await scratchDir()
  const disk = await open(directory)
  await disk.write([row], false)
  await disk.close()
  const again = await open(directory)
  expect(String(await again.get(row.key))).toBe('1')
})

test('a directory that another process has open is refused, and says so', async () => {
  const directory = await scratchDir()
  await open(directory)
  await expect(Database.open(directory)).rejects.toMatchObject({
    code: 'MUSTER_DATA_DIR_LOCKED',
    message: `cannot open "${directory}": another process has it open; stop that one, or give this one another data directory`,
  })
})

test('a directory with something else in it is refused and left as it was', async () => {
  const directory = await scratchDir()
  await writeFile(join(directory, 'letter.txt'), 'dear diary')
  await expect(Database.open(directory)).rejects.toMatchObject({
    code: 'MUSTER_DATA_DIR_FOREIGN',
    message: `cannot use "${directory}" as data directory: it is not empty and muster did not make it`,
  })
  expect(await readdir(directory)).toEqual(['letter.txt'])
})

test('a data directory of etcd is recognised', async () => {
  const directory = await scratchDir()
  await mkdir(join(directory, 'member'))
  await expect(Database.open(directory)).rejects.toMatchObject({
    code: 'MUSTER_DATA_DIR_FOREIGN',
    message: expect.stringContaining('looks like a data directory of etcd'),
  })
})

test('a LevelDB of somebody else is refused', async () => {
  const directory = await scratchDir()
  const level = new Level(join(directory, 'db'))
  await level.put('theirs', 'rows')
  await level.close()
  await expect(Database.open(directory)).rejects.toMatchObject({ code: 'MUSTER_DATA_DIR_FOREIGN' })
})

test('what a fresh volume holds is no obstacle', async () => {
  const directory = await scratchDir()
  await mkdir(join(directory, 'lost+found'))
  await writeFile(join(directory, '.keep'), '')
  await open(directory)
})

test('an attempt that ended before anything was stored is no obstacle', async () => {
  const directory = await scratchDir()
  const level = new Level(join(directory, 'db'))
  await level.open()
  await level.close()
  await open(directory)
})

test('data of a newer format is refused, with both numbers', async () => {
  const directory = await scratchDir()
  const disk = await open(directory)
  await disk.write([{ type: 'put', key: FORMAT_KEY, value: Buffer.from([0, 0, 0, 9]) }], true)
  await disk.close()
  await expect(Database.open(directory)).rejects.toMatchObject({
    code: 'MUSTER_DATA_FORMAT_NEWER',
    message: expect.stringContaining('has format 9, this release knows 1'),
  })
})

test('a path that is a file is refused', async () => {
  const path = join(await scratchDir(), 'file')
  await writeFile(path, '')
  await expect(Database.open(path)).rejects.toMatchObject({
    code: 'MUSTER_DATA_DIR_UNUSABLE',
    message: expect.stringContaining(path),
  })
})

test.skipIf(process.getuid?.() === 0)('a directory that may not be written is refused', async () => {
  const directory = await scratchDir()
  await chmod(directory, 0o500)
  await expect(Database.open(directory)).rejects.toMatchObject({ code: 'MUSTER_DATA_DIR_UNUSABLE' })
})

test('a damaged database is refused with a sentence', async () => {
  const directory = await scratchDir()
  const disk = await open(directory)
  await disk.write([row], true)
  await disk.close()
  await writeFile(join(directory, 'db', 'CURRENT'), 'MANIFEST-999999\n')
  await expect(Database.open(directory)).rejects.toMatchObject({
    code: 'MUSTER_DATA_DIR_UNUSABLE',
    message: expect.stringContaining(`cannot open the data in "${directory}"`),
  })
})

describe('a table file that is not what was written', () => {
  const damages: Record<string, (path: string, size: number) => Promise<void>> = {
    'cut to nothing': (path) => truncate(path, 0),
    'cut to half': (path, size) => truncate(path, Math.floor(size / 2)),
    'other bytes': (path, size) => writeFile(path, Buffer.alloc(size, 0xa5)),
    missing: (path) => rm(path),
  }

  test.each(Object.keys(damages))('%s: the sentence names the data directory and what to do', async (which) => {
    const directory = await scratchDir()
    const disk = await open(directory)
    await disk.write([row], true)
    await disk.close()
    // Opening again moves what the journal holds into a table.
    await (await open(directory)).close()
    const folder = join(directory, 'db')
    for (const name of (await readdir(folder)).filter((file) => file.endsWith('.ldb'))) {
      await damages[which]?.(join(folder, name), (await stat(join(folder, name))).size)
    }
    await expect(Database.open(directory)).rejects.toMatchObject({
      name: 'StoreError',
      code: 'MUSTER_DATA_DAMAGED',
      message: expect.stringMatching(
        new RegExp(`^cannot read the data in "${directory}": it is damaged .*add it again`),
      ),
    })
  })

  test('noticed only later: a read says the same', async () => {
    const directory = await scratchDir()
    const first = await open(directory)
    await first.write([row], true)
    await first.close()
    const second = await open(directory)
    await second.write([{ ...row, key: Buffer.from('xb') }], true)
    await second.close()
    await (await open(directory)).close()
    const folder = join(directory, 'db')
    const tables = (await readdir(folder)).filter((file) => file.endsWith('.ldb')).sort()
    // The first holds the row of the format; what opening reads is there.
    const last = join(folder, tables.at(-1) ?? '')
    await writeFile(last, Buffer.alloc((await stat(last)).size, 0xa5))
    const disk = await open(directory)
    await expect(disk.get(Buffer.from('xb'))).rejects.toMatchObject({
      code: 'MUSTER_DATA_DAMAGED',
      message: expect.stringContaining(directory),
    })
  })
})

test('a disk that is closed refuses reads and writes with the code of a failed disk', async () => {
  const disk = await open(await scratchDir())
  await disk.close()
  await expect(disk.get(row.key)).rejects.toMatchObject({ code: 'MUSTER_DISK_FAILED' })
  await expect(disk.write([row], true)).rejects.toMatchObject({ code: 'MUSTER_DISK_FAILED' })
})
