/** One instance in a store that fails in every way. */
import { describe, expect, test } from 'vitest'
import { renderRecord } from '../../src/sidecar/record.ts'
import { eventually } from '../support/eventually.ts'
import { FakeKeyStore } from '../support/fake-key-store.ts'
import {
  API_ADDRESS as ADDRESS,
  API as api,
  API_META as META,
  registrationRig as rig,
} from '../support/registration-rig.ts'

describe('registering', () => {
  test('writes the record before the address, and removes it after', async () => {
    const { store, registration } = rig({ refreshMs: 100_000 })
    registration.want(api)
    await registration.settled()
    expect(store.calls).toEqual([`write ${META}`, `write ${ADDRESS}`])
    expect(await registration.close(true, 1_000)).toBe(true)
    expect(store.calls.slice(2)).toEqual([`read ${META}`, `remove ${ADDRESS}`, `remove ${META}`])
    expect(store.keys.size).toBe(0)
  })

  test('takes the address away before it says that the instance is draining, and brings it back', async () => {
    const { store, registration } = rig({ refreshMs: 100_000 })
    registration.want(api)
    await registration.settled()
    registration.want({ ...api, status: 'draining' })
    await registration.settled()
    expect(store.calls.slice(2)).toEqual([`read ${META}`, `remove ${ADDRESS}`, `write ${META}`])
    registration.want(api)
    await registration.settled()
    expect(store.keys.get(ADDRESS)).toBe('10.0.0.5:80')
    expect(store.keys.get(META)).toBe(renderRecord(api))
  })

  test('goes on for ever while the store is away, and registers when it is back', async () => {
    const { store, registration } = rig()
    store.goAway()
    registration.want(api)
    await eventually('several tries', () => store.calls.length >= 4)
    expect(registration.state).toBe('away')
    expect(registration.error?.message).toBe('away')
    store.comeBack()
    await registration.settled()
    expect(store.keys.size).toBe(2)
    expect(registration.state).toBe('registered')
  })

  test('writes again what may not have arrived', async () => {
    const { store, registration } = rig()
    store.losesAnswersOf = 'write'
    registration.want(api)
    await eventually('a second try', () => store.calls.filter((call) => call === `write ${META}`).length >= 2)
    store.losesAnswersOf = undefined
    await registration.settled()
    expect([...store.keys.keys()]).toEqual([META, ADDRESS])
  })

  test('removes at the end what may have arrived', async () => {
    const { store, registration } = rig()
    store.losesAnswersOf = 'write'
    registration.want(api)
    await eventually('a try', () => store.calls.length >= 1)
    store.losesAnswersOf = undefined
    await registration.close(true, 1_000)
    expect(store.keys.size).toBe(0)
  })

  test('leaves alone what a successor has written under the same id', async () => {
    const { store, registration } = rig({ refreshMs: 100_000 })
    registration.want(api)
    await registration.settled()
    store.keys.set(ADDRESS, '10.0.0.5:81')
    await registration.close(true, 1_000)
    expect([...store.keys]).toEqual([[ADDRESS, '10.0.0.5:81']])
  })

  test('ends in time when the store is away', async () => {
    const { store, registration } = rig()
    registration.want(api)
    await registration.settled()
    store.goAway()
    const beganMs = performance.now()
    expect(await registration.close(true, 300)).toBe(false)
    expect(performance.now() - beganMs).toBeLessThan(2_000)
    await expect(registration.settled()).resolves.toBeUndefined()
  })
})

