/** The store over the client, on a member of ours and on a real etcd: what the fake one promises is true. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { MusterClient } from '../../src/client/client.ts'
import { clientStore, requestTimeoutMs } from '../../src/sidecar/client-store.ts'
import { register } from '../../src/sidecar/register.ts'
import { isEtcdInstalled, startEtcd } from '../support/etcd.ts'
import { startHttp } from '../support/http-member.ts'
import { deadPort } from '../support/tcp-proxy.ts'

/** The first characters of the SHA-256 of `a`. */
const SHORT_ID = 'ca978112ca1b'
const never = new AbortController().signal

async function musterPort(): Promise<number> {
  const member = await startHttp()
  onTestFinished(() => member.close())
  return member.port
}

async function etcdPort(): Promise<number> {
  const etcd = await startEtcd()
  onTestFinished(() => etcd.end())
  return etcd.port
}

function clientOf(port: number): MusterClient {
  const client = new MusterClient({ endpoints: [`http://127.0.0.1:${port}`] })
  onTestFinished(() => client.close())
  return client
}

describe.each([
  { server: 'muster', start: musterPort, skipped: false },
  { server: isEtcdInstalled() ? 'etcd' : 'etcd, which is not installed', start: etcdPort, skipped: !isEtcdInstalled() },
])('on $server', ({ start, skipped }) => {
  test.skipIf(skipped)('keys are written, refreshed without an event, compared and removed', async () => {
    const client = clientOf(await start())
    const store = clientStore(client, 5_000)
    await store.write('/a/b', 'v', 30, never)
    const { index } = await client.get('/a/b')
    const beaten = { value: 'v', directory: false, permanent: false, isEmptied: false }
    expect(await store.refresh('/a/b', 100, never)).toEqual(beaten)
    expect((await client.get('/a/b')).node.ttl).toBeGreaterThan(90)
    await store.write('/a/last', 'x', undefined, never)
    const polled = await client.poll('/a', { recursive: true, waitIndex: index + 1 })
    expect(polled.event?.node.key).toBe('/a/last')
    expect(await store.refresh('/a/none', 30, never)).toBeUndefined()
    expect(await store.read('/a/b', never)).toEqual({ value: 'v', directory: false, permanent: false })
    expect(await store.read('/a/last', never)).toEqual({ value: 'x', directory: false, permanent: true })
    // As it was before the heartbeat gave it a TTL.
    expect(await store.refresh('/a/last', 100, never)).toMatchObject({ value: 'x', permanent: true })
    expect(await store.refresh('/a/last', 100, never)).toMatchObject({ value: 'x', permanent: false })
    expect(await store.read('/a/none', never)).toBeUndefined()
    expect(await store.removeIf('/a/b', 'other', never)).toBe('other')
    expect(await store.removeIf('/a/b', 'v', never)).toBe('removed')
    expect(await store.removeIf('/a/b', 'v', never)).toBe('gone')
    expect(await store.removeIf('/a', 'v', never)).toBe('other')
  })

  test.skipIf(skipped)('keys are added where nothing is, and claimed once', async () => {
    const client = clientOf(await start())
    const store = clientStore(client, 5_000)
    await store.add('/a', 'first', never)
    await store.add('/a', 'second', never)
    expect((await client.get('/a')).node).toMatchObject({ value: 'first' })
    expect(await store.claim('/c', 'mine', 30, never)).toBe(true)
    expect(await store.claim('/c', 'mine', 30, never)).toBe(true)
    expect(await store.claim('/c', 'yours', 30, never)).toBe(false)
    expect((await client.get('/c')).node.ttl).toBeGreaterThan(20)
  })

  test.skipIf(skipped)('a directory with a TTL is made, made again, kept alive and removed whole', async () => {
    const client = clientOf(await start())
    const store = clientStore(client, 5_000)
    await store.makeDirectory('/d', 30, never)
    await store.write('/d/in', 'v', undefined, never)
    await store.makeDirectory('/d', 60, never)
    const beaten = { value: '', directory: true, permanent: false, isEmptied: false }
    expect(await store.refresh('/d', 100, never)).toEqual(beaten)
    const { node } = await client.get('/d')
    expect(node).toMatchObject({ dir: true, nodes: [{ value: 'v' }] })
    expect(node.ttl).toBeGreaterThan(90)
    expect(await store.read('/d', never)).toEqual({ value: '', directory: true, permanent: false })
    await store.removeDirectory('/d', never)
    await store.removeDirectory('/d', never)
    expect(await store.read('/d', never)).toBeUndefined()
  })

  test.skipIf(skipped)('what is below a directory is listed, without what is hidden', async () => {
    const store = clientStore(clientOf(await start()), 5_000)
    await store.write('/s/web/_meta/1', 'm', 30, never)
    await store.write('/s/web/1', 'v', 30, never)
    await store.write('/s/api/_meta/2', 'm', 30, never)
    const found = await store.list('/s', 10, never)
    expect(Object.fromEntries(found)).toEqual({ '/s/web': undefined, '/s/web/1': 'v', '/s/api': undefined })
    expect([...(await store.list('/s/api/_meta', 10, never)).keys()]).toEqual(['/s/api/_meta/2'])
    expect((await store.list('/s', 1, never)).size).toBe(1)
    expect((await store.list('/none', 10, never)).size).toBe(0)
  })

  test.skipIf(skipped)('a program registers, drains and closes', async () => {
    const client = clientOf(await start())
    const registered = await register(client, {
      name: 'web',
      id: 'a',
      port: 80,
      host: '10.0.0.5',
      layouts: ['registrator', 'traefik1'],
    })
    expect((await client.get('/services/web/a')).node).toMatchObject({ value: '10.0.0.5:80' })
    expect((await client.get('/traefik/backends/web/servers/a/url')).node).toMatchObject({
      value: 'http://10.0.0.5:80',
    })
    await registered.drain()
    expect(registered.status).toMatchObject({ status: 'draining', store: 'registered' })
    await expect(client.get('/services/web/a')).rejects.toMatchObject({ code: 100 })
    await registered.undrain()
    expect(await registered.close()).toBe(true)
    await expect(client.get('/traefik/backends/web/servers/a')).rejects.toMatchObject({ code: 100 })
    await expect(client.get('/services/web/_meta/a')).rejects.toMatchObject({ code: 100 })
  })

  test.skipIf(skipped).each([
    ['json', '/services/web/a', '"host":"10.0.0.5"'],
    ['skydns2', '/skydns/cluster/web/a', '"host":"10.0.0.5"'],
    ['backends', `/backends/web/${SHORT_ID}`, '10.0.0.5:80'],
    ['vulcand', '/vulcand/backends/web/servers/a', '{"URL":"http://10.0.0.5:80"}'],
  ] as const)('a program is announced in the layout %s, and leaves', async (layout, path, value) => {
    const client = clientOf(await start())
    const rest = { host: '10.0.0.5', layouts: [layout], domain: 'cluster', exposedPort: 8080 }
    const registered = await register(client, { name: 'web', id: 'a', port: 80, ...rest })
    const { node } = await client.get(path)
    expect(node.value).toContain(value)
    expect(node.ttl).toBeGreaterThan(20)
    const shared = {
      backends: ['/backends/web/port', '8080', true],
      vulcand: ['/vulcand/backends/web/backend', '{"Type":"http"}', false],
    } as const
    const [sharedPath, sharedValue, hasTtl] = shared[layout as keyof typeof shared] ?? []
    if (sharedPath !== undefined) {
      const found = (await client.get(sharedPath)).node
      expect([found.value, found.ttl !== undefined]).toEqual([sharedValue, hasTtl])
    }
    expect(await registered.close()).toBe(true)
    await expect(client.get(path)).rejects.toMatchObject({ code: 100 })
  })
})

test('who leaves an announcement to its TTL finds it there, also where it is disposed of at the end of a block', async () => {
  const client = clientOf(await musterPort())
  {
    await using registered = await register(client, { name: 'web', id: 'a', port: 80, host: '10.0.0.5' })
    expect(await registered.close({ deregister: false })).toBe(false)
  }
  expect((await client.get('/services/web/a')).node).toMatchObject({ value: '10.0.0.5:80' })
})

test('registering is given up when the signal says so, and mistakes are told at once', async () => {
  const client = clientOf(await deadPort())
  const over = new AbortController()
  const registering = register(client, { name: 'web', port: 80, signal: over.signal })
  over.abort(new Error('enough'))
  await expect(registering).rejects.toThrow('enough')
  await expect(register(client, { name: '_web', port: 80 })).rejects.toMatchObject({
    code: 'MUSTER_REGISTER_BAD_INSTANCE',
  })
  await expect(register(client, { name: 'web', port: 80, ttl: 10, refresh: 5 })).rejects.toThrow(/too short/)
})

test('several requests fit between two heartbeats', () => {
  expect([1_000, 3_000, 10_000, 60_000].map(requestTimeoutMs)).toEqual([1_000, 1_500, 5_000, 5_000])
})
