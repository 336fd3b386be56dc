/** Two registrations under one id, keys that somebody changed by hand, and keys that the store will not have. */
import { describe, expect, test } from 'vitest'
import { ApiError } from '../../src/client/errors.ts'
import { Reach } from '../../src/sidecar/reach.ts'
import { renderRecord } from '../../src/sidecar/record.ts'
import { eventually } from '../support/eventually.ts'
import type { FakeKeyStore } from '../support/fake-key-store.ts'
import { API, API_ADDRESS, API_META, registrationRig } from '../support/registration-rig.ts'

const NEWER = { ...API, tags: ['newer'] }
const SKYDNS = '/skydns/d/api/h-api-80'
const TRAEFIK = '/traefik/backends/api/servers/h:api:80'

function refuses(store: FakeKeyStore, ...names: readonly string[]): void {
  store.refusal = (call) =>
    names.some((name) => call.startsWith(name)) ? new ApiError(401, 110, 'no permission', '', 1) : undefined
}

async function registered(times: Parameters<typeof registrationRig>[0] = {}) {
  const rig = registrationRig(times)
  rig.registration.want(API)
  await rig.registration.settled()
  return rig
}

describe('a later registration under the same id', () => {
  test('wins: the older one says so once, writes no more, and removes nothing at its end', async () => {
    const { store, registration, lines } = await registered()
    const newer = registrationRig({ store })
    newer.registration.want(NEWER)
    await eventually('it yields', () => registration.state === 'yielded')
    expect(lines.filter((line) => line.startsWith('a later registration has this id'))).toHaveLength(1)
    store.calls.length = 0
    const looks = () => store.calls.filter((call) => call === `read ${API_META}`).length
    await eventually('it looks again and again', () => looks() >= 3)
    registration.want({ ...API, status: 'critical' })
    await registration.settled()
    expect(await registration.close(true, 1_000)).toBe(true)
    expect(store.writes).toEqual([])
    expect([...store.keys]).toEqual([
      [API_META, renderRecord(NEWER)],
      [API_ADDRESS, '10.0.0.5:80'],
    ])
    expect(newer.registration.state).toBe('registered')
  })

  test.each(['closing', 'draining'])(
    'keeps its address, the same, when the older one is %s before it noticed',
    async (what) => {
      const { store, registration } = await registered({ refreshMs: 100_000 })
      store.keys.set(API_META, renderRecord(NEWER))
      store.calls.length = 0
      if (what === 'closing') expect(await registration.close(true, 1_000)).toBe(true)
      else registration.want({ ...API, status: 'draining' })
      await registration.settled()
      expect(store.writes).toEqual([])
      expect(store.keys.get(API_META)).toBe(renderRecord(NEWER))
    },
  )

  test('is seen by a comparison too, and when it is gone the older one is back', async () => {
    const { store, registration } = await registered({ refreshMs: 100_000 })
    store.keys.set(API_META, renderRecord(NEWER))
    registration.resync()
    await eventually('it yields', () => registration.state === 'yielded')
    const other = await registered()
    other.store.keys.set(API_META, renderRecord(NEWER))
    await eventually('the other yields', () => other.registration.state === 'yielded')
    other.store.keys.delete(API_META)
    await eventually('it is back', () => other.store.keys.get(API_META) === renderRecord(API))
    await other.registration.settled()
    await eventually('it is well', () => other.registration.state === 'registered')
  })

  test.each(['json', 'skydns2', 'backends', 'vulcand'] as const)(
    'wins in the layout %s, which has no record apart',
    async (layout) => {
      const { store, registration } = await registered({ layouts: [layout] })
      const path = [...store.keys.keys()].at(-1) ?? ''
      store.keys.set(path, 'newer')
      await eventually('it yields', () => registration.state === 'yielded')
      await registration.close(true, 1_000)
      expect(store.keys.get(path)).toBe('newer')
    },
  )

  test('wins when it came while the older one had no address', async () => {
    const { store, registration } = await registered({ layouts: ['json'] })
    registration.want({ ...API, status: 'critical' })
    await registration.settled()
    store.keys.set(API_ADDRESS, renderRecord(NEWER))
    registration.want(API)
    await eventually('it yields', () => registration.state === 'yielded')
    expect(store.keys.get(API_ADDRESS)).toBe(renderRecord(NEWER))
  })

  test('is none where a write of our own came late, or where somebody emptied the record', async () => {
    const { store, registration } = await registered()
    registration.want({ ...API, tags: ['b'] })
    await registration.settled()
    for (const value of [renderRecord(API), '']) {
      store.keys.set(API_META, value)
      await eventually('it is written again', () => store.keys.get(API_META)?.includes('"b"'))
    }
    expect(registration.state).toBe('registered')
    // Heartbeats are heartbeats as before: no server emptied anything.
    store.calls.length = 0
    await eventually('beats', () => store.calls.filter((call) => call === `refresh ${API_META}`).length >= 2)
  })
})

test.each(['a heartbeat', 'a comparison'])(
  'a record that somebody wrote by hand, without a TTL, is put right by %s',
  async (what) => {
    const { store, registration } = await registered(what === 'a comparison' ? { refreshMs: 100_000 } : {})
    store.keys.set(API_META, 'a note')
    store.permanent.add(API_META)
    if (what === 'a comparison') registration.resync()
    await eventually('it is ours again', () => store.keys.get(API_META) === renderRecord(API))
    await registration.settled()
    expect(registration.state).toBe('registered')
  },
)

