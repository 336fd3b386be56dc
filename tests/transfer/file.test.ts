/** A file of an export is read as it was written, or refused before anything is done with it. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test, vi } from 'vitest'
import { exportTree } from '../../src/transfer/export.ts'
import { checkExport, FileTree } from '../../src/transfer/file-tree.ts'
import { type FileImportOptions, importFile } from '../../src/transfer/import-file.ts'
import { newCounts } from '../../src/transfer/progress.ts'
import { PathMap, type Tree } from '../../src/transfer/tree.ts'
import { scratchDir } from '../support/scratch.ts'
import { startTransferRig, type TransferRig, textOf, treeOf } from '../support/transfer-rig.ts'

const TEXTS = ['/a=1', '/d/', '/d/ü "q"=\n\0☃', '/d/_h/', '/t/+90', '/t/k=4+80', '/z=']

async function exported(tree: Tree, hidden = true): Promise<string> {
  const out = new PassThrough()
  const written = text(out)
  const report = { phase: () => undefined, note: () => undefined }
  const { signal } = new AbortController()
  await exportTree({ source: tree, prefix: '/', hidden, out, report, counts: newCounts(), signal })
  out.end()
  return written
}

async function fileOf(content: string): Promise<string> {
  const file = join(await scratchDir(), 'export.jsonl')
  await writeFile(file, content)
  return file
}

async function check(content: string) {
  return checkExport(await fileOf(content), () => undefined)
}

async function nodesIn(content: string, paths = new PathMap('/', '/')): Promise<readonly string[]> {
  const file = await fileOf(content)
  const { header } = await checkExport(file, () => undefined)
  const found: string[] = []
  for await (const batch of (await new FileTree(file, header, paths).list()).nodes) found.push(...batch.map(textOf))
  return found
}

/** No time passes while a slow machine writes and reads. */
function stopTime(): void {
  vi.useFakeTimers({ toFake: ['Date'] })
  onTestFinished(() => {
    vi.useRealTimers()
  })
}

test('a tree goes through a file unchanged', async () => {
  stopTime()
  const content = await exported(treeOf(...TEXTS))
  expect(await check(content)).toMatchObject({ nodes: 7, header: { prefix: '/', hidden: true } })
  expect(await nodesIn(content)).toEqual(TEXTS)
  for (const line of content.trim().split('\n')) expect(() => JSON.parse(line)).not.toThrow()
})

test('a subtree of a file may be taken to another place', async () => {
  stopTime()
  const content = await exported(treeOf(...TEXTS))
  expect(await nodesIn(content, new PathMap('/t', '/new/t'))).toEqual(['/new/t/+90', '/new/t/k=4+80'])
})

test('times go on while the file lies there; what has fallen due is left out, with all that is in it', async () => {
  stopTime()
  const content = await exported(
    treeOf('/a=1+100', '/t/+30', '/t/k=2', '/t/sub/', '/u=3+30', '/v=4', '/t/_h/', '/t/_h/x=5'),
  )
  const header = content.slice(0, content.indexOf('\n'))
  const old = { ...JSON.parse(header), takenAt: new Date(Date.now() - 60_000).toISOString() }
  expect(await nodesIn(content.replace(header, JSON.stringify(old)))).toEqual(['/a=1+40', '/v=4'])
  const ahead = { ...old, takenAt: new Date(Date.now() + 3_600_000).toISOString() }
  expect((await nodesIn(content.replace(header, JSON.stringify(ahead))))[0]).toBe('/a=1+100')
})

async function importInto(rig: TransferRig, content: string, options: Partial<FileImportOptions> = {}) {
  return importFile({
    file: await fileOf(content),
    target: rig.client,
    targetListsHidden: true,
    prefix: undefined,
    toPrefix: undefined,
    mirror: false,
    concurrency: 2,
    patienceMs: 500,
    report: { phase: () => undefined, note: () => undefined },
    counts: newCounts(),
    onChecked: () => undefined,
    signal: rig.over.signal,
    ...options,
  })
}

test('a prefix of which the file holds nothing is refused before anything is done', async () => {
  const rig = await startTransferRig()
  await rig.client.set('/typo/precious', '1')
  const content = await exported(treeOf('/d/', '/d/a=1', '/empty/'))
  for (const prefix of ['/typo', '/d/a/b', '/em']) {
    await expect(importInto(rig, content, { prefix, mirror: true })).rejects.toMatchObject({
      code: 'MUSTER_TRANSFER_NOTHING_THERE',
      message: expect.stringContaining(`holds nothing at ${prefix}`),
    })
  }
  expect(await rig.show()).toEqual(['/typo/', '/typo/precious=1'])
  for (const prefix of ['/', '/d', '/d/a', '/empty']) {
    expect((await importInto(rig, content, { prefix })).verdict.equal, prefix).toBe(true)
  }
})

