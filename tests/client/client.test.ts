/** The client against the true HTTP server: every call, fail-over, and what errors say of a request's fate. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { MusterClient } from '../../src/client/client.ts'
import { encodeForm } from '../../src/client/target.ts'
import { clientOf, errorOf, startOdd, startRig } from '../support/odd-server.ts'
import { deadPort } from '../support/tcp-proxy.ts'

describe('keys', () => {
  test('are written, read, compared and removed', async () => {
    const { client } = await startRig()
    expect(await client.set('/a', '1')).toMatchObject({ action: 'set', created: true, node: { key: '/a', value: '1' } })
    expect(await client.set('/a', '2')).toMatchObject({ created: false, prevNode: { value: '1' } })
    const { node, index } = await client.get('/a')
    expect(node).toMatchObject({ key: '/a', value: '2', modifiedIndex: index })
    expect((await client.get('/a', { quorum: true })).node.value).toBe('2')
    await client.cas('/a', '3', { prevValue: '2' })
    expect(await errorOf(client.cas('/a', '4', { prevIndex: 1 }))).toMatchObject({
      code: 101,
      definite: true,
    })
    expect(await errorOf(client.add('/a', '5'))).toMatchObject({ code: 105, status: 412, reason: '/a' })
    await client.update('/a', '6', { ttl: 100 })
    expect((await client.refresh('/a', { ttl: 200 })).node).toMatchObject({ value: '6', ttl: 200 })
    expect((await client.delete('/a')).prevNode?.value).toBe('6')
    expect(await errorOf(client.get('/a'))).toMatchObject({ code: 100, retriable: false, definite: true })
    expect(await errorOf(client.update('/none', '7'))).toMatchObject({ code: 100 })
  })

  test('hold any text, and what a form can hold is sent as it is', async () => {
    const { client } = await startRig()
    const odd = '\0\n\r\t %41+&;=#"{[]},:\\\'\x7f\u0080ü☃😀\ufeff'
    await client.set('/odd', odd)
    expect((await client.get('/odd')).node.value).toBe(odd)
    await client.set('/half', 'a\ud800b')
    expect((await client.get('/half')).node.value).toBe('a\ufffdb')
    for (const value of [JSON.stringify({ a: ['b', "c's"] }), '字=水']) {
      expect(encodeForm({ value, ttl: undefined, dir: true })).toBe(`value=${value}&dir=true`)
    }
  })

  test('directories are made, given a time to live and removed', async () => {
    const { client } = await startRig()
    await client.setDir('/d')
    expect(await errorOf(client.setDir('/d'))).toMatchObject({ code: 102 })
    expect((await client.updateDir('/d', { ttl: 50 })).node.ttl).toBe(50)
    await client.set('/d/k', 'x')
    expect(await errorOf(client.delete('/d', { dir: true }))).toMatchObject({ code: 108 })
    expect((await client.peek('/d'))?.dir).toBe(true)
    await client.delete('/d', { recursive: true })
    expect(await client.peek('/d')).toBeUndefined()
  })

  test('may have any name and value', async () => {
    const { client } = await startRig()
    const path = '/ü/%2F?&=#+ "\\/☃😀'
    const value = '\0\n&=+%"\\☃😀'
    await client.set(path, value)
    expect((await client.get(path)).node).toMatchObject({ key: path, value })
    expect(await client.peek(path)).toEqual({ path, dir: false, value, ttlSeconds: undefined })
  })

  test('are listed as a whole, hidden ones on request', { timeout: 60_000 }, async () => {
    const { client } = await startRig()
    for (let n = 0; n < 3_000; n++) await client.set(`/d/${n % 7}/k${n}`, `${n}`, { brief: true })
    await client.set('/d/_h/x', '1')
    const count = async (hidden: boolean): Promise<number> => {
      let nodes = 0
      const listing = await client.list('/d', { hidden })
      expect(listing.index).toBe((await client.position()).index)
      for await (const batch of listing.nodes) nodes += batch.length
      return nodes
    }
    expect([await count(false), await count(true)]).toEqual([3_008, 3_010])
  })
})

describe('a server that fails', () => {
  const refused = async (): Promise<string> => `http://127.0.0.1:${await deadPort()}`

  test('and never got the request is left for the next, for reads and writes', async () => {
    const { client } = await startRig(await refused())
    expect((await client.set('/a', '1')).created).toBe(true)
    expect((await client.get('/a')).node.value).toBe('1')
  })

  test('after it took a write is told: nobody sends it again, and its fate is unknown', async () => {
    const odd = await startOdd((request) => request.socket.destroy())
    const { client, http } = await startRig(odd.url)
    expect(await errorOf(client.set('/a', '1'))).toMatchObject({
      code: 'MUSTER_CLIENT_UNREACHABLE',
      definite: false,
      retriable: true,
    })
    expect(odd.asked).toEqual(['PUT /v2/keys/a'])
    expect((await http.ask('GET', '/v2/keys/a')).status).toBe(404)
    // From now on the other one is asked.
    expect((await client.set('/a', '1')).created).toBe(true)
  })

  test('while it is read is left for the next one', async () => {
    const odd = await startOdd((request) => request.socket.destroy())
    const { client, http } = await startRig(odd.url)
    await http.ask('PUT', '/v2/keys/a', 'value=1')
    expect((await client.get('/a')).node.value).toBe('1')
  })

  test.each([
    [500, '{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out","index":1}'],
    [503, 'no member is there'],
  ])('by answering a read with %i is left for the next one; a write it is not asked again', async (status, text) => {
    const odd = await startOdd((_request, response) => response.writeHead(status).end(text))
    const { client, http } = await startRig(odd.url)
    await http.ask('PUT', '/v2/keys/a', 'value=1')
    expect((await client.get('/a')).node.value).toBe('1')
    const other = clientOf([odd.url, `http://127.0.0.1:${http.port}`])
    expect((await other.peek('/a'))?.value).toBe('1')
    const third = clientOf([odd.url, `http://127.0.0.1:${http.port}`])
    expect(await errorOf(third.set('/a', '2'))).toMatchObject({ definite: false })
    expect(odd.asked).toEqual(['GET /v2/keys/a', 'GET /v2/keys/a', 'PUT /v2/keys/a'])
  })

  test('everywhere is an error that says so, and that nothing was done', async () => {
    const [one, other] = [await refused(), await refused()]
    const error = await errorOf(clientOf([one, other]).set('/a', '1'))
    expect(error).toMatchObject({ code: 'MUSTER_CLIENT_UNREACHABLE', definite: true, retriable: true })
    expect(error.message).toContain('ECONNREFUSED')
  })

  test('by being silent is given up in time', async () => {
    const odd = await startOdd(() => undefined)
    const client = new MusterClient({ endpoints: [odd.url], timeoutMs: 100 })
    onTestFinished(() => client.close())
    expect(await errorOf(client.set('/a', '1'))).toMatchObject({ code: 'MUSTER_CLIENT_TIMEOUT', definite: false })
    expect(await errorOf(client.get('/a'))).toMatchObject({ code: 'MUSTER_CLIENT_TIMEOUT', definite: true })
  })

  test('in the middle of a listing is told', async () => {
    const odd = await startOdd((_request, response) => {
      response.writeHead(200, { 'x-etcd-index': '7' })
      response.write('{"action":"get","node":{"dir":true,"nodes":[{"key":"/a","value":"1",', () => response.destroy())
    })
    const { nodes } = await clientOf([odd.url]).list('/')
    const reading = async (): Promise<void> => {
      for await (const _ of nodes);
    }
    expect(await errorOf(reading())).toMatchObject({ code: 'MUSTER_CLIENT_ANSWER_CUT', retriable: true })
  })

  test('with code 300 leaves the fate of a write open; a limit that refused it does not', async () => {
    const { client, http } = await startRig()
    http.member.refusal = 'MUSTER_TIMEOUT'
    expect(await errorOf(client.set('/a', '1'))).toMatchObject({ code: 300, definite: false, retriable: true })
    http.member.refusal = 'MUSTER_OVERLOADED'
    expect(await errorOf(client.set('/a', '1'))).toMatchObject({ code: 300, definite: true, retriable: true })
    expect(await errorOf(client.set('/k'.repeat(300), '1'))).toMatchObject({
      keyLimit: 'keySegmentsMax',
      definite: true,
    })
  })

  test('by being no server of the API is told', async () => {
    const odd = await startOdd((_request, response) => response.end('<html>'))
    const client = clientOf([odd.url])
    expect(await errorOf(client.get('/a'))).toMatchObject({ code: 'MUSTER_CLIENT_BAD_ANSWER', retriable: false })
    const missing = await startOdd((_request, response) => response.writeHead(404).end('404 page not found\n'))
    expect(await errorOf(clientOf([missing.url]).get('/a'))).toMatchObject({ code: 0, status: 404 })
  })
})

test('a call ends with the reason of its signal', async () => {
  const odd = await startOdd(() => undefined)
  const over = new AbortController()
  const call = clientOf([odd.url]).get('/a', { signal: over.signal })
  const reason = new Error('enough')
  over.abort(reason)
  expect(await errorOf(call)).toBe(reason)
})

test('credentials go with every request', async () => {
  let seen: string | undefined
  const odd = await startOdd((request, response) => {
    seen = request.headers.authorization
    response.end('{"action":"get","node":{"key":"/a","value":""}}')
  })
  const client = new MusterClient({ endpoints: [odd.url], auth: 'root:p:w' })
  onTestFinished(() => client.close())
  await client.get('/a')
  expect(Buffer.from(seen?.replace('Basic ', '') ?? '', 'base64').toString()).toBe('root:p:w')
})

test.each(['', 'ftp://a', 'http://a/path', 'http://u:p@a', 'http://a:99999'])('"%s" is no endpoint', (text) => {
  expect(() => new MusterClient({ endpoints: [text] })).toThrow(RangeError)
})

test('a host and port alone mean http', () => {
  expect(clientOf(['localhost:4001', ' http://a:1/ ']).endpoints).toEqual(['http://localhost:4001', 'http://a:1'])
})
