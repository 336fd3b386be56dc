/** An embedded member serves like any other, lives as its options say, and leaves nothing behind. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import pino from 'pino'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type EmbeddedServer, type ServerOptions, startServer } from '../../src/entry/server.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { scratchDir } from '../support/scratch.ts'

/** A server that is stopped when the test is over. */
async function server(options: ServerOptions = {}): Promise<EmbeddedServer> {
  const started = await startServer(options)
  onTestFinished(() => started.stop())
  return started
}

/** What this process holds open, without what Node.js and the test runner have anyway: counted by kind. */
function openHandles(): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'exit', 'uncaughtException', 'unhandledRejection'] as const

describe('one server', () => {
  test('serves the keys API on a free port of loopback, and a client of it works at once', async () => {
    const { url, clientUrls, memberId, client } = await bound(await server())
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect(clientUrls).toEqual([url])
    expect(memberId).toMatch(/^[0-9a-f]{1,16}$/)
    await client().set('/greeting', 'hello')
    const answer = (await (await fetch(`${url}/v2/keys/greeting`)).json()) as { node: { value: string } }
    expect(answer.node.value).toBe('hello')
  })

  test('is asked by its own clients without TCP, and without knowing its certificate', async () => {
    const started = await server({ autoTls: true })
    expect(started.url).toMatch(/^https:/)
    let dialled = 0
    const count = (): void => {
      dialled += 1
    }
    subscribe('net.client.socket', count)
    onTestFinished(() => void unsubscribe('net.client.socket', count))
    const client = started.client()
    const { index } = await client.set('/greeting', 'hello')
    const large = 'x'.repeat(700_000)
    const seen = await Promise.all([
      ...Array.from({ length: 100 }, (_, at) => client.set(`/many/${at}`, large)),
      firstOf(client.watch('/greeting', { from: index })),
      firstOf(client.follow('/greeting')),
    ])
    expect(seen).toHaveLength(102)
    expect((await client.get('/many', { recursive: true })).node.nodes).toHaveLength(100)
    expect(dialled).toBe(0)
    await expect(fetch(started.url)).rejects.toThrow()
    expect(dialled).toBe(1)
  })

  test('its own clients count as connections, and hear that there are too many', async () => {
    const started = await server({ maxConnections: 1 })
    const [one, other] = [started.client(), started.client()]
    await one.set('/a', '1')
    await expect(other.get('/a')).rejects.toMatchObject({ retriable: true })
    await one.close()
    await eventually('room for another', async () => {
      return (await other.get('/a').catch(() => undefined))?.value === '1'
    })
  })

  test('stops while its own clients wait, and says so to them', async () => {
    const started = await server()
    const client = started.client()
    const waiting = firstOf(client.watch('/never'))
    await client.set('/a', '1')
    await started.stop()
    expect(await waiting).toBeUndefined()
    await expect(client.get('/a')).rejects.toMatchObject({ code: 'MUSTER_CLIENT_CLOSED' })
  })

  test('shows its true client URL among the members, which is where clients look for others', async () => {
    const { url } = await server()
    const { members } = (await (await fetch(`${url}/v2/members`)).json()) as { members: { clientURLs: string[] }[] }
    expect(members.map((member) => member.clientURLs)).toEqual([[url]])
  })

  test('without a data directory its folder goes when it stops; with one its keys are there again', async () => {
    const passing = await server()
    expect(existsSync(passing.dataDir)).toBe(true)
    await passing.stop()
    expect(existsSync(passing.dataDir)).toBe(false)

    const dataDir = await scratchDir()
    const first = await server({ dataDir })
    await first.client().set('/kept', 'yes')
    await first.stop()
    const second = await server({ dataDir })
    expect((await second.client().get('/kept')).node.value).toBe('yes')
    expect(second.clusterId).toBe(first.clusterId)
  })

  test('takes the options of musterd by their names, and refuses what is none or out of bounds', async () => {
    const { url } = await server({ maxRequestBytes: 16_777_216, legacyEndpoints: true, heartbeatIntervalMs: 50 })
    const put = (bytes: number) => {
      return fetch(`${url}/v2/keys/a`, { method: 'PUT', body: new URLSearchParams({ value: 'x'.repeat(bytes) }) })
    }
    expect((await put(11_000_000)).status).toBe(201)
    expect((await put(17_000_000)).status).toBe(400)
    await expect(startServer({ electionTimeoutMs: 1 })).rejects.toThrow(RangeError)
    await expect(startServer({ proxy: 'on' } as ServerOptions)).rejects.toThrow('"proxy" is no option')
    await expect(startServer({ colour: 'red' } as ServerOptions)).rejects.toThrow('"colour" is no option')
  })

  test('a port that is taken is an error with a code, and leaves nothing of the attempt', async () => {
    const holder = createServer()
    const port = await new Promise<number>((done) => {
      holder.listen(0, '127.0.0.1', () => done((holder.address() as { port: number }).port))
    })
    onTestFinished(() => void holder.close())
    const before = openHandles()
    await expect(startServer({ port, peerPort: await freePort() })).rejects.toMatchObject({
      code: 'MUSTER_LISTEN_FAILED',
    })
    await eventually('no handle more than before', () => sameHandles(before))
  })

  test('logs to the logger that it is given, whose level stays its own', async () => {
    const lines: string[] = []
    const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) })
    const { url } = await server({ name: 'chatty', logger })
    expect(lines.some((line) => line.includes('"member":"chatty"'))).toBe(true)
    const changed = await fetch(`${url}/config/local/log`, { method: 'PUT', body: '{"Level":"DEBUG"}' })
    expect(changed.ok).toBe(true)
    expect(logger.level).toBe('info')
  })

  test('its signal keeps it from starting, or stops it', async () => {
    const reason = new Error('enough')
    await expect(startServer({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const alone = new AbortController()
    const missing = { a: `http://127.0.0.1:${await freePort()}`, b: `http://127.0.0.1:${await freePort()}` }
    // Without a majority it would wait for ever.
    const starting = startServer({ name: 'a', initialCluster: missing, signal: alone.signal })
    alone.abort(reason)
    await expect(starting).rejects.toBe(reason)

    const over = new AbortController()
    const running = await server({ signal: over.signal })
    over.abort()
    expect(await running.finished).toBeUndefined()
    await expect(fetch(running.url)).rejects.toThrow()
    expect(existsSync(running.dataDir)).toBe(false)
  })

  test('is stopped by leaving the block that holds it', async () => {
    let url: string
    {
      await using held = await startServer()
      url = held.url
    }
    await expect(fetch(url)).rejects.toThrow()
  })

  test('two do not count for each other', async () => {
    const [one, other] = await Promise.all([server(), server()])
    await one.client().set('/a', '1')
    const metrics = async (url: string): Promise<string> => (await fetch(`${url}/metrics`)).text()
    expect(await metrics(one.url)).toMatch(/etcd_http_received_total\{method="PUT"\} 1\n/)
    expect(await metrics(other.url)).not.toMatch(/method="PUT"/)
    expect(one.clusterId).not.toBe(other.clusterId)
  })
})

test('three in one process form a cluster, which goes on when the leader stops', async () => {
  const names = ['a', 'b', 'c']
  const ports = await Promise.all(names.map(() => freePort()))
  const initialCluster = Object.fromEntries(names.map((name, at) => [name, `http://127.0.0.1:${ports[at]}`]))
  const servers = await Promise.all(names.map((name) => server({ name, initialCluster })))
  expect(new Set(servers.map((each) => each.clusterId)).size).toBe(1)
  await servers[0]?.client().set('/shared', 'by all')

  const stats = await Promise.all(
    servers.map(async ({ url }) => (await (await fetch(`${url}/v2/stats/self`)).json()) as { state: string }),
  )
  const leader = servers[stats.findIndex(({ state }) => state === 'StateLeader')] as EmbeddedServer
  await leader.stop()
  const rest = servers.filter((each) => each !== leader)
  await rest[0]?.client().set('/later', 'by two')
  expect((await rest[1]?.client().get('/later', { quorum: true }))?.node.value).toBe('by two')
})

test('20 started and stopped in one process leave no handle, no folder, no listener and no signal handler', async () => {
  const handlers = SIGNALS.map((signal) => process.listenerCount(signal))
  await (await startServer()).stop()
  const before = openHandles()
  const folders: string[] = []
  const urls: string[] = []
  for (let rounds = 0; rounds < 5; rounds += 1) {
    const started = await Promise.all([startServer(), startServer(), startServer(), startServer()])
    for (const each of started) {
      await each.client().set('/a', '1')
      folders.push(each.dataDir)
      urls.push(each.url, ...each.peerUrls)
    }
    await Promise.all(started.map((each) => each.stop()))
  }
  expect(folders.filter((folder) => existsSync(folder))).toEqual([])
  for (const url of urls) await expect(fetch(url)).rejects.toThrow()
  await eventually('no handle more than before', () => sameHandles(before))
  expect(SIGNALS.map((signal) => process.listenerCount(signal))).toEqual(handlers)
})

/** The first element of a loop that may have none. */
async function firstOf<T>(loop: AsyncIterable<T>): Promise<T | undefined> {
  for await (const element of loop) return element
  return undefined
}

/** The kinds that a server opens; others come and go with the test runner. */
function sameHandles(before: Readonly<Record<string, number>>): boolean {
  const now = openHandles()
  return ['TCPServerWrap', 'TCPSocketWrap', 'Timeout'].every((kind) => (now[kind] ?? 0) <= (before[kind] ?? 0))
}

/** Its method as a function of its own, so that it can be taken apart. */
function bound(started: EmbeddedServer) {
  const { url, clientUrls, memberId } = started
  return { url, clientUrls, memberId, client: () => started.client() }
}
