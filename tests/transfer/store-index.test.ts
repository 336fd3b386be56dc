/** Indexes after a move: names of POST stay in order, and whoever comes along with an old index is told to begin anew. */
import { expect, test } from 'vitest'
import { ApiError } from '../../src/client/errors.ts'
import { LiveImport } from '../../src/transfer/import.ts'
import { newCounts } from '../../src/transfer/progress.ts'
import { Steering } from '../../src/transfer/steering.ts'
import { moveIndex } from '../../src/transfer/store-index.ts'
import { PathMap } from '../../src/transfer/tree.ts'
import { eventually } from '../support/eventually.ts'
import { importOptions, startTransferRig, type TransferRig } from '../support/transfer-rig.ts'

/** A source whose index has come far, with a queue whose last name was made there. */
async function startFar(index = 1_000_000): Promise<TransferRig> {
  const source = await startTransferRig()
  Object.defineProperty(source.http.member, 'clusterId', { value: '1111' })
  await source.client.create('/q', 'first')
  source.http.member.apply({ kind: 'advanceIndex', to: index })
  await source.client.create('/q', 'last')
  return source
}

function importing(source: TransferRig, target: TransferRig, steering = new Steering('now'), counts = newCounts()) {
  const phases: string[] = []
  const report = { phase: (phase: string) => phases.push(phase), note: () => undefined }
  const running = new LiveImport(importOptions(source, target, { steering, report, counts })).run()
  running.catch(() => undefined)
  return { running, phases }
}

/** Values of the queue, by the order of their names. */
async function queueOf({ client }: TransferRig): Promise<readonly (string | undefined)[]> {
  const { nodes = [] } = (await client.get('/q', { sorted: true })).node
  return nodes.map(({ value }) => value)
}

/** A target that is no muster: it does not know the request. */
function withoutAdvance(rig: TransferRig, status = 404): TransferRig {
  rig.client.advanceIndex = async () => {
    throw new ApiError(status, 0, 'no', '', 0)
  }
  return rig
}

test('what POST makes after the cut-over comes behind what was copied, however far the index has to go', async () => {
  const source = await startFar()
  const target = await startTransferRig()
  const { verdict, index } = await importing(source, target).running
  expect(verdict).toMatchObject({ equal: true, inOrderIndex: 1_000_001 })
  expect(index).toEqual({ inOrder: 1_000_001, source: 1_000_001, target: expect.any(Number), isBegunAnew: true })
  expect(index.target).toBeGreaterThanOrEqual(1_000_001)
  await target.client.create('/q', 'next')
  expect(await queueOf(target)).toEqual(['first', 'last', 'next'])
  expect((await target.show()).join()).not.toContain('_muster')
})

test('an index of the source leads to error 401 at the target, and to no event of its own', async () => {
  const source = await startFar(20)
  for (let n = 0; n < 100; n++) await source.client.set(`/k${n}`, 'v')
  const seen = (await source.client.position()).index
  const target = await startTransferRig()
  const { running, phases } = importing(source, target, new Steering('quiet'))
  await running
  expect(phases).toContain('verifying')
  for (const waitIndex of [2, 50, seen - 1, seen]) {
    const asked = target.client.poll('/', { recursive: true, waitIndex, pollMs: 1_000 })
    await expect(asked, `${waitIndex}`).rejects.toMatchObject({ code: 401 })
  }
})

test('while it follows, the target is never behind the source', async () => {
  const source = await startFar()
  const target = await startTransferRig()
  const steering = new Steering('follow')
  const { running, phases } = importing(source, target, steering)
  await eventually('that it follows', () => phases.includes('following'))
  expect((await target.client.position()).index).toBeGreaterThanOrEqual(1_000_001)
  steering.ask('now')
  await running
})

test('the target ends where the source does, also when much happened there that nobody hears of', async () => {
  const source = await startFar(40)
  const target = await startTransferRig()
  const steering = new Steering('follow')
  const { running, phases } = importing(source, target, steering)
  await eventually('that it follows', () => phases.includes('following'))
  await source.client.set('/k', 'v', { ttl: 500 })
  for (let n = 0; n < 100; n++) await source.client.refresh('/k', { ttl: 500 })
  steering.ask('now')
  const { index } = await running
  expect(index).toMatchObject({ inOrder: 41, source: (await source.client.position()).index })
  expect(index.target).toBe(index.source)
})

