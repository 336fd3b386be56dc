/**
 * Bytes of all kinds on the port: the server never falls over, and answers or closes.
 *
 * A failure prints the seed and the bytes; `FUZZ_SEED=n` plays it again.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Prng } from '../sim/prng.ts'
import { allRoutes } from '../support/all-routes.ts'
import { eventually } from '../support/eventually.ts'
import { type HttpMember, requestText, startHttp } from '../support/http-member.ts'
import { Nonsense } from '../support/nonsense.ts'
import { exchange, parseAnswer, RawConnection } from '../support/raw-http.ts'

const SEED = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const ROUNDS = 3_000
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

let http: HttpMember

beforeAll(async () => {
  http = await startHttp({ cors: ['x'], legacyEndpoints: true })
})

afterAll(() => http.close())

test(`${ROUNDS} connections of nonsense at every path (seed ${SEED}) do no harm`, { timeout: 120_000 }, async () => {
  const nonsense = new Nonsense(SEED, await allRoutes())
  const before = openSockets()
  await withoutFaults(async (faults) => {
    for (let round = 0; round < ROUNDS; round++) {
      const parts = nonsense.draw(round)
      const note = `seed ${SEED}, round ${round}: ${JSON.stringify(parts.map((part) => part.slice(0, 400)))}`
      const connection = await RawConnection.open(http.port)
      for (const part of parts) {
        connection.send(part)
        await new Promise((turned) => setImmediate(turned))
      }
      if (nonsense.prng.chance(0.2)) connection.close()
      else {
        // Whatever it was, the end of it ends the connection.
        connection.socket.end()
        await connection.untilClosed()
        expect(connection.text, note).toMatch(/^(HTTP\/1\.1 \d{3} |$)/)
      }
      expect(faults, note).toEqual([])
      if (round % 20 === 0) expect((await http.ask('GET', '/version')).status, note).toBe(200)
    }
  })
  expect((await http.ask('GET', '/v2/keys/')).status).toBe(200)
  expect(http.member.store.watchers.count).toBe(0)
  await eventually('no connection to be left', () => openSockets() === before)
})

test(`${JSON_ROUNDS} bodies of nonsense (seed ${SEED}) do no harm either`, { timeout: 120_000 }, async () => {
  const prng = new Prng(SEED)
  await withoutFaults(async (faults) => {
    for (let round = 0; round < JSON_ROUNDS; round++) {
      let body = ''
      for (let count = prng.whole(1, 6); count > 0; count--) {
        const pieces = prng.chance(0.3) ? (prng.pick(JSON_PIECES) + prng.pick(JSON_PIECES)).repeat(20_000) : ''
        body += pieces || prng.pick(JSON_PIECES)
      }
      const [method = '', path = ''] = prng.pick(READERS).split(' ')
      const type = prng.chance(0.7) ? 'application/json' : 'application/x-www-form-urlencoded'
      const note = `seed ${SEED}, round ${round}: ${method} ${path} ${type} ${body.length} ${JSON.stringify(body.slice(0, 40))}`
      const answer = await exchange(http.port, requestText(method, path, body, [`Content-Type: ${type}`]))
      expect(parseAnswer(answer).status, note).toBeGreaterThanOrEqual(200)
      expect(faults, note).toEqual([])
    }
  })
  expect((await http.ask('GET', '/version')).status).toBe(200)
})

/** Runs `work` with a list that what nobody caught goes to. */
async function withoutFaults(work: (faults: readonly unknown[]) => Promise<void>): Promise<void> {
  const faults: unknown[] = []
  const onFault = (error: unknown): void => void faults.push(error)
  process.on('uncaughtException', onFault)
  process.on('unhandledRejection', onFault)
  try {
    await work(faults)
  } finally {
    process.off('uncaughtException', onFault)
    process.off('unhandledRejection', onFault)
  }
}

/** Sockets of this process, both ends of each connection. */
function openSockets(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length
}
