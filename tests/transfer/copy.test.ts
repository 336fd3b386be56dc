/** A pass makes the target's tree like the source's, whatever was there, and touches nothing that is not its own. */
import { expect, test } from 'vitest'
import type { EventJson } from '../../src/client/node.ts'
import { applyEvents } from '../../src/transfer/apply.ts'
import { type CopyResult, copyTree } from '../../src/transfer/copy.ts'
import { NodeTable } from '../../src/transfer/node-table.ts'
import { newCounts } from '../../src/transfer/progress.ts'
import { PathMap, type Tree, type TreeNode } from '../../src/transfer/tree.ts'
import { TtlKeeper } from '../../src/transfer/ttl-keeper.ts'
import { verifyTrees } from '../../src/transfer/verify.ts'
import { startTransferRig, type TransferRig, treeOf } from '../support/transfer-rig.ts'

interface Run {
  readonly rig: TransferRig
  readonly table: NodeTable
  pass(source: Tree, mirror?: boolean): Promise<CopyResult & { readonly writes: number }>
  apply(events: readonly EventJson[], mirror?: boolean): Promise<void>
  verify(source: Tree, mirror?: boolean): ReturnType<typeof verifyTrees>
}

async function start(...before: readonly string[]): Promise<Run> {
  return startAt(new PathMap('/', '/'), ...before)
}

async function startAt(paths: PathMap, ...before: readonly string[]): Promise<Run> {
  const rig = await startTransferRig()
  const { target, targetTree } = rig
  const { signal } = rig.over
  const table = new NodeTable()
  const ttls = new TtlKeeper()
  for await (const batch of (await treeOf(...before).list()).nodes) for (const node of batch) await target.put(node)
  const common = { target, targetTree, table, concurrency: 4, signal }
  return {
    rig,
    table,
    pass: async (source, mirror = false) => {
      const from = target.writes
      const result = await copyTree({ ...common, source, mirror, counts: newCounts(), ttls })
      return { ...result, writes: target.writes - from }
    },
    apply: (events, mirror = false) => {
      const queued = events.map((event, at) => ({ event, index: at, arrivedMs: performance.now() }))
      return applyEvents(queued, { ...common, paths, mirror, counts: newCounts(), ttls })
    },
    verify: (source, mirror = false) =>
      verifyTrees({ ...common, source, mirror, counts: newCounts(), peek: undefined }),
  }
}

const SOURCE = treeOf('/a=1', '/d/', '/d/b=2', '/d/_h/', '/d/_h/c=3', '/empty/', '/t/+90', '/t/k=4+80')

test('everything arrives: directories, also empty ones, values, hidden keys, what is left of times', async () => {
  const { rig, pass, verify } = await start()
  expect(await pass(SOURCE)).toMatchObject({ nodes: 8, extras: 0, writes: 8 })
  expect(await rig.show()).toEqual(['/a=1', '/d/', '/d/_h/', '/d/_h/c=3', '/d/b=2', '/empty/', '/t/+90', '/t/k=4+80'])
  expect(await verify(SOURCE)).toMatchObject({ equal: true, sourceNodes: 8, targetNodes: 8, differences: [] })
})

test('a second pass writes nothing, and one after changes only those', async () => {
  const { rig, pass } = await start()
  await pass(SOURCE)
  expect((await pass(SOURCE)).writes).toBe(0)
  const changed = treeOf('/a=2', '/d/', '/d/b=2', '/d/_h/', '/d/_h/c=3', '/empty/', '/t/+90', '/t/k=4+80', '/new=5')
  expect((await pass(changed)).writes).toBe(2)
  expect(await rig.show()).toContain('/a=2')
})

test('a TTL that moved is refreshed without an event; one that came or went is written', async () => {
  const { rig, pass } = await start()
  await pass(treeOf('/a=1+50', '/b=2', '/d/+60'))
  const before = rig.http.member.store.history.length
  await pass(treeOf('/a=1+90', '/b=2', '/d/+90'))
  expect(await rig.show()).toEqual(['/a=1+90', '/b=2', '/d/+90'])
  expect(rig.http.member.store.history.length).toBe(before)
  await pass(treeOf('/a=1', '/b=2+70', '/d/'))
  expect(await rig.show()).toEqual(['/a=1', '/b=2+70', '/d/'])
})

