/** Watches: no event is passed over in silence, whatever happens to servers, connections and histories. */
import type { ServerResponse } from 'node:http'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { ClientError } from '../../src/client/errors.ts'
import type { WatchLagSeen } from '../../src/client/options.ts'
import type { Watched, WatchOptions } from '../../src/client/watch.ts'
import { clientOf, errorOf, errorText, eventText, startOdd, startRig } from '../support/odd-server.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'

/** Where a request wants to begin; undefined: it is no poll. */
function waitIndexOf(url: string | undefined): string | undefined {
  return new URL(url ?? '', 'http://a').searchParams.get('waitIndex') ?? undefined
}

function answer(response: ServerResponse, index: number, text: string, more: Record<string, string> = {}): void {
  response.writeHead(200, { 'x-etcd-index': `${index}`, ...more }).end(text)
}

/** The first `count` things that a watch yields. */
async function take(watch: AsyncIterable<Watched>, count: number): Promise<readonly string[]> {
  const seen: string[] = []
  for await (const each of watch) {
    seen.push(
      each.kind === 'resync' ? `resync ${each.index}` : `${each.event.action} ${each.event.node.key} ${each.index}`,
    )
    if (seen.length === count) break
  }
  return seen
}

describe('a watch', () => {
  test('brings what was and what comes, in order, and ends with its signal', async () => {
    const { client } = await startRig()
    const from = (await client.set('/d/a', '1')).index
    const over = new AbortController()
    const seen: string[] = []
    for await (const watched of client.watch('/d', { recursive: true, from, signal: over.signal })) {
      if (watched.kind === 'event') seen.push(`${watched.event.action} ${watched.event.node.key}`)
      if (seen.length === 1) await client.set('/d/b', '2')
      if (seen.length === 2) await client.delete('/d/a')
      if (seen.length === 3) over.abort()
    }
    expect(seen).toEqual(['set /d/a', 'set /d/b', 'delete /d/a'])
  })

  test('without an index brings what happens from now on, also while its first connection breaks', async () => {
    const { client, http } = await startRig()
    await client.set('/a', 'before')
    const proxy = await new TcpProxy(() => http.port).listen()
    onTestFinished(() => proxy.close())
    const over = new AbortController()
    const watch = clientOf([proxy.url]).watch('/a', { signal: over.signal })
    const first = watch.next()
    // HEAD on one connection, the poll on another.
    await expect.poll(() => proxy.accepted).toBe(2)
    proxy.stall()
    await client.set('/a', 'lost?')
    proxy.cut()
    proxy.resume()
    expect((await first).value).toMatchObject({ kind: 'event', event: { node: { value: 'lost?' } } })
    over.abort()
    expect(await watch.next()).toEqual({ done: true, value: undefined })
  })

  test('notices a server that is silently gone', async () => {
    const { client, url, http } = await startRig()
    const proxy = await new TcpProxy(() => http.port).listen()
    onTestFinished(() => proxy.close())
    const { index } = await client.set('/a', '1')
    const watch = clientOf([proxy.url, url], { timeoutMs: 300 }).watch('/a', { from: index + 1, pollMs: 100 })
    const first = watch.next()
    await expect.poll(() => proxy.accepted).toBeGreaterThan(0)
    proxy.stall()
    await client.set('/a', '2')
    expect((await first).value).toMatchObject({ kind: 'event', event: { node: { value: '2' } } })
    await watch.return()
  })

  test('that is idle moves on with the index, so that the history does not run away from it', async () => {
    const asked: (string | undefined)[] = []
    const odd = await startOdd((request, response) => {
      asked.push(waitIndexOf(request.url))
      response.writeHead(200, { 'x-etcd-index': `${asked.length * 100}` })
      if (asked.length < 4) response.flushHeaders()
      else response.end(eventText('set', '/a', '1', 401))
    })
    expect(await take(clientOf([odd.url]).watch('/a', { from: 7, pollMs: 5 }), 1)).toEqual(['set /a 401'])
    expect(asked).toEqual(['7', '101', '201', '301'])
  })

  test('begins its polls anew before a busy store has left it behind', async () => {
    const odd = await startOdd((_request, response) => {
      response.writeHead(200, { 'x-etcd-index': `${odd.asked.length * 5_000}` }).flushHeaders()
    })
    const over = new AbortController()
    const next = clientOf([odd.url]).watch('/a', { from: 7, signal: over.signal }).next()
    // Polls of full length would take a minute and a half.
    await expect.poll(() => odd.asked.length, { timeout: 15_000 }).toBeGreaterThan(2)
    over.abort()
    await next
  })

  test('that a server ended without an event asks again, behind what that server had looked at', async () => {
    const asked: (string | undefined)[] = []
    const odd = await startOdd((request, response) => {
      asked.push(waitIndexOf(request.url))
      answer(response, 50, asked.length < 3 ? '' : eventText('set', '/a', '1', 60))
    })
    expect(await take(clientOf([odd.url]).watch('/a', { from: 7 }), 1)).toEqual(['set /a 60'])
    expect(asked).toEqual(['7', '51', '51'])
  })

  test('never goes back, though it meets a member that is behind', async () => {
    const asked: (string | undefined)[] = []
    const odd = await startOdd((request, response) => {
      asked.push(waitIndexOf(request.url))
      answer(response, 3, asked.length < 3 ? '' : eventText('set', '/a', '1', 60))
    })
    expect(await take(clientOf([odd.url]).watch('/a', { from: 50 }), 1)).toEqual(['set /a 60'])
    expect(asked).toEqual(['50', '50', '50'])
  })

  test('says when the history is gone, and goes on from there', async () => {
    const odd = await startOdd((request, response) => {
      if (waitIndexOf(request.url) === '1') response.writeHead(400).end(errorText(401, '[9/1]', 1008))
      else answer(response, 1008, eventText('set', '/a', `${waitIndexOf(request.url)}`, 1009))
    })
    const seen = await take(clientOf([odd.url]).watch('/a', { from: 1 }), 2)
    expect(seen).toEqual(['resync 1008', 'set /a 1009'])
  })

  test('does not become a tight loop when the history is lost all the time', async () => {
    let index = 1_000
    const odd = await startOdd((_request, response) => {
      index += 5_000
      response.writeHead(400).end(errorText(401, '', index))
    })
    const delays: number[] = []
    const hooks = { retry: ({ delayMs }: { readonly delayMs: number }) => delays.push(delayMs) }
    await take(clientOf([odd.url], { hooks, retry: { delayMsMin: 8, delayMsMax: 16 } }).watch('/a', { from: 1 }), 5)
    expect(delays).toHaveLength(4)
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(4)
  })

  test('says when another cluster answers', async () => {
    const odd = await startOdd((request, response) => {
      const from = Number(waitIndexOf(request.url))
      if (from === 5) answer(response, 5, eventText('set', '/a', '1', 5), { 'x-etcd-cluster-id': 'one' })
      else if (from === 6) answer(response, 2, eventText('set', '/a', '2', 2), { 'x-etcd-cluster-id': 'other' })
      else answer(response, 9, eventText('set', '/a', '3', 9), { 'x-etcd-cluster-id': 'other' })
    })
    const seen = await take(clientOf([odd.url]).watch('/a', { from: 5 }), 3)
    expect(seen).toEqual(['set /a 5', 'resync 2', 'set /a 9'])
    expect(odd.asked.map(waitOnly)).toEqual(['5', '6', '3'])
  })

  test('says when the store has lost its data, though its name is the same', async () => {
    const odd = await startOdd((request, response) => {
      const from = waitIndexOf(request.url)
      const one = { 'x-etcd-cluster-id': 'one' }
      if (from === '51') answer(response, 51, eventText('set', '/a', '1', 51), one)
      else if (from === '5') answer(response, 5, eventText('set', '/a', '3', 5), one)
      else if (from === undefined) answer(response, 4, eventText('get', '/a', '2', 3), one)
      // As a server does that waits.
      else response.writeHead(200, { 'x-etcd-index': '3', ...one }).flushHeaders()
    })
    const after = { index: 50, clusterId: 'one' }
    let contacts = 0
    const onContact = (): void => {
      contacts += 1
    }
    const seen = await take(clientOf([odd.url]).watch('/a', { after, onContact }), 3)
    expect(seen).toEqual(['set /a 51', 'resync 4', 'set /a 5'])
    // Not at the server that has less: whoever waits there hears of nothing, and should not look well.
    expect(contacts).toBe(2)
    expect(odd.asked.map(waitOnly)).toEqual(['51', '52', undefined, '5'])
    expect(odd.asked[2]).toContain('quorum=true')
  })

  test('says when another cluster answers than the one that was read', async () => {
    const odd = await startOdd((_request, response) => {
      answer(response, 70, eventText('set', '/a', '1', 70), { 'x-etcd-cluster-id': 'other' })
    })
    const watch = clientOf([odd.url]).watch('/a', { after: { index: 50, clusterId: 'one' } })
    expect(await take(watch, 2)).toEqual(['resync 70', 'set /a 70'])
  })

  test('waits at a server that only lags, and loses nothing', async () => {
    let polls = 0
    const left = Promise.withResolvers<void>()
    const odd = await startOdd((request, response) => {
      const from = waitIndexOf(request.url)
      if (from === undefined) return answer(response, 50, eventText('get', '/a', '2', 3))
      polls += 1
      response.writeHead(200, { 'x-etcd-index': '48' })
      if (polls === 1) response.on('close', left.resolve).flushHeaders()
      else response.end(eventText('set', '/a', '1', 51))
    })
    const watch = clientOf([odd.url]).watch('/a', { after: { index: 50, clusterId: '' } })
    expect(await take(watch, 1)).toEqual(['set /a 51'])
    expect(odd.asked.map(waitOnly)).toEqual(['51', undefined, '51'])
    // The poll that was given up holds no connection.
    await left.promise
  })

  test.each([
    ['is refused', 403],
    ['finds no majority at first', 500],
  ])('a lagging server is not left for good when the question whether it lags %s', async (_, status) => {
    let [polls, questions] = [0, 0]
    const odd = await startOdd((request, response) => {
      if (waitIndexOf(request.url) === undefined) {
        questions += 1
        if (questions > 1) answer(response, 50, eventText('get', '/a', '2', 3))
        else response.writeHead(status).end(errorText(status === 403 ? 110 : 300))
        return
      }
      polls += 1
      response.writeHead(200, { 'x-etcd-index': '48' })
      if (polls < 3 && (polls === 1 || status === 500)) response.flushHeaders()
      else response.end(eventText('set', '/a', '1', 51))
    })
    const client = clientOf([odd.url], { retry: { attemptsMax: 1, delayMsMin: 1, delayMsMax: 5 } })
    expect(await take(client.watch('/a', { after: { index: 50, clusterId: '' } }), 1)).toEqual(['set /a 51'])
    expect(questions).toBe(status === 500 ? 2 : 1)
  })

  test('waits for an index that is still to come, where only that was asked for', async () => {
    const odd = await startOdd((_request, response) => answer(response, 3, eventText('set', '/a', '1', 90)))
    expect(await take(clientOf([odd.url]).watch('/a', { from: 90 }), 1)).toEqual(['set /a 90'])
    expect(odd.asked.map(waitOnly)).toEqual(['90'])
  })

  test('goes on over servers that fail', async () => {
    const odd = await startOdd((request) => request.socket.destroy())
    const { client, url } = await startRig()
    const { index } = await client.set('/a', '1')
    expect(await take(clientOf([odd.url, url]).watch('/a', { from: index }), 1)).toEqual([`set /a ${index}`])
  })

  test('tells of failures that it gets over, and when a server answers again', async () => {
    const { client, http } = await startRig()
    const { index } = await client.set('/a', '1')
    const proxy = await new TcpProxy(() => http.port).listen()
    onTestFinished(() => proxy.close())
    const heard: (string | number)[] = []
    const onContact = (failure: { readonly code: string | number } | undefined): void =>
      void heard.push(failure?.code ?? 'answered')
    const over = new AbortController()
    onTestFinished(() => over.abort())
    const watch = clientOf([proxy.url], { retry: { attemptsMax: 1, delayMsMin: 1, delayMsMax: 5 } })
    const next = watch.watch('/a', { from: index + 1, signal: over.signal, onContact }).next()
    await expect.poll(() => heard).toEqual(['answered'])
    proxy.cut()
    await expect.poll(() => heard.slice(1, 3)).toEqual(['MUSTER_CLIENT_UNREACHABLE', 'answered'])
    await client.set('/a', '2')
    expect((await next).value).toMatchObject({ kind: 'event' })
  })

  test.each([
    [404, '404 page not found\n', { status: 404 }],
    [401, errorText(110), { code: 110 }],
  ])('ends with an error that asking again will not change: %i', async (status, text, error) => {
    const odd = await startOdd((_request, response) => response.writeHead(status).end(text))
    expect(await errorOf(clientOf([odd.url]).watch('/a', { from: 3 }).next())).toMatchObject(error)
    expect(await errorOf(clientOf([odd.url]).watch('/a').next())).toMatchObject({ status })
  })

  test('asks for nothing while nobody reads, and loses nothing by it', async () => {
    const { client, http } = await startRig()
    const { index } = await client.set('/a', '0')
    const watch = client.watch('/a', { from: index + 1 })
    const first = watch.next()
    await client.set('/a', '1')
    await first
    const before = http.member.store.watchers.count
    for (let n = 2; n <= 50; n += 1) await client.set('/a', `${n}`)
    expect(http.member.store.watchers.count).toBe(before)
    const values: (string | undefined)[] = []
    for await (const each of watch) {
      values.push(each.kind === 'event' ? each.event.node.value : 'resync')
      if (values.length === 49) break
    }
    expect(values).toEqual(Array.from({ length: 49 }, (_, n) => `${n + 2}`))
  })

  test('tells how far it is behind', async () => {
    const { client, url } = await startRig()
    const { index } = await client.set('/a', '1')
    for (let n = 0; n < 4; n += 1) await client.set('/other', '1')
    const seen: WatchLagSeen[] = []
    const watching = clientOf([url], { hooks: { watchLag: (lag) => seen.push(lag) } })
    await take(watching.watch('/a', { from: index }), 1)
    expect(seen).toEqual([{ path: '/a', index, behind: 4 }])
  })
})

