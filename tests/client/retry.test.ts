/** What is sent again, how often, and what the error then says of the request's fate. */
import { createServer } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { MusterClient } from '../../src/client/client.ts'
import { asClientError } from '../../src/client/failures.ts'
import type { ClientHooks, RetrySeen } from '../../src/client/options.ts'
import { clientOf, errorOf, errorText, eventText, startOdd, startRig } from '../support/odd-server.ts'
import { deadPort } from '../support/tcp-proxy.ts'

const TIMED_OUT = errorText(300, 'etcdserver: request timed out', 0)
const LIMIT = errorText(300, 'etcdserver: too many requests', 0)

/** Whose first `failures` answers are 500 with this body. */
async function startFailing(failures: number, body: string) {
  let left = failures
  return startOdd((request, response) => {
    left -= 1
    if (left >= 0) response.writeHead(500).end(body)
    else response.writeHead(200, { 'x-etcd-index': '9' }).end(eventText('set', String(request.url), 'x', 9))
  })
}

type Call = (client: MusterClient) => Promise<unknown>
const REPEATABLE: readonly (readonly [string, Call])[] = [
  ['get', (client) => client.get('/a')],
  ['get with quorum', (client) => client.get('/a', { quorum: true })],
  ['add', (client) => client.add('/a', '1')],
  ['mkdir', (client) => client.mkdir('/a')],
  ['cas', (client) => client.cas('/a', '1', { prevIndex: 3 })],
  ['cad', (client) => client.cad('/a', { prevValue: 'x' })],
  ['refresh with a condition', (client) => client.refresh('/a', { ttl: 5, prevIndex: 3 })],
]
const ONCE: readonly (readonly [string, Call])[] = [
  ['set', (client) => client.set('/a', '1')],
  ['create', (client) => client.create('/a', '1')],
  ['update', (client) => client.update('/a', '1')],
  ['delete', (client) => client.delete('/a')],
  ['refresh', (client) => client.refresh('/a', { ttl: 5 })],
  ['setDir', (client) => client.setDir('/a')],
  ['updateDir', (client) => client.updateDir('/a')],
  ['createDir', (client) => client.createDir('/a')],
  ['members.add', (client) => client.members.add(['http://a:1'])],
  ['members.remove', (client) => client.members.remove('a')],
  ['a request that is no read', (client) => client.request('PUT', '/v2/auth/enable')],
]

describe('after an answer that leaves the fate open', () => {
  test.each(REPEATABLE)('%s is sent again', async (_, call) => {
    const server = await startFailing(2, TIMED_OUT)
    await call(clientOf([server.url]))
    expect(server.asked).toHaveLength(3)
  })

  test.each(ONCE)('%s is never sent again, whatever is configured', async (_, call) => {
    const server = await startFailing(1, TIMED_OUT)
    const other = await startFailing(0, '')
    const client = clientOf([server.url, other.url], { retry: { attemptsMax: 100, delayMsMin: 1, delayMsMax: 1 } })
    expect(await errorOf(call(client))).toMatchObject({ definite: false })
    expect([server.asked.length, other.asked.length]).toEqual([1, 0])
  })

  test.each(ONCE)('that says that nothing was done, %s is sent again', async (_, call) => {
    const server = await startFailing(1, LIMIT)
    await call(clientOf([server.url]))
    expect(server.asked).toHaveLength(2)
  })
})

describe('a refusal that may be the echo of our own first write', () => {
  test.each([
    ['add', 105, REPEATABLE[2]?.[1] as Call],
    ['cas', 101, REPEATABLE[4]?.[1] as Call],
    ['cad', 100, REPEATABLE[5]?.[1] as Call],
  ])('of %s is not definite, and says why', async (_, code, call) => {
    let asked = 0
    const server = await startOdd((request, response) => {
      asked += 1
      if (asked === 1) request.socket.destroy()
      else response.writeHead(412).end(errorText(code))
    })
    const error = await errorOf(call(clientOf([server.url])))
    expect(error).toMatchObject({ code, definite: false, index: 7, cause: { code: 'MUSTER_CLIENT_UNREACHABLE' } })
  })

  test('is definite when the first one surely did nothing', async () => {
    let asked = 0
    const server = await startOdd((_request, response) => {
      asked += 1
      response.writeHead(asked === 1 ? 500 : 412).end(asked === 1 ? LIMIT : errorText(105))
    })
    expect(await errorOf(clientOf([server.url]).add('/a', '1'))).toMatchObject({ code: 105, definite: true })
  })
})

