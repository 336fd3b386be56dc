/** Copies live as long as the originals, and a look that was overtaken by a change does no harm. */
import { expect, onTestFinished, test } from 'vitest'
import type { EventJson } from '../../src/client/node.ts'
import { applyEvents } from '../../src/transfer/apply.ts'
import { NodeTable } from '../../src/transfer/node-table.ts'
import { newCounts } from '../../src/transfer/progress.ts'
import { PathMap, type TreeNode } from '../../src/transfer/tree.ts'
import { TtlKeeper } from '../../src/transfer/ttl-keeper.ts'
import { eventually } from '../support/eventually.ts'
import { startTransferRig } from '../support/transfer-rig.ts'

interface Held {
  readonly path: string
  go(): void
}

interface Running {
  readonly keeper: TtlKeeper
  /** What was written to the target. */
  readonly refreshed: string[]
  /** Looks and refreshes that wait to be let go, when held. */
  readonly looks: Held[]
  readonly refreshes: Held[]
  readonly lates: number[]
  readonly over: AbortController
  running: Promise<void>
}

interface Holds {
  readonly looks?: boolean
  readonly refreshes?: boolean
  /** What the source answers; by default every key lives for another 9 s. */
  readonly find?: (path: string) => TreeNode | undefined
}

function alive(path: string): TreeNode {
  return { path, dir: false, value: 'x', ttlSeconds: 9 }
}

function run(keeper: TtlKeeper, holds: Holds = {}): Running {
  const started: Omit<Running, 'running'> = {
    keeper,
    refreshed: [],
    looks: [],
    refreshes: [],
    lates: [],
    over: new AbortController(),
  }
  const hold = (held: Held[], path: string): Promise<void> => new Promise((go) => held.push({ path, go }))
  const running = keeper.run(
    {
      lookUp: async (path) => {
        if (holds.looks === true) await hold(started.looks, path)
        return (holds.find ?? alive)(path)
      },
      refresh: async ({ path }, ttlSeconds) => {
        if (holds.refreshes === true) await hold(started.refreshes, path)
        started.refreshed.push(`${path} ${ttlSeconds}`)
      },
      late: (count) => void started.lates.push(count),
    },
    started.over.signal,
  )
  onTestFinished(async () => {
    started.over.abort()
    for (const { go } of [...started.looks, ...started.refreshes]) go()
    await running.catch(() => undefined)
  })
  return { ...started, running }
}

test('a key is looked up when half of its time is over, refreshed while it lives, and left when it does not', async () => {
  const keeper = new TtlKeeper(3)
  for (const path of ['/alive', '/gone', '/permanent', '/too-many']) keeper.track(path, 1)
  expect([keeper.size, keeper.missed]).toEqual([3, 1])
  const find = (path: string): TreeNode | undefined =>
    path === '/gone' ? undefined : { ...alive(path), ttlSeconds: path === '/alive' ? 9 : undefined }
  const { refreshed, over, running } = run(keeper, { find })
  await eventually('all to be looked up', () => refreshed.length === 1 && keeper.size === 1)
  expect(refreshed).toEqual(['/alive 9'])
  keeper.forget('/alive')
  expect(keeper.size).toBe(0)
  over.abort()
  await running
})

test('a slow answer holds up nobody but itself', async () => {
  const keeper = new TtlKeeper()
  for (let n = 0; n < 100; n++) keeper.track(`/${n}`, 0.1)
  const { refreshed, looks } = run(keeper, { looks: true })
  await eventually('looks to be under way', () => looks.length === 32)
  for (let at = 1; at < 100; at++) {
    await eventually(`look ${at}`, () => looks.length > at)
    looks[at]?.go()
  }
  await eventually('all but one', () => refreshed.length === 99)
  expect(refreshed).not.toContain('/0 9')
})

test.each([
  ['removed', (keeper: TtlKeeper) => keeper.forget('/k')],
  ['removed with its directory', (keeper: TtlKeeper) => void keeper.forgetBelow('/')],
  ['set anew', (keeper: TtlKeeper) => keeper.track('/k', 500)],
])('a key that is %s while the source is asked is not touched', async (_how, change) => {
  const keeper = new TtlKeeper()
  keeper.track('/k', 0.1)
  const { looks, refreshed, over, running } = run(keeper, { looks: true })
  await eventually('the look', () => looks.length === 1)
  change(keeper)
  expect(keeper.settled('/k')).toBeUndefined()
  looks[0]?.go()
  // What follows from the answer happens before the loop turns.
  await new Promise((done) => setImmediate(done))
  over.abort()
  await running
  expect(refreshed).toEqual([])
})

