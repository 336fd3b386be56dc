/** What holds for every call: its signal ends it, closing ends everything, nothing is left behind, hooks hear of it. */
import { PassThrough } from 'node:stream'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { MusterClient } from '../../src/client/client.ts'
import type { CallOptions } from '../../src/client/keys.ts'
import { nodesOf } from '../../src/client/listed.ts'
import type { FailoverSeen, RequestSeen } from '../../src/client/options.ts'
import { Prefix } from '../../src/client/prefix.ts'
import { MusterClient as EntryClient } from '../../src/entry/client.ts'
import { Child, NODE, ROOT } from '../support/child.ts'
import { clientOf, errorOf, startOdd, startRig } from '../support/odd-server.ts'
import { deadPort } from '../support/tcp-proxy.ts'

type Call = (client: MusterClient, options: CallOptions) => Promise<unknown>
const CALLS: Readonly<Record<string, Call>> = {
  get: (client, options) => client.get('/a', options),
  set: (client, options) => client.set('/a', '1', options),
  create: (client, options) => client.create('/a', '1', options),
  add: (client, options) => client.add('/a', '1', options),
  update: (client, options) => client.update('/a', '1', options),
  cas: (client, options) => client.cas('/a', '1', { ...options, prevIndex: 1 }),
  cad: (client, options) => client.cad('/a', { ...options, prevIndex: 1 }),
  refresh: (client, options) => client.refresh('/a', { ...options, ttl: 1 }),
  delete: (client, options) => client.delete('/a', options),
  mkdir: (client, options) => client.mkdir('/a', options),
  setDir: (client, options) => client.setDir('/a', options),
  updateDir: (client, options) => client.updateDir('/a', options),
  createDir: (client, options) => client.createDir('/a', options),
  list: (client, options) => client.list('/a', options),
  peek: (client, options) => client.peek('/a', options),
  position: (client, options) => client.position(options),
  poll: (client, { signal }) => client.poll('/a', { waitIndex: 1, signal }),
  status: (client, options) => client.status(options),
  sync: (client, options) => client.sync(options),
  snapshot: (client, options) => client.snapshot(new PassThrough(), options),
  request: (client, options) => client.request('GET', '/', options),
  advanceIndex: (client, options) => client.advanceIndex(1, options),
  'members.list': (client, options) => client.members.list(options),
  'members.leader': (client, options) => client.members.leader(options),
  'members.add': (client, options) => client.members.add(['http://a:1'], options),
  'members.update': (client, options) => client.members.update('a', ['http://a:1'], options),
  'members.promote': (client, options) => client.members.promote('a', options),
  'members.remove': (client, options) => client.members.remove('a', options),
}
const EACH = Object.entries(CALLS)

/** Every method that users can call, as it stands in the class. */
function methods(): readonly string[] {
  const names = new Set<string>()
  for (let proto = MusterClient.prototype as object; proto !== Object.prototype; proto = Object.getPrototypeOf(proto)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(proto))) {
      if (typeof value === 'function') names.add(name)
    }
  }
  return [...names]
}

test('every method is held to these rules', () => {
  const others = ['constructor', 'namespace', 'watch', 'follow', 'close']
  expect(methods().filter((name) => CALLS[name] === undefined && !others.includes(name))).toEqual([])
})

