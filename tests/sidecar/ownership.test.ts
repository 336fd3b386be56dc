/** One registrator under each host name, and what an earlier one left behind. */
import { expect, onTestFinished, test } from 'vitest'
import { Agent } from '../../src/sidecar/agent.ts'
import { Ownership } from '../../src/sidecar/ownership.ts'
import { SILENT } from '../../src/sidecar/ports.ts'
import { makeInstance, renderRecord } from '../../src/sidecar/record.ts'
import { settleService } from '../../src/sidecar/service.ts'
import { settleAnnouncing } from '../../src/sidecar/settings.ts'
import { removeStale } from '../../src/sidecar/stale.ts'
import { eventually } from '../support/eventually.ts'
import { FakeKeyStore } from '../support/fake-key-store.ts'

const never = new AbortController().signal
const KEY = '/services/_agents/h1'

function owner(store: FakeKeyStore, ttl = 1): Ownership {
  const ownership = new Ownership({ store, prefix: '/services', hostName: 'h1', ttl, refreshMs: 20, log: SILENT })
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
