/** Auth on a server: what transcripts cannot show. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { hashPassword } from '../../src/auth/password.ts'
import { putRole, putUser } from '../../src/auth/records.ts'
import type { AuthPut } from '../../src/store/command.ts'
import { FakeMember } from '../support/fake-member.ts'
import { type HttpMember, requestText, startHttp } from '../support/http-member.ts'
import { exchange, parseAnswer } from '../support/raw-http.ts'

let http: HttpMember
let hashes: Readonly<Record<string, string>>

const hash = (password: string) =>
  new Promise<string>((done) => hashPassword(Buffer.from(password), (_error, made) => done(made)))
const basic = (user: string, password = user) =>
  `Authorization: Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

/** Writes records as another member would. */
function put(...puts: readonly AuthPut[]): void {
  http.member.apply({ kind: 'auth', prevAuthIndex: http.member.store.auth.index, puts })
}

/** root and al exist with their names for passwords; al may read and write /al and below; guests read /open. Auth is on. */
function setUp(): void {
  put(
    putUser({ user: 'root', hash: hashes['root'] as string, roles: ['root'] }),
    putUser({ user: 'al', hash: hashes['al'] as string, roles: ['al'] }),
    putRole({ role: 'al', permissions: { kv: { read: ['/al*'], write: ['/al*'] } } }),
    putRole({ role: 'guest', permissions: { kv: { read: ['/open'], write: [] } } }),
    { key: 'enabled', value: 'true' },
  )
}

async function ask(method: string, target: string, headers: readonly string[] = [], body?: string) {
  return parseAnswer(await exchange(http.port, requestText(method, target, body, headers)))
}

beforeEach(async () => {
  hashes ??= { root: await hash('root'), al: await hash('al') }
  http = await startHttp({ legacyEndpoints: true })
  setUp()
})

afterEach(() => http.close())

test('who asks for a lock is judged when the whole request is there', async () => {
  put(putRole({ role: 'al', permissions: { kv: { read: ['/*'], write: ['/*'] } } }))
  expect((await ask('GET', '/v2/keys/none', [basic('al')])).status).toBe(404)
  const connection = await http.connect()
  const text = requestText('POST', '/mod/v2/lock/k', 'ttl=10', [basic('al')])
  connection.send(text.slice(0, -2))
  await ask('GET', '/version')
  put(putRole({ role: 'al', permissions: { kv: { read: ['/*'], write: [] } } }))
  connection.send(text.slice(-2))
  expect(parseAnswer(await connection.answer()).status).toBe(401)
  expect(http.member.store.tree.find('/_etcd/mod/lock/k')).toBeUndefined()
})

describe('a watch', () => {
  test('is judged when it begins', async () => {
    expect((await ask('GET', '/v2/keys/al?wait=true')).status).toBe(401)
    expect((await ask('GET', '/v2/keys/al?wait=true', [basic('al', 'wrong')])).status).toBe(401)
    const connection = await http.connect()
    connection.send(requestText('GET', '/v2/keys/al/x?wait=true&recursive=true', undefined, [basic('al')]))
    await connection.until('the head', (text) => text.includes('\r\n\r\n'))
    put({ key: 'users/al', value: undefined })
    http.member.apply({ kind: 'set', path: '/al/x/y', value: '1', dir: false, ttl: undefined, refresh: false })
    expect(parseAnswer(await connection.answer()).body).toContain('"key":"/al/x/y"')
  })

  test('whose login is checked while the server begins to end is ended with it', { timeout: 60_000 }, async () => {
    const others = await Promise.all(Array.from({ length: 4 }, () => http.connect()))
    for (const [at, other] of others.entries()) {
      other.send(requestText('GET', '/v2/keys/al', undefined, [basic('al', `guess ${at}`)]))
    }
    const connection = await http.connect()
    connection.send(requestText('GET', '/v2/keys/al?wait=true', undefined, [basic('al')]))
    await ask('GET', '/version')
    const closed = http.server.close(60_000)
    expect(await connection.untilClosed()).toBe('')
    await closed
  })

  test('of all below needs a prefix', async () => {
    put(putRole({ role: 'al', permissions: { kv: { read: ['/al'], write: [] } } }))
    expect((await ask('GET', '/v2/keys/al?wait=true&recursive=true', [basic('al')])).status).toBe(401)
  })
})

