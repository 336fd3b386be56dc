/** Requests that node:http cannot read are read again, on the connection they came on, and none of that outlives it. */
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { type HttpMember, requestText, startHttp } from '../support/http-member.ts'
import { parseAnswer } from '../support/raw-http.ts'

const RAW = 'GET /v2/keys/\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n'
const FOO = 'FOO /v2/keys HTTP/1.1\r\nHost: a\r\n\r\n'
const CONNECT = 'CONNECT /v2/keys HTTP/1.1\r\nHost: a\r\n\r\n'

let http: HttpMember

beforeEach(async () => {
  http = await startHttp()
})

afterEach(() => http.close())

describe('a connection goes on', () => {
  test('after a request that had to be read again, and after many', async () => {
    const connection = await http.connect()
    for (let n = 0; n < 50; n += 1) {
      connection.send(n % 2 === 0 ? RAW : FOO)
      expect(parseAnswer(await connection.answer()).status).toBe(n % 2 === 0 ? 404 : 405)
      connection.send(requestText('PUT', '/v2/keys/k', `value=${n}`))
      expect(JSON.parse(parseAnswer(await connection.answer()).body).node.value).toBe(`${n}`)
    }
  })

  test('with what came behind such a request in the same packet, and its body', async () => {
    const connection = await http.connect()
    const put = `PUT /v2/keys/\xc3\xa4 HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 8\r\n\r\nvalue=\xc3\xb6`
    connection.send(put + requestText('GET', '/v2/keys/none'))
    expect(JSON.parse(parseAnswer(await connection.answer()).body).node.value).toBe('ö')
    expect(parseAnswer(await connection.answer()).status).toBe(404)
  })

  test('to carry streams', async () => {
    const connection = await http.connect()
    connection.send('GET /v2/keys/\xc3\xa4?wait=true&stream=true HTTP/1.1\r\nHost: a\r\n\r\n')
    await connection.until('the head', (text) => text.includes('\r\n\r\n'))
    for (const value of ['1', '2']) {
      await http.ask('PUT', '/v2/keys/%C3%A4', `value=${value}`)
      await connection.until('the event', (text) => text.includes(`"value":"${value}"`))
    }
    connection.close()
    await eventually('the watcher to be gone', () => http.member.store.watchers.count === 0)
  })
})

describe('a connection ends', () => {
  test('on both sides when the client closes it', async () => {
    const connection = await http.connect()
    connection.send(RAW)
    await connection.answer()
    connection.socket.end()
    await connection.untilClosed()
  })

  test('when the server is told to close', async () => {
    const connection = await http.connect()
    connection.send(RAW)
    await connection.answer()
    await http.server.close(1000)
    await connection.untilClosed()
  })

  test('when a line cannot be read the second time either', async () => {
    for (const line of [
      'GET v2/\xc3\xa4 HTTP/1.1',
      'GET /\xc3\xa4\x01 HTTP/1.1',
      'FOO  /v2 HTTP/1.1',
      'F(O /v2 HTTP/1.1',
      'GET \xc3\xa4',
    ]) {
      const connection = await http.connect()
      connection.send(`${line}\r\nHost: a\r\n\r\n`)
      expect(parseAnswer(await connection.untilClosed()).status, line).toBe(400)
    }
  })

  test('after the answers to earlier requests, when bytes behind them are no request', async () => {
    for (const behind of [RAW, FOO, CONNECT, CONNECT + FOO, 'nonsense\r\n\r\n']) {
      const connection = await http.connect()
      http.member.holds = true
      connection.send(requestText('PUT', '/v2/keys/k', 'value=1'))
      await eventually('the write', () => http.member.held.length === 1)
      connection.send(behind)
      // An answer on another connection says that the bytes have been read by now.
      await http.ask('GET', '/v2/keys/none')
      http.member.release()
      http.member.holds = false
      const text = await connection.untilClosed()
      expect(parseAnswer(text).body).toContain('"value":"1"')
      expect(text.match(/HTTP\/1\.1 /g)).toHaveLength(1)
    }
  })
})