describe('a call', () => {
  test.each(EACH)('%s ends with the reason of its signal, while it waits and before it begins', async (_, call) => {
    const silent = await startOdd(() => undefined)
    const client = clientOf([silent.url])
    const over = new AbortController()
    const reason = new Error('enough')
    const waiting = errorOf(call(client, { signal: over.signal }))
    await expect.poll(() => silent.asked.length).toBeGreaterThan(0)
    over.abort(reason)
    expect(await waiting).toBe(reason)
    const { length } = silent.asked
    expect(await errorOf(call(client, { signal: over.signal }))).toBe(reason)
    expect(silent.asked).toHaveLength(length)
  })

  test.each(EACH)('%s ends with the reason of its signal while it rests', async (_, call) => {
    const over = new AbortController()
    const reason = new Error('enough')
    const client = clientOf([`http://127.0.0.1:${await deadPort()}`], {
      retry: { delayMsMin: 60_000, delayMsMax: 60_000 },
      hooks: { retry: () => queueMicrotask(() => over.abort(reason)) },
    })
    expect(await errorOf(call(client, { signal: over.signal }))).toBe(reason)
  })

  test.each(EACH)('%s ends when the client is closed, and is refused afterwards', async (_, call) => {
    const silent = await startOdd(() => undefined)
    const client = clientOf([silent.url])
    const waiting = errorOf(call(client, {}))
    await expect.poll(() => silent.asked.length).toBeGreaterThan(0)
    await client.close()
    expect(await waiting).toMatchObject({ code: 'MUSTER_CLIENT_CLOSED', retriable: false })
    expect(await errorOf(call(client, {}))).toMatchObject({ code: 'MUSTER_CLIENT_CLOSED', definite: true })
  })
})

describe('a body that is under way', () => {
  const readers: Readonly<Record<string, (client: MusterClient, signal?: AbortSignal) => Promise<unknown>>> = {
    list: async (client, signal) => {
      for await (const _ of (await client.list('/', { signal })).nodes);
    },
    snapshot: (client, signal) => client.snapshot(new PassThrough().resume(), { signal }),
    get: (client, signal) => client.get('/', { signal }),
  }
  test.each(Object.entries(readers))(
    'of %s ends with the reason of the signal, and with the client',
    async (_, read) => {
      let begun = 0
      const odd = await startOdd((_request, response) => {
        response.writeHead(200, { 'x-etcd-index': '7' })
        response.write('{"action":"get","node":{"dir":true,"nodes":[{"key":"/a","value":"1"},', () => {
          begun += 1
        })
      })
      const client = clientOf([odd.url])
      const over = new AbortController()
      const reason = new Error('enough')
      const bySignal = errorOf(read(client, over.signal))
      const byClient = errorOf(read(client))
      await expect.poll(() => begun).toBe(2)
      over.abort(reason)
      expect(await bySignal).toBe(reason)
      await client.close()
      expect(await byClient).toMatchObject({ code: 'MUSTER_CLIENT_CLOSED' })
    },
  )
})

describe('a loop', () => {
  test.each(['watch', 'follow'] as const)(
    '%s ends without an error: by its signal, by its client, by a break',
    async (kind) => {
      const { client, http, url } = await startRig()
      await client.set('/a', '1')
      const other = clientOf([url])
      const over = new AbortController()
      const bySignal = drain(client[kind]('/a', { signal: over.signal }))
      const byClient = drain(other[kind]('/a'))
      await expect.poll(() => http.member.store.watchers.count).toBe(2)
      over.abort()
      await other.close()
      await Promise.all([bySignal, byClient])
      for await (const _ of client[kind]('/a', kind === 'watch' ? { from: 1 } : {})) break
      expect(await drain(client[kind]('/a', { signal: AbortSignal.abort() }))).toBe(0)
      await expect.poll(() => http.member.store.watchers.count).toBe(0)
    },
  )

  test('that is slow or breaks holds up no other of the same client', async () => {
    const { client } = await startRig()
    const { index } = await client.set('/a', '0')
    const slow = client.watch('/a', { from: index })
    await slow.next()
    const broken = (async () => {
      for await (const _ of client.watch('/a', { from: index })) throw new Error('a listener that breaks')
    })()
    await expect(broken).rejects.toThrow('a listener that breaks')
    const seen: unknown[] = []
    for await (const each of client.watch('/a', { from: index })) {
      seen.push(each.index)
      if (seen.length === 3) break
      await client.set('/a', `${seen.length}`)
    }
    expect(seen).toEqual([index, index + 1, index + 2])
    expect((await slow.next()).value).toMatchObject({ index: index + 1 })
    await slow.return()
  })
})

