/** Keys of an embedded server fall due when a test lets time pass, on all members, and nothing else is moved by it. */
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  type EmbeddedServer,
  type ServerOptions,
  startServer,
  type TestClock,
  testClock,
} from '../../src/entry/server.ts'
import { freePort } from '../support/free-port.ts'

const DAY_MS = 24 * 3_600_000

async function server(options: ServerOptions): Promise<EmbeddedServer> {
  const started = await startServer(options)
  onTestFinished(() => started.stop())
  return started
}

/** Three members of one cluster with one clock. */
async function three(clock: TestClock): Promise<readonly EmbeddedServer[]> {
  const names = ['a', 'b', 'c']
  const urls = await Promise.all(names.map(async (name) => [name, `http://127.0.0.1:${await freePort()}`] as const))
  const options = { initialCluster: Object.fromEntries(urls), clock, heartbeatIntervalMs: 20, electionTimeoutMs: 200 }
  return Promise.all(names.map((name) => server({ ...options, name })))
}

/** What a member itself answers, without asking the leader: the remaining seconds, or undefined where there is no key. */
async function ttlAt({ url }: EmbeddedServer, key: string): Promise<number | undefined> {
  const answer = await fetch(`${url}/v2/keys${key}`)
  const { node } = (await answer.json()) as { readonly node?: { readonly ttl?: number } }
  return node?.ttl
}

async function termOf({ url }: EmbeddedServer): Promise<number> {
  return Number((await fetch(`${url}/v2/keys/`)).headers.get('x-raft-term'))
}

describe('time that a test lets pass', () => {
  test('makes keys fall due at once, tells watchers, and is shown by what remains', async () => {
    const clock = testClock()
    const started = await server({ clock })
    const client = started.client()
    const { index } = await client.set('/hour', 'x', { ttl: 3600 })
    await client.set('/day', 'x', { ttl: 24 * 3600 })
    await clock.advance(3_000_000)
    expect(await ttlAt(started, '/hour')).toBeGreaterThan(0)
    expect(await ttlAt(started, '/hour')).toBeLessThanOrEqual(600)
    await client.refresh('/hour', { ttl: 3600 })
    await clock.advance(3_000_000)
    expect(await ttlAt(started, '/hour')).toBeLessThanOrEqual(600)
    await clock.advance(600_000)
    expect(await ttlAt(started, '/hour')).toBeUndefined()
    expect(await ttlAt(started, '/day')).toBeGreaterThan(DAY_MS / 1000 - 6700)
    for await (const change of client.watch('/hour', { from: index + 2 })) {
      expect(change).toMatchObject({ event: { action: 'expire', node: { key: '/hour' } } })
      break
    }
  })

  test('moves what keys set afterwards show as their expiration, and no term', async () => {
    const clock = testClock()
    const started = await server({ clock })
    const term = await termOf(started)
    await clock.advance(DAY_MS)
    const beforeMs = Date.now()
    const { node } = await started.client().set('/k', 'x', { ttl: 60 })
    const expirationMs = Date.parse(node.expiration ?? '')
    expect(expirationMs).toBeGreaterThanOrEqual(beforeMs + DAY_MS + 60_000)
    expect(expirationMs).toBeLessThanOrEqual(Date.now() + DAY_MS + 60_000)
    expect(node.ttl).toBe(60)
    expect(await termOf(started)).toBe(term)
  })

  test('passes for every member, before and after the leader is gone', async () => {
    const clock = testClock()
    const servers = await three(clock)
    const [first] = servers as [EmbeddedServer]
    const keys = Array.from({ length: 500 }, (_, at) => `/due/${at}`)
    await Promise.all(keys.map((key) => first.client().set(key, 'x', { ttl: 600 })))
    const term = await termOf(first)
    await clock.advance(600_000)
    for (const one of servers) {
      const { node } = (await (await fetch(`${one.url}/v2/keys/due`)).json()) as { readonly node: { nodes?: unknown } }
      expect(node.nodes).toBeUndefined()
    }
    expect(await termOf(first)).toBe(term)
    const leaderId = (await first.client().status()).leader
    const leader = servers.find(({ memberId }) => memberId === leaderId)
    const others = servers.filter((one) => one !== leader)
    await others[0]?.client().set('/later', 'x', { ttl: 600 })
    await leader?.stop({ transferLeadership: false })
    await clock.advance(500_000)
    for (const one of others) expect(await ttlAt(one, '/later')).toBeLessThanOrEqual(100)
    await clock.advance(100_000)
    for (const one of others) expect(await ttlAt(one, '/later')).toBeUndefined()
  })

  test('passes for two clusters that share it, by as much', async () => {
    const clock = testClock()
    const one = await server({ clock })
    await one.client().set('/k', 'x', { ttl: 600 })
    await clock.advance(300_000)
    const other = await server({ clock })
    await other.client().set('/k', 'x', { ttl: 600 })
    await clock.advance(300_000)
    expect(await ttlAt(one, '/k')).toBeUndefined()
    expect(await ttlAt(other, '/k')).toBeGreaterThan(200)
    expect(await ttlAt(other, '/k')).toBeLessThanOrEqual(300)
  })

  test('passes one stretch after the other when several are asked for', async () => {
    const clock = testClock()
    const started = await server({ clock })
    await started.client().set('/k', 'x', { ttl: 100 })
    await Promise.all([clock.advance(30_000), clock.advance(30_000), clock.advance(30_000)])
    expect(await ttlAt(started, '/k')).toBeLessThanOrEqual(10)
    await clock.advance(10_000)
    expect(await ttlAt(started, '/k')).toBeUndefined()
  })

  test('does not pass without a server, by a number that is none, for a clock of another make, or after its signal', async () => {
    const clock = testClock()
    await expect(clock.advance(DAY_MS)).rejects.toThrow('only while a server runs')
    await expect(startServer({ clock: { advance: async () => {} } })).rejects.toThrow(RangeError)
    const started = await server({ clock })
    for (const ms of [-1, 0.5, Number.NaN, 1e15]) await expect(clock.advance(ms)).rejects.toThrow(RangeError)
    await expect(clock.advance(1, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough')
    await clock.advance(0)
    const { node } = await started.client().set('/k', 'x', { ttl: 60 })
    expect(Date.parse(node.expiration ?? '')).toBeLessThan(Date.now() + DAY_MS)
    await started.stop()
    await expect(clock.advance(1)).rejects.toThrow('only while a server runs')
  })
})