test('of several layouts without a record one decides, so that two that begin at once do not both give way', async () => {
  const { store, registration } = await registered({ layouts: ['skydns2', 'json'] })
  store.keys.set('/services/api/h:api:80', renderRecord(NEWER))
  await eventually(
    'the other layout is put right',
    () => store.keys.get('/services/api/h:api:80') === renderRecord(API),
  )
  expect(registration.state).toBe('registered')
  store.keys.set(SKYDNS, renderRecord(NEWER))
  await eventually('it yields', () => registration.state === 'yielded')
})

test('only so many values are remembered as our own', async () => {
  const { store, registration } = registrationRig({ refreshMs: 100_000 })
  const tagged = (at: number) => ({ ...API, tags: [`${at}`] })
  for (let at = 0; at <= 16; at++) {
    registration.want(tagged(at))
    await registration.settled()
  }
  store.keys.set(API_META, renderRecord(tagged(1)))
  registration.resync()
  await eventually('it is written again', () => store.keys.get(API_META) === renderRecord(tagged(16)))
  store.keys.set(API_META, renderRecord(tagged(0)))
  registration.resync()
  await eventually('it yields', () => registration.state === 'yielded')
})

describe('the directory of a server in Traefik', () => {
  test.each(['closing', 'draining'])('stays when it is a later one, and the older one is %s', async (what) => {
    const { store, registration } = await registered({ layouts: ['traefik1'], refreshMs: 100_000 })
    store.keys.set(`${TRAEFIK}/url`, 'http://10.0.0.5:81')
    store.calls.length = 0
    if (what === 'closing') await registration.close(true, 1_000)
    else registration.want({ ...API, status: 'draining' })
    await registration.settled()
    expect(store.writes).toEqual([])
    expect(store.keys.get(`${TRAEFIK}/url`)).toBe('http://10.0.0.5:81')
  })

  test('is not taken for one of ours that came late unless it has our address', async () => {
    const { store, registration } = registrationRig({ layouts: ['traefik1'], refreshMs: 100_000 })
    registration.want({ ...API, status: 'draining' })
    await registration.settled()
    for (const [url, stays] of [
      ['http://10.0.0.5:81', true],
      ['http://10.0.0.5:80', false],
    ] as const) {
      store.keys.set(TRAEFIK, undefined)
      store.keys.set(`${TRAEFIK}/url`, url)
      store.calls.length = 0
      registration.resync()
      await eventually('a comparison', () => store.calls.includes(`read ${TRAEFIK}/url`))
      await eventually('what follows', () => store.keys.has(TRAEFIK) === stays)
    }
  })
})

describe('a key that the store refuses', () => {
  test('keeps no other layout from being announced, kept alive and removed, and is told once', async () => {
    const { store, registration, lines } = registrationRig({ layouts: ['skydns2', 'registrator'] })
    refuses(store, 'write /skydns')
    registration.want(API)
    await eventually('three tries', () => store.calls.filter((call) => call === `write ${SKYDNS}`).length >= 3)
    expect(store.keys.get(API_ADDRESS)).toBe('10.0.0.5:80')
    expect(registration.state).toBe('refused')
    expect(lines.filter((line) => line.includes('refuses'))).toEqual([
      expect.stringMatching(/skydns.*110 no permission/),
    ])
    expect(lines.some((line) => line.includes('cannot be asked'))).toBe(false)
    refuses(store)
    await registration.settled()
    // Rights that are taken away later.
    refuses(store, 'write /skydns', 'refresh /skydns', 'remove /skydns')
    store.calls.length = 0
    await eventually('beats', () => store.calls.filter((call) => call === `refresh ${API_ADDRESS}`).length >= 3)
    expect(await registration.close(true, 30_000)).toBe(false)
    expect([...store.keys.keys()]).toEqual([SKYDNS])
  })

  test('within one layout leaves the order: no record goes before its address', async () => {
    const { store, registration } = await registered({ refreshMs: 100_000 })
    refuses(store, `remove ${API_ADDRESS}`)
    expect(await registration.close(true, 30_000)).toBe(false)
    expect([...store.keys.keys()]).toEqual([API_META, API_ADDRESS])
  })

  test('is told once for all instances that share it', () => {
    const lines: string[] = []
    const take = (_: object, line: string): void => void lines.push(line)
    const reach = new Reach({ debug: take, info: take, warn: take })
    for (let at = 0; at < 3; at++) reach.keyRefused('/backends/api/port', new ApiError(401, 110, 'no', '', 1))
    expect(lines).toHaveLength(1)
    for (let at = 0; at < 10_000; at++) reach.keyRefused(`/other/${at}`, new ApiError(401, 110, 'no', '', 1))
    reach.keyRefused('/backends/api/port', new ApiError(401, 110, 'no', '', 1))
    expect(lines).toHaveLength(10_002)
  })

  test('may be one where a directory is in the way: nothing is removed, and nothing ends', async () => {
    const { store, registration } = registrationRig({ refreshMs: 100_000 })
    registration.want({ ...API, status: 'draining' })
    await registration.settled()
    store.keys.set(API_ADDRESS, undefined)
    store.calls.length = 0
    registration.resync()
    await eventually('a comparison', () => store.calls.includes(`read ${API_ADDRESS}`))
    await registration.close(true, 1_000)
    expect([...store.keys]).toEqual([[API_ADDRESS, undefined]])
  })
})

test('a port within the container that changes is told to all instances', async () => {
  const { store, registration } = registrationRig({ layouts: ['backends'] })
  registration.want(API, 8080)
  await registration.settled()
  registration.want(API, 9090)
  await registration.settled()
  expect(store.keys.get('/backends/api/port')).toBe('9090')
})
