/** Connections: how requests come, what bounds them, how they end. */

import { createServer, type Server } from 'node:http'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { HTTP_LIMITS, type HttpLimits } from '../../src/http/limits.ts'
import { Listeners } from '../../src/http/listeners.ts'
import { Metrics } from '../../src/metrics.ts'
import { eventually } from '../support/eventually.ts'
import { FakeMember } from '../support/fake-member.ts'
import { type HttpMember, requestText, startHttp } from '../support/http-member.ts'
import { exchange, parseAnswer, RawConnection } from '../support/raw-http.ts'

let http: HttpMember

beforeEach(async () => {
  http = await startHttp()
})

afterEach(() => http.close())

async function restart(limits: Partial<HttpLimits>): Promise<void> {
  await http.close()
  http = await startHttp({ limits })
}

function value(key: string): string | undefined {
  return http.member.store.tree.find(key)?.value
}

describe('requests', () => {
  test('that follow each other without waiting are answered in order', async () => {
    const connection = await http.connect()
    http.member.holds = true
    connection.send(
      requestText('PUT', '/v2/keys/a', 'value=1') +
        requestText('GET', '/v2/keys/nothing') +
        requestText('PUT', '/v2/keys/a', 'value=2') +
        requestText('GET', '/version'),
    )
    await eventually('two writes', () => http.member.held.length === 2)
    http.member.release()
    const statuses = []
    for (let n = 0; n < 4; n++) statuses.push(parseAnswer(await connection.answer()).status)
    expect(statuses).toEqual([201, 404, 200, 200])
  })

  test('come in pieces of any size', async () => {
    const request = requestText('PUT', '/v2/keys/slow', 'value=patience')
    for (const size of [1, 7, 100]) {
      const connection = await http.connect()
      for (let at = 0; at < request.length; at += size) connection.send(request.slice(at, at + size))
      expect(parseAnswer(await connection.answer()).status).toBeLessThan(300)
    }
    expect(value('/slow')).toBe('patience')
  })

  test('may have their body in chunks', async () => {
    const answer = await exchange(
      http.port,
      'PUT /v2/keys/k HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n' +
        'Transfer-Encoding: chunked\r\n\r\n4\r\nvalu\r\n4\r\ne=xy\r\n0\r\n\r\n',
    )
    expect(parseAnswer(answer).status).toBe(201)
    expect(value('/k')).toBe('xy')
  })

  test('may wait to be told to go on', async () => {
    const connection = await http.connect()
    const request = requestText('PUT', '/v2/keys/k', 'value=x', ['Expect: 100-continue'])
    connection.send(request.slice(0, -7))
    expect(await connection.answer()).toBe('HTTP/1.1 100 Continue\r\n\r\n')
    connection.send(request.slice(-7))
    expect(parseAnswer(await connection.answer()).status).toBe(201)
  })

  test('with a body that nobody asked for leave the connection in order', async () => {
    const connection = await http.connect()
    for (const method of ['GET', 'DELETE', 'PATCH', 'OPTIONS']) {
      connection.send(requestText(method, '/v2/keys/none?wait=false', 'value=x') + requestText('GET', '/version'))
      await connection.answer()
      expect(parseAnswer(await connection.answer()).body).toContain('etcdserver')
    }
    connection.send(requestText('PUT', '/v2/keys/k?value=query', 'value=x', ['Content-Type: text/plain']))
    expect(parseAnswer(await connection.answer()).status).toBe(201)
    expect(value('/k')).toBe('query')
  })

  test.each(['PUT', 'POST'])('of %s that announce a form and then no body are answered', async (method) => {
    const connection = await http.connect()
    connection.send(
      `${method} /v2/keys/k?value=1 HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n`,
    )
    const answer = parseAnswer(await connection.answer())
    expect(answer.status).toBe(201)
    expect(JSON.parse(answer.body).node.value).toBe('1')
  })

  test('of HTTP/1.0 are answered, and the connection closes unless they ask for more', async () => {
    const connection = await http.connect()
    connection.send('GET /v2/keys/none HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
    expect(parseAnswer(await connection.answer()).status).toBe(404)
    connection.send('GET /v2/keys/none HTTP/1.0\r\n\r\n')
    expect(parseAnswer(await connection.untilClosed()).status).toBe(404)
  })

  test('with a body coded in a way that cannot be read do nothing', async () => {
    const connection = await http.connect()
    connection.send('PUT /v2/keys/k?value=x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n')
    await connection.untilClosed()
    expect(value('/k')).toBeUndefined()
  })

  test('HEAD tells the length of what GET sends', async () => {
    const put = `value=${'x'.repeat(300)}`
    await http.ask('PUT', '/v2/keys/k', put)
    const get = await http.ask('GET', '/v2/keys/k')
    const head = await http.ask('HEAD', '/v2/keys/k')
    expect(head.headers).toEqual({ ...get.headers, date: head.headers['date'] })
    expect(head.body).toBe('')
  })

  test('are answered with a length up to 2048 bytes, and in chunks above', async () => {
    const length = '{"action":"get","node":{"key":"/k","value":"","modifiedIndex":2,"createdIndex":2}}\n'.length
    await http.ask('PUT', '/v2/keys/k', `value=${'x'.repeat(2048 - length)}`)
    expect((await http.ask('GET', '/v2/keys/k')).headers['content-length']).toBe('2048')
    http.member.apply({ kind: 'delete', path: '/k', dir: false, recursive: false })
    await http.ask('PUT', '/v2/keys/k', `value=${'x'.repeat(2049 - length)}`)
    const answer = await http.ask('GET', '/v2/keys/k')
    expect(answer.headers['transfer-encoding']).toBe('chunked')
    expect(answer.body).toContain('xxx')
    expect((await http.ask('HEAD', '/v2/keys/k')).headers['content-length']).toBeUndefined()
  })
})

describe('a limit', () => {
  test('of body bytes: the largest is taken, one more is refused while it is still being sent', async () => {
    await restart({ bodyBytesMax: 100_000 })
    expect((await http.ask('PUT', '/v2/keys/k', 'value='.padEnd(100_000, 'x'))).status).toBe(201)
    const chunked = `PUT /v2/keys/l HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n`
    for (const request of [
      requestText('PUT', '/v2/keys/l', 'value='.padEnd(100_001, 'x')),
      `${chunked}${(100_001).toString(16)}\r\n${'x'.repeat(100_001)}`,
    ]) {
      const answer = parseAnswer(await exchange(http.port, request))
      expect(answer.status).toBe(400)
      expect(answer.headers['connection']).toBe('close')
      expect(JSON.parse(answer.body)).toEqual({
        errorCode: 210,
        message: 'Invalid POST form',
        cause: 'http: POST too large',
        index: 0,
      })
    }
    expect(value('/l')).toBeUndefined()
  })

  test('of body bytes: a client that goes on sending gets the answer, and then the end', async () => {
    await restart({ bodyBytesMax: 1000 })
    const connection = await http.connect()
    connection.send(requestText('PUT', '/v2/keys/l', 'value='.padEnd(5_000_000, 'x')))
    const answer = parseAnswer(await connection.answer())
    expect(answer.status).toBe(400)
    await connection.untilClosed()
  })

  test('of body bytes: the connection closes as soon as the rest has come', async () => {
    await restart({ bodyBytesMax: 1000 })
    const startMs = performance.now()
    const connection = await http.connect()
    connection.send(requestText('PUT', '/v2/keys/l', 'value='.padEnd(2000, 'x')))
    await connection.untilClosed()
    expect(performance.now() - startMs).toBeLessThan(4_000)
  })

  test('of all bodies at a time: more are refused, and room comes back', async () => {
    await restart({ bodiesBytesMax: 100_000 })
    const half = await http.connect()
    const request = requestText('PUT', '/v2/keys/half', 'value='.padEnd(90_000, 'x'))
    half.send(request.slice(0, 80_000))
    const refused = await eventually('a refusal', async () => {
      const answer = await http.ask('PUT', '/v2/keys/k', 'value='.padEnd(50_000, 'x'))
      return answer.status === 500 && answer
    })
    expect(JSON.parse(refused.body)).toMatchObject({ errorCode: 300, cause: expect.stringContaining('bodiesBytesMax') })
    expect((await http.ask('PUT', '/v2/keys/small', 'value=x')).status).toBe(201)
    half.close()
    await eventually(
      'room',
      async () => (await http.ask('PUT', '/v2/keys/k', 'value='.padEnd(50_000, 'x'))).status < 300,
    )
  })

  test.each(['GET', 'HEAD', 'PUT', 'POST', 'DELETE'])('of a key, its length and its depth: %s', async (method) => {
    await restart({ keyBytesMax: 100, keySegmentsMax: 20 })
    const added = method === 'POST' ? { bytes: 21, segments: 1 } : { bytes: 0, segments: 0 }
    const form = method.startsWith('P') ? 'value=x' : undefined
    const long = `/${'é'.repeat(10)}${'k'.repeat(79 - added.bytes)}`
    const deep = '/d'.repeat(20 - added.segments)
    for (const [key, limit] of [
      [encodeURI(long), 'keyBytesMax'],
      [deep, 'keySegmentsMax'],
    ]) {
      for (const slash of ['', '/'])
        expect((await http.ask(method, `/v2/keys${key}${slash}`, form)).status).not.toBe(500)
      const connection = await http.connect()
      connection.send(requestText(method, `/v2/keys${key}${limit === 'keyBytesMax' ? 'k' : '/d'}`, form))
      const refused = parseAnswer(await connection.answer(method === 'HEAD'))
      expect(refused.status).toBe(500)
      if (method !== 'HEAD') {
        expect(JSON.parse(refused.body)).toMatchObject({
          errorCode: 300,
          cause: expect.stringContaining(String(limit)),
        })
      }
      expect(parseAnswer(await connection.send(requestText('GET', '/version')).answer()).status).toBe(200)
    }
  })

  test('of head bytes: 431, and the end', async () => {
    await restart({ headBytesMax: 4096 })
    const connection = await http.connect()
    connection.send(`GET /v2/keys/k HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(5000)}\r\n\r\n`)
    expect(parseAnswer(await connection.untilClosed()).status).toBe(431)
  })

  test('of requests in flight: one more is refused at once, reads of one key are not', async () => {
    await restart({ inFlightMax: 2 })
    http.member.holds = true
    const waiting = [await http.connect(), await http.connect()]
    for (const connection of waiting) connection.send(requestText('PUT', '/v2/keys/k', 'value=x'))
    await eventually('two to wait', () => http.member.held.length === 2)
    for (const [method, target] of [
      ['PUT', '/v2/keys/k'],
      ['GET', '/v2/keys/k?quorum=true'],
    ] as const) {
      const refused = await http.ask(method, target)
      expect(refused.status).toBe(500)
      expect(JSON.parse(refused.body)).toMatchObject({ errorCode: 300, cause: expect.stringContaining('inFlightMax') })
    }
    expect((await http.ask('GET', '/v2/keys/k')).status).toBe(404)
    http.member.release()
    for (const connection of waiting) expect(parseAnswer(await connection.answer()).status).toBeLessThan(300)
    expect((await http.ask('PUT', '/v2/keys/k')).status).toBe(200)
  })

  test('of connections: one more is closed, and served when another has gone', async () => {
    await restart({ connectionsMax: 1 })
    const first = await http.connect()
    expect(parseAnswer(await first.send(requestText('GET', '/version')).answer()).status).toBe(200)
    const second = await http.connect()
    await second.untilClosed()
    first.close()
    await eventually('room', async () => (await http.ask('GET', '/version')).status === 200)
  })

  test('of connections: counts those of all listeners, and the log hears of it once a second', async () => {
    await http.close()
    const warnings: { refused?: number }[] = []
    const log = { debug() {}, info() {}, error() {}, warn: (fields: object) => warnings.push(fields) }
    http = await startHttp({ log, limits: { connectionsMax: 1 } })
    await http.server.listen([new URL('http://127.0.0.1:0')])
    const ports = http.server.addresses().map((url) => Number(url.port))
    const first = await http.connect()
    await first.send(requestText('GET', '/version')).answer()
    for (const port of [...ports, ...ports]) await (await RawConnection.open(port)).untilClosed()
    expect(warnings.map(({ refused }) => refused)).toEqual([1])
    await eventually('the second line', () => warnings.length === 2)
    expect(warnings[1]?.refused).toBe(3)
  })

  test('of patience: a request that is only half sent is given up', async () => {
    await restart({ headMsMax: 50, requestMsMax: 100, slowLookMs: 20 })
    const idle = await http.connect()
    await idle.send(requestText('GET', '/version')).answer()
    for (const part of ['GET /v2/ke', 'PUT /v2/keys/k HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nvalue=']) {
      const connection = await http.connect()
      connection.send(part)
      expect(parseAnswer(await connection.untilClosed()).status).toBe(408)
    }
    expect(parseAnswer(await idle.send(requestText('GET', '/version')).answer()).status).toBe(200)
    expect(value('/k')).toBeUndefined()
  })
})

test('answers are counted, refused ones as failures', async () => {
  await http.close()
  const metrics = new Metrics()
  const limits = { inFlightMax: 1, listingsMax: 0, keySegmentsMax: 2, bodyBytesMax: 20 }
  http = await startHttp({ metrics, limits })
  await http.ask('PUT', '/v2/keys/k', 'value=x')
  await http.ask('GET', '/v2/keys/k')
  await http.ask('GET', '/v2/keys/')
  await http.ask('GET', '/v2/keys/a/b/c')
  await http.ask('GET', '/v2/keys/k?sorted=maybe')
  await http.ask('DELETE', '/v2/keys/none')
  await http.ask('POST', '/v2/keys/k', 'value='.padEnd(30, 'x'))
  http.member.holds = true
  const waiting = await http.connect()
  waiting.send(requestText('PUT', '/v2/keys/k', 'value=x'))
  await eventually('a write to wait', () => http.member.held.length === 1)
  await http.ask('PUT', '/v2/keys/k', 'value=x')
  await http.ask('GET', '/v2/keys/k?quorum=true')
  const lines = (await metrics.text()).split('\n').filter((line) => /^etcd_http_(received|failed)_total/.test(line))
  expect(lines.sort()).toEqual([
    'etcd_http_failed_total{method="DELETE",code="404"} 1',
    'etcd_http_failed_total{method="GET",code="400"} 1',
    'etcd_http_failed_total{method="GET",code="500"} 2',
    'etcd_http_failed_total{method="POST",code="400"} 1',
    'etcd_http_failed_total{method="PUT",code="500"} 1',
    'etcd_http_failed_total{method="QGET",code="500"} 1',
    'etcd_http_received_total{method="DELETE"} 1',
    'etcd_http_received_total{method="GET"} 4',
    'etcd_http_received_total{method="POST"} 1',
    'etcd_http_received_total{method="PUT"} 2',
    'etcd_http_received_total{method="QGET"} 1',
  ])
})

describe('a client that goes away', () => {
  test('before its answer does no harm', async () => {
    http.member.holds = true
    const connection = await http.connect()
    connection.send(requestText('PUT', '/v2/keys/k', 'value=x'))
    await eventually('the write to wait', () => http.member.held.length === 1)
    connection.close()
    await connection.untilClosed()
    http.member.release()
    expect(value('/k')).toBe('x')
    expect((await http.ask('GET', '/v2/keys/k')).status).toBe(200)
  })
})

describe('close', () => {
  test('answers what is in flight, refuses what is new, and ends idle connections', async () => {
    http.member.holds = true
    const idle = await http.connect()
    await idle.send(requestText('GET', '/version')).answer()
    const busy = await http.connect()
    busy.send(requestText('PUT', '/v2/keys/k', 'value=x'))
    await eventually('the write to wait', () => http.member.held.length === 1)
    const closed = http.server.close(10_000)
    await idle.untilClosed()
    await expect(http.connect()).rejects.toThrow('ECONNREFUSED')
    http.member.release()
    const answer = parseAnswer(await busy.answer())
    expect(answer.status).toBe(201)
    expect(answer.headers['connection']).toBe('close')
    await busy.untilClosed()
    await closed
  })

  test('does not wait longer than it was told to', async () => {
    http.member.holds = true
    const busy = await http.connect()
    busy.send(requestText('PUT', '/v2/keys/k', 'value=x'))
    await eventually('the write to wait', () => http.member.held.length === 1)
    const startMs = performance.now()
    await http.server.close(50)
    expect(performance.now() - startMs).toBeLessThan(5_000)
    await busy.untilClosed()
  })
})

test('a connection that cannot be accepted is a line in the log, and not the end of the process', async () => {
  const lines: string[] = []
  const log = { debug() {}, info() {}, warn: (_fields: object, message: string) => lines.push(message), error() {} }
  const listeners = new Listeners({
    ...{ limits: HTTP_LIMITS, log, listener: () => {} },
    makeSecureServer: (options, listener) => {
      made = createServer(options, listener)
      return made
    },
  })
  let made: Server | undefined
  await listeners.listen([new URL('https://127.0.0.1:0')])
  for (let n = 0; n < 3; n += 1) made?.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }))
  expect(lines).toEqual(['connections could not be accepted'])
  await listeners.close(0)
})

describe('listen', () => {
  test('takes several URLs, and all or none', async () => {
    const member = new FakeMember()
    const log = { debug() {}, info() {}, warn() {}, error() {} }
    const { HttpServer } = await import('../../src/http/server.ts')
    const server = new HttpServer({ member, log })
    await server.listen([new URL('http://127.0.0.1:0'), new URL('http://[::1]:0')])
    expect(server.addresses()).toHaveLength(2)
    for (const url of server.addresses()) expect((await fetch(new URL('/version', url))).status).toBe(200)
    const taken = server.addresses()[0] as URL
    await expect(server.listen([new URL('http://127.0.0.1:0'), taken])).rejects.toMatchObject({ code: 'EADDRINUSE' })
    expect(server.addresses()).toHaveLength(2)
    await server.close(0)
  })
})