describe('events that are not its own', () => {
  const cases: readonly (readonly [string, string, WatchOptions, boolean])[] = [
    ['/d', '/d', {}, true],
    ['/d', '/', {}, true],
    ['/d/e', '/d', {}, true],
    ['/d/', '/d', {}, true],
    ['//d/./x/..', '/d', {}, true],
    ['/d', '/d/k', { recursive: true }, true],
    ['/', '/d/k', { recursive: true }, true],
    ['/d', '/d/_h', { recursive: true }, false],
    ['/d/_h', '/d/_h/k', { recursive: true }, true],
    ['/_h', '/_h/_g', { recursive: true }, false],
    // etcd 2.x takes the removal of /d for one of /dd.
    ['/dd', '/d', { recursive: true }, false],
    ['/d', '/dd', { recursive: true }, false],
    ['/d', '/d/k', {}, false],
  ]
  test.each(cases)('on %s, one of %s with %j: %s', async (path, key, options, isOwn) => {
    const odd = await startOdd((request, response) => {
      const isFirst = waitIndexOf(request.url) === '5'
      answer(response, 5, isFirst ? eventText('delete', key, '', 5) : eventText('set', path, '', 6))
    })
    const seen = await take(clientOf([odd.url]).watch(path, { ...options, from: 5 }), 1)
    expect(seen[0]?.startsWith('delete')).toBe(isOwn)
  })
})