describe('a request whose login is remembered', () => {
  test('is answered at once, in order with others of its connection', async () => {
    await ask('GET', '/v2/keys/al', [basic('al')])
    const connection = await http.connect()
    const get = (target: string, ...headers: string[]) => requestText('GET', target, undefined, headers)
    connection.send(get('/v2/keys/al', basic('al')) + get('/v2/keys/open') + get('/v2/keys/al', basic('al', 'no')))
    const statuses = [await connection.answer(), await connection.answer(), await connection.answer()]
    expect(statuses.map((raw) => parseAnswer(raw).status)).toEqual([404, 404, 401])
  })
})

describe('a change made through another member', () => {
  test('counts here at once', async () => {
    expect((await ask('GET', '/v2/keys/al', [basic('al')])).status).toBe(404)
    put(putUser({ user: 'al', hash: hashes['al'] as string, roles: [] }))
    expect((await ask('GET', '/v2/keys/al', [basic('al')])).status).toBe(401)
    put({ key: 'enabled', value: 'false' })
    expect((await ask('GET', '/v2/keys/al')).status).toBe(404)
  })

  test.each([
    ['deletes an administrator', () => ({ key: 'users/boss', value: undefined })],
    ['takes the role root away', () => putUser({ user: 'boss', hash: hashes['root'] as string, roles: [] })],
    ['changes the password', () => putUser({ user: 'boss', hash: hashes['al'] as string, roles: ['root'] })],
  ])('that %s ends an administration under way', async (_what, change) => {
    put(putUser({ user: 'boss', hash: hashes['root'] as string, roles: ['root'] }))
    http.member.holds = true
    const connection = await http.connect()
    connection.send(requestText('PUT', '/v2/auth/roles/r', '{"role":"r"}', [basic('boss', 'root')]))
    while (http.member.held.length === 0) await new Promise((done) => setImmediate(done))
    put(change())
    http.member.release()
    const { status, headers, body } = parseAnswer(await connection.answer())
    const refused = '{"message":"Insufficient credentials"}'
    expect([status, headers['x-etcd-cluster-id'], body]).toEqual([401, undefined, refused])
    expect(http.member.store.auth.get('roles', 'r')).toBeUndefined()
  })

  test.each([
    ['has its administrator show who they are', [basic('root')], 201],
    ['turns away whoever shows nothing', [], 401],
    ['turns away whoever is no administrator', [basic('al')], 401],
  ])('that turns auth on under an administration %s', async (_what, headers, expected) => {
    put({ key: 'enabled', value: undefined })
    http.member.holds = true
    const connection = await http.connect()
    connection.send(requestText('PUT', '/v2/auth/roles/r', '{"role":"r"}', headers))
    while (http.member.held.length === 0) await new Promise((done) => setImmediate(done))
    put({ key: 'enabled', value: 'true' })
    http.member.release()
    expect(parseAnswer(await connection.answer()).status).toBe(expected)
    expect(http.member.store.auth.get('roles', 'r') !== undefined).toBe(expected === 201)
  })

  test('at the same moment costs neither of both', async () => {
    http.member.holds = true
    const [a, b] = [await http.connect(), await http.connect()]
    const grant = (role: string) =>
      requestText('PUT', '/v2/auth/users/al', `{"user":"al","grant":["${role}"]}`, [basic('root')])
    a.send(grant('r'))
    b.send(grant('s'))
    while (http.member.held.length < 2) await new Promise((done) => setImmediate(done))
    // Both have read; from now on whatever is held is a write that was computed from the same state.
    for (const go of http.member.held.splice(0)) go()
    expect(http.member.held).toHaveLength(2)
    http.member.release()
    expect(parseAnswer(await a.answer()).body).toBe('{"user":"al","roles":["al","r"]}\n')
    expect(parseAnswer(await b.answer()).body).toBe('{"user":"al","roles":["al","r","s"]}\n')
  })
})

describe('when the cluster does not answer', () => {
  test('a change is 500, while what is there is shown and judged', async () => {
    http.member.refusal = 'MUSTER_TIMEOUT'
    const failed = await ask('PUT', '/v2/auth/roles/r', [basic('root')], '{"role":"r"}')
    expect([failed.status, failed.body]).toEqual([500, '{"message":"Internal Server Error"}'])
    expect((await ask('GET', '/v2/auth/users', [basic('root')])).status).toBe(200)
    expect((await ask('PUT', '/v2/auth/roles/r', [basic('al')], '{"role":"r"}')).status).toBe(401)
  })
})