describe('the budget', () => {
  test('ends retries after so many requests', async () => {
    const server = await startFailing(100, TIMED_OUT)
    const client = clientOf([server.url], { retry: { attemptsMax: 4, delayMsMin: 1, delayMsMax: 2 } })
    expect(await errorOf(client.get('/a'))).toMatchObject({ code: 300, retriable: true, definite: true })
    expect(server.asked).toHaveLength(4)
    await errorOf(client.get('/a', { attemptsMax: 1 }))
    expect(server.asked).toHaveLength(5)
  })

  test('lets every server be asked once, however many there are', async () => {
    const ports = await Promise.all(Array.from({ length: 8 }, () => deadPort()))
    const { url } = await startRig()
    const urls = [...ports.map((port) => `http://127.0.0.1:${port}`), url]
    await clientOf(urls, { retry: { attemptsMax: 2 } }).set('/a', '1')
    expect(await errorOf(clientOf(urls, { retry: { attemptsMax: 1 } }).set('/a', '1'))).toMatchObject({
      definite: true,
    })
  })

  test('ends them too when the time of the call is over and every server was asked', async () => {
    const silent = await startOdd(() => undefined)
    const other = await startOdd(() => undefined)
    const beganMs = performance.now()
    const error = await errorOf(clientOf([silent.url, other.url], { timeoutMs: 150 }).get('/a'))
    expect(error).toMatchObject({ code: 'MUSTER_CLIENT_TIMEOUT' })
    expect(silent.asked.length + other.asked.length).toBe(2)
    expect(performance.now() - beganMs).toBeGreaterThanOrEqual(295)
  })

  test('makes pauses that grow, are not alike and stay below their limit', async () => {
    const seen: RetrySeen[] = []
    const hooks: ClientHooks = { retry: (retry) => seen.push(retry) }
    const client = clientOf([`http://127.0.0.1:${await deadPort()}`], {
      hooks,
      retry: { attemptsMax: 9, delayMsMin: 4, delayMsMax: 32 },
    })
    await errorOf(client.set('/a', '1'))
    expect(seen).toHaveLength(8)
    for (const [at, { delayMs, attempt, method }] of seen.entries()) {
      const full = Math.min(32, 4 * 2 ** at)
      expect(delayMs).toBeGreaterThanOrEqual(full / 2)
      expect(delayMs).toBeLessThanOrEqual(full)
      expect([attempt, method]).toEqual([at + 1, 'PUT'])
    }
    expect(new Set(seen.map(({ delayMs }) => delayMs)).size).toBeGreaterThan(4)
  })

  test('has no pause before a server that was not asked yet', async () => {
    const seen: RetrySeen[] = []
    const dead = await Promise.all([deadPort(), deadPort(), deadPort()])
    const { url } = await startRig()
    const urls = dead.map((port) => `http://127.0.0.1:${port}`)
    const client = clientOf([...urls, url], { hooks: { retry: (retry) => seen.push(retry) } })
    await client.set('/a', '1')
    expect(seen).toEqual([])
  })
})

describe('a connection that fails', () => {
  test('while it is made has carried nothing, whatever the error is called', async () => {
    // A listener that speaks no TLS: the handshake fails.
    const server = createServer((socket) => socket.on('error', () => undefined).end('no TLS here\r\n'))
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    onTestFinished(() => void server.close())
    const address = server.address() as { readonly port: number }
    const error = await errorOf(clientOf([`https://127.0.0.1:${address.port}`]).set('/a', '1'))
    expect(error).toMatchObject({ code: 'MUSTER_CLIENT_UNREACHABLE', definite: true })
    expect(error.message).toMatch(/SSL|TLS|socket/i)
  })

  test('later may have carried the request, whatever the error is called', () => {
    for (const code of ['EHOSTUNREACH', 'ENETUNREACH', 'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC', 'ECONNRESET']) {
      const thrown = Object.assign(new Error('read'), { code, syscall: 'read' })
      expect(asClientError(thrown, 'http://a:1', false)).toMatchObject({ definite: false, retriable: true })
    }
  })

  test('that is never made is given up within the time of the call', async () => {
    // The backlog of a listener that accepts nothing is no blackhole everywhere; an address for documentation is.
    const client = clientOf(['http://192.0.2.1:2379'], { timeoutMs: 200 })
    const beganMs = performance.now()
    const error = await errorOf(client.set('/a', '1'))
    expect(performance.now() - beganMs).toBeLessThan(2_000)
    expect(['MUSTER_CLIENT_TIMEOUT', 'MUSTER_CLIENT_UNREACHABLE']).toContain(error.code)
  })
})

describe('what is under way', () => {
  test('has a bound: one call more is refused, and nothing is sent', async () => {
    const silent = await startOdd(() => undefined)
    const client = clientOf([silent.url], { requestsMax: 3 })
    const over = new AbortController()
    const calls = [1, 2, 3].map(() => errorOf(client.get('/a', { signal: over.signal })))
    expect(await errorOf(client.set('/b', '1'))).toMatchObject({
      code: 'MUSTER_CLIENT_BUSY',
      definite: true,
      retriable: true,
    })
    over.abort(new Error('enough'))
    await Promise.all(calls)
    expect(silent.asked.some((line) => line.includes('/b'))).toBe(false)
  })

  test('of watches has another, and they take no connection from calls', async () => {
    const { client: writer, url } = await startRig()
    await writer.set('/a', '1')
    const client = clientOf([url], { connectionsMax: 1, watchesMax: 20 })
    const over = new AbortController()
    const polls = Array.from({ length: 20 }, () => client.poll('/quiet', { waitIndex: 1, signal: over.signal }))
    expect((await client.get('/a')).value).toBe('1')
    expect(await errorOf(client.poll('/quiet', { waitIndex: 1 }))).toMatchObject({ code: 'MUSTER_CLIENT_BUSY' })
    over.abort(new Error('enough'))
    for (const poll of await Promise.allSettled(polls)) expect(poll.status).toBe('rejected')
    await expect(client.poll('/quiet', { waitIndex: 1, pollMs: 1 })).resolves.toMatchObject({ event: undefined })
  })
})