test('what only the target has stays and is counted; a mirror removes it', async () => {
  const { rig, pass, verify } = await start('/mine/', '/mine/x=1', '/d/', '/d/own=2', '/gone=3')
  expect(await pass(SOURCE)).toMatchObject({ extras: 4 })
  expect(await rig.show()).toEqual(expect.arrayContaining(['/mine/x=1', '/d/own=2', '/gone=3', '/d/b=2']))
  expect(await verify(SOURCE)).toMatchObject({ equal: true, extras: 4, extraPaths: expect.arrayContaining(['/mine']) })
  expect(await verify(SOURCE, true)).toMatchObject({ equal: false, differenceCount: 4 })
  expect(await pass(SOURCE, true)).toMatchObject({ extras: 0 })
  expect(await verify(SOURCE, true)).toMatchObject({ equal: true, extras: 0 })
})

test('a later pass removes what this run had copied and the source no longer has, and nothing else', async () => {
  const { rig, pass } = await start('/d/', '/d/own=2')
  await pass(SOURCE)
  expect(await pass(treeOf('/a=1'))).toMatchObject({ extras: 1 })
  expect(await rig.show()).toEqual(['/a=1', '/d/', '/d/own=2'])
})

test('keys and directories change places, in both directions', async () => {
  const { rig, pass } = await start('/x=1', '/y/', '/y/z=2')
  await pass(treeOf('/x/', '/x/k=1', '/y/', '/y/z=2'))
  expect(await rig.show()).toEqual(['/x/', '/x/k=1', '/y/', '/y/z=2'])
  await pass(treeOf('/x=3', '/y=4'))
  expect(await rig.show()).toEqual(['/x=3', '/y=4'])
})

test('a directory of somebody else in the way of a key is not removed: the key is refused by name', async () => {
  const { rig, pass, verify } = await start('/x/', '/x/own=1')
  await pass(treeOf('/x=3'))
  expect(await rig.show()).toEqual(['/x/', '/x/own=1'])
  expect(rig.target.refused).toEqual([{ path: '/x', reason: expect.stringContaining('102 Not a file') }])
  expect(await verify(treeOf('/x=3'))).toMatchObject({ equal: false, differences: [{ path: '/x', kind: 'differs' }] })
})

test('a node that is due is not copied', async () => {
  const { rig, pass } = await start()
  await pass(treeOf('/a=1+0', '/b=2+-1', '/c=3'))
  expect(await rig.show()).toEqual(['/c=3'])
})

test('verification names what is missing, what differs, and what should be gone', async () => {
  const { pass, verify, rig } = await start()
  await pass(treeOf('/a=1', '/b=2', '/c=3'))
  await rig.client.delete('/a')
  await rig.client.set('/b', 'other')
  expect(await verify(treeOf('/a=1', '/b=2'))).toMatchObject({
    equal: false,
    differenceCount: 3,
    differences: expect.arrayContaining([
      { path: '/a', kind: 'missing' },
      { path: '/b', kind: 'differs' },
      { path: '/c', kind: 'only at the target' },
    ]),
  })
})

test('what was only on its way when both sides were read is equal when it is looked at again', async () => {
  const { rig, pass, table } = await start()
  const then = treeOf('/a=1', '/b=2')
  await pass(then)
  // The source has changed between the two readings, and the change is carried over while the paths are looked at.
  await rig.client.set('/a', 'later')
  await rig.client.delete('/b')
  let looks = 0
  const counts = newCounts()
  const left = new Set<number>()
  const peek = {
    source: async (path: string): Promise<TreeNode | undefined> => {
      looks += 1
      left.add(counts.left)
      return path === '/a' ? { path, dir: false, value: looks > 2 ? 'later' : '1', ttlSeconds: undefined } : undefined
    },
    target: (path: string) => rig.target.peek(path),
  }
  const { targetTree, over } = rig
  const options = { source: then, targetTree, table, mirror: false, peek, counts, signal: over.signal }
  expect(await verifyTrees(options)).toMatchObject({ equal: true, settled: 2, differenceCount: 0, differences: [] })
  // How many are left is shown meanwhile.
  expect([...left, counts.left]).toEqual([2, 1, 0])
})

