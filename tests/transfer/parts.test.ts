/** The small parts of a transfer: hidden places, names of POST, work side by side, patience, paths. */
import { expect, test } from 'vitest'
import { ApiError, ClientError } from '../../src/client/errors.ts'
import { HiddenPlaces } from '../../src/transfer/hidden.ts'
import { inOrderIndex } from '../../src/transfer/in-order.ts'
import { Lanes } from '../../src/transfer/lanes.ts'
import { Patience } from '../../src/transfer/patience.ts'
import { PathMap } from '../../src/transfer/tree.ts'
import { eventually } from '../support/eventually.ts'

test('a hidden place is the path up to each name that begins with "_", and is new once', () => {
  const places = new HiddenPlaces(['/_named', '/outside/_x'], '/')
  expect(places.see('/a/b/c')).toBe(false)
  expect(places.see('/a/_h/b/_i/c')).toBe(true)
  expect(places.see('/a/_h/other')).toBe(false)
  expect(places.see('/_k')).toBe(true)
  expect(places.see('/not_hidden/x_')).toBe(false)
  expect(places.all).toEqual(['/_named', '/outside/_x', '/a/_h', '/a/_h/b/_i', '/_k'])
})

test('a hidden place that comes with the listing of another one is not listed by itself', () => {
  const places = new HiddenPlaces(['/_a', '/_a/b', '/_a/b/c', '/_a/b/_h', '/plain', '/d/_e'], '/')
  expect(places.apart).toEqual(['/_a', '/_a/b/_h', '/d/_e'])
  expect(new HiddenPlaces(['/_app/x', '/_app/_y'], '/_app').apart).toEqual(['/_app/_y'])
})

test('names that POST made are known by their form, and by not being far ahead of the index', () => {
  expect(inOrderIndex('/q/00000000000000001229', 1229)).toBe(1229)
  expect(inOrderIndex('/q/00000000000000001229', 300)).toBe(1229)
  for (const path of ['/q/0000000000000001229', '/00000000000000001229/a', '/q/000000000000000012x9', '/a', '/']) {
    expect(inOrderIndex(path, 2000), path).toBe(0)
  }
  const milliseconds = '/times/00000001793318400000'
  expect(inOrderIndex(milliseconds, 50_000)).toBe(0)
  expect(inOrderIndex('/q/99999999999999999999', 50_000)).toBe(0)
})

test('under a prefix only what lies below it counts, also when the prefix itself is hidden', () => {
  const places = new HiddenPlaces(['/_app/_x', '/other/_y'], '/_app')
  places.see('/_app/a/_z/k')
  expect(places.all).toEqual(['/_app/_x', '/_app/a/_z'])
})

test('more hidden places than anybody has are counted, not kept', () => {
  const places = new HiddenPlaces([], '/')
  for (let n = 0; n < 10_005; n++) places.see(`/_${n}`)
  expect([places.all.length, places.missed]).toEqual([10_000, 5])
})

test('no more work runs side by side than there are lanes, and a failure stops what would follow', async () => {
  const lanes = new Lanes(3)
  let running = 0
  let most = 0
  const go: (() => void)[] = []
  const task = async (): Promise<void> => {
    running += 1
    most = Math.max(most, running)
    await new Promise<void>((done) => go.push(done))
    running -= 1
  }
  const adding = (async () => {
    for (let n = 0; n < 9; n++) await lanes.add(task)
    await lanes.drain()
  })()
  await eventually('all lanes to be busy', () => running === 3)
  while (go.length > 0 || running > 0) {
    go.shift()?.()
    await new Promise((done) => setImmediate(done))
  }
  await adding
  expect(most).toBe(3)

  const failing = new Lanes(1)
  await failing.add(async () => Promise.reject(new Error('no')))
  await failing.settle()
  await expect(failing.add(task)).rejects.toThrow('no')
  await expect(failing.drain()).rejects.toThrow('no')
})

test('what may pass is asked again; what will not, at once given up', async () => {
  const over = new AbortController()
  const waits: string[] = []
  const patience = new Patience('target', 5_000, over.signal, ({ message }) => waits.push(message))
  const away = new ClientError('MUSTER_CLIENT_UNREACHABLE', 'away', { definite: true, retriable: true })
  let calls = 0
  const result = await patience.ask(async () => {
    calls += 1
    if (calls < 3) throw away
    return calls
  })
  expect([result, waits]).toEqual([3, ['away', 'away']])
  const failing = async (error: Error): Promise<never> => {
    throw error
  }
  const limit = new ApiError(500, 300, 'Raft Internal Error', 'etcdserver: too many requests (keyBytesMax reached)', 0)
  await expect(patience.ask(() => failing(limit))).rejects.toBe(limit)
  const missing = new ApiError(404, 100, 'Key not found', '/a', 1)
  await expect(patience.ask(() => failing(missing))).rejects.toBe(missing)
  const short = new Patience('target', 0, over.signal, () => undefined)
  await expect(short.ask(() => failing(away))).rejects.toMatchObject({
    code: 'MUSTER_TRANSFER_TARGET_GONE',
    cause: away,
  })
  over.abort(new Error('enough'))
  await expect(patience.ask(async () => 1)).rejects.toThrow('enough')
})

test.each([
  ['/', '/', '/a/b', '/a/b'],
  ['/a', '/a', '/a', '/a'],
  ['/a', '/x/y', '/a', '/x/y'],
  ['/a', '/x/y', '/a/b', '/x/y/b'],
  ['/a', '/', '/a/b', '/b'],
  ['/', '/x', '/a/b', '/x/a/b'],
  ['/a', '/x', '/ab', undefined],
  ['/a', '/x', '/', undefined],
])('a subtree %s that goes to %s takes %s to %s, and back', (from, to, path, expected) => {
  const paths = new PathMap(from, to)
  expect(paths.toTarget(path)).toBe(expected)
  if (expected !== undefined) expect(paths.toSource(expected)).toBe(path)
})
