/** One registrator under each host name, and what an earlier one left behind. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { ClientError } from '../../src/client/errors.ts'
import { Agent } from '../../src/sidecar/agent.ts'
import { Ownership } from '../../src/sidecar/ownership.ts'
import { type KeyStore, type RegisterLog, SILENT } from '../../src/sidecar/ports.ts'
import { makeInstance, renderRecord } from '../../src/sidecar/record.ts'
import { settleService } from '../../src/sidecar/service.ts'
import { settleAnnouncing } from '../../src/sidecar/settings.ts'
import { removeStale } from '../../src/sidecar/stale.ts'
import { eventually } from '../support/eventually.ts'
import { FakeKeyStore } from '../support/fake-key-store.ts'

const never = new AbortController().signal
const AWAY = new ClientError('MUSTER_CLIENT_UNREACHABLE', 'away', { definite: true, retriable: true })
const KEY = '/services/_agents/h1'

function owner(store: FakeKeyStore, ttl = 1, log: RegisterLog = SILENT): Ownership {
  const ownership = new Ownership({ store, prefix: '/services', hostName: 'h1', ttl, log })
  onTestFinished(() => ownership.close())
  return ownership
}

test('the name is taken, kept, and given back', async () => {
  const store = new FakeKeyStore()
  const ownership = owner(store)
  await ownership.claim(never)
  await eventually('heartbeats', () => store.calls.filter((call) => call === `refresh ${KEY}`).length >= 3)
  store.keys.delete(KEY)
  await eventually('it is back', () => store.keys.has(KEY))
  await ownership.close()
  expect(store.keys.size).toBe(0)
})

test('a second one under the same name is refused while the first is alive', async () => {
  const store = new FakeKeyStore()
  await owner(store).claim(never)
  await expect(owner(store).claim(never)).rejects.toMatchObject({ code: 'MUSTER_REGISTER_DUPLICATE_AGENT' })
})

test('after a kill the next one waits for the old TTL, and takes over', async () => {
  const store = new FakeKeyStore()
  store.keys.set(KEY, JSON.stringify({ id: 'dead', ttl: 1 }))
  const claimed = owner(store).claim(never)
  await eventually('it waits', () => store.calls.filter((call) => call === `claim ${KEY}`).length >= 2)
  store.keys.delete(KEY)
  await claimed
  expect(store.keys.get(KEY)).not.toContain('dead')
})

test('a store that is away is waited for, until told to end', async () => {
  const store = new FakeKeyStore()
  store.goAway()
  const claimed = owner(store).claim(never)
  await eventually('tries', () => store.calls.length >= 2)
  store.comeBack()
  await claimed
  const over = new AbortController()
  store.goAway()
  const other = owner(store).claim(over.signal)
  over.abort(new Error('enough'))
  await expect(other).rejects.toThrow('enough')
})

test('an agent that loses its name says so once, leaves it to the other, and takes it again when it is free', async () => {
  const store = new FakeKeyStore()
  const lines: string[] = []
  const ownership = owner(store, 1, { ...SILENT, warn: (_, line) => void lines.push(line) })
  await ownership.claim(never)
  expect(await ownership.isOurs(never)).toBe(true)
  store.keys.set(KEY, 'another')
  await eventually('it noticed', () => lines.length > 0)
  expect(await ownership.isOurs(never)).toBe(false)
  store.calls.length = 0
  await eventually('it looks on', () => store.calls.filter((call) => call === `read ${KEY}`).length >= 2)
  expect(store.calls).not.toContain(`refresh ${KEY}`)
  expect(store.keys.get(KEY)).toBe('another')
  store.keys.delete(KEY)
  await eventually('it is back', () => ownership.isOurs(never))
  expect(lines).toHaveLength(1)
})

test('after a kill -9 the next one has the name, and announces all, before any entry expires', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] })
  onTestFinished(() => void vi.useRealTimers())
  const store = new FakeKeyStore()
  store.expires = true
  const settings = settleAnnouncing({})
  const services = Array.from({ length: 100 }, (_, at) => {
    return settleService({ name: 'web', id: `h1:${at}`, host: '10.0.0.5', port: 1 + at, agent: 'h1' }, settings.ttl)
  })
  const start = (process: KeyStore) => {
    const agent = new Agent({ store: process, settings, log: SILENT, shutdownMs: 1_000 })
    onTestFinished(async () => void (await agent.close(false)))
    const ownership = new Ownership({
      store: process,
      prefix: '/services',
      hostName: 'h1',
      ttl: settings.ttl,
      log: SILENT,
    })
    onTestFinished(() => ownership.close())
    const announced = ownership.claim(never).then(() => agent.replace(services))
    return { agent, announced }
  }
  const pass = async (seconds: number): Promise<void> => {
    for (let step = 0; step < seconds * 10; step++) {
      await vi.advanceTimersByTimeAsync(100)
      await new Promise((done) => setImmediate(done))
    }
  }
  let isDead = false
  const mortal = new Proxy<KeyStore>(store, {
    get: (target, name) => (isDead ? () => Promise.reject(AWAY) : Reflect.get(target, name).bind(target)),
  })
  const first = start(mortal)
  await pass(45)
  expect(store.keys.size).toBe(201)
  isDead = true
  start(store)
  await pass(45)
  // Of the dead one's keys its name alone has expired.
  expect(store.expired).toEqual([KEY])
  expect(store.keys.size).toBe(201)
  await first.announced
})

test("only a registrator's own stale entries are removed", async () => {
  const store = new FakeKeyStore()
  const agent = new Agent({ store, settings: settleAnnouncing({}), log: SILENT, shutdownMs: 1_000 })
  onTestFinished(async () => void (await agent.close(false)))
  agent.add(settleService({ name: 'web', id: 'h1:live:80', host: '10.0.0.5', port: 80, agent: 'h1' }, 30))
  await agent.settled()
  const record = (id: string, by: string): string =>
    renderRecord(makeInstance({ name: 'web', id, host: '10.0.0.5', port: 1, ttl: 30, agent: by }))
  const put = (id: string, meta: string | undefined, value: string | undefined = '10.0.0.5:1'): void => {
    if (value !== '') store.keys.set(`/services/web/${id}`, value)
    if (meta !== undefined) store.keys.set(`/services/web/_meta/${id}`, meta)
  }
  put('h1:ours:80', record('h1:ours:80', 'h1'))
  put('h1:critical:80', record('h1:critical:80', 'h1'), '')
  put('h1:old:80', undefined)
  put('h1:sidecar:80', record('h1:sidecar:80', ''))
  put('h10:other:80', undefined)
  put('h2:other:80', record('h2:other:80', 'h2'))
  store.keys.set('/services/json/h1:ours:80', record('h1:ours:80', 'h1'))
  store.keys.set('/services/json/h1:sidecar:80', record('h1:sidecar:80', ''))
  const removed = await removeStale({ store, prefix: '/services', hostName: 'h1', agent, log: SILENT }, never)
  expect(removed).toBe(4)
  expect([...store.keys.keys()].sort()).toEqual([
    '/services/json/h1:sidecar:80',
    '/services/web/_meta/h1:live:80',
    '/services/web/_meta/h1:sidecar:80',
    '/services/web/_meta/h2:other:80',
    '/services/web/h10:other:80',
    '/services/web/h1:live:80',
    '/services/web/h1:sidecar:80',
    '/services/web/h2:other:80',
  ])
})
