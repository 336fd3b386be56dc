/** `/muster/v1/status?digest=true`: dear, and asked for by anybody. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type HttpMember, requestText, startHttp } from '../support/http-member.ts'
import { parseAnswer } from '../support/raw-http.ts'

const DIGEST = requestText('GET', '/muster/v1/status?digest=true')

let http: HttpMember
/** Digests begun, and how many of them at a time. */
let begun: number
let most: number
/** In how many pieces the last digest was made, each after others had their turn. */
let pieces: number
/** A digest that has begun goes on, but does not end before this is false. */
let held: boolean

beforeEach(async () => {
  http = await startHttp({ limits: { sliceMsMax: 1, listingsMax: 6 } })
  for (let folder = 0; folder < 50; folder++) {
    for (let key = 0; key < 200; key++) put(`/f${folder}/_k${key}`, 'v'.repeat(100))
  }
  begun = 0
  most = 0
  held = false
  let open = 0
  const { store } = http.member
  const make = store.digestSteps.bind(store)
  store.digestSteps = () => {
    begun += 1
    open += 1
    most = Math.max(most, open)
    const steps = make()
    return (function* () {
      try {
        pieces = 0
        let next = steps.next()
        for (; next.done !== true; next = steps.next()) {
          pieces += 1
          yield
        }
        while (held) yield
        return next.value
      } finally {
        open -= 1
      }
    })()
  }
})

afterEach(() => http.close())

function put(path: string, value: string): void {
  http.member.apply({ kind: 'set', path, value, dir: false, ttl: undefined, refresh: false })
}

test('a digest is that of the store, hidden keys included, at the indexes beside it', async () => {
  const { store } = http.member
  const before = { digest: store.digest(), storeIndex: store.storeIndex }
  const connection = await http.connect()
  const first = connection.send(DIGEST).answer()
  const other = await http.connect()
  await other.send(requestText('GET', '/version')).answer()
  put('/f1/_k1', 'other')
  expect(JSON.parse(parseAnswer(await first).body)).toMatchObject(before)
  const after = await http.ask('GET', '/muster/v1/status?digest=true')
  expect(JSON.parse(after.body)).toMatchObject({ digest: store.digest(), storeIndex: before.storeIndex + 1 })
  expect(store.digest()).not.toBe(before.digest)
})

test('it keeps nobody else waiting, and is made once at a time for all who ask', async () => {
  const connection = await http.connect()
  held = true
  connection.send(DIGEST.repeat(3))
  const other = await http.connect()
  const readKey = async (): Promise<void> => {
    const { status } = parseAnswer(await other.send(requestText('GET', '/v2/keys/f1/_k1')).answer())
    expect(status).toBe(200)
  }
  while (begun === 0) await readKey()
  connection.send(DIGEST.repeat(3))
  for (let n = 0; n < 20; n++) await readKey()
  expect({ begun, said: connection.text }).toEqual({ begun: 1, said: '' })
  held = false
  for (let n = 0; n < 6; n++) expect(parseAnswer(await connection.answer()).status).toBe(200)
  expect({ begun, most }).toEqual({ begun: 2, most: 1 })
  expect(pieces).toBeGreaterThan(10)
})

test('more than may wait are refused', async () => {
  const connection = await http.connect()
  connection.send(DIGEST.repeat(7))
  const statuses: number[] = []
  for (let n = 0; n < 7; n++) statuses.push(parseAnswer(await connection.answer()).status)
  expect(statuses).toEqual([200, 200, 200, 200, 200, 200, 503])
})

test('a digest that nobody waits for any more is given up, and the next is made', async () => {
  const connection = await http.connect()
  connection.send(DIGEST)
  const other = await http.connect()
  while (begun === 0) await other.send(requestText('GET', '/version')).answer()
  connection.close()
  const answer = await http.ask('GET', '/muster/v1/status?digest=true')
  expect(JSON.parse(answer.body).digest).toBe(http.member.store.digest())
})