async function drain(loop: AsyncIterable<unknown>): Promise<number> {
  let count = 0
  for await (const _ of loop) count += 1
  return count
}

describe('a client that is closed', () => {
  test('ends what is held and what is waited for', async () => {
    const { url } = await startRig()
    const held = new EntryClient({ endpoints: [url] })
    onTestFinished(() => held.close())
    const session = await held.session()
    const lock = await held.lock('/l')
    const campaign = held.election('/e').campaign('one')
    await campaign.next()
    const { value: term } = await campaign.next()
    if (term?.state !== 'leader') throw new Error('nobody leads')

    const waits = new EntryClient({ endpoints: [url] })
    onTestFinished(() => waits.close())
    let isWaiting = false
    const waiting = errorOf(waits.lock('/l', { onWait: () => (isWaiting = true) }))
    const leading = errorOf(waits.election('/e').lead('two', () => undefined))
    const observing = errorOf(drain(waits.election('/e').observe()))
    const lists: unknown[] = []
    const discovering = (async () => {
      for await (const list of waits.discover('web')) lists.push(list)
    })()
    await expect.poll(() => isWaiting && lists.length > 0).toBe(true)
    await waits.close()
    for (const ended of [waiting, leading, observing]) {
      expect(await ended).toMatchObject({ code: 'MUSTER_CLIENT_CLOSED', retriable: false })
    }
    await discovering

    await held.close()
    for (const { signal } of [session, lock, term]) {
      expect(signal.reason).toMatchObject({ code: 'MUSTER_SESSION_LOST', definite: false, retriable: false })
    }
    expect(await errorOf(campaign.next().then(() => campaign.next()))).toMatchObject({ code: 'MUSTER_CLIENT_CLOSED' })
    await lock.unlock()
    await session.close()
  })

  test('is refused a session, a lock and a campaign', async () => {
    const client = new EntryClient({ endpoints: ['127.0.0.1:1'] })
    await client.close()
    for (const call of [client.session(), client.lock('/l'), client.election('/e').campaign('one').next()]) {
      expect(await errorOf(call)).toMatchObject({ code: 'MUSTER_CLIENT_CLOSED' })
    }
  })
})

test('a listing that nobody begins to read gives its connection back, and a closed client is no reason to end', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const body = new PassThrough()
  const nodes = nodesOf({ body } as never, new Prefix(''), { interruption: () => undefined } as never, undefined)
  body.emit('error', new Error('the client was closed'))
  vi.advanceTimersByTime(60_000)
  expect(body.destroyed).toBe(true)
  await expect(nodes.next()).rejects.toMatchObject({ code: 'MUSTER_CLIENT_ANSWER_CUT' })
})

test('a program that closes its client ends by itself, without a word', { timeout: 60_000 }, async () => {
  const { url } = await startRig()
  const dead = `http://127.0.0.1:${await deadPort()}`
  const program = `
    import { MusterClient } from ${JSON.stringify(`${ROOT}/src/entry/client.ts`)}
    {
      await using client = new MusterClient({ endpoints: ['${dead}', '${url}'], syncMs: 1_000, timeoutMs: 60_000 })
      await client.set('/a', '1')
      const over = new AbortController()
      const loops = [client.watch('/a'), client.watch('/b', { signal: over.signal }), client.follow('/a')]
      for (const loop of loops) (async () => { for await (const _ of loop); })()
      const lonely = new MusterClient({ endpoints: ['${dead}'] })
      const waits = (async () => { for await (const _ of lonely.watch('/a')); })()
      await client.set('/a', '2')
      const session = await client.session({ ttl: 3_600 })
      await Promise.all([client.lock('/l', { session }), client.lock('/m', { ttl: 3_600 })])
      void client.lock('/m').catch(() => undefined)
      await client.election('/e').campaign('me', { ttl: 3_600 }).next()
      await client.register({ name: 'web', port: 80, host: '10.0.0.7' })
      await client.discover('web').next()
      await client.list('/')
      void client.poll('/c', { waitIndex: 1 }).catch(() => undefined)
      over.abort()
      await lonely.close()
      await waits
    }
    console.log('closed')
  `
  const child = new Child(NODE, ['--input-type=module', '-e', program])
  onTestFinished(() => void child.kill('SIGKILL'))
  expect(await child.exited).toEqual({ code: 0, signal: null })
  expect([child.stdout, child.stderr]).toEqual(['closed\n', ''])
})

