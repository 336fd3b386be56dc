/** Long polls and streams, as clients see them. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { FakeMember } from '../../support/fake-member.ts'
import { type HttpMember, requestText, startHttp } from '../../support/http-member.ts'
import { parseAnswer, type RawConnection } from '../../support/raw-http.ts'

let http: HttpMember

beforeEach(async () => {
  http = await startHttp()
})

afterEach(() => http.close())

function put(key: string, value: string): void {
  http.member.apply({ kind: 'set', path: key, value, dir: false, ttl: undefined, refresh: false })
}

/** Opens a watch and waits until its headers have come, which are taken. */
async function watch(target: string): Promise<{ connection: RawConnection; head: string }> {
  const connection = await http.connect()
  connection.send(requestText('GET', `/v2/keys${target}`))
  const text = await connection.until('headers', (received) => received.includes('\r\n\r\n'))
  const end = text.indexOf('\r\n\r\n') + 4
  connection.text = text.slice(end)
  return { connection, head: text.slice(0, end) }
}

function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`
}

const SET_K = '{"action":"set","node":{"key":"/k","value":"1","modifiedIndex":2,"createdIndex":2}}\n'

describe('a long poll', () => {
  test('sends its headers at once, with the index of its registration, and the event when it comes', async () => {
    put('/other', 'x')
    const { connection, head } = await watch('/k?wait=true')
    expect(head).toContain('HTTP/1.1 200 OK\r\n')
    expect(head).toContain('\r\nX-Etcd-Index: 2\r\nX-Raft-Index: 4\r\nX-Raft-Term: 2\r\n')
    expect(head).toContain('\r\nTransfer-Encoding: chunked\r\n')
    expect(connection.text).toBe('')
    put('/other', 'y')
    put('/k', '1')
    put('/k', '2')
    const text = await connection.until('the end', (received) => received.endsWith('0\r\n\r\n'))
    expect(text).toBe(`${chunk(SET_K.replaceAll('Index":2', 'Index":4'))}0\r\n\r\n`)
    await eventually('no watchers', () => http.member.store.watchers.count === 0)
  })

  test('leaves a connection that can be used again', async () => {
    const { connection } = await watch('/k?wait=true')
    put('/k', '1')
    await connection.until('the end', (received) => received.endsWith('0\r\n\r\n'))
    connection.text = ''
    connection.send(requestText('GET', '/v2/keys/k'))
    expect(parseAnswer(await connection.answer()).status).toBe(200)
  })

  test('with a waitIndex of the past is answered at once', async () => {
    put('/k', '1')
    put('/k', '2')
    const first = await http.ask('GET', '/v2/keys/k?wait=true&waitIndex=1')
    expect(first).toMatchObject({ status: 200, body: SET_K })
    expect(first.headers['x-etcd-index']).toBe('3')
    expect((await http.ask('GET', '/v2/keys/k?wait=true&waitIndex=3')).body).toContain('"value":"2"')
  })

  test('with a waitIndex to come waits for it', async () => {
    const { connection } = await watch('/k?wait=true&waitIndex=4')
    put('/k', '1')
    put('/k', '2')
    put('/k', '3')
    expect(await connection.until('the end', (received) => received.endsWith('0\r\n\r\n'))).toContain('"value":"3"')
  })

  test('with the greatest index there is just waits', async () => {
    await watch('/k?wait=true&waitIndex=18446744073709551615')
    put('/k', '1')
    expect(http.member.store.watchers.count).toBe(1)
  })

  test('that is recursive sees what happens below, but not what is hidden', async () => {
    const { connection } = await watch('/d?wait=true&recursive=true')
    put('/d/_hidden', 'x')
    put('/d/a/b', 'seen')
    expect(await connection.until('the end', (received) => received.endsWith('0\r\n\r\n'))).toContain('"value":"seen"')
  })

  test('that is not recursive sees only its key', async () => {
    const { connection } = await watch('/d?wait=true')
    put('/d/a', 'x')
    http.member.apply({ kind: 'delete', path: '/d', dir: false, recursive: true })
    const text = await connection.until('the end', (received) => received.endsWith('0\r\n\r\n'))
    expect(text).toContain('{"action":"delete","node":{"key":"/d","dir":true,')
  })

  test('may ask for a quorum, and then is a plain read', async () => {
    put('/k', '1')
    expect((await http.ask('GET', '/v2/keys/k?wait=true&quorum=true')).body).toContain('"action":"get"')
  })

  test('of a client that went away is forgotten', async () => {
    const { connection } = await watch('/k?wait=true')
    expect(http.member.store.watchers.count).toBe(1)
    connection.close()
    await eventually('no watchers', () => http.member.store.watchers.count === 0)
  })

  test('with more of a body than is read ahead is forgotten when its client says no more', async () => {
    const connection = await http.connect()
    const head = 'GET /v2/keys/k?wait=true HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n'
    connection.send(`${head}${'x'.repeat(500_000)}`)
    await connection.until('headers', (received) => received.includes('\r\n\r\n'))
    expect(http.member.store.watchers.count).toBe(1)
    connection.socket.end()
    await eventually('no watchers', () => http.member.store.watchers.count === 0)
    await connection.untilClosed()
  })

  test('whose body does not end in time is closed without another answer in the middle of its own', async () => {
    await http.close()
    http = await startHttp({ limits: { headMsMax: 50, requestMsMax: 100, slowLookMs: 20 } })
    const connection = await http.connect()
    connection.send('GET /v2/keys/k?wait=true HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nx')
    const text = await connection.untilClosed()
    expect(text).toMatch(/^HTTP\/1\.1 200 /)
    expect(text).not.toContain('408')
    await eventually('no watchers', () => http.member.store.watchers.count === 0)
  })

  test('of HTTP/1.0 gets its event without chunks, and then the end', async () => {
    const connection = await http.connect()
    connection.send('GET /v2/keys/k?wait=true HTTP/1.0\r\n\r\n')
    await connection.until('headers', (received) => received.includes('\r\n\r\n'))
    put('/k', '1')
    const text = await connection.untilClosed()
    expect(text.slice(text.indexOf('\r\n\r\n') + 4)).toBe(SET_K)
  })
})

describe('a stream', () => {
  test('brings each event as a chunk of its own, and goes on', async () => {
    const { connection } = await watch('/k?wait=true&stream=true')
    put('/k', '1')
    expect(await connection.until('an event', (received) => received.endsWith('\n\r\n'))).toBe(chunk(SET_K))
    put('/k', '2')
    put('/elsewhere', 'x')
    put('/k', '3')
    const text = await connection.until('two more', (received) => received.includes('"value":"3"'))
    expect(text.match(/"node":\{"key":"\/k","value":"\d"/g)).toHaveLength(3)
    expect(
      parseAnswer(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${text}0\r\n\r\n`).body.split('\n'),
    ).toHaveLength(4)
  })

  test('from the past brings what was and then what comes, each once and in order', async () => {
    for (let n = 1; n <= 200; n++) put('/k', `${n}`)
    const { connection } = await watch('/k?wait=true&stream=true&waitIndex=1')
    for (let n = 201; n <= 300; n++) put('/k', `${n}`)
    const text = await connection.until('the last', (received) => received.includes('"value":"300"'))
    const seen = [...text.matchAll(/"node":\{"key":"\/k","value":"(\d+)"/g)].map((match) => Number(match[1]))
    expect(seen).toEqual(Array.from({ length: 300 }, (_, at) => at + 1))
  })

  test('of many clients brings all of them the same bytes', async () => {
    const streams = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        watch(n % 2 === 0 ? '/k?wait=true&stream=true' : '/?wait=true&stream=true&recursive=true'),
      ),
    )
    for (let n = 1; n <= 5; n++) {
      put('/elsewhere', 'x')
      put('/k', `é${n}`)
    }
    const texts = await Promise.all(
      streams.map(({ connection }) =>
        connection.until('the last', (received) => /\xc3\xa95[\s\S]*\n\r\n$/.test(received)),
      ),
    )
    await Promise.all(
      streams.map(
        ({ connection }, n) =>
          n % 2 === 0 || connection.until('all', (received) => received.split('elsewhere').length >= 6),
      ),
    )
    const exact = new Set(texts.filter((_, n) => n % 2 === 0))
    expect(exact.size).toBe(1)
    expect([...exact][0]?.match(/"action"/g)).toHaveLength(5)
    const wide = new Set(
      streams.filter((_, n) => n % 2 === 1).map(({ connection }) => connection.text.match(/"action":"set"/g)?.length),
    )
    expect([...wide]).toEqual([10])
  })

  test('of HTTP/1.0 has no chunks', async () => {
    const connection = await http.connect()
    connection.send('GET /v2/keys/k?wait=true&stream=true HTTP/1.0\r\n\r\n')
    await connection.until('headers', (received) => received.includes('\r\n\r\n'))
    put('/k', '1')
    put('/k', '2')
    const text = await connection.until('two events', (received) => received.includes('"value":"2"'))
    expect(text.slice(text.indexOf('\r\n\r\n') + 4)).toMatch(/^\{.*\}\n\{.*\}\n$/)
  })

  test('that waits behind another request brings what happened meanwhile', async () => {
    http.member.holds = true
    const connection = await http.connect()
    connection.send(requestText('PUT', '/v2/keys/slow') + requestText('GET', '/v2/keys/k?wait=true&stream=true'))
    await eventually('both', () => http.member.held.length === 1 && http.member.store.watchers.count === 1)
    put('/k', '1')
    http.member.release()
    expect(parseAnswer(await connection.answer()).status).toBe(201)
    await connection.until('the event', (received) => received.includes('"value":"1"'))
    put('/k', '2')
    const text = await connection.until('the next', (received) => received.includes('"value":"2"'))
    expect(text.slice(text.indexOf('\r\n\r\n') + 4)).toMatch(/^[0-9a-f]+\r\n\{.*\}\n\r\n[0-9a-f]+\r\n\{.*\}\n\r\n$/)
  })
})

