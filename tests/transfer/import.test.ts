/** A whole import between two servers in memory: what is carried over, when it ends, what it says. */
import { expect, onTestFinished, test, vi } from 'vitest'
import type { MusterClient } from '../../src/client/client.ts'
import { type ImportOptions, LiveImport } from '../../src/transfer/import.ts'
import { newCounts } from '../../src/transfer/progress.ts'
import { Steering } from '../../src/transfer/steering.ts'
import { PathMap } from '../../src/transfer/tree.ts'
import { eventually } from '../support/eventually.ts'
import { importOptions, startTransferRig, type TransferRig } from '../support/transfer-rig.ts'

interface Running {
  readonly source: TransferRig
  readonly target: TransferRig
  readonly said: string[]
  readonly steering: Steering
  start(options?: Partial<ImportOptions>): ReturnType<LiveImport['run']>
}

async function startPair(): Promise<Running> {
  const source = await startTransferRig()
  const target = await startTransferRig()
  // The members in memory share one id.
  Object.defineProperty(source.http.member, 'clusterId', { value: '1111' })
  const said: string[] = []
  const steering = new Steering('follow')
  const report = { phase: (phase: string) => said.push(phase), note: (code: string) => said.push(code) }
  return {
    source,
    target,
    said,
    steering,
    start: (options = {}) => new LiveImport(importOptions(source, target, { steering, report, ...options })).run(),
  }
}

test('it copies, follows until asked to end, verifies', async () => {
  const { source, target, steering, said, start } = await startPair()
  await source.client.set('/a', '1')
  await source.client.set('/_h/x', '2', { ttl: 500 })
  const running = start()
  await eventually('that it follows', () => said.includes('following'))
  await source.client.set('/b', '3')
  await source.client.delete('/a')
  await eventually('the changes', async () => (await target.show()).join() === '/_h/,/_h/x=2+500,/b=3')
  await source.client.set('/_h/y', '4')
  steering.ask('now')
  const { verdict, refusedCount } = await running
  expect(verdict).toMatchObject({ equal: true, sourceNodes: 4, targetNodes: 4, extras: 0 })
  expect(refusedCount).toBe(0)
  expect(await target.show()).toEqual(['/_h/', '/_h/x=2+500', '/_h/y=4', '/b=3'])
  expect(said).toEqual(['looking', 'copying', 'following', 'verifying'])
})

test('a cut-over waits until nothing changes', async () => {
  const { source, said, start } = await startPair()
  const steering = new Steering('quiet')
  let writing = true
  let written = 0
  const writes = (async () => {
    for (; writing; written++) await source.client.set(`/k${written % 10}`, `${written}`)
  })()
  onTestFinished(() => {
    writing = false
  })
  const running = start({ steering, quietMs: 300 })
  await eventually('that it waits for quiet', () => said.includes('quiet'))
  const from = written
  await eventually('more changes', () => written > from + 100)
  expect(said).not.toContain('verifying')
  writing = false
  await writes
  expect((await running).verdict).toMatchObject({ equal: true, sourceNodes: 10 })
})

test('differences that stay are told, after another try', async () => {
  const { source, target, said, start } = await startPair()
  await source.client.set('/a', '1')
  await target.client.set('/a/b/c', 'mine').catch(() => undefined)
  const { verdict, refused } = await start({ steering: new Steering('now') })
  expect(verdict).toMatchObject({ equal: false, differences: [{ path: '/a', kind: 'differs' }], extras: 2 })
  expect(refused).toEqual([{ path: '/a', reason: expect.stringContaining('102') }])
  expect(said.filter((one) => one === 'verifying')).toHaveLength(2)
}, 30_000)

test('a cluster is not copied into itself', async () => {
  const { source, start } = await startPair()
  const itself = { target: source.client, steering: new Steering('now') }
  await source.client.set('/a/k', '1')
  for (const [from, to] of [
    ['/', '/'],
    ['/', '/copy'],
    ['/a', '/a/b'],
    ['/a/b', '/a'],
  ] as const) {
    await expect(start({ ...itself, paths: new PathMap(from, to) })).rejects.toThrow('are the same cluster')
  }
  expect((await start({ ...itself, paths: new PathMap('/a', '/ab') })).verdict.equal).toBe(true)
  expect(await source.show()).toEqual(['/a/', '/a/k=1', '/ab/', '/ab/k=1'])
})

test('clusters that share an id, as those started with the same flags do, are told apart', async () => {
  const { source, target, start } = await startPair()
  Object.defineProperty(target.http.member, 'clusterId', { value: '1111' })
  await source.client.set('/a', '1')
  expect((await start({ steering: new Steering('now') })).verdict).toMatchObject({ equal: true, extras: 0 })
  expect(await target.show()).toEqual(['/a=1'])
})

