/** Every call means the same on muster and on a real etcd 3.4. */
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MusterClient } from '../../src/client/client.ts'
import type { View } from '../../src/client/follow.ts'
import { isEtcdInstalled, startEtcd } from '../support/etcd.ts'
import { startHttp } from '../support/http-member.ts'
import { errorOf } from '../support/odd-server.ts'

interface Server {
  readonly url: string
  readonly isEtcd: boolean
  end(): Promise<void>
}

async function startMuster(): Promise<Server> {
  const http = await startHttp()
  return { url: `http://127.0.0.1:${http.port}`, isEtcd: false, end: () => http.close() }
}

async function startReal(): Promise<Server> {
  const etcd = await startEtcd()
  return { url: `http://127.0.0.1:${etcd.port}`, isEtcd: true, end: () => etcd.end() }
}

// Skipped where no etcd 3.4 is installed: then only muster is held to it.
describe.skipIf(!isEtcdInstalled())('etcd 3.4', () => contract(startReal))
describe('muster', () => contract(startMuster))

function contract(start: () => Promise<Server>): void {
  let server: Server
  let client: MusterClient
  beforeAll(async () => {
    server = await start()
    client = new MusterClient({ endpoints: [server.url] })
  }, 60_000)
  afterAll(async () => {
    await client?.close()
    await server?.end()
  })

  test('set, get and their indexes', async () => {
    const written = await client.set('/k/a', '1')
    expect(written).toMatchObject({ action: 'set', created: true, value: '1', node: { key: '/k/a', value: '1' } })
    expect(written.index).toBe(written.node.modifiedIndex)
    expect(written.raftIndex).toBeGreaterThan(0)
    expect(written.raftTerm).toBeGreaterThan(0)
    expect(written.clusterId).toMatch(/^[0-9a-f]+$/)
    const again = await client.set('/k/a', '2', { ttl: 100 })
    expect(again).toMatchObject({ created: false, prevNode: { value: '1' }, node: { ttl: 100 } })
    expect(await client.get('/k/a')).toMatchObject({ action: 'get', value: '2', index: again.index })
    expect(await client.get('/k/a', { quorum: true })).toMatchObject({ value: '2' })
    expect(await errorOf(client.get('/k/none'))).toMatchObject({ code: 100, index: again.index, definite: true })
  })

  test('get of directories, sorted and with all below', async () => {
    for (const name of ['c', 'a', 'b/x']) await client.set(`/dirs/${name}`, name)
    const flat = await client.get('/dirs', { sorted: true })
    expect(flat.value).toBeUndefined()
    expect(flat.node.nodes?.map(({ key }) => key)).toEqual(['/dirs/a', '/dirs/b', '/dirs/c'])
    const deep = await client.get('/dirs', { sorted: true, recursive: true })
    expect(deep.node.nodes?.[1]?.nodes?.[0]).toMatchObject({ key: '/dirs/b/x', value: 'b/x' })
  })

  test('add, update, cas, cad', async () => {
    const added = await client.add('/c/a', '1')
    expect(added.action).toBe('create')
    expect(await errorOf(client.add('/c/a', '2'))).toMatchObject({ code: 105, reason: '/c/a' })
    expect(await client.update('/c/a', '2')).toMatchObject({ action: 'update' })
    expect(await errorOf(client.update('/c/none', '2'))).toMatchObject({ code: 100 })
    const swapped = await client.cas('/c/a', '3', { prevValue: '2', ttl: 50 })
    expect(swapped).toMatchObject({ action: 'compareAndSwap', node: { ttl: 50 } })
    expect(await errorOf(client.cas('/c/a', '4', { prevIndex: added.index }))).toMatchObject({
      code: 101,
      definite: true,
    })
    expect(await errorOf(client.cad('/c/a', { prevValue: 'x' }))).toMatchObject({ code: 101 })
    expect(await client.cad('/c/a', { prevIndex: swapped.index })).toMatchObject({ action: 'compareAndDelete' })
  })

  test('a condition that would be none is refused before it is sent', async () => {
    await client.set('/c/b', '1')
    for (const condition of [{}, { prevIndex: 0 }, { prevIndex: 1.5 }, { prevIndex: Number.NaN }, { prevValue: '' }]) {
      await expect(client.cas('/c/b', 'wrong', condition)).rejects.toThrow(RangeError)
      await expect(client.cad('/c/b', condition)).rejects.toThrow(RangeError)
    }
    await expect(client.refresh('/c/b', { ttl: 1, prevIndex: 0 })).rejects.toThrow(RangeError)
    expect((await client.get('/c/b')).value).toBe('1')
  })

  test('create gives names in order', async () => {
    const [first, second] = [await client.create('/q', 'job 1'), await client.create('/q', 'job 2', { ttl: 60 })]
    expect(first.node.key).toBe(`/q/${String(first.index).padStart(20, '0')}`)
    expect(String(second.node.key) > String(first.node.key)).toBe(true)
    expect(second.node).toMatchObject({ ttl: 60, value: 'job 2' })
    expect((await client.createDir('/q')).node).toMatchObject({ dir: true })
    expect((await client.get('/q', { sorted: true })).node.nodes).toHaveLength(3)
  })

  test('refresh changes the time to live, and nobody hears of it', async () => {
    const { index } = await client.set('/r', 'v', { ttl: 10 })
    const refreshed = await client.refresh('/r', { ttl: 500 })
    expect(refreshed.node).toMatchObject({ value: 'v', ttl: 500 })
    expect(await errorOf(client.refresh('/r', { ttl: 5, prevIndex: index }))).toMatchObject({ code: 101 })
    await client.refresh('/r', { ttl: 400, prevIndex: refreshed.index })
    expect((await client.poll('/r', { waitIndex: index + 1, pollMs: 50 })).event).toBeUndefined()
    expect(await errorOf(client.refresh('/r-none', { ttl: 5 }))).toMatchObject({ code: 100 })
  })

  test('directories', async () => {
    await client.mkdir('/d')
    expect(await errorOf(client.mkdir('/d'))).toMatchObject({ code: 105 })
    expect(await errorOf(client.setDir('/d'))).toMatchObject({ code: 102 })
    expect((await client.updateDir('/d', { ttl: 50 })).node.ttl).toBe(50)
    await client.set('/d/k', 'x')
    expect(await errorOf(client.delete('/d'))).toMatchObject({ code: 102 })
    expect(await errorOf(client.delete('/d', { dir: true }))).toMatchObject({ code: 108 })
    expect((await client.delete('/d', { recursive: true })).prevNode?.dir).toBe(true)
    await client.set('/was-value', '1')
    expect((await client.setDir('/was-value')).node.dir).toBe(true)
  })

  test('any key and value', async () => {
    const path = '/odd/%2F?&=#+ "\\/ü☃😀'
    const value = '\n\t &=+%"\\;☃😀'
    await client.set(path, value)
    expect((await client.get(path)).node).toMatchObject({ key: path, value })
    await client.cas(path, 'next', { prevValue: value })
    expect(await client.peek(path)).toEqual({ path, dir: false, value: 'next', ttlSeconds: undefined })
    for await (const view of client.follow(path)) {
      expect(view.nodes.get(path)?.value).toBe('next')
      break
    }
  })

  test('list brings all, as it arrives', async () => {
    for (let n = 0; n < 50; n += 1) await client.set(`/list/${n % 5}/${n}`, `${n}`)
    const listing = await client.list('/list')
    expect(listing.index).toBe((await client.position()).index)
    let nodes = 0
    for await (const batch of listing.nodes) nodes += batch.length
    expect(nodes).toBe(56)
  })

  test('watch brings what was, what comes, and removals from above', async () => {
    const { index } = await client.set('/w/a', '1')
    const over = new AbortController()
    const seen: string[] = []
    for await (const each of client.watch('/w', { recursive: true, from: index, signal: over.signal })) {
      if (each.kind === 'event') seen.push(`${each.event.action} ${each.event.node.key}`)
      if (seen.length === 1) await client.set('/w/b', '2')
      if (seen.length === 2) await client.delete('/w', { recursive: true })
      if (seen.length === 3) over.abort()
    }
    expect(seen).toEqual(['set /w/a', 'set /w/b', 'delete /w'])
  })

  test('follow sees every change, and reads again when it has fallen behind', { timeout: 60_000 }, async () => {
    await client.set('/f/a', '0')
    const views = client.follow('/f')
    try {
      const first = (await views.next()).value as View
      expect([...first.nodes.keys()]).toEqual(['/f', '/f/a'])
      let index = 0
      for (let n = 1; n <= 200; n += 1) index = (await client.set(`/f/${n % 20}`, `${n}`)).index
      let view = first
      while (view.index < index) view = (await views.next()).value as View
      expect(view.nodes.size).toBe(22)
      expect(view.nodes.get('/f/0')?.value).toBe('200')
    } finally {
      await views.return()
    }
  })

  test('a watch from before the history says so', { timeout: 60_000 }, async () => {
    // etcd keeps a thousand events; muster, as the tests start it, all of these.
    if (!server.isEtcd) return
    for (let n = 0; n < 1_100; n += 1) await client.set('/history', `${n}`, { brief: true })
    const { index } = await client.position()
    for await (const each of client.watch('/history', { from: 1 })) {
      expect(each).toEqual({ kind: 'resync', index })
      break
    }
  })

  test('members, their leader, status', async () => {
    const [member] = await client.members.list()
    expect(member?.id).toMatch(/^[0-9a-f]+$/)
    expect(await client.members.leader()).toEqual(member)
    expect(await errorOf(client.members.add(['no URL']))).toMatchObject({ status: 400, definite: true })
    const status = await client.status()
    expect(status).toMatchObject({ server: server.isEtcd ? 'etcd' : 'muster', role: 'leader', leader: member?.id })
    expect(status).toMatchObject({ member: { id: member?.id }, endpoint: server.url })
    expect(status.storeIndex).toBe((await client.position()).index)
    expect(status.version).toMatch(/^\d+\.\d+/)
  })

  test('a snapshot is all keys', async () => {
    await client.set('/snap', 'me')
    const into = new PassThrough()
    const [written, json] = await Promise.all([client.snapshot(into), text(into)])
    expect(written).toMatchObject({ hidden: !server.isEtcd, bytes: Buffer.byteLength(json) })
    expect(json).toContain('"key":"/snap","value":"me"')
  })

  test('any other request', async () => {
    const version = await client.request('GET', '/version')
    expect(JSON.parse(version.text)).toHaveProperty('etcdserver')
    expect(await client.request('GET', '/nothing-here')).toMatchObject({ status: 404 })
    expect(await client.request('GET', '/health', { endpoint: server.url })).toMatchObject({ endpoint: server.url })
  })
}
