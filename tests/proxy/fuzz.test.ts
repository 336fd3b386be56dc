/**
 * Bytes of all kinds on a proxy's port: it never falls over, what it passes on is well formed, and it holds nothing afterwards.
 *
 * A failure prints the seed and the bytes; `FUZZ_SEED=n` plays it again.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ProxyServer } from '../../src/proxy/proxy-server.ts'
import { Prng } from '../sim/prng.ts'
import { eventually } from '../support/eventually.ts'
import { type HttpMember, startHttp } from '../support/http-member.ts'
import { RawConnection } from '../support/raw-http.ts'

const SEED = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const ROUNDS = 200
const PIECES_MAX = 12

const PIECES = [
  ...['GET ', 'PUT ', 'POST ', 'DELETE ', 'HEAD ', 'OPTIONS ', 'CONNECT ', 'PATCH ', 'get ', '\0', ' ', '*'],
  ...[
    '/v2/keys',
    '/v2/keys/a',
    '/v2/keys/%zz',
    '/v2/keys//x',
    '/v2/config/local/proxy',
    '/metrics',
    'http://h/',
    '\x80',
  ],
  ...[
    '?wait=true',
    '&stream=true',
    '?ttl=9e9',
    '%',
    ' HTTP/1.1\r\n',
    ' HTTP/1.1\r\n',
    ' HTTP/1.0\r\n',
    ' HTTP/2.0\r\n',
  ],
  ...['\r\n', '\n', '\r', '\r\n\r\n', '\r\n\r\n', 'Host: a\r\n', 'Host: b\r\n', 'Connection: close\r\n'],
  ...['Connection: x, Host\r\n', 'Content-Length: 5\r\n', 'Content-Length: 99999999999\r\n', 'Content-Length: x\r\n'],
  ...['Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: gzip\r\n', 'Expect: 100-continue\r\n', 'Expect: x\r\n'],
  ...[
    'Upgrade: h2c\r\n',
    'TE: trailers\r\n',
    'X-Forwarded-For: \xff\r\n',
    ': \r\n',
    'value=x',
    '5\r\nvalue\r\n',
    '0\r\n\r\n',
  ],
]

let member: HttpMember
let proxy: ProxyServer
let port: number

beforeAll(async () => {
  member = await startHttp()
  const log = { debug() {}, info() {}, warn() {}, error() {} }
  proxy = new ProxyServer({
    isReadonly: false,
    peerUrls: ['http://127.0.0.1:1'],
    failureWaitMs: 0,
    refreshMs: 60_000,
    dialMsMax: 1000,
    writeMsMax: 1000,
    readMsMax: 0,
    list: async () => [{ peerURLs: [], clientURLs: [`http://127.0.0.1:${member.port}`] }],
    remember: () => {},
    log,
  })
  await proxy.listen([new URL('http://127.0.0.1:0')])
  port = Number(proxy.addresses()[0]?.port)
})

afterAll(async () => {
  await proxy.close(0)
  await member.close()
})

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1])
}

test(`whatever is sent, it goes on to serve (seed ${SEED})`, async () => {
  const random = new Prng(SEED).float
  for (let round = 0; round < ROUNDS; round++) {
    const count = 1 + Math.floor(random() * PIECES_MAX)
    const bytes = Array.from({ length: count }, () => PIECES[Math.floor(random() * PIECES.length)]).join('')
    const connection = await RawConnection.open(port)
    connection.send(bytes)
    if (random() < 0.2) connection.close()
    else {
      // Whatever it was, the end of it ends the connection.
      connection.socket.end()
      await connection.untilClosed()
      expect(connection.text, `seed ${SEED}, ${JSON.stringify(bytes)}`).toMatch(/^(HTTP\/1\.1 \d{3} |$)/)
    }
    if (round % 20 === 0) {
      const answer = await fetch(`http://127.0.0.1:${port}/v2/keys/`)
      expect(answer.status, `seed ${SEED}, after ${JSON.stringify(bytes)}`).toBe(200)
    }
  }
  await eventually('nothing to be in flight', async () => (await metric('muster_proxy_requests_in_flight')) === 0)
  expect(member.member.store.watchers.count).toBe(0)
})