test('where the target cannot, writes lift the index past the names of POST', async () => {
  const source = await startFar(40)
  const target = withoutAdvance(await startTransferRig())
  const { index } = await importing(source, target).running
  expect(index).toMatchObject({ inOrder: 41, isBegunAnew: false })
  expect(index.target).toBeGreaterThanOrEqual(41)
  await target.client.create('/q', 'next')
  expect(await queueOf(target)).toEqual(['first', 'last', 'next'])
  expect((await target.show()).join()).not.toContain('_muster')
})

test.each([401, 403, 404, 405])('a gap that is too wide for writes stays, and is known (answer %d)', async (status) => {
  const { target } = withoutAdvance(await startTransferRig(), status)
  const counts = newCounts()
  const { signal } = new AbortController()
  const moved = await moveIndex({ target, inOrder: 1_000, source: 7, concurrency: 4, counts, signal, writesMax: 100 })
  expect(moved).toEqual({ inOrder: 1_000, source: 7, target: 1, isBegunAnew: false })
  expect(counts.advanced).toBe(0)
})

test('a cluster whose subtree goes to another place in it keeps its history', async () => {
  const source = await startFar(40)
  const paths = new PathMap('/q', '/copy')
  const { verdict, index } = await new LiveImport(importOptions(source, source, { paths })).run()
  expect(verdict.equal).toBe(true)
  expect(index).toMatchObject({ inOrder: 41, isBegunAnew: false })
  expect((await source.client.poll('/q', { recursive: true, waitIndex: 41, pollMs: 1_000 })).event?.node.value).toBe(
    'last',
  )
})

test('a run that finds its target moved already leaves the history to those that watch it', async () => {
  const source = await startFar(20)
  const target = await startTransferRig()
  await importing(source, target).running
  const { index: seen } = await target.client.set('/k', 'of a client that has come along')
  const { verdict, index } = await importing(source, target).running
  expect(verdict).toMatchObject({ equal: true, extras: 1 })
  expect(index).toMatchObject({ isBegunAnew: true })
  const asked = await target.client.poll('/', { recursive: true, waitIndex: seen, pollMs: 1_000 })
  expect(asked.event?.node.key).toBe('/k')
})

test('a run that goes on with one that was cut off begins the history anew, also where nothing was left to write', async () => {
  const source = await startFar(20)
  const target = await startTransferRig()
  const { index: seen } = await source.client.position()
  target.http.member.apply({ kind: 'advanceIndex', to: seen })
  await target.client.set('/q/00000000000000000002', 'first')
  await target.client.set('/q/00000000000000000021', 'last')
  expect((await importing(source, target).running).index.isBegunAnew).toBe(true)
  const asked = target.client.poll('/', { recursive: true, waitIndex: seen + 1, pollMs: 1_000 })
  await expect(asked).rejects.toMatchObject({ code: 401 })
})

test.each([
  ['is asked for', true],
  ['is refused', false],
])('a run that ends behind the advance of the index counts it where it %s', async (_, isMuster) => {
  const source = await startFar(20)
  const target = isMuster ? await startTransferRig() : withoutAdvance(await startTransferRig())
  target.client.list = () => Promise.reject(new ApiError(400, 0, 'no', '', 0))
  const counts = newCounts()
  await expect(importing(source, target, new Steering('now'), counts).running).rejects.toThrow('no')
  expect(counts).toMatchObject({ written: 0, advanced: isMuster ? 1 : 0 })
})

test('an advance that is not answered counts as made', async () => {
  const source = await startFar(20)
  const target = withoutAdvance(await startTransferRig(), 500)
  const counts = newCounts()
  await expect(importing(source, target, new Steering('now'), counts).running).rejects.toThrow('no')
  expect(counts.advanced).toBe(1)
})