describe('heartbeats', () => {
  test('refresh both keys and write nothing', async () => {
    const { store, registration } = rig()
    registration.want(api)
    await registration.settled()
    await eventually('three beats', () => store.calls.filter((call) => call === `refresh ${ADDRESS}`).length >= 3)
    expect(store.calls.filter((call) => call === `refresh ${META}`).length).toBeGreaterThanOrEqual(3)
    expect(store.writes).toEqual([`write ${META}`, `write ${ADDRESS}`])
  })

  test.each([META, ADDRESS])('register again in order when %s is gone', async (path) => {
    const { store, registration } = rig()
    registration.want(api)
    await registration.settled()
    store.keys.delete(path)
    await eventually('it is back', () => store.writes.length >= 4)
    expect(store.writes.slice(2, 4)).toEqual([`write ${META}`, `write ${ADDRESS}`])
    expect(store.keys.size).toBe(2)
  })

  test('take back what somebody else wrote over', async () => {
    const { store, registration } = rig()
    registration.want(api)
    await registration.settled()
    store.keys.set(ADDRESS, 'nonsense')
    await eventually('the address', () => store.keys.get(ADDRESS) === '10.0.0.5:80')
  })

  test('go on while something else cannot be written', async () => {
    const { store, registration } = rig()
    registration.want(api)
    await registration.settled()
    const write = store.write.bind(store)
    store.write = (path, value, ttl) => (path === META ? Promise.reject(failure()) : write(path, value, ttl))
    registration.want({ ...api, tags: ['new'] })
    const before = store.calls.length
    await eventually(
      'beats',
      () => store.calls.slice(before).filter((call) => call === `refresh ${ADDRESS}`).length >= 3,
    )
  })

  test('write where the server empties what it should refresh', async () => {
    const { store, registration } = rig()
    const refresh = store.refresh.bind(store)
    store.refresh = async (path) => {
      store.keys.set(path, '')
      const found = await refresh(path)
      return found && { ...found, isEmptied: true }
    }
    registration.want(api)
    await registration.settled()
    await eventually('writes instead', () => store.writes.filter((call) => call === `write ${ADDRESS}`).length >= 4)
    expect(store.calls.filter((call) => call.startsWith('refresh ')).length).toBe(2)
    await eventually(
      'the values',
      () => store.keys.get(ADDRESS) === '10.0.0.5:80' && store.keys.get(META) === renderRecord(api),
    )
  })

  test('keep a directory alive, not what is in it', async () => {
    const { store, registration } = rig({ layouts: ['traefik1'] })
    const directory = '/traefik/backends/api/servers/h:api:80'
    registration.want(api)
    await registration.settled()
    expect(store.calls).toEqual([
      `mkdir ${directory}`,
      `write-permanent ${directory}/weight`,
      `write-permanent ${directory}/url`,
    ])
    await eventually('beats', () => store.calls.filter((call) => call === `refresh ${directory}`).length >= 2)
    expect(store.writes.length).toBe(3)
    await registration.close(true, 1_000)
    expect(store.keys.size).toBe(0)
  })

  test('leave what belongs to all instances to its TTL', async () => {
    const { store, registration } = rig({ layouts: ['backends', 'vulcand'] })
    registration.want(api)
    await registration.settled()
    expect(await registration.close(true, 1_000)).toBe(true)
    expect([...store.keys.keys()]).toEqual(['/backends/api/port', '/vulcand/backends/api/backend'])
  })
})

describe('comparing with the store', () => {
  test('is quiet when nothing differs', async () => {
    const { store, registration } = rig({ refreshMs: 100_000, resyncMs: 10 })
    registration.want(api)
    await registration.settled()
    await eventually('three comparisons', () => store.calls.filter((call) => call === `read ${ADDRESS}`).length >= 3)
    expect(store.writes.length).toBe(2)
  })

  test('writes what is missing, and only that', async () => {
    const { store, registration } = rig({ refreshMs: 100_000 })
    registration.want(api)
    await registration.settled()
    store.keys.delete(ADDRESS)
    registration.resync()
    await eventually('the address', () => store.keys.has(ADDRESS))
    expect(store.writes.slice(2)).toEqual([`write ${ADDRESS}`])
  })

  test('removes an address of ours that came late, and no other', async () => {
    const { store, registration } = rig({ refreshMs: 100_000 })
    registration.want({ ...api, status: 'draining' })
    await registration.settled()
    store.keys.set(ADDRESS, '10.0.0.5:80')
    registration.resync()
    await eventually('it is gone', () => !store.keys.has(ADDRESS))
    store.keys.set(ADDRESS, '10.9.9.9:80')
    store.calls.length = 0
    registration.resync()
    await eventually('a comparison', () => store.calls.includes(`read ${ADDRESS}`))
    await registration.close(true, 1_000)
    expect(store.keys.get(ADDRESS)).toBe('10.9.9.9:80')
  })
})

function failure() {
  const store = new FakeKeyStore()
  store.goAway()
  return store.failing
}
