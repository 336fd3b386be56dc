/** Views: whole at every moment, nothing missed, whatever happens between reading and watching. */
import { array, assert, asyncProperty, constantFrom, nat, record } from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { MusterClient } from '../../src/client/client.ts'
import { ApiError, type ClientError } from '../../src/client/errors.ts'
import type { View } from '../../src/client/follow.ts'
import type { Keys } from '../../src/client/keys.ts'
import type { NodeJson } from '../../src/client/node.ts'
import { startHttp } from '../support/http-member.ts'
import { clientOf, errorOf, errorText, eventText, startOdd, startRig } from '../support/odd-server.ts'

/** `path=value` of keys and `path/` of directories, in order. */
function textOf({ nodes }: View): readonly string[] {
  return [...nodes.values()].map(({ path, dir, value }) => (dir ? `${path}/` : `${path}=${value}`)).toSorted()
}

/** The same by reading it. */
async function readText(client: Keys, path: string): Promise<readonly string[]> {
  const lines: string[] = []
  const take = ({ key = '/', dir, value = '', nodes = [] }: NodeJson): void => {
    if (key !== '/') lines.push(dir === true ? `${key}/` : `${key}=${value}`)
    for (const node of nodes) take(node)
  }
  try {
    take((await client.get(path, { recursive: true })).node)
  } catch (error) {
    if (![100, 104].includes((error as ClientError).code as number)) throw error
  }
  return lines.toSorted()
}

/** Follows until the view has this index. */
async function untilIndex(views: AsyncGenerator<View>, index: number): Promise<View> {
  while (true) {
    const { value } = (await views.next()) as IteratorYieldResult<View>
    if (value.index >= index) return value
  }
}

describe('a view', () => {
  test('is what there is, then what it becomes', async () => {
    const { client } = await startRig()
    await client.set('/svc/web/a', '1')
    await client.set('/svc/_hidden/b', '2')
    const views = client.follow('/svc')
    onTestFinished(async () => void (await views.return()))
    const first = (await views.next()).value as View
    expect(first).toMatchObject({ fresh: true, events: [] })
    expect(textOf(first)).toEqual(['/svc/', '/svc/web/', '/svc/web/a=1'])
    const { index } = await client.set('/svc/new/deep/c', '3')
    const second = (await views.next()).value as View
    expect(second).toMatchObject({ fresh: false, index, events: [{ action: 'set', node: { key: '/svc/new/deep/c' } }] })
    expect(second.nodes.get('/svc/new/deep/c')).toMatchObject({ value: '3', modifiedIndex: index, createdIndex: index })
    expect(textOf(second)).toEqual(await readText(client, '/svc'))
    await client.delete('/svc/new', { recursive: true })
    expect(textOf((await views.next()).value as View)).toEqual(['/svc/', '/svc/web/', '/svc/web/a=1'])
  })

  test('of nothing is empty, and fills', async () => {
    const { client } = await startRig()
    const views = client.follow('/none/at/all')
    onTestFinished(async () => void (await views.return()))
    expect(((await views.next()).value as View).nodes.size).toBe(0)
    await client.set('/none/at/all/k', '1')
    expect(textOf((await views.next()).value as View)).toEqual(['/none/at/all/', '/none/at/all/k=1'])
    await client.delete('/none', { recursive: true })
    expect(((await views.next()).value as View).nodes.size).toBe(0)
  })

  test('of a value is that value', async () => {
    const { client } = await startRig()
    await client.set('/a', '1')
    const views = client.follow('/a')
    onTestFinished(async () => void (await views.return()))
    expect(textOf((await views.next()).value as View)).toEqual(['/a=1'])
    await client.set('/a', '2')
    expect(textOf((await views.next()).value as View)).toEqual(['/a=2'])
  })

  test('stays as it is while its reader is busy; what happened meanwhile is one more view', async () => {
    const { client, http } = await startRig()
    const views = client.follow('/d')
    onTestFinished(async () => void (await views.return()))
    const first = (await views.next()).value as View
    let index = 0
    for (let n = 0; n < 100; n += 1) index = (await client.set(`/d/${n % 10}`, `${n}`)).index
    await expect.poll(() => http.member.store.watchers.count).toBe(1)
    expect(first.nodes.size).toBe(0)
    let seen = 0
    let events = 0
    for (let view = first; view.index < index; seen += 1) {
      view = (await views.next()).value as View
      events += view.events.length
    }
    expect(events).toBe(100)
    expect(seen).toBeLessThan(50)
    expect(textOf(first)).toEqual(await readText(client, '/d'))
  })

  test('is read again where events were lost, linearizably, and says so', async () => {
    const asked: string[] = []
    const odd = await startOdd((request, response) => {
      asked.push(String(request.url))
      const reads = asked.filter((url) => !url.includes('wait')).length
      response.setHeader('x-etcd-index', reads * 10)
      if (!String(request.url).includes('wait')) response.end(eventText('get', '/a', `read ${reads}`, reads * 10))
      else if (reads === 1) response.writeHead(400).end(errorText(401, '', 9_000))
      else response.end(eventText('set', '/a', 'event', 21))
    })
    const views = clientOf([odd.url]).follow('/a')
    onTestFinished(async () => void (await views.return()))
    const seen: string[] = []
    for await (const view of views) {
      seen.push(`${view.index} ${view.fresh} ${view.nodes.get('/a')?.value}`)
      if (seen.length === 3) break
    }
    expect(seen).toEqual(['10 true read 1', '20 true read 2', '21 false event'])
    expect(asked.filter((url) => !url.includes('wait'))).toEqual([
      '/v2/keys/a?recursive=true',
      '/v2/keys/a?recursive=true&quorum=true',
    ])
    expect(asked.find((url) => url.includes('waitIndex=21'))).toBeDefined()
  })

  test('waits for a cluster that is away, and says so through a hook', async () => {
    let isAway = true
    const odd = await startOdd((request, response) => {
      if (isAway) response.writeHead(503).end()
      else if (!String(request.url).includes('wait')) response.end(eventText('get', '/a', '1', 1))
    })
    const retried: string[] = []
    const follower = clientOf([odd.url], {
      retry: { attemptsMax: 1, delayMsMin: 1, delayMsMax: 5 },
      hooks: { retry: ({ error }) => retried.push(error.message) },
    })
    const views = follower.follow('/a')
    const first = views.next()
    await expect.poll(() => retried.length).toBeGreaterThan(3)
    isAway = false
    expect(textOf((await first).value as View)).toEqual(['/a=1'])
    expect(retried[0]).toContain('503')
  })

  test.each([
    [{ nodesMax: 3 }, '3 nodes'],
    [{ charsMax: 30 }, '30 characters'],
  ])('has a bound: %j', async (bound, text) => {
    const { client } = await startRig()
    await client.set('/d/a', '1')
    const views = client.follow('/d', bound)
    await views.next()
    for (let n = 0; n < 10; n += 1) await client.set(`/d/${n}`, '1')
    const error = await errorOf(untilIndex(views, Number.POSITIVE_INFINITY))
    expect(error).toMatchObject({ code: 'MUSTER_CLIENT_ANSWER_TOO_LARGE', retriable: false })
    expect(error.message).toContain(text)
  })

  test('ends with its signal, with the client, and with an error that stays', async () => {
    const { client, url } = await startRig()
    const over = new AbortController()
    const views = client.follow('/a', { signal: over.signal })
    await views.next()
    const next = views.next()
    over.abort()
    expect((await next).done).toBe(true)
    const other = clientOf([url])
    const closing = other.follow('/a')
    await closing.next()
    const last = closing.next()
    await other.close()
    expect((await last).done).toBe(true)
    const odd = await startOdd((_request, response) => response.writeHead(401).end(errorText(110)))
    expect(await errorOf(clientOf([odd.url]).follow('/a').next())).toMatchObject({ code: 110 })
  })
})

