/** `/muster/v1/index` takes the store index further, for those who may do anything. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ADVANCED_INDEX_MAX } from '../../src/api.ts'
import { type HttpMember, requestText, startHttp } from '../support/http-member.ts'
import { exchange, parseAnswer } from '../support/raw-http.ts'

let http: HttpMember

beforeEach(async () => {
  http = await startHttp()
})
afterEach(() => http.close())

const PATH = '/muster/v1/index'
const JSON_TYPE = 'Content-Type: application/json'

async function post(body: string, headers: readonly string[] = [JSON_TYPE]) {
  return parseAnswer(await exchange(http.port, requestText('POST', PATH, body, headers)))
}

test('the index is what was asked for, and POST names come behind it', async () => {
  const answer = await post('{"to":1229}')
  expect(answer).toMatchObject({ status: 200, body: '{"index":1229}\n' })
  expect(answer.headers).toMatchObject({ 'content-type': 'application/json', 'x-etcd-index': '1229' })
  const made = await http.ask('POST', '/v2/keys/q', 'value=job')
  expect(made.headers['x-etcd-index']).toBe('1230')
  expect(JSON.parse(made.body).node.key).toBe('/q/00000000000000001230')
})

test('an index that is passed already stays, and is told', async () => {
  await post('{"to":50}')
  expect(await post('{"to":7}')).toMatchObject({ status: 200, body: '{"index":50}\n' })
})

test('an old index leads to error 401 afterwards, not to an event of this cluster', async () => {
  await http.ask('PUT', '/v2/keys/k', 'value=v')
  await post('{"to":50}')
  const answer = await http.ask('GET', '/v2/keys/k?wait=true&waitIndex=30')
  expect(JSON.parse(answer.body)).toMatchObject({
    errorCode: 401,
    cause: expect.stringContaining('[51/30]'),
    index: 50,
  })
})

test.each([
  '',
  'x',
  '{}',
  'null',
  '[5]',
  '7',
  '{"to":"7"}',
  '{"to":-1}',
  '{"to":1.5}',
  `{"to":${ADVANCED_INDEX_MAX + 2}}`,
  '{"to":1e400}',
])('a body that names no such index is refused and changes nothing: %s', async (body) => {
  const before = http.member.store.storeIndex
  expect(await post(body)).toMatchObject({ status: 400, body: expect.stringContaining(String(ADVANCED_INDEX_MAX)) })
  expect(http.member.store.storeIndex).toBe(before)
})

test('what a page of another site could send unasked is refused', async () => {
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp']) {
    expect((await post('{"to":7}', [`Content-Type: ${type}`])).status).toBe(415)
  }
  expect((await post('{"to":7}', ['Content-Type: Application/JSON; charset=utf-8'])).status).toBe(200)
})

test('a body that is too long is refused', async () => {
  expect((await post(`{"to":7}${' '.repeat(1024)}`)).status).toBe(413)
})

test('another method is refused', async () => {
  expect(await http.ask('GET', PATH)).toMatchObject({ status: 405, headers: { allow: 'POST' } })
})

test('without a leader it fails as every write does', async () => {
  http.member.refusal = 'MUSTER_NO_LEADER'
  const answer = await post('{"to":7}')
  expect(answer.status).toBe(500)
  expect(JSON.parse(answer.body)).toMatchObject({ errorCode: 300 })
})

test('where users are on, only root may, and who is none any more when the body has come changes nothing', async () => {
  const put = (path: string, body: string) => exchange(http.port, requestText('PUT', path, body, [JSON_TYPE]))
  await put('/v2/auth/users/root', '{"user":"root","password":"p"}')
  await put('/v2/auth/enable', '')
  expect((await post('{"to":90}')).status).toBe(401)
  const login = `Authorization: Basic ${Buffer.from('root:p').toString('base64')}`
  expect(await post('{"to":90}', [JSON_TYPE, login])).toMatchObject({ status: 200, body: '{"index":90}\n' })
  const connection = await http.connect()
  const text = requestText('POST', PATH, '{"to":99}', [JSON_TYPE, login])
  connection.send(text.slice(0, -3))
  // Its head is read by the time another request has been answered.
  await exchange(http.port, requestText('GET', '/v2/auth/users', undefined, [login]))
  const prevAuthIndex = http.member.store.auth.index
  http.member.apply({ kind: 'auth', prevAuthIndex, puts: [{ key: 'users/root', value: undefined }] })
  const { storeIndex } = http.member.store
  connection.send(text.slice(-3))
  expect(parseAnswer(await connection.answer()).status).toBe(401)
  expect(http.member.store.storeIndex).toBe(storeIndex)
})