function waitOnly(line: string): string | undefined {
  return waitIndexOf(line.slice(line.indexOf(' ') + 1))
}

describe('a server without a leader', () => {
  /** Hears of nothing, and knows it when asked. */
  async function startSevered(isLed: () => boolean, index = 7) {
    return await startOdd((request, response) => {
      if (request.url === '/v2/members/leader') response.writeHead(isLed() ? 200 : 503).end('{}')
      else response.writeHead(200, { 'x-etcd-index': `${index}` }).flushHeaders()
    })
  }

  test('is left by those who wait there, as soon as it has said so twice', async () => {
    const { client: writer, url } = await startRig()
    const { index } = await writer.set('/a', 'missed there')
    const severed = await startSevered(() => false)
    const failovers: unknown[] = []
    const client = clientOf([severed.url, url], {
      leaderLookMs: 20,
      hooks: { failover: ({ error }) => void failovers.push((error as ClientError).code) },
    })
    const contacts: (ClientError | undefined)[] = []
    const watches = [0, 1].map((at) =>
      take(client.watch('/a', { from: index, ...(at === 0 ? { onContact: (seen) => contacts.push(seen) } : {}) }), 1),
    )
    expect(await Promise.all(watches)).toEqual([[`set /a ${index}`], [`set /a ${index}`]])
    expect(failovers).toEqual(['MUSTER_CLIENT_NO_LEADER'])
    expect(contacts.map((seen) => seen?.code)).toEqual([undefined, 'MUSTER_CLIENT_NO_LEADER', undefined])
    expect(severed.asked.filter((line) => line.endsWith('/leader'))).toHaveLength(2)
  })

  test('that is the only one is waited at, and said to be behind until it has one again', async () => {
    let isLed = false
    const severed = await startSevered(() => isLed)
    const client = clientOf([severed.url], { leaderLookMs: 10 })
    const contacts: (ClientError | undefined)[] = []
    const over = new AbortController()
    const onContact = (seen: ClientError | undefined): void => void contacts.push(seen)
    const watch = client.watch('/a', { from: 8, pollMs: 300, signal: over.signal, onContact }).next()
    const polls = (): number => severed.asked.filter((line) => line.includes('wait=true')).length
    await expect.poll(polls).toBeGreaterThan(3)
    expect(contacts[0]).toBeUndefined()
    expect(new Set(contacts.slice(1).map((seen) => seen?.code))).toEqual(new Set(['MUSTER_CLIENT_NO_LEADER']))
    isLed = true
    await expect.poll(() => contacts.at(-1)).toBeUndefined()
    over.abort()
    await watch
  })

  test('is noticed by polls that are shorter than the time between two looks', async () => {
    const { client: writer, url } = await startRig()
    const { index } = await writer.set('/a', 'missed there')
    const severed = await startSevered(() => false, index - 1)
    const client = clientOf([severed.url, url], { leaderLookMs: 200 })
    expect(await take(client.watch('/a', { from: index, pollMs: 15 }), 1)).toEqual([`set /a ${index}`])
  })

  test('that has one again is said to be well at once, though no poll has ended', async () => {
    let isLed = false
    const severed = await startSevered(() => isLed)
    const client = clientOf([severed.url], { leaderLookMs: 20 })
    const contacts: (ClientError | undefined)[] = []
    const over = new AbortController()
    const onContact = (seen: ClientError | undefined): void => {
      contacts.push(seen)
      // Once it was left, its polls last, and it has a leader.
      if (seen !== undefined) isLed = true
    }
    const watch = client.watch('/a', { from: 8, pollMs: 60_000, signal: over.signal, onContact }).next()
    await expect
      .poll(() => contacts.map((seen) => seen?.code))
      .toEqual([undefined, 'MUSTER_CLIENT_NO_LEADER', undefined])
    over.abort()
    await watch
  })

  test('is not asked where nobody wants to know, nor when nobody waits', async () => {
    const severed = await startSevered(() => false)
    const [never, often] = [clientOf([severed.url], { leaderLookMs: 0 }), clientOf([severed.url], { leaderLookMs: 10 })]
    const over = new AbortController()
    const watch = never.watch('/a', { from: 8, pollMs: 20, signal: over.signal }).next()
    await expect.poll(() => severed.asked.length).toBeGreaterThan(5)
    over.abort()
    await watch
    await often.get('/a').catch(() => {})
    expect(severed.asked.filter((line) => line.endsWith('/leader'))).toEqual([])
  })
})
