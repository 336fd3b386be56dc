/** The lock and leader modules of etcd 0.4, and what it told about its cluster. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { type HttpMember, requestText, startHttp } from '../../support/http-member.ts'
import { parseAnswer, type RawConnection } from '../../support/raw-http.ts'

let http: HttpMember

beforeEach(async () => {
  http = await startHttp({ legacyEndpoints: true })
})

afterEach(() => http.close())

/** Status and body of a request. */
async function ask(method: string, target: string, form?: string): Promise<string> {
  const { status, body } = await http.ask(method, target, form)
  return `${status} ${body}`
}

/** Places in the queue of a lock, first to last. */
function places(key: string): readonly string[] {
  const directory = http.member.store.tree.find(`/_etcd/mod/lock/${key}`)
  return [...(directory?.children?.values() ?? [])].map(({ value }) => value ?? '').sort()
}

/** A request for a lock that has begun to wait. */
async function waitFor(key: string, form: string, count: number): Promise<RawConnection> {
  const connection = await http.connect()
  connection.send(requestText('POST', `/mod/v2/lock/${key}`, form))
  await eventually('the place in the queue', () => places(key).length === count)
  return connection
}

async function answerOf(connection: RawConnection): Promise<string> {
  const { status, body } = parseAnswer(await connection.answer())
  return `${status} ${body}`
}

