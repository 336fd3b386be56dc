/** Who is asking: headers, certificates, nobody. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect as connectTls } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import { putRole, putUser } from '../../src/auth/records.ts'
import { Guard } from '../../src/http/guard.ts'
import { HTTP_LIMITS } from '../../src/http/limits.ts'
import { HttpServer } from '../../src/http/server.ts'
import { TestAuthority } from '../support/certificates.ts'
import { FakeMember } from '../support/fake-member.ts'
import { requestText } from '../support/http-member.ts'
import { scratchDir } from '../support/scratch.ts'
import { openRig } from '../support/tls-rig.ts'

const log = { debug() {}, info() {}, warn() {}, error() {} }

/** Auth is on; al may read /al, guests /open; root and boss may everything; nobody has a password. */
function makeMember(): FakeMember {
  const member = new FakeMember()
  const puts = [
    putUser({ user: 'root', hash: '', roles: ['root'] }),
    putUser({ user: 'boss', hash: '', roles: ['root'] }),
    putUser({ user: 'al', hash: '', roles: ['al'] }),
    putRole({ role: 'al', permissions: { kv: { read: ['/al'], write: [] } } }),
    putRole({ role: 'guest', permissions: { kv: { read: ['/open'], write: [] } } }),
    { key: 'enabled', value: 'true' },
  ]
  member.apply({ kind: 'auth', prevAuthIndex: 0, puts })
  return member
}

interface Shown {
  /** In the certificate; undefined: there is none, or no TLS. */
  readonly cn?: string | readonly string[] | undefined
  readonly authorized?: boolean
  readonly header?: string
}

/** A request whose socket counts how often its certificate is looked at. */
function makeRequest({ cn, authorized = true, header }: Shown) {
  const looks = { count: 0 }
  const socket = {
    remoteAddress: '127.0.0.1',
    destroyed: false,
    authorized,
    getPeerCertificate: () => {
      looks.count += 1
      return cn === undefined ? {} : { subject: { CN: cn } }
    },
  }
  const headers = header === undefined ? {} : { authorization: header }
  return { request: { headers, socket } as unknown as IncomingMessage, looks }
}

function makeGuard(clientCertAuth = true) {
  return new Guard({ member: makeMember(), log, clientCertAuth, limits: HTTP_LIMITS })
}

function judge(guard: Guard, request: IncomingMessage, key: string): string | undefined {
  let verdict: string | undefined
  guard.judgeKey(request, { key, write: false, recursive: false }, (given) => {
    verdict = given
  })
  return verdict
}

describe('a request without credentials', () => {
  test('is made by the user that its verified certificate names, who has no guest rights', () => {
    const guard = makeGuard()
    const { request } = makeRequest({ cn: 'al' })
    expect([judge(guard, request, '/al'), judge(guard, request, '/open')]).toEqual(['granted', 'refused'])
  })

  test.each([
    ['its certificate names nobody', { cn: 'stranger' }],
    ['its certificate has no name', { cn: undefined }],
    ['its certificate was not verified', { cn: 'al', authorized: false }],
    ['the header is empty and so is the name', { cn: '', header: '' }],
  ])('is made by a guest when %s', (_why, shown) => {
    const { request } = makeRequest(shown)
    expect(judge(makeGuard(), request, '/al')).toBe('refused')
    expect(judge(makeGuard(), request, '/open')).toBe('granted')
  })

  test('is made by a guest where certificates do not name users, and the certificate is not looked at', () => {
    const { request, looks } = makeRequest({ cn: 'al' })
    expect(judge(makeGuard(false), request, '/al')).toBe('refused')
    expect(looks.count).toBe(0)
  })

  test('is made by a guest where there is no TLS', () => {
    const request = { headers: {}, socket: { remoteAddress: '::1' } } as unknown as IncomingMessage
    expect([judge(makeGuard(), request, '/al'), judge(makeGuard(), request, '/open')]).toEqual(['refused', 'granted'])
  })
})

test('of several names in a certificate the last counts, as in etcd', () => {
  const { request } = makeRequest({ cn: ['root', 'al'] })
  expect(judge(makeGuard(), request, '/al')).toBe('granted')
  expect(judge(makeGuard(), request, '/other')).toBe('refused')
})

test('a certificate is looked at once for each connection', () => {
  const guard = makeGuard()
  const { request, looks } = makeRequest({ cn: 'al' })
  for (let count = 0; count < 3; count += 1) judge(guard, request, '/al')
  expect(looks.count).toBe(1)
})

test('credentials come before the certificate, also when they are none', () => {
  const { request } = makeRequest({ cn: 'al', header: 'Bearer x' })
  expect(judge(makeGuard(), request, '/al')).toBe('refused')
})

test('administration is for the users of certificates too, and never for guests', () => {
  const guard = makeGuard()
  const admitted: (string | undefined)[] = []
  const response = { destroyed: true } as ServerResponse
  for (const cn of ['root', 'al', 'stranger', undefined]) {
    guard.admitRoot(makeRequest({ cn }).request, response, [], (user) => admitted.push(user?.user))
  }
  expect(admitted).toEqual(['root'])
})

describe('over true TLS', () => {
  const authority = new TestAuthority('boss')

  /** Status of `GET /v2/keys/KEY` by a client with a certificate of that name. */
  async function ask(port: number, cn: string, target: string, method = 'GET'): Promise<string> {
    const { cert, key } = authority.issue({ cn })
    const socket = connectTls({ port, host: '127.0.0.1', ca: authority.cert, cert, key })
    onTestFinished(() => void socket.destroy())
    socket.write(requestText(method, target, undefined, ['Connection: close']))
    let heard = ''
    for await (const chunk of socket) heard += chunk
    return heard.split(' ', 2)[1] ?? ''
  }

  async function startSecure(clientCertAuth: boolean): Promise<number> {
    const { certFile, keyFile, trustedCaFile } = await authority.writeSide(await scratchDir())
    const { side } = await openRig({ certFile, keyFile, trustedCaFile, clientCertAuth: true })
    const server = new HttpServer({ member: makeMember(), log, makeSecureServer: side.createServer, clientCertAuth })
    onTestFinished(() => server.close(0))
    await server.listen([new URL('https://127.0.0.1:0')])
    return Number(server.addresses()[0]?.port)
  }

  test('the name in the certificate is the user, and that of who issued it is not', async () => {
    const port = await startSecure(true)
    expect(await ask(port, 'al', '/v2/keys/al')).toBe('404')
    expect(await ask(port, 'al', '/v2/keys/open')).toBe('401')
    expect(await ask(port, 'stranger', '/v2/keys/open')).toBe('404')
    expect(await ask(port, 'stranger', '/v2/auth/users')).toBe('401')
    expect(await ask(port, 'al', '/v2/auth/users')).toBe('401')
    expect(await ask(port, 'root', '/v2/auth/users')).toBe('200')
  })

  test('so it is for requests that have to be read again', async () => {
    const port = await startSecure(true)
    expect(await ask(port, 'al', '/v2/keys/al?ä')).toBe('404')
    expect(await ask(port, 'al', '/v2/keys/open?ä')).toBe('401')
    expect(await ask(port, 'root', '/v2/auth/users?ä')).toBe('200')
  })

  test('a name means nothing where certificates are only checked', async () => {
    const port = await startSecure(false)
    expect(await ask(port, 'root', '/v2/auth/users')).toBe('401')
    expect(await ask(port, 'al', '/v2/keys/open')).toBe('404')
  })
})