test('behind a stream CONNECT is not answered, and the stream goes on until its client goes', async () => {
  const connection = await http.connect()
  connection.send(requestText('GET', '/v2/keys/s?wait=true&stream=true') + CONNECT + FOO)
  await connection.until('the head', (text) => text.includes('\r\n\r\n'))
  await http.ask('PUT', '/v2/keys/s', 'value=1')
  const text = await connection.until('the event', (received) => received.includes('"value":"1"'))
  expect(text.match(/HTTP\/1\.1 /g)).toHaveLength(1)
  connection.socket.end()
  await connection.untilClosed()
  await eventually('the watcher to be gone', () => http.member.store.watchers.count === 0)
})

test('several answers that are owed before CONNECT all come', async () => {
  const connection = await http.connect()
  http.member.holds = true
  connection.send(requestText('PUT', '/v2/keys/a', 'value=1') + requestText('PUT', '/v2/keys/b', 'value=2') + CONNECT)
  await eventually('the writes', () => http.member.held.length === 2)
  http.member.release()
  http.member.holds = false
  const text = await connection.untilClosed()
  expect(text).toContain('"value":"1"')
  expect(text).toContain('"value":"2"')
  expect(text.match(/HTTP\/1\.1 /g)).toHaveLength(2)
})

test('garbage behind an answer that is not read yet waits for it once', async () => {
  const warnings: Error[] = []
  const onWarning = (warning: Error): void => void warnings.push(warning)
  process.on('warning', onWarning)
  await http.ask('PUT', '/v2/keys/large', `value=${'x'.repeat(8_000_000)}`)
  const connection = await http.connect()
  connection.socket.pause()
  connection.send(requestText('GET', '/v2/keys/large'))
  await http.ask('GET', '/version')
  for (let count = 0; count < 30; count += 1) {
    connection.send('garbage\r\n\r\n')
    await http.ask('GET', '/version')
  }
  expect(warnings).toEqual([])
  process.off('warning', onWarning)
})

test('a client that keeps its side open after the last answer keeps no place', async () => {
  await http.close()
  http = await startHttp({ limits: { connectionsMax: 1 } })
  const socket = createConnection({ port: http.port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => {})
  socket.write(Buffer.from(RAW.replace('Host: a', 'Host: a\r\nConnection: close'), 'latin1'))
  socket.resume()
  await once(socket, 'end')
  await eventually('its place', async () => {
    const answer = await http.ask('GET', '/version').catch(() => undefined)
    return answer?.status === 200
  })
  socket.destroy()
})

test('a request that is read again is counted as one connection', async () => {
  await http.close()
  http = await startHttp({ limits: { connectionsMax: 2 } })
  const [one, other] = [await http.connect(), await http.connect()]
  for (let n = 0; n < 5; n += 1) {
    one.send(RAW)
    expect(parseAnswer(await one.answer()).status).toBe(404)
  }
  other.send(FOO)
  expect(parseAnswer(await other.answer()).status).toBe(405)
})

test('of a request whose coding is refused nothing is done, and the answer is all that comes', async () => {
  const connection = await http.connect()
  connection.send('PUT /v2/keys/k?value=x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n')
  const text = await connection.untilClosed()
  expect(text.endsWith('\r\n\r\nUnsupported transfer encoding')).toBe(true)
  expect(http.member.store.tree.find('/k')).toBeUndefined()
})

test('a coding in a request of HTTP/1.0 is refused: readers differ in where it ends', async () => {
  const connection = await http.connect()
  connection.send(
    'PUT /v2/keys/k HTTP/1.0\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nvalue=5\r\n0\r\n\r\n',
  )
  expect(parseAnswer(await connection.untilClosed()).status).toBe(400)
  expect(http.member.store.tree.find('/k')).toBeUndefined()
})