const NAMES = ['a', 'b', '_h', 'aa']
const changes = (names: readonly string[], max: number) =>
  array(
    record({
      kind: constantFrom('set', 'mkdir', 'setDir', 'delete', 'deleteAll', 'add', 'update', 'cas'),
      path: array(constantFrom(...names), { minLength: 1, maxLength: 4 }).map((path) => `/${path.join('/')}`),
      value: nat(9).map(String),
    }),
    { maxLength: max },
  )
// No event tells of a directory that is made for a hidden key.
const visible = NAMES.filter((name) => !name.startsWith('_'))

async function apply(client: MusterClient, { kind, path, value }: { kind: string; path: string; value: string }) {
  const calls: Record<string, () => Promise<unknown>> = {
    set: () => client.set(path, value),
    mkdir: () => client.mkdir(path),
    setDir: () => client.setDir(path),
    delete: () => client.delete(path),
    deleteAll: () => client.delete(path, { recursive: true }),
    add: () => client.add(path, value),
    update: () => client.update(path, value),
    cas: () => client.cas(path, value, { prevValue: '1' }),
  }
  await calls[kind]?.().catch(() => undefined)
}

/** Writes a key, though a value stands where its directory belongs. */
async function setOver(client: MusterClient, path: string): Promise<number> {
  try {
    return (await client.set(path, 'x')).index
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 104) throw error
    await client.delete(error.reason)
    return setOver(client, path)
  }
}

test('after any changes a view is what reading gives', { timeout: 60_000 }, async () => {
  const http = await startHttp()
  onTestFinished(() => http.close())
  const client = clientOf([`http://127.0.0.1:${http.port}`])
  const tops = constantFrom('/', '/a', '/a/b', '/b/')
  await assert(
    asyncProperty(changes(NAMES, 12), changes(visible, 25), tops, async (before, after, top) => {
      for (const each of before) await apply(client, each)
      const views = client.follow(top)
      try {
        let view = (await views.next()).value as View
        expect(textOf(view)).toEqual(await readText(client, top))
        for (const each of after) await apply(client, each)
        // A change that every view sees marks the end.
        const end = top === '/' ? '/a-end' : `${top.replace(/\/$/, '')}/end`
        view = await untilIndex(views, await setOver(client, end))
        expect(textOf(view)).toEqual(await readText(client, top))
      } finally {
        await views.return()
        for (const name of NAMES) await client.delete(`/${name}`, { recursive: true }).catch(() => undefined)
        await client.delete('/a-end').catch(() => undefined)
      }
    }),
    { numRuns: 60 },
  )
})
