/** When one template is looked at: after changes, after failures, and never twice at a time. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { parseResource } from '../../src/render/resource.ts'
import { type Keys, Work, type WorkSettings } from '../../src/render/work.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const LOG = { debug() {}, info() {}, warn() {}, error() {} }
const SETTINGS: WorkSettings = {
  ...{ noop: false, syncOnly: false, keepStageFile: false, log: LOG },
  reloadPorts: { tellChild: undefined, dockerHost: undefined },
  surroundings: {
    ...{ env: {}, nowMs: () => 0, utc: true },
    resolver: { addresses: () => Promise.resolve([]), services: () => Promise.resolve([]) },
  },
}

const RESOURCE = parseResource(
  'a.toml',
  '[template]\nsrc = "a"\ndest = "/nowhere/a"\nkeys = ["/a"]\nwait = "20ms:20s"',
  {
    directory: '/nowhere',
    prefix: '',
    wait: undefined,
    hasCommand: false,
  },
)

test('a change that settles while a retry is under way waits for it, and is looked at afterwards', async () => {
  const release = Promise.withResolvers<void>()
  let looks = 0
  let inside = 0
  let most = 0
  const keys: Keys = {
    async prepare() {
      looks += 1
      inside += 1
      most = Math.max(most, inside)
      if (looks > 1) await release.promise
      inside -= 1
    },
    snapshots: () => {
      throw new Error('nobody may read it')
    },
  }
  const work = new Work(RESOURCE, keys, SETTINGS)
  work.change()
  await vi.advanceTimersByTimeAsync(20)
  expect(looks).toBe(1)
  // Changes rain until the retry begins, so that the last one has not settled by then.
  for (let at = 0; at < 1_000 && looks === 1; at++) {
    work.change()
    await vi.advanceTimersByTimeAsync(5)
  }
  expect(looks).toBe(2)
  await vi.advanceTimersByTimeAsync(200)
  expect({ looks, most }).toEqual({ looks: 2, most: 1 })
  release.resolve()
  await vi.advanceTimersByTimeAsync(500)
  expect(looks).toBeGreaterThan(2)
  await work.stop()
})

test('one that was stopped asks for nothing more, whoever wants an attempt', async () => {
  let asked = 0
  const keys: Keys = {
    async prepare() {
      asked += 1
    },
    snapshots: () => undefined,
  }
  const work = new Work(RESOURCE, keys, SETTINGS)
  expect(await work.attempt()).toBe(true)
  await work.stop()
  work.change()
  expect(await work.attempt()).toBe(false)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(asked).toBe(1)
})