describe('a watch that cannot be', () => {
  test('because the history is gone is answered 401 with the present index, also for keys that never were', async () => {
    await http.close()
    const member = new FakeMember({
      history: { eventsMax: 10, eventsBytesMax: 1e6, memoryEventsMax: 10, memoryBytesMax: 1e6 },
    })
    http = await startHttp({}, member)
    for (let n = 0; n < 30; n++) put('/k', `${n}`)
    for (const more of ['', '&stream=true', '&recursive=true']) {
      const answer = await http.ask('GET', `/v2/keys/never?wait=true&waitIndex=5${more}`)
      expect(answer.status).toBe(400)
      expect(answer.headers['x-etcd-index']).toBe('31')
      expect(answer.headers['x-raft-index']).toBeUndefined()
      expect(answer.body).toBe(
        '{"errorCode":401,"message":"The event in requested index is outdated and cleared",' +
          '"cause":"the requested history has been cleared [22/5]","index":31}\n',
      )
    }
  })

  test('because there are too many is told so, and served when others have gone', async () => {
    await http.close()
    http = await startHttp({ limits: { watchersMax: 2 } })
    const { connection } = await watch('/a?wait=true')
    await watch('/b?wait=true')
    const refused = await http.ask('GET', '/v2/keys/c?wait=true')
    expect(refused).toMatchObject({ status: 500 })
    expect(JSON.parse(refused.body)).toMatchObject({
      errorCode: 300,
      cause: 'etcdserver: too many requests (watchersMax reached)',
    })
    connection.close()
    await eventually('room', () => http.member.store.watchers.count === 1)
    await watch('/c?wait=true')
  })
})

test('when the server closes, watches end without a last chunk', async () => {
  const { connection } = await watch('/k?wait=true')
  const { connection: stream } = await watch('/k?wait=true&stream=true')
  await http.server.close(1000)
  expect(await connection.untilClosed()).toBe('')
  expect(await stream.untilClosed()).toBe('')
  expect(http.member.store.watchers.count).toBe(0)
})