test('a directory that went and came again by itself, with a key in it, is still our own', async () => {
  const { rig, apply, verify, pass } = await start()
  await pass(treeOf())
  await apply([set('/d/deep/x', '1'), remove('/d', true), set('/d/deep/y', '2'), remove('/d/deep/y')])
  expect(await rig.show()).toEqual(['/d/', '/d/deep/'])
  expect(await verify(treeOf())).toMatchObject({ equal: false, extras: 0, differenceCount: 2 })
  expect(await pass(treeOf())).toMatchObject({ extras: 0 })
  expect(await rig.show()).toEqual([])
})

const set = (key: string, value: string, ttl?: number): EventJson => ({
  action: 'set',
  node: { key, value, ...(ttl === undefined ? {} : { ttl, expiration: '2030-01-01T00:00:00Z' }) },
})
const makeDir = (key: string): EventJson => ({ action: 'create', node: { key, dir: true } })
const remove = (key: string, dir = false): EventJson => ({ action: 'delete', node: { key, ...(dir ? { dir } : {}) } })

test('changes are carried over in order, and the last one of a key counts', async () => {
  const { rig, pass, apply } = await start()
  await pass(treeOf('/a=1', '/b=2'))
  await apply([
    set('/a', '2'),
    set('/a', '3'),
    remove('/b'),
    makeDir('/d'),
    set('/d/x', '1', 50),
    remove('/d', true),
    set('/d', 'now a key'),
    set('/e/f/g', '4'),
    remove('/e/f/g'),
    set('/e/f/h', '5'),
  ])
  expect(await rig.show()).toEqual(['/a=3', '/d=now a key', '/e/', '/e/f/', '/e/f/h=5'])
})

test('a removed directory takes only what was copied; of a mirror everything', async () => {
  const { rig, pass, apply } = await start()
  await pass(treeOf('/d/', '/d/sub/', '/d/sub/x=1'))
  await rig.client.set('/d/sub/own', 'mine')
  await apply([set('/d/deep/er/y', '2'), remove('/d', true)])
  expect(await rig.show()).toEqual(['/d/', '/d/sub/', '/d/sub/own=mine'])
  await apply([{ action: 'expire', node: { key: '/d' }, prevNode: { key: '/d', dir: true } }], true)
  expect(await rig.show()).toEqual([])
})

test('an event of a key that was renamed on the way, or lies outside, goes where it belongs', async () => {
  const { rig, table } = await start()
  const options = {
    target: rig.target,
    targetTree: rig.targetTree,
    table,
    mirror: false,
    concurrency: 2,
    counts: newCounts(),
    ttls: new TtlKeeper(),
  }
  const queued = [set('/app/a', '1'), set('/apple', '2'), set('/app', '3')].map((event, index) => ({
    event,
    index,
    arrivedMs: 0,
  }))
  await applyEvents(queued.slice(0, 2), { ...options, paths: new PathMap('/app', '/old/app') })
  expect(await rig.show()).toEqual(['/old/', '/old/app/', '/old/app/a=1'])
})

test('a removal above the subtree that is followed takes all of it', async () => {
  for (const action of ['delete', 'expire'] as const) {
    const { rig, pass, apply } = await startAt(new PathMap('/a/b', '/moved/b'), '/moved/', '/moved/other=1')
    await pass(treeOf('/moved/b/', '/moved/b/k=1', '/moved/b/d/', '/moved/b/d/k=2'))
    await apply([{ action, node: { key: '/ab', dir: true } }])
    expect(await rig.show()).toContain('/moved/b/d/k=2')
    await apply([{ action, node: { key: '/a', dir: true } }])
    expect(await rig.show()).toEqual(['/moved/', '/moved/other=1'])
  }
})

test('keys of the source that are shown as one are not equal to the one that arrives', async () => {
  const { pass, verify } = await start()
  const source = treeOf('/z/', '/z/a\ufffd=1', '/z/a\ufffd=2')
  await pass(source)
  expect(await verify(source)).toMatchObject({
    equal: false,
    sourceNodes: 3,
    targetNodes: 2,
    differences: expect.arrayContaining([{ path: '/z/a\ufffd', kind: 'twice at the source' }]),
  })
  const same = treeOf('/z/', '/z/a\ufffd=1', '/z/a\ufffd=1')
  await pass(same)
  expect((await verify(same)).equal).toBe(false)
})
