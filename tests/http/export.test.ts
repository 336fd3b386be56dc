/** `/muster/v1/export` shows a whole subtree with what is hidden, to those who may see everything. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type HttpMember, requestText, startHttp } from '../support/http-member.ts'
import { exchange, parseAnswer } from '../support/raw-http.ts'

let http: HttpMember

beforeEach(async () => {
  http = await startHttp({ limits: { exportsMax: 1 } })
  for (const path of ['/a', '/_h/x', '/_h/_i/y', '/d/_k', '/d/e/_f/g'])
    await http.ask('PUT', `/v2/keys${path}`, 'value=v')
  await http.ask('PUT', '/v2/keys/d/empty', 'dir=true&ttl=100')
})

afterEach(() => http.close())

interface NodeJson {
  readonly key?: string
  readonly nodes?: readonly NodeJson[]
}

function keysOf(node: NodeJson): string[] {
  return [node.key ?? '/', ...(node.nodes ?? []).flatMap(keysOf)].sort()
}

async function exported(path: string) {
  const answer = await http.ask('GET', `/muster/v1/export?path=${path}`)
  return { status: answer.status, headers: answer.headers, body: JSON.parse(answer.body) }
}

test('hidden nodes of every level are there, with the index of that moment', async () => {
  const { status, headers, body } = await exported('/')
  expect(status).toBe(200)
  expect(headers['x-etcd-index']).toBe(String(http.member.store.storeIndex))
  expect(keysOf(body.node)).toEqual(
    ['/', '/_h', '/_h/_i', '/_h/_i/y', '/_h/x', '/a', '/d', '/d/_k', '/d/e', '/d/e/_f', '/d/e/_f/g', '/d/empty'].sort(),
  )
})

test('a subtree, a single key, and a path that is not there', async () => {
  expect(keysOf((await exported('/d')).body.node)).toEqual(['/d', '/d/_k', '/d/e', '/d/e/_f', '/d/e/_f/g', '/d/empty'])
  expect((await exported('/a')).body).toMatchObject({ action: 'get', node: { key: '/a', value: 'v' } })
  expect(await exported('/none')).toMatchObject({ status: 404, body: { errorCode: 100, cause: '/none' } })
})

test('more at a time than there may be are refused, and each makes room when it is over', async () => {
  for (let round = 0; round < 3; round++) expect((await exported('/')).status).toBe(200)
  await http.close()
  http = await startHttp({ limits: { exportsMax: 0 } })
  expect(await exported('/')).toMatchObject({ status: 503, body: { message: expect.stringContaining('exportsMax') } })
})

test('where users are on, only root may', async () => {
  await http.ask('PUT', '/v2/auth/users/root', '{"user":"root","password":"pw"}')
  await http.ask('PUT', '/v2/auth/enable', '')
  expect(await exported('/')).toMatchObject({ status: 401, body: { message: 'Insufficient credentials' } })
  const credentials = `Authorization: Basic ${Buffer.from('root:pw').toString('base64')}`
  const raw = await exchange(http.port, requestText('GET', '/muster/v1/export?path=/', undefined, [credentials]))
  expect(parseAnswer(raw).status).toBe(200)
})