test('a target that goes away for good ends it with its name', async () => {
  const { source, target, said, start } = await startPair()
  // The client tries again by itself for a second or so.
  const running = start({ patienceMs: 2_000 })
  running.catch(() => undefined)
  await eventually('that it follows', () => said.includes('following'))
  await target.http.close()
  await source.client.set('/a', '1')
  await expect(running).rejects.toMatchObject({ code: 'MUSTER_TRANSFER_TARGET_GONE' })
  expect(said).toContain('waiting')
})

test('it ends at once when it is told to', async () => {
  const { said, start } = await startPair()
  const over = new AbortController()
  const running = start({ signal: over.signal })
  running.catch(() => undefined)
  await eventually('that it follows', () => said.includes('following'))
  over.abort(new Error('enough'))
  await expect(running).rejects.toThrow('enough')
})

test('a prefix where the source has nothing is refused, and a mirror of it does no harm', async () => {
  const { source, target, start } = await startPair()
  await source.client.set('/services/web', '1')
  await target.client.set('/typo/precious', '1')
  const paths = new PathMap('/typo', '/typo')
  await expect(start({ paths, mirror: true, steering: new Steering('now') })).rejects.toMatchObject({
    code: 'MUSTER_TRANSFER_NOTHING_THERE',
    message: 'the source has nothing at /typo',
  })
  expect(await target.show()).toEqual(['/typo/', '/typo/precious=1'])
  const services = { paths: new PathMap('/services/web', '/services/web'), steering: new Steering('now') }
  expect((await start(services)).verdict).toMatchObject({ equal: true, sourceNodes: 1 })
})

test('a copy that fell due while the original lives on comes back, and goes with it', async () => {
  const { source, target, steering, said, start } = await startPair()
  await source.client.set('/d/k', '1', { ttl: 1 })
  const running = start()
  await eventually('that it follows', () => said.includes('following'))
  await target.client.delete('/d/k')
  await eventually('that it is back', async () => (await target.show()).includes('/d/k=1+1'))
  await source.client.delete('/d', { recursive: true })
  steering.ask('now')
  expect((await running).verdict).toMatchObject({ equal: true, extras: 0, targetNodes: 0 })
  expect(await target.show()).toEqual([])
})

test('hidden keys of a muster go to a target that lists none, are asked for there, and go with their directory', async () => {
  const { source, target, steering, said, start } = await startPair()
  await source.client.set('/_h/x', '1')
  await source.client.set('/_h/_deeper/y', '2')
  await source.client.set('/d/_s/k', '3')
  await target.client.set('/_h/x', '1')
  const counts = newCounts()
  const running = start({ targetListsHidden: false, counts })
  await eventually('that it follows', () => said.includes('following'))
  expect(await target.show()).toEqual(await source.show())
  // What was there is seen, though no listing shows it.
  expect(counts.equal).toBe(2)
  await source.client.delete('/d', { recursive: true })
  await eventually('the removal', async () => !(await target.show()).join().includes('/d'))
  await source.client.set('/_late/z', '4')
  await source.client.delete('/_h/x')
  steering.ask('now')
  const { verdict } = await running
  expect(verdict).toMatchObject({ equal: true, sourceNodes: 5, targetNodes: 5, extras: 0, settled: 0 })
  expect(await target.show()).toEqual(['/_h/', '/_h/_deeper/', '/_h/_deeper/y=2', '/_late/', '/_late/z=4'])
})

test('a hidden key that does not arrive at a target that lists none is told', async () => {
  const { source, target, start } = await startPair()
  await source.client.set('/_h/x', '1')
  await target.client.set('/_h/x/mine', '2')
  const { verdict } = await start({ targetListsHidden: false, steering: new Steering('now') })
  expect(verdict).toMatchObject({ equal: false, differences: [{ path: '/_h/x', kind: 'differs' }], extras: 1 })
}, 30_000)

test.each<[string, (client: MusterClient, round: string) => Promise<unknown>]>([
  ['changed', (client, round) => client.set('/k', `new ${round}`)],
  ['written anew with the same value', (client) => client.set('/k', 'old')],
  ['made', (client, round) => client.set(`/made/${round}`, 'new')],
  ['removed', (client) => client.delete('/gone')],
])('a key that is %s while the trees are compared does not make them differ', async (_, change) => {
  const { source, target, said, start } = await startPair()
  await source.client.set('/k', 'old')
  await source.client.set('/gone', 'old')
  // The target is read only when the source has been read and what then happened there has been carried over.
  const list = target.client.list.bind(target.client)
  const verdicts = (): number => said.filter((one) => one === 'verifying').length
  let disturbed = 0
  vi.spyOn(target.client, 'list').mockImplementation(async (path, options) => {
    if (verdicts() > disturbed) {
      disturbed += 1
      await change(source.client, `${disturbed}`)
      await eventually('the change', async () => (await target.show()).join() === (await source.show()).join())
    }
    return list(path, options)
  })
  const { verdict } = await start({ steering: new Steering('now') })
  expect(verdict).toMatchObject({ equal: true, differenceCount: 0, differences: [] })
  expect(verdicts()).toBe(1)
})
