/**
 * Bytes of all kinds on the port: the server never falls over, and answers or closes.
 *
 * A failure prints the seed and the bytes; `FUZZ_SEED=n` plays it again.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type HttpMember, requestText, startHttp } from '../support/http-member.ts'
import { exchange, parseAnswer, RawConnection } from '../support/raw-http.ts'

const SEED = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const ROUNDS = 300
const JSON_ROUNDS = 150

/** Who reads a body as JSON or as a form, besides the key space. */
const READERS = [
  'POST /v2/members',
  'PUT /v2/members/ab',
  'PUT /v2/auth/users/x',
  'PUT /v2/auth/roles/x',
  'PUT /config/local/log',
  'POST /mod/v2/lock/x',
  'PUT /mod/v2/leader/x',
  'PUT /v2/admin/machines/x',
]

const JSON_PIECES = [
  '[',
  '{',
  ']',
  '}',
  ',',
  ':',
  '"a"',
  '"peerURLs":',
  '"user":',
  '"password":',
  '"permissions":{"kv":',
  '"Level":',
  '"http://a:1"',
  'null',
  'tru',
  '-1e9',
  '1e999',
  '"\\u00',
  '"\\ud800"',
  '"__proto__":',
  ' ',
  '\xff',
  '\0',
]

const PIECES = [
  'GET ',
  'PUT ',
  'POST ',
  'DELETE ',
  'HEAD ',
  'OPTIONS ',
  'PATCH ',
  'get ',
  '\0',
  ' ',
  '/v2/keys',
  '/v2/keys/a',
  '/v2/keys/%zz',
  '/v2/keys//x',
  '/v2/keys/%ff%00',
  '/v2/members',
  '/mod/v2/lock/a?ttl=9',
  '/version',
  '/metrics',
  '*',
  'http://h/',
  '?wait=true',
  '?recursive=true',
  '&sorted=true',
  '?ttl=9e9',
  '?prevIndex=18446744073709551615',
  '?quorum=true',
  '&stream=1',
  '%',
  ';',
  ' HTTP/1.1\r\n',
  ' HTTP/1.0\r\n',
  ' HTTP/2.0\r\n',
  '\r\n',
  '\n',
  '\r',
  '\r\n\r\n',
  '\r\n\r\n',
  'Host: a\r\n',
  'Host: a\r\n',
  'Host: b\r\n',
  'Connection: close\r\n',
  'Content-Length: 5\r\n',
  'Content-Length: 99999999999\r\n',
  'Content-Length: x\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: gzip\r\n',
  'Expect: 100-continue\r\n',
  'Expect: x\r\n',
  'Content-Type: application/x-www-form-urlencoded\r\n',
  'Content-Type: ;;\r\n',
  'Origin: x\r\n',
  'Upgrade: h2c\r\n',
  ': \r\n',
  'value=x',
  'value=%zz',
  '5\r\nvalue\r\n',
  '0\r\n\r\n',
  'ffffffff\r\n',
  'x'.repeat(3000),
  '\xff\xfe',
  '\u0016\u0003\u0001',
]

let http: HttpMember

beforeAll(async () => {
  http = await startHttp({ cors: ['x'], legacyEndpoints: true })
})

afterAll(() => http.close())

test(`${ROUNDS} connections of nonsense (seed ${SEED}) do no harm`, { timeout: 120_000 }, async () => {
  const random = generator(SEED)
  const faults: unknown[] = []
  const onFault = (error: unknown): void => void faults.push(error)
  process.on('uncaughtException', onFault)
  process.on('unhandledRejection', onFault)
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const count = 1 + Math.floor(random() * 14)
      const bytes = Array.from({ length: count }, () => PIECES[Math.floor(random() * PIECES.length)]).join('')
      const note = `seed ${SEED}, round ${round}: ${JSON.stringify(bytes)}`
      const connection = await RawConnection.open(http.port)
      connection.send(bytes)
      if (random() < 0.2) connection.close()
      else {
        // Whatever it was, the end of it ends the connection.
        connection.socket.end()
        await connection.untilClosed()
        expect(connection.text, note).toMatch(/^(HTTP\/1\.1 \d{3} |$)/)
      }
      expect(faults, note).toEqual([])
      if (round % 20 === 0) expect((await http.ask('GET', '/version')).status, note).toBe(200)
    }
  } finally {
    process.off('uncaughtException', onFault)
    process.off('unhandledRejection', onFault)
  }
  expect((await http.ask('GET', '/v2/keys/')).status).toBe(200)
  expect(http.member.store.watchers.count).toBe(0)
})

test(`${JSON_ROUNDS} bodies of nonsense (seed ${SEED}) do no harm either`, { timeout: 120_000 }, async () => {
  const random = generator(SEED)
  const pick = (pieces: readonly string[]): string => pieces[Math.floor(random() * pieces.length)] as string
  const faults: unknown[] = []
  const onFault = (error: unknown): void => void faults.push(error)
  process.on('uncaughtException', onFault)
  process.on('unhandledRejection', onFault)
  try {
    for (let round = 0; round < JSON_ROUNDS; round++) {
      let body = ''
      for (let count = 1 + Math.floor(random() * 6); count > 0; count--) {
        body += random() < 0.3 ? (pick(JSON_PIECES) + pick(JSON_PIECES)).repeat(20_000) : pick(JSON_PIECES)
      }
      const [method = '', path = ''] = pick(READERS).split(' ')
      const type = random() < 0.7 ? 'application/json' : 'application/x-www-form-urlencoded'
      const note = `seed ${SEED}, round ${round}: ${method} ${path} ${type} ${body.length} ${JSON.stringify(body.slice(0, 40))}`
      const answer = await exchange(http.port, requestText(method, path, body, [`Content-Type: ${type}`]))
      expect(parseAnswer(answer).status, note).toBeGreaterThanOrEqual(200)
      expect(faults, note).toEqual([])
    }
  } finally {
    process.off('uncaughtException', onFault)
    process.off('unhandledRejection', onFault)
  }
  expect((await http.ask('GET', '/version')).status).toBe(200)
})

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