describe('bounds', () => {
  test('a body that is too long is refused, and nothing of it is looked at', async () => {
    const long = `{"role":"r","permissions":{"kv":{"read":["${'x'.repeat(1024 * 1024)}"]}}}`
    const { status, body } = await ask('PUT', '/v2/auth/roles/r', [basic('root')], long)
    expect([status, body]).toEqual([413, '{"message":"auth: The request body is too large"}'])
  })

  test('a body that comes beside too many others is not called too long: it may be sent again', async () => {
    const whole = '{"role":"r"}'.padEnd(1024 * 1024)
    const text = requestText('PUT', '/v2/auth/roles/r', whole, [basic('root')])
    const answers = Array.from({ length: 17 }, async () => (await http.connect()).send(text.slice(0, -1)).answer())
    const { status, body } = parseAnswer(await Promise.any(answers))
    expect([status, body]).toEqual([503, '{"message":"auth: Too many request bodies at a time"}'])
    expect((await ask('PUT', '/v2/auth/roles/r', [basic('root')], '{"role":"r"}')).status).toBe(201)
  })

  test('a record that would be too long is refused', async () => {
    const long = `{"role":"r","permissions":{"kv":{"read":["${'x'.repeat(300 * 1024)}"]}}}`
    const { status, body } = await ask('PUT', '/v2/auth/roles/r', [basic('root')], long)
    expect([status, body]).toEqual([413, '{"message":"auth: The record is too large"}'])
  })

  test('a login too many is told so: 300 for keys, 503 for administration', async () => {
    await http.close()
    http = await startHttp({ limits: { passwordsWaitingMax: 0 } })
    setUp()
    const connection = await http.connect()
    connection.send(requestText('GET', '/v2/keys/al', undefined, [basic('al')]))
    const keys = await ask('GET', '/v2/keys/al', [basic('al', 'other')])
    expect([keys.status, JSON.parse(keys.body).cause]).toEqual([
      500,
      'etcdserver: too many requests (passwordsWaitingMax reached)',
    ])
    const users = await ask('GET', '/v2/auth/users', [basic('root', 'other')])
    expect([users.status, users.body]).toEqual([503, '{"message":"too many passwords wait to be hashed"}'])
    expect(parseAnswer(await connection.answer()).status).toBe(404)
  })
})

describe('an empty pattern', () => {
  test('is kept, covers nothing and breaks nothing', async () => {
    const role = '{"role":"e","permissions":{"kv":{"read":[""],"write":[""]}}}'
    expect((await ask('PUT', '/v2/auth/roles/e', [basic('root')], role)).status).toBe(201)
    put(putUser({ user: 'al', hash: hashes['al'] as string, roles: ['e', ''] }))
    for (const target of ['/v2/keys', '/v2/keys/', '/v2/keys?recursive=true']) {
      expect((await ask('GET', target, [basic('al')])).status).toBe(401)
    }
    expect((await ask('GET', '/v2/auth/users', [basic('root')])).body).toContain('{"user":"al","roles":[{"role":"e"')
  })
})

describe('what is not a key but writes or shows keys', () => {
  test('locks of 0.4 are judged as the keys that they are', async () => {
    expect((await ask('POST', '/mod/v2/lock/l?value=v&ttl=10')).status).toBe(401)
    expect((await ask('GET', '/mod/v2/lock/l', [basic('al')])).status).toBe(401)
    expect((await ask('POST', '/mod/v2/lock/l?value=v&ttl=10', [basic('root')])).status).toBe(200)
    put(putRole({ role: 'guest', permissions: { kv: { read: ['/_etcd/mod/lock/*'], write: [] } } }))
    expect((await ask('GET', '/mod/v2/lock/l')).status).toBe(200)
  })

  test('the export is for root', async () => {
    expect((await ask('GET', '/muster/v1/export')).status).toBe(401)
    expect((await ask('GET', '/muster/v1/export', [basic('al')])).status).toBe(401)
    expect((await ask('GET', '/muster/v1/export', [basic('root')])).status).toBe(200)
  })

  test('hidden users and roles are listed: nobody shall have rights that root does not see', async () => {
    put(
      putUser({ user: '_hid', hash: '', roles: null }),
      putRole({ role: '_hid', permissions: { kv: { read: [], write: [] } } }),
    )
    expect((await ask('GET', '/v2/auth/users', [basic('root')])).body).toContain('{"user":"_hid"}')
    expect((await ask('GET', '/v2/auth/roles', [basic('root')])).body).toContain('{"role":"_hid"')
  })
})

test('a snapshot that is installed brings its own users', async () => {
  const other = new FakeMember({ generation: 2 })
  other.apply({ kind: 'auth', prevAuthIndex: 0, puts: [] })
  for (let count = 0; count < 20; count += 1) other.apply(undefined as never)
  http.member.store.install(other.store)
  expect((await ask('GET', '/v2/keys/al')).status).toBe(404)
  expect((await ask('GET', '/v2/auth/users')).body).toBe('{"users":null}\n')
})