test('an export of nothing can be imported', async () => {
  const rig = await startTransferRig()
  for (const prefix of [undefined, '/']) {
    expect((await importInto(rig, await exported(treeOf()), { prefix })).verdict.equal).toBe(true)
  }
})

test('names that POST made, and the index of the export, lie behind what comes next', async () => {
  const rig = await startTransferRig()
  const content = await exported(treeOf('/q/', '/q/00000000000000001229=job'))
  expect((await importInto(rig, content)).index).toEqual({ inOrder: 1229, source: 1, target: 1229, isBegunAnew: true })
  expect((await rig.client.create('/q', 'next')).node.key).toBe('/q/00000000000000001230')
})

test('a cluster whose own export is brought back keeps its history where nothing was to be written', async () => {
  const rig = await startTransferRig()
  const { clusterId } = await rig.client.set('/a', '1')
  const own = { list: async () => ({ ...(await treeOf('/a=1').list()), clusterId, index: 2 }) }
  const content = await exported(own)
  await rig.client.set('/b', '2')
  expect((await importInto(rig, content)).index).toMatchObject({ isBegunAnew: false })
  const { event } = await rig.client.poll('/', { recursive: true, waitIndex: 2, pollMs: 1_000 })
  expect(event?.node.key).toBe('/a')
  await rig.client.set('/a', 'changed')
  expect((await importInto(rig, content)).index).toMatchObject({ isBegunAnew: true })
})

test('a mirror of a file that could not know hidden keys leaves them alone', async () => {
  const rig = await startTransferRig()
  await rig.client.set('/q/_h/x', 'mine')
  await rig.client.set('/q/old', 'gone soon')
  const importing = async (hidden: boolean) =>
    importInto(rig, await exported(treeOf('/q/', '/q/a=1', '/q/_known/', '/q/_known/b=2'), hidden), { mirror: true })
  expect((await importing(false)).verdict.equal).toBe(true)
  const wanted = ['/q/', '/q/_known/', '/q/_known/b=2', '/q/a=1']
  expect(await rig.show()).toEqual([...wanted, '/q/_h/', '/q/_h/x=mine'].sort())
  expect((await importing(true)).verdict.equal).toBe(true)
  expect(await rig.show()).toEqual(wanted)
})

test('a file that ends early is refused, wherever it ends', async () => {
  const content = await exported(treeOf('/a=1', '/b=2'))
  for (let length = 0; length < content.length - 1; length += 7) {
    await expect(check(content.slice(0, length)), `${length}`).rejects.toMatchObject({ code: 'MUSTER_EXPORT_DAMAGED' })
  }
})

test.each([
  ['a line is missing', (lines: string[]) => lines.toSpliced(2, 1), /1 of 2 nodes/],
  [
    'a value was changed',
    (lines: string[]) => lines.with(1, '{"path":"/a","value":"x"}'),
    /not those that were written/,
  ],
  ['something follows', (lines: string[]) => [...lines, '{"path":"/c","value":"x"}'], /follows its last line/],
  ['a line is no node', (lines: string[]) => lines.with(1, '{"path":"a","value":"x"}'), /line 2 is no node/],
  ['a line is no object', (lines: string[]) => lines.with(1, '7'), /line 2 is no object/],
  ['a line is no JSON', (lines: string[]) => lines.with(1, '{'), /line 2 is not JSON/],
  ['it is something else', () => ['{"some":"json"}'], /not that of a muster export/],
  ['it is empty', () => [], /it is empty/],
])('a damaged file is refused: %s', async (_, damage, reason) => {
  const lines = (await exported(treeOf('/a=1', '/b=2'))).trim().split('\n')
  const content = damage(lines)
    .map((line) => `${line}\n`)
    .join('')
  await expect(check(content)).rejects.toMatchObject({
    code: 'MUSTER_EXPORT_DAMAGED',
    message: expect.stringMatching(reason),
  })
})

test('a newer format is refused by its number', async () => {
  const content = (await exported(treeOf('/a=1'))).replace('"version":1', '"version":2')
  await expect(check(content)).rejects.toMatchObject({
    code: 'MUSTER_EXPORT_NEWER',
    message: expect.stringContaining('format 2'),
  })
})

test('lines are whole wherever the pieces of the file end', async () => {
  const value = '☃'.repeat(200_000)
  const content = await exported(treeOf('/a=1', `/big=${value}`, '/b=2'))
  expect(await nodesIn(content)).toEqual(['/a=1', `/big=${value}`, '/b=2'])
  expect(content.endsWith('\n')).toBe(true)
  expect(await nodesIn(content.trimEnd())).toHaveLength(3)
  expect((await readFile(await fileOf(content), 'utf8')).length).toBe(content.length)
})
