/** A feed is what the store holds, also when events come thicker than they can be taken. */
import { expect, test } from 'vitest'
import { ApiError } from '../../src/client/errors.ts'
import type { View } from '../../src/client/follow.ts'
import { Feed, type FeedSource } from '../../src/render/feed.ts'

/** A view in which `/d/n` holds its index. */
function viewAt(index: number, fresh = false): View {
  const node = { path: '/d/n', dir: false, value: String(index), createdIndex: 1, modifiedIndex: index }
  return { index, nodes: new Map([[node.path, node]]), events: [], fresh }
}

/** A store that is read at this index; undefined: it does not answer. */
function sourceAt(index: () => number | undefined) {
  const reads: number[] = []
  const source: FeedSource = {
    follow: () => {
      throw new Error('nobody follows here')
    },
    get: async () => {
      const at = index()
      if (at === undefined) throw new Error('away')
      reads.push(at)
      return { node: { key: '/d', dir: true, nodes: [{ key: '/d/n', value: String(at) }] }, index: at }
    },
  }
  return { source, reads }
}

const { signal } = new AbortController()

test('many views between two renderings are passed over by reading; those events then wake nobody', async () => {
  const { source, reads } = sourceAt(() => 1_000)
  const feed = new Feed('/d', source)
  let told = 0
  feed.listen(() => {
    told += 1
  })
  for (let index = 1; index <= 30; index += 1) feed.take(viewAt(index))
  await feed.catchUp(signal)
  expect([feed.index, feed.snapshot()?.values.get('/d/n'), told]).toEqual([1_000, '1000', 30])
  for (let index = 31; index <= 1_000; index += 1) feed.take(viewAt(index))
  expect([feed.snapshot()?.values.get('/d/n'), told]).toEqual(['1000', 30])
  feed.take(viewAt(1_001))
  expect([feed.snapshot()?.values.get('/d/n'), told]).toEqual(['1001', 31])
  expect(reads).toEqual([1_000])
})

test('a view that was read anew counts, whatever was read before: it may be another cluster', async () => {
  const feed = new Feed('/d', sourceAt(() => 1_000).source)
  for (let index = 1; index <= 30; index += 1) feed.take(viewAt(index))
  await feed.catchUp(signal)
  feed.take(viewAt(5, true))
  expect(feed.snapshot()).toMatchObject({ index: 5, values: new Map([['/d/n', '5']]) })
})

test('few views are as they are, and a store that does not answer changes nothing', async () => {
  let at: number | undefined = 50
  const { source, reads } = sourceAt(() => at)
  const feed = new Feed('/d', source)
  for (let index = 1; index <= 5; index += 1) feed.take(viewAt(index))
  await feed.catchUp(signal)
  expect(reads).toEqual([])
  at = undefined
  for (let index = 6; index <= 40; index += 1) feed.take(viewAt(index))
  await feed.catchUp(signal)
  expect(feed.snapshot()?.values.get('/d/n')).toBe('40')
})

test('what ended the following is told until there is a view again', () => {
  const feed = new Feed('/d', sourceAt(() => 1).source)
  expect(feed.snapshot()).toBeUndefined()
  const problem = new ApiError(401, 110, 'The request requires user authentication', 'Insufficient credentials', 0)
  feed.fail(problem)
  expect(() => feed.snapshot()).toThrow(problem)
  feed.take(viewAt(3))
  expect(feed.snapshot()?.index).toBe(3)
})