test('whoever changes a key waits for a refresh that is under way already', async () => {
  const keeper = new TtlKeeper()
  keeper.track('/d/k', 0.1)
  keeper.track('/dk', 0.1)
  const { refreshes, refreshed } = run(keeper, { refreshes: true })
  await eventually('both refreshes', () => refreshes.length === 2)
  const order: string[] = []
  keeper.track('/d/k', 500)
  const settled = keeper.settled('/d/k')?.then(() => order.push(`changed after ${refreshed}`))
  const below = keeper.forgetBelow('/d').then(() => order.push(`removed after ${refreshed}`))
  expect(keeper.settled('/other')).toBeUndefined()
  expect(order).toEqual([])
  refreshes.find(({ path }) => path === '/d/k')?.go()
  await Promise.all([settled, below])
  expect(order.sort()).toEqual(['changed after /d/k 9', 'removed after /d/k 9'])
  expect(keeper.size).toBe(1)
})

test('a refresh that ends after its key was set anew leaves the new time alone', async () => {
  const keeper = new TtlKeeper()
  keeper.track('/k', 0.1)
  const { refreshes } = run(keeper, { refreshes: true, find: (path) => ({ ...alive(path), ttlSeconds: 0.1 }) })
  await eventually('the refresh', () => refreshes.length === 1)
  keeper.track('/k', 500)
  refreshes[0]?.go()
  await eventually('its end', () => keeper.settled('/k') === undefined)
  keeper.track('/later', 0.1)
  await eventually('another key to be due', () => refreshes.length > 1)
  expect(refreshes.map(({ path }) => path)).toEqual(['/k', '/later'])
})

test('looks that come too late are told', async () => {
  const keeper = new TtlKeeper()
  for (let n = 0; n < 33; n++) keeper.track(`/${n}`, 0.1)
  const { looks, lates } = run(keeper, { looks: true })
  await eventually('all lanes to be taken', () => looks.length === 32)
  const before = lates.length
  const freedMs = performance.now() + 30
  await eventually('a quarter of the time to pass', () => performance.now() > freedMs)
  looks[0]?.go()
  await eventually('the one that waited', () => looks.length === 33)
  expect(lates.length).toBeGreaterThan(before)
  expect(lates.at(-1)).toBe(lates.length)
})

test.each([
  ['by itself', { action: 'delete', node: { key: '/d/k' } }, ['/d/']],
  ['with its directory, when the copy had fallen due,', { action: 'delete', node: { key: '/d', dir: true } }, []],
  ['for a permanent value', { action: 'set', node: { key: '/d/k', value: 'kept' } }, ['/d/', '/d/k=kept']],
] as const)('a key that goes %s while its copy is refreshed stays gone', async (_how, event, left) => {
  const { target, targetTree, show } = await startTransferRig()
  const keeper = new TtlKeeper()
  const table = new NodeTable()
  const paths = new PathMap('/', '/')
  const counts = newCounts()
  const common = { target, targetTree, paths, table, mirror: false, concurrency: 2, counts, ttls: keeper }
  const apply = (...events: EventJson[]): Promise<void> =>
    applyEvents(
      events.map((each, index) => ({ event: each, index, arrivedMs: performance.now() })),
      common,
    )
  await apply({ action: 'set', node: { key: '/d/k', value: 'x', ttl: 1, expiration: '2030-01-01T00:00:00Z' } })
  const held: (() => void)[] = []
  const over = new AbortController()
  const running = keeper.run(
    {
      lookUp: async (path) => alive(path),
      refresh: async (node, ttlSeconds) => {
        await new Promise<void>((go) => held.push(go))
        if (!(await target.refresh(node, ttlSeconds))) await target.putAgain(node)
      },
      late: () => undefined,
    },
    over.signal,
  )
  onTestFinished(() => over.abort())
  await eventually('the refresh', () => held.length === 1)
  if (left.length === 0) await target.client.delete('/d/k')
  const applied = apply(event)
  // All that does not wait has happened by the time another request was answered.
  for (let n = 0; n < 10; n++) await target.client.position()
  held[0]?.()
  await applied
  over.abort()
  await running
  expect(await show()).toEqual(left)
})

test('a failure ends it', async () => {
  const keeper = new TtlKeeper()
  keeper.track('/k', 0.1)
  const find = (): never => {
    throw new Error('no')
  }
  await expect(run(keeper, { find }).running).rejects.toThrow('no')
})
