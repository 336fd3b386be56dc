/** Users and roles in full: long answers, made and sent a little at a time. */
import { afterEach, expect, test } from 'vitest'
import { putRole, putUser } from '../../src/auth/records.ts'
import { eventually } from '../support/eventually.ts'
import { type HttpMember, requestText, startHttp } from '../support/http-member.ts'
import { parseAnswer } from '../support/raw-http.ts'

const USERS = 1000
const PATTERNS = 1000
const LISTINGS_MAX = 16

let http: HttpMember

/** Users `u0` to `u999`, each with a role of 1,000 patterns; some 10 MB when all are listed. */
async function withMany(sliceMsMax: number): Promise<void> {
  http = await startHttp({ limits: { sliceMsMax, stallMsMax: 300 } })
  const read = Array.from({ length: PATTERNS }, (_, n) => `/pattern${n}`)
  put(putRole({ role: 'r', permissions: { kv: { read, write: null } } }))
  put(...Array.from({ length: USERS }, (_, n) => putUser({ user: `u${n}`, hash: '', roles: ['r', 'none'] })))
}

function put(...puts: readonly { readonly key: string; readonly value: string | undefined }[]): void {
  http.member.apply({ kind: 'auth', prevAuthIndex: http.member.store.auth.index, puts })
}

afterEach(() => http.close())

test('a long list of users is whole, sorted, and keeps nobody else waiting', async () => {
  await withMany(1)
  const listing = await http.connect()
  listing.send(requestText('GET', '/v2/auth/users'))
  const other = await http.connect()
  let between = 0
  while (!listing.text.endsWith('0\r\n\r\n')) {
    await other.send(requestText('GET', '/version')).answer()
    between += 1
  }
  expect(between).toBeGreaterThan(5)
  const { users } = JSON.parse(parseAnswer(await listing.answer()).body) as {
    readonly users: readonly { readonly user: string; readonly roles: readonly { readonly role: string }[] }[]
  }
  const names = users.map(({ user }) => user)
  expect([names.length, names]).toEqual([USERS, names.toSorted()])
  expect(new Set(users.map(({ roles }) => roles.map(({ role }) => role).join()))).toEqual(new Set(['r']))
})

test('a short list has its length, however busy the member is', async () => {
  http = await startHttp({ limits: { sliceMsMax: 0 } })
  for (let n = 0; n < 20; n += 1) put(putUser({ user: `u${n}`, hash: '', roles: null }))
  const { headers, body } = await http.ask('GET', '/v2/auth/users')
  expect([headers['content-length'], headers['transfer-encoding']]).toEqual([`${body.length}`, undefined])
  expect(JSON.parse(body).users).toHaveLength(20)
})

test('one user with many roles, and many roles, are made in slices too', async () => {
  await withMany(0)
  const roles = Array.from({ length: 50 }, (_, n) => `r${n}`)
  put(...roles.map((role) => putRole({ role, permissions: { kv: { read: [`/${'x'.repeat(5000)}`], write: null } } })))
  put(putUser({ user: 'all', hash: '', roles }))
  for (const target of ['/v2/auth/users/all', '/v2/auth/roles']) {
    const listing = await http.connect()
    listing.send(requestText('GET', target))
    const other = await http.connect()
    let between = 0
    while (!listing.text.endsWith('0\r\n\r\n')) {
      await other.send(requestText('GET', '/version')).answer()
      between += 1
    }
    expect(between).toBeGreaterThan(3)
    const body = JSON.parse(parseAnswer(await listing.answer()).body) as { readonly roles: readonly object[] }
    expect(body.roles.length).toBeGreaterThanOrEqual(50)
  }
})

test('more listings than may be made at a time are refused, and those that nobody reads are let go', async () => {
  await withMany(5)
  const idle = await Promise.all(Array.from({ length: LISTINGS_MAX }, () => http.connect()))
  for (const { socket } of idle) socket.pause()
  for (const connection of idle) connection.send(requestText('GET', '/v2/auth/users'))
  await eventually('one too many', async () => (await http.ask('GET', '/v2/auth/roles')).status === 503)
  await eventually('room again', async () => (await http.ask('GET', '/v2/auth/roles')).status === 200, 10_000)
})