describe('hooks', () => {
  test('hear of each request as a trace needs it', async () => {
    const seen: RequestSeen[] = []
    const failovers: FailoverSeen[] = []
    const { url } = await startRig()
    const dead = `http://127.0.0.1:${await deadPort()}`
    const hooks = {
      request: (each: RequestSeen) => seen.push(each),
      failover: (each: FailoverSeen) => failovers.push(each),
    }
    const client = clientOf([dead, url], { hooks })
    await errorOf(client.get('/none', { quorum: true }))
    expect(seen).toMatchObject([
      { method: 'GET', target: '/v2/keys/none?quorum=true', endpoint: dead, status: 0, attempt: 1 },
      { method: 'GET', target: '/v2/keys/none?quorum=true', endpoint: url, status: 404, attempt: 2, error: undefined },
    ])
    expect(seen[0]?.error?.message).toContain('ECONNREFUSED')
    for (const { durationMs } of seen) expect(durationMs).toBeGreaterThan(0)
    expect(failovers).toMatchObject([{ from: dead, to: url }])
  })

  const fail = (): never => {
    throw new Error('a hook that breaks')
  }
  test.each([
    ['throw', fail],
    ['reject', async () => fail()],
  ])('that %s are logged and change nothing', async (_, fail) => {
    const { url } = await startRig()
    const words: string[] = []
    const logger = { debug: () => undefined, warn: (_fields: object, message: string) => words.push(message) }
    const hooks = { request: fail, retry: fail, failover: fail, watchLag: fail }
    const client = clientOf([`http://127.0.0.1:${await deadPort()}`, url], { hooks, logger })
    const { index } = await client.set('/a', '1')
    for await (const each of client.watch('/a', { from: index })) {
      expect(each.index).toBe(index)
      break
    }
    await expect
      .poll(() => new Set(words.map((word) => word.match(/hook (\w+)/)?.[1])))
      .toEqual(new Set(['request', 'failover', 'watchLag']))
  })
})

test.each([
  { timeoutMs: 0 },
  { timeoutMs: Number.NaN },
  { retry: { attemptsMax: 0 } },
  { retry: { delayMsMin: 0 } },
  { requestsMax: -1 },
  { syncMs: 0.5 },
  { timeoutMs: 2 ** 31 },
  { syncMs: 2 ** 31 },
  { auth: { username: 'a:b', password: 'c' } },
])('options that make no sense are refused: %j', (options) => {
  expect(() => new MusterClient({ endpoints: ['a:1'], ...options })).toThrow(RangeError)
})

// A timer that is given more runs out at once: without the bound a watch would ask without a pause.
test.each([0, -1, Number.NaN, 2 ** 31, Infinity])('a limit of %d ms is refused before anything is sent', async (ms) => {
  await using client = new MusterClient({ endpoints: ['127.0.0.1:1'] })
  await expect(client.get('/a', { timeoutMs: ms })).rejects.toThrow(RangeError)
  await expect(client.poll('/a', { waitIndex: 1, pollMs: ms })).rejects.toThrow(RangeError)
  await expect(client.watch('/a', { from: 1, pollMs: ms }).next()).rejects.toThrow(RangeError)
})

test('a request to something that is no path is refused, and no server is held to have failed', async () => {
  await using client = new MusterClient({ endpoints: ['127.0.0.1:1'] })
  await expect(client.request('GET', 'version')).rejects.toThrow(RangeError)
})