describe('a lock', () => {
  test('is taken, shown, renewed by number or value, and released', async () => {
    expect(await ask('POST', '/mod/v2/lock/db/main', 'ttl=10&value=a')).toBe('200 2')
    expect(await ask('GET', '/mod/v2/lock/db/main')).toBe('200 a')
    expect(await ask('GET', '/mod/v2/lock/db/main?field=index')).toBe('200 2')
    expect(await ask('PUT', '/mod/v2/lock/db/main?index=2', 'ttl=100')).toBe('200 ')
    expect(JSON.parse((await http.ask('GET', '/v2/keys/_etcd/mod/lock/db/main?sorted=true')).body).node.nodes).toEqual([
      expect.objectContaining({ key: '/_etcd/mod/lock/db/main/00000000000000000002', value: 'a', ttl: 100 }),
    ])
    expect(await ask('PUT', '/mod/v2/lock/db/main', 'value=a&ttl=50')).toBe('200 ')
    expect(await ask('DELETE', '/mod/v2/lock/db/main?value=a')).toBe('200 ')
    expect(await ask('GET', '/mod/v2/lock/db/main')).toBe('200 ')
  })

  test('goes from one to the next in the order in which they asked', async () => {
    expect(await ask('POST', '/mod/v2/lock/k', 'ttl=100&value=a')).toBe('200 2')
    const b = await waitFor('k', 'ttl=100&value=b', 2)
    const c = await waitFor('k', 'ttl=100&value=c', 3)
    await ask('DELETE', '/mod/v2/lock/k?value=a')
    expect(await answerOf(b)).toBe('200 4')
    expect(places('k')).toEqual(['b', 'c'])
    await ask('DELETE', '/mod/v2/lock/k?index=00000000000000000004')
    expect(await answerOf(c)).toBe('200 5')
    expect(await ask('GET', '/mod/v2/lock/k')).toBe('200 c')
  })

  test('is free when the TTL of its holder ends', async () => {
    await ask('POST', '/mod/v2/lock/k', 'ttl=5&value=a')
    const b = await waitFor('k', 'ttl=1000&value=b', 2)
    http.member.elapsedMs += 6_000
    http.member.expire()
    expect(await answerOf(b)).toMatch(/^200 /)
    expect(await ask('GET', '/mod/v2/lock/k')).toBe('200 b')
  })

  test('keeps a place alive while its client waits, without an event for those behind', async () => {
    await ask('POST', '/mod/v2/lock/k', 'ttl=100&value=a')
    await waitFor('k', 'ttl=1&value=b', 2)
    const { store } = http.member
    const place = () =>
      [...(store.tree.find('/_etcd/mod/lock/k')?.children?.values() ?? [])].find((node) => node.value === 'b')
    const key = place()?.key ?? ''
    let events = 0
    const deliver = (): boolean => {
      events += 1
      return true
    }
    store.watchers.watch({ path: key, recursive: false, stream: true, since: 0, deliver, closed: () => {} })
    http.member.elapsedMs += 900
    await eventually('a sign of life', () => place()?.deadlineMs === http.member.elapsedMs + 1000)
    http.member.elapsedMs += 900
    http.member.expire()
    expect(places('k')).toEqual(['a', 'b'])
    expect(events).toBe(0)
  })

  test('is waited for as long as `timeout` says, and the place is given up', async () => {
    await ask('POST', '/mod/v2/lock/k', 'ttl=100&value=a')
    expect(await ask('POST', '/mod/v2/lock/k', 'ttl=100&timeout=0')).toMatch(/^500 waiting ended/)
    expect(places('k')).toEqual(['a'])
  })

  test.each(['2147484', '4294968', '999999999'])('is waited for however long `timeout` is: %s s', async (timeout) => {
    await ask('POST', '/mod/v2/lock/k', 'ttl=0&value=a')
    const b = await waitFor('k', `ttl=0&value=b&timeout=${timeout}`, 2)
    for (let count = 0; count < 5; count += 1) await ask('GET', '/mod/v2/lock/k')
    expect(places('k')).toEqual(['a', 'b'])
    await ask('DELETE', '/mod/v2/lock/k?value=a')
    expect(await answerOf(b)).toMatch(/^200 /)
  })

  test('is waited for without writes between two signs of life, however long the TTL is', async () => {
    await ask('POST', '/mod/v2/lock/k', 'ttl=0&value=a')
    await waitFor('k', 'ttl=99999999&value=b', 2)
    const before = http.member.appliedIndex
    for (let count = 0; count < 10; count += 1) await ask('GET', '/mod/v2/lock/k')
    expect(http.member.appliedIndex).toBe(before)
  })

  test('gets one sign of life at a time', async () => {
    await ask('POST', '/mod/v2/lock/k', 'ttl=0&value=a')
    await waitFor('k', 'ttl=1&value=b', 2)
    http.member.holds = true
    await eventually('a sign of life', () => http.member.held.length > 0)
    const after = performance.now() + 1500
    await eventually('two more to be due', () => performance.now() > after)
    expect(http.member.held).toHaveLength(1)
    http.member.holds = false
    http.member.release()
  })

  test('loses a place whose client went away', async () => {
    await ask('POST', '/mod/v2/lock/k', 'ttl=100&value=a')
    const b = await waitFor('k', 'ttl=100&value=b', 2)
    b.close()
    await eventually('the place to be free', () => places('k').length === 1)
    expect(http.member.store.watchers.count).toBe(0)
  })

  test('tells one who waits that its place was released by somebody else', async () => {
    await ask('POST', '/mod/v2/lock/k', 'ttl=100&value=a')
    const b = await waitFor('k', 'ttl=100&value=b', 2)
    await ask('DELETE', '/mod/v2/lock/k?value=b')
    expect(await answerOf(b)).toMatch(/^500 the place in the queue expired or was released/)
  })

  test('is the same one for a value that has a place already', async () => {
    expect(await ask('POST', '/mod/v2/lock/k', 'ttl=100&value=a')).toBe('200 2')
    expect(await ask('POST', '/mod/v2/lock/k', 'ttl=100&value=a')).toBe('200 2')
    expect(places('k')).toEqual(['a'])
  })

  test.each([
    ['POST', 'k', 'value=a', 202],
    ['POST', 'k', 'ttl=x', 202],
    ['POST', 'k', 'ttl=1&timeout=x', 205],
    ['PUT', 'k', 'ttl=1', 207],
    ['PUT', 'k', 'index=1', 202],
    ['PUT', 'k', 'index=7&ttl=1', 100],
    ['DELETE', 'k', undefined, 207],
    ['DELETE', 'k?index=1&value=a', undefined, 208],
    ['DELETE', 'k?index=1', undefined, 100],
    ['GET', 'k?field=x', undefined, 209],
    ['GET', 'k', undefined, 100],
  ] as const)('%s %s %s is refused with %i', async (method, key, form, code) => {
    expect(JSON.parse((await http.ask(method, `/mod/v2/lock/${key}`, form)).body)).toMatchObject({ errorCode: code })
    expect(places('k')).toEqual([])
  })

  test('tells what got in the way of the member', async () => {
    http.member.refusal = 'MUSTER_TIMEOUT'
    expect(await ask('POST', '/mod/v2/lock/k', 'ttl=1')).toMatch(/^500 .*"errorCode":300/)
    expect(await ask('GET', '/mod/v2/lock/k')).toMatch(/^500 .*"errorCode":300/)
  })

  test('has no name of none, and a longest name', async () => {
    expect(await ask('POST', '/mod/v2/lock/', 'ttl=1')).toBe('404 404 page not found\n')
    expect(await ask('POST', `/mod/v2/lock/${'k'.repeat(4096)}`, 'ttl=1')).toMatch(/keyBytesMax/)
  })
})

