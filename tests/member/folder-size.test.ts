/** The size of a folder is told without waiting, and what it cannot tell it leaves open. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FolderSize } from '../../src/member/folder-size.ts'
import { eventually } from '../support/eventually.ts'
import { scratchDir } from '../support/scratch.ts'

test('all files count, also those of folders within', async () => {
  const folder = await scratchDir()
  await mkdir(join(folder, 'a'))
  await writeFile(join(folder, 'a', 'one'), 'x'.repeat(1000))
  await writeFile(join(folder, 'two'), 'x'.repeat(24))
  const size = new FolderSize(folder)
  expect(await eventually('a size', () => size.bytes)).toBe(1024)
})

test('a folder that is not there has no size, and nobody is told of an error', async () => {
  const size = new FolderSize(join(await scratchDir(), 'none'))
  expect(size.bytes).toBeUndefined()
  await new Promise((done) => setImmediate(done))
  expect(size.bytes).toBeUndefined()
})
