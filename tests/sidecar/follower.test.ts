/** Containers that come and go, and an engine that goes away. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { Engine } from '../../src/sidecar/engine/engine.ts'
import { SILENT } from '../../src/sidecar/ports.ts'
import { eventually } from '../support/eventually.ts'
import { followerRig, WEB } from '../support/follower-rig.ts'

test('those that run already are announced, and those that start and die later', async () => {
  const { fake, store, follower, has, lacks } = await followerRig()
  fake.run(WEB)
  await follower.start()
  await has('/services/web/h1:web:80')
  expect(store.keys.get('/services/web/h1:web:80')).toBe('10.0.0.5:32768')
  const api = fake.run({ name: 'api', env: ['SERVICE_NAME=backend'], ports: { '8080/tcp': 8080 } })
  await has('/services/backend/h1:api:8080')
  fake.die(api, 1)
  await lacks('/services/backend/_meta/h1:api:8080')
  expect(store.keys.has('/services/web/h1:web:80')).toBe(true)
})

test('it listens before it lists, so that nothing is missed in between', async () => {
  const { fake, follower, has } = await followerRig()
  fake.run(WEB)
  let once = true
  fake.beforeInspect = () => {
    if (once) fake.run({ name: 'meanwhile', ports: { '80/tcp': 9_000 } })
    once = false
  }
  await follower.start()
  await has('/services/meanwhile/h1:meanwhile:80')
  expect(fake.asked[0]).toBe('/events')
})

test('while the engine is away everything stays, and afterwards what was missed is made up for', async () => {
  const { fake, store, follower, has, lacks } = await followerRig()
  const web = fake.run(WEB)
  fake.run({ name: 'stays', ports: { '80/tcp': 9_000 } })
  await follower.start()
  await has('/services/web/h1:web:80')
  await has('/services/stays/h1:stays:80')
  await fake.stop()
  await eventually('it noticed', () => fake.listeners === 0)
  fake.die(web, 0, false)
  fake.run({ name: 'new', ports: { '80/tcp': 9_001 } }, false)
  expect(store.keys.has('/services/web/h1:web:80')).toBe(true)
  await fake.listen()
  await has('/services/new/h1:new:80')
  await lacks('/services/web/h1:web:80')
  expect(store.writes.filter((call) => call.endsWith('stays:80')).length).toBe(2)
})

test('an engine that is not there yet is waited for', async () => {
  const { fake, follower, has } = await followerRig()
  await fake.stop()
  const started = follower.start()
  fake.run(WEB, false)
  await fake.listen()
  await started
  await has('/services/web/h1:web:80')
})

test('events that were never told are made up for by listing', async () => {
  const { fake, follower, has, lacks, listings } = await followerRig()
  const web = fake.run(WEB)
  await follower.start()
  const gone = fake.run({ name: 'gone', ports: { '80/tcp': 9_002 } })
  await has('/services/web/h1:web:80')
  await has('/services/gone/h1:gone:80')
  fake.die(web, 0, false)
  fake.destroy(gone, false)
  fake.run({ name: 'silent', ports: { '80/tcp': 9_000 } }, false)
  follower.relist()
  await has('/services/silent/h1:silent:80')
  await lacks('/services/web/h1:web:80')
  await lacks('/services/gone/h1:gone:80')
  expect(listings()).toBe(2)
})

test('HEALTHCHECK decides while there is no check of its own', async () => {
  const { fake, store, follower, has, lacks } = await followerRig()
  const sick = fake.run({ ...WEB, health: 'starting' })
  await follower.start()
  await has('/services/web/_meta/h1:web:80')
  expect(store.keys.has('/services/web/h1:web:80')).toBe(false)
  fake.become(sick, 'healthy')
  await has('/services/web/h1:web:80')
  fake.become(sick, 'unhealthy')
  await lacks('/services/web/h1:web:80')
  await eventually('the record', () => store.keys.get('/services/web/_meta/h1:web:80')?.includes('"critical"'))
})

test('with on-success a failed container stays known as critical until it starts again or is removed', async () => {
  const { fake, store, follower, has, lacks } = await followerRig({ deregister: 'on-success' })
  const web = fake.run(WEB)
  await follower.start()
  await has('/services/web/h1:web:80')
  fake.die(web, 1)
  await lacks('/services/web/h1:web:80')
  await eventually('the record', () => store.keys.get('/services/web/_meta/h1:web:80')?.includes('"critical"'))
  follower.relist()
  fake.run(WEB)
  await has('/services/web/h1:web:80')
  fake.die(web, 1)
  await lacks('/services/web/h1:web:80')
  fake.destroy(web)
  await lacks('/services/web/_meta/h1:web:80')
  const stopped = fake.run({ name: 'stopped', ports: { '80/tcp': 9_000 } })
  await has('/services/stopped/h1:stopped:80')
  fake.die(stopped, 143)
  await lacks('/services/stopped/_meta/h1:stopped:80')
})

test.each([
  [0, 'stopped'],
  [129, 'stopped'],
  [192, 'stopped'],
  [1, 'failed'],
  [128, 'failed'],
  [193, 'failed'],
  [255, 'failed'],
  [-1, 'failed'],
] as const)('with on-success a container that ends with %i counts as %s', async (code, ended) => {
  const { fake, store, follower, has, lacks } = await followerRig({ deregister: 'on-success' })
  const web = fake.run(WEB)
  await follower.start()
  await has('/services/web/h1:web:80')
  fake.die(web, code)
  await lacks('/services/web/h1:web:80')
  if (ended === 'stopped') await lacks('/services/web/_meta/h1:web:80')
  else await eventually('the record', () => store.keys.get('/services/web/_meta/h1:web:80')?.includes('"critical"'))
})

test('a container that says nonsense does not keep the others from being announced', async () => {
  const { fake, store, follower, has } = await followerRig()
  fake.run({
    name: 'bad',
    env: ['SERVICE_NAME=_hidden', 'SERVICE_CHECK_HTTP=/x', 'SERVICE_CHECK_RISE=0'],
    ports: { '1/tcp': 1 },
  })
  fake.run(WEB)
  await follower.start()
  await has('/services/web/h1:web:80')
  expect([...store.keys.keys()].filter((path) => path.includes('hidden'))).toEqual([])
})

test('one that crashes again and again is not announced between its tries', async () => {
  const { fake, follower, has, lacks } = await followerRig()
  const web = fake.run(WEB)
  await follower.start()
  await has('/services/web/h1:web:80')
  fake.crash(web, 1)
  await lacks('/services/web/_meta/h1:web:80')
  fake.run(WEB)
  await has('/services/web/h1:web:80')
})

test('a proxy that does not let lists through empties nothing, and ends nothing', async () => {
  const { fake, store, follower, has } = await followerRig()
  fake.run(WEB)
  await follower.start()
  await has('/services/web/h1:web:80')
  fake.refusesLists = true
  const listened = fake.asked.filter((path) => path === '/events').length
  follower.relist()
  await eventually('another try', () => fake.asked.filter((path) => path === '/events').length > listened + 1)
  expect(store.keys.has('/services/web/h1:web:80')).toBe(true)
  fake.refusesLists = false
  fake.run({ name: 'new', ports: { '80/tcp': 9_001 } }, false)
  await has('/services/new/h1:new:80')
})

test.each(['hangs', 'fails'] as const)(
  'a container about which the engine %s keeps no other from being followed, and is made up for',
  async (silence) => {
    const lines: string[] = []
    const warn = (_: object, line: string): void => void lines.push(line)
    const { fake, store, follower, has, lacks, listings } = await followerRig({
      lookMs: 50,
      againMs: 50,
      log: { ...SILENT, warn },
    })
    const first = fake.run({ name: 'first', ports: { '80/tcp': 9_000 } })
    const web = fake.run(WEB)
    fake.silences.set(first, silence)
    await follower.start()
    await has('/services/web/h1:web:80')
    // What an earlier agent announced of it must not be taken for stale.
    expect(listings()).toBe(0)
    fake.run({ name: 'new', ports: { '80/tcp': 9_001 } })
    await has('/services/new/h1:new:80')
    fake.silences.delete(first)
    await has('/services/first/h1:first:80')
    expect(lines).toEqual([expect.stringContaining('going on with the others')])
    // One that is known stays as it is.
    fake.silences.set(web, silence)
    follower.relist()
    await eventually('it is told', () => lines.length === 2)
    expect(store.keys.has('/services/web/h1:web:80')).toBe(true)
    fake.destroy(web)
    await lacks('/services/web/_meta/h1:web:80')
    expect(fake.asked.filter((path) => path === '/events')).toHaveLength(1)
  },
)

test('of two containers with one name and id the one that started last counts, and the end of either leaves the other', async () => {
  const { fake, store, follower, has } = await followerRig()
  const shared = (name: string, startedAt: number, port: number, health?: string) =>
    fake.run({
      ...{ name, startedAt, env: ['SERVICE_NAME=web', 'SERVICE_ID=a'], ports: { '80/tcp': port } },
      ...(health === undefined ? {} : { health }),
    })
  const at = (port: number) =>
    eventually(`port ${port}`, () => store.keys.get('/services/web/a') === `10.0.0.5:${port}`)
  const newer = shared('newer', 20, 2)
  const older = shared('older', 10, 1)
  await follower.start()
  await has('/services/web/a')
  await at(2)
  fake.die(older, 0)
  fake.run(WEB)
  await has('/services/web/h1:web:80')
  expect(store.keys.get('/services/web/a')).toBe('10.0.0.5:2')
  // It takes over when it is well, not before.
  const sick = shared('sick', 30, 3, 'starting')
  fake.run({ name: 'other', ports: { '80/tcp': 9_000 } })
  await has('/services/other/h1:other:80')
  expect(store.keys.get('/services/web/a')).toBe('10.0.0.5:2')
  fake.become(sick, 'healthy')
  await at(3)
  fake.die(sick, 0)
  await at(2)
  fake.die(newer, 0)
  await eventually('nothing', () => !store.keys.has('/services/web/_meta/a'))
})

test('closing does not wait for the next try to reach an engine that is away', async () => {
  const tried = Promise.withResolvers<void>()
  const { fake, follower } = await followerRig({ log: { ...SILENT, warn: () => tried.resolve() } })
  await fake.stop()
  // The pause before the next try has no end here.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  onTestFinished(() => void vi.useRealTimers())
  void follower.start()
  await tried.promise
  await new Promise((done) => setImmediate(done))
  await follower.close()
})

test('a target that is no engine is refused', () => {
  expect(() => new Engine('ssh://host')).toThrow(expect.objectContaining({ code: 'MUSTER_REGISTER_BAD_SETTINGS' }))
})