test('more requests than may wait for locks are refused, and others end when the server closes', async () => {
  await http.close()
  http = await startHttp({ legacyEndpoints: true, limits: { locksMax: 1 } })
  await ask('POST', '/mod/v2/lock/k', 'ttl=100&value=a')
  const b = await waitFor('k', 'ttl=100&value=b', 2)
  expect(await ask('POST', '/mod/v2/lock/k', 'ttl=100')).toMatch(/^500 .*locksMax/)
  const closed = http.server.close(5_000)
  expect(await answerOf(b)).toMatch(/^500 waiting ended/)
  await closed
  expect(places('k')).toEqual(['a'])
})

describe('a leader', () => {
  test('is who holds the lock by its name', async () => {
    expect(await ask('PUT', '/mod/v2/leader/k', 'name=a&ttl=10')).toBe('200 2')
    expect(await ask('PUT', '/mod/v2/leader/k', 'name=a&ttl=20')).toBe('200 2')
    expect(await ask('GET', '/mod/v2/leader/k')).toBe('200 a')
    expect(await ask('PUT', '/mod/v2/leader/k', 'name=b&ttl=10&timeout=0')).toMatch(/^500 /)
    expect(await ask('DELETE', '/mod/v2/leader/k?name=a')).toBe('200 ')
    expect(await ask('GET', '/mod/v2/leader/k')).toBe('200 ')
    expect(await ask('PUT', '/mod/v2/leader/k', 'ttl=10')).toMatch(/"errorCode":206/)
    expect(await ask('DELETE', '/mod/v2/leader/k')).toMatch(/"errorCode":206/)
  })
})

describe('the cluster', () => {
  test('is told in the words of 0.4', async () => {
    expect(await ask('GET', '/v2/leader')).toBe('200 http://127.0.0.1:2380')
    expect(await ask('GET', '/v2/peers')).toBe('200 http://127.0.0.1:2379')
    const machine =
      '{"name":"n1","state":"leader","clientURL":"http://127.0.0.1:2379","peerURL":"http://127.0.0.1:2380"}'
    expect(await ask('GET', '/v2/admin/machines')).toBe(`200 [${machine}]`)
    expect(await ask('GET', '/v2/admin/machines/n1')).toBe(`200 ${machine}`)
    expect(await ask('GET', '/v2/admin/machines/n2')).toMatch(/^404/)
    expect(await ask('GET', '/v2/admin/config')).toBe('200 {"activeSize":9,"removeDelay":1800,"syncInterval":5}')
  })

  test('loses a machine by its name, if it can', async () => {
    const removed: string[] = []
    let ok = true
    http.member.memberChanges.remove = (id, done) => {
      removed.push(id)
      done(ok ? { ok } : { ok, reason: 'failed' })
    }
    expect(await ask('DELETE', '/v2/admin/machines/n2')).toMatch(/^404/)
    expect(await ask('DELETE', '/v2/admin/machines/n1')).toBe('200 ')
    ok = false
    expect(await ask('DELETE', '/v2/admin/machines/n1')).toMatch(/^500/)
    expect(removed).toEqual([http.member.memberId, http.member.memberId])
  })

  test('has no leader during an election', async () => {
    http.member.knowsLeader = false
    expect(await ask('GET', '/v2/leader')).toBe('500 {"errorCode":301,"message":"During Leader Election","index":1}\n')
  })
})

test('none of it is there unless asked for', async () => {
  await http.close()
  http = await startHttp()
  for (const path of ['/mod/v2/lock/k', '/mod/v2/leader/k', '/v2/leader', '/v2/peers', '/v2/admin/machines']) {
    expect(await ask('GET', path)).toBe('404 404 page not found\n')
  }
})
