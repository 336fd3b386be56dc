/** Who may connect, who may not, what each is told, and the bounds of it all. */
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { TlsConfig } from '../../src/config/config.ts'
import { HandshakeLog } from '../../src/tls/handshake-log.ts'
import { TLS_LIMITS } from '../../src/tls/settings.ts'
import { type LeafOptions, TestAuthority, writePair } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { scratchDir } from '../support/scratch.ts'
import { openRig, type Rig, type RigOptions, serve, visit } from '../support/tls-rig.ts'

const authority = new TestAuthority()
const stranger = new TestAuthority('another authority')
const namesake = new TestAuthority()
const ca = authority.cert

interface Served extends Rig {
  readonly port: number
  readonly folder: string
}

async function served(settings: Partial<TlsConfig> = {}, options: RigOptions = {}): Promise<Served> {
  const folder = await scratchDir()
  const { certFile, keyFile } = await authority.writeSide(folder)
  const rig = await openRig({ certFile, keyFile, ...settings }, options)
  return { ...rig, port: await serve(rig.side), folder }
}

/** With client certificates checked against `authority`. */
async function strict(settings: Partial<TlsConfig> = {}, options: RigOptions = {}): Promise<Served> {
  const folder = await scratchDir()
  const files = await authority.writeSide(folder)
  const rig = await openRig({ ...files, clientCertAuth: true, ...settings }, options)
  return { ...rig, port: await serve(rig.side), folder }
}

function plainSocket(port: number): Socket {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => {})
  onTestFinished(() => void socket.destroy())
  return socket
}

/** The first bytes that a client sends. */
async function clientHello(): Promise<Buffer> {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const client = connectTls({ port: (listener.address() as AddressInfo).port, host: '127.0.0.1', ca })
  client.on('error', () => {})
  const [socket] = (await once(listener, 'connection')) as [Socket]
  const [hello] = (await once(socket, 'data')) as [Buffer]
  client.destroy()
  socket.destroy()
  listener.close()
  return hello
}

async function lastReason({ log }: Rig): Promise<unknown> {
  await eventually('a line', () => log.reasons('warn').length > 0, 5_000)
  return log.reasons('warn').at(-1)
}

test('a client that trusts the authority is served, over TLS 1.2 and 1.3 alike', async () => {
  const { port, log } = await served()
  expect(await visit(port, { ca })).toMatchObject({ body: 'hello', error: undefined })
  expect(await visit(port, { ca, maxVersion: 'TLSv1.2' })).toMatchObject({ body: 'hello', error: undefined })
  expect(log.lines).toEqual([])
})

test('a client too old for TLS 1.2 is refused', async () => {
  const rig = await served()
  const old = { ca, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
  expect((await visit(rig.port, old)).error).toBeDefined()
  expect(await lastReason(rig)).toBe('it is too old for TLS 1.2')
})

test('a client cannot begin a second handshake on its connection', async () => {
  const { port } = await served()
  const socket = connectTls({ port, host: '127.0.0.1', ca, maxVersion: 'TLSv1.2' })
  onTestFinished(() => void socket.destroy())
  await once(socket, 'secureConnect')
  const failed = once(socket, 'error')
  let renegotiated = false
  socket.renegotiate({ rejectUnauthorized: true }, (error) => {
    renegotiated = error === null
  })
  expect(String((await failed)[0])).toMatch(/no.renegotiation/i)
  expect(renegotiated).toBe(false)
})

test('a client that speaks HTTP/2 alone is refused, and one that speaks both is served', async () => {
  const rig = await served()
  expect(await visit(rig.port, { ca, ALPNProtocols: ['h2', 'http/1.1'] })).toMatchObject({ body: 'hello' })
  expect((await visit(rig.port, { ca, ALPNProtocols: ['h2'] })).error).toBeDefined()
  expect(await lastReason(rig)).toBe('it offers HTTP/2 alone')
})

test('only the cipher suites that are named are spoken', async () => {
  const rig = await served({ cipherSuites: ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'] })
  const tls12 = { ca, maxVersion: 'TLSv1.2' } as const
  expect(await visit(rig.port, tls12)).toMatchObject({ body: 'hello' })
  expect((await visit(rig.port, { ...tls12, ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' })).error).toBeDefined()
  expect(await lastReason(rig)).toBe('the two have no cipher suite in common')
})

test('a new pair serves new connections while those that stand go on', async () => {
  const { port, folder, side } = await served()
  const standing = connectTls({ port, host: '127.0.0.1', ca })
  onTestFinished(() => void standing.destroy())
  await once(standing, 'secureConnect')
  const next = authority.issue()
  await writePair(folder, next)
  await side.look()
  expect((await visit(port, { ca })).serial).toBe(next.serial.toString('hex'))
  standing.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const [chunk] = (await once(standing, 'data')) as [Buffer]
  expect(chunk.toString()).toMatch(/^HTTP\/1\.1 200/)
})

describe('with --client-cert-auth', () => {
  function pairOf(leaf: LeafOptions = {}, issuer = authority): { readonly cert: string; readonly key: string } {
    const { cert, key } = issuer.issue(leaf)
    return { cert, key }
  }

  test('a client with a certificate is served', async () => {
    const { port, log } = await strict()
    expect(await visit(port, { ca, ...pairOf() })).toMatchObject({ body: 'hello', error: undefined })
    expect(log.lines).toEqual([])
  })

  test.for([
    ['none', {}, 'it showed no certificate, and has to'],
    [
      'one of another authority',
      pairOf({}, stranger),
      'its certificate comes from an authority that is not trusted here',
    ],
    [
      'one of an authority made anew under the old name',
      pairOf({}, namesake),
      'its certificate comes from an authority that has the name of a trusted one, and another key',
    ],
    ['one that has expired', pairOf({ validToMs: -60_000 }), 'its certificate has expired'],
    ['one that is not valid yet', pairOf({ validFromMs: 60_000 }), 'its certificate is not valid yet'],
  ] as const)(
    'a client with %s is refused, with one line that names its address and the reason',
    async ([, pair, reason]) => {
      for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
        const rig = await strict()
        expect(await visit(rig.port, { ca, ...pair, maxVersion })).toMatchObject({ body: '' })
        await lastReason(rig)
        expect(rig.log.lines).toMatchObject([
          {
            level: 'warn',
            fields: { tls: 'client', address: '127.0.0.1', reason },
            message: 'closed a connection: its TLS handshake failed',
          },
        ])
      }
    },
  )

  test('an authority alone asks for certificates too, as in etcd 3.4', async () => {
    const { port, side } = await strict({ clientCertAuth: false })
    expect(side.demandsCertificate).toBe(true)
    expect(await visit(port, { ca })).toMatchObject({ body: '' })
    expect(await visit(port, { ca, ...pairOf() })).toMatchObject({ body: 'hello' })
  })

  test('a certificate that was revoked is refused, from the moment that the list says so', async () => {
    const folder = await scratchDir()
    const crlFile = join(folder, 'crl.pem')
    await writeFile(crlFile, authority.revocations([]))
    const rig = await strict({ crlFile })
    const good = authority.issue()
    const bad = authority.issue()
    expect(await visit(rig.port, { ca, cert: bad.cert, key: bad.key })).toMatchObject({ body: 'hello' })
    await writeFile(crlFile, authority.revocations([bad]))
    await rig.side.look()
    expect(await visit(rig.port, { ca, cert: bad.cert, key: bad.key })).toMatchObject({ body: '' })
    expect(await lastReason(rig)).toBe('its certificate was revoked')
    expect(await visit(rig.port, { ca, cert: good.cert, key: good.key })).toMatchObject({ body: 'hello' })
  })

  test('a session from before a change of the authorities is not resumed after it', async () => {
    const rig = await strict()
    const pair = pairOf()
    let session: Buffer | undefined
    const socket = connectTls({ port: rig.port, host: '127.0.0.1', ca, ...pair })
    socket.on('session', (ticket) => {
      session = ticket
    })
    await eventually('a session', () => session !== undefined)
    socket.destroy()
    const again = connectTls({ port: rig.port, host: '127.0.0.1', ca, ...pair, session })
    await once(again, 'secureConnect')
    expect(again.isSessionReused()).toBe(true)
    again.destroy()
    await writeFile(join(rig.folder, 'ca.pem'), stranger.cert)
    await rig.side.look()
    expect(session).toBeDefined()
    expect(await visit(rig.port, { ca, ...pair, session })).toMatchObject({ body: '' })
  })

  test('an expired list lets nobody in, and the line says why', async () => {
    const crlFile = join(await scratchDir(), 'crl.pem')
    await writeFile(crlFile, authority.revocations([], -60_000))
    const rig = await strict({ crlFile })
    expect(await visit(rig.port, { ca, ...pairOf() })).toMatchObject({ body: '' })
    expect(await lastReason(rig)).toMatch(/^the revocation list of this member has expired/)
  })

  test('only certificates for the allowed host name are let in', async () => {
    const rig = await strict({ allowedHostname: 'a.good.example' })
    expect(await visit(rig.port, { ca, ...pairOf({ hosts: ['a.good.example'] }) })).toMatchObject({ body: 'hello' })
    expect(await visit(rig.port, { ca, ...pairOf({ hosts: ['*.good.example'] }) })).toMatchObject({ body: 'hello' })
    expect(await visit(rig.port, { ca, ...pairOf({ hosts: ['bad.example'] }) })).toMatchObject({ body: '' })
    expect(await lastReason(rig)).toBe(
      'its certificate is not allowed: it is for DNS:bad.example and has to be for "a.good.example"',
    )
  })

  test('only certificates with the allowed common name are let in', async () => {
    const rig = await strict({ allowedCn: 'member' }, { role: 'peer' })
    expect(await visit(rig.port, { ca, ...pairOf() })).toMatchObject({ body: 'hello' })
    expect(await visit(rig.port, { ca, ...pairOf({ cn: 'visitor' }) })).toMatchObject({ body: '' })
    expect(await lastReason(rig)).toBe(
      'its certificate is not allowed: its common name is "visitor" and has to be "member"',
    )
  })

  test('a common name and a host name to be allowed exclude each other', async () => {
    await expect(strict({ allowedCn: 'a', allowedHostname: 'b' }, { role: 'peer' })).rejects.toThrow(
      '--peer-cert-allowed-cn and --peer-cert-allowed-hostname exclude each other',
    )
  })
})

describe('whoever dials', () => {
  test.for([
    [
      'another authority',
      { issuer: stranger, leaf: {} },
      'its certificate comes from an authority that is not trusted here',
    ],
    [
      'a certificate that has expired',
      { issuer: authority, leaf: { validToMs: -60_000 } },
      'its certificate has expired',
    ],
    [
      'a certificate for another host',
      { issuer: authority, leaf: { hosts: ['10.0.0.1'] } },
      /^its certificate is for another host: IP: 127\.0\.0\.1 is not in the cert's list/,
    ],
    [
      'a common name that is not allowed',
      { issuer: authority, leaf: { cn: 'visitor' } },
      'its certificate is not allowed: its common name is "visitor" and has to be "member"',
    ],
  ] as const)('a server with %s hears no request, and the reason can be told', async ([, { issuer, leaf }, reason]) => {
    const { certFile, keyFile } = await writePair(await scratchDir(), issuer.issue(leaf))
    const { side: server } = await openRig({ certFile, keyFile })
    const files = await authority.writeSide(await scratchDir())
    const { side } = await openRig({ ...files, allowedCn: 'member' }, { role: 'peer' })
    const socket = connectTls({ port: await serve(server), host: '127.0.0.1', ...side.connectOptions() })
    const [error] = (await once(socket, 'error')) as [Error]
    expect(side.explain(error)).toEqual(typeof reason === 'string' ? reason : expect.stringMatching(reason))
  })

  test('a port that does not speak TLS is told apart from one that cannot be reached', async () => {
    const files = await authority.writeSide(await scratchDir())
    const { side } = await openRig(files, { role: 'peer' })
    expect(side.explain(Object.assign(new Error('no'), { code: 'ECONNREFUSED' }))).toBeUndefined()
    expect(side.explain(Object.assign(new Error('no'), { code: 'ERR_SSL_WRONG_VERSION_NUMBER' }))).toBe(
      'it does not speak TLS',
    )
  })

  test('uses the certificates of the moment', async () => {
    const folder = await scratchDir()
    const files = await authority.writeSide(folder)
    const { side } = await openRig(files, { role: 'peer' })
    const before = side.connectOptions()
    expect(side.connectOptions()).toBe(before)
    await writePair(folder, authority.issue())
    await side.look()
    expect(side.connectOptions().secureContext).not.toBe(before.secureContext)
  })
})

describe('what is no TLS', () => {
  test.for([
    ['plain HTTP', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'it speaks plain HTTP where TLS is spoken'],
    ['garbage', 'x'.repeat(100), 'it does not speak TLS'],
  ] as const)('%s is closed without a word', async ([, bytes, reason]) => {
    const rig = await served()
    const socket = plainSocket(rig.port)
    const heard: Buffer[] = []
    socket.on('data', (chunk: Buffer) => heard.push(chunk))
    socket.write(bytes)
    await once(socket, 'close')
    expect(Buffer.concat(heard).toString('latin1')).toBe('')
    expect(await lastReason(rig)).toBe(reason)
  })

  test('a scan that hangs up at once is worth no line', async () => {
    const rig = await served()
    const socket = plainSocket(rig.port)
    await once(socket, 'connect')
    socket.destroy()
    await once(socket, 'close')
    expect(await visit(rig.port, { ca })).toMatchObject({ body: 'hello' })
    expect(rig.log.lines).toEqual([])
  })
})

describe('bounds', () => {
  test('a handshake that is not done in time is closed', async () => {
    const rig = await served({}, { limits: { handshakeMsMax: 50 } })
    const socket = plainSocket(rig.port)
    await once(socket, 'close')
    expect(await lastReason(rig)).toBe('the handshake took too long')
  })

  test('a first message that is not whole in time is closed', async () => {
    const rig = await served({}, { limits: { handshakeMsMax: 50 } })
    const socket = plainSocket(rig.port)
    socket.write((await clientHello()).subarray(0, 50))
    await once(socket, 'close')
    expect(await lastReason(rig)).toBe('the handshake took too long')
  })

  test('a handshake that stops after the first message is closed', async () => {
    const rig = await served({}, { limits: { handshakeMsMax: 50 } })
    const socket = plainSocket(rig.port)
    socket.write(await clientHello())
    socket.resume()
    await once(socket, 'close')
    expect(await lastReason(rig)).toBe('the handshake took too long')
  })

  test('of too many handshakes the oldest is closed, and those who mean it are served', async () => {
    const rig = await served({}, { limits: { handshakesMax: 3 } })
    const idle: Socket[] = []
    for (let count = 0; count < 3; count++) {
      const socket = plainSocket(rig.port)
      await once(socket, 'connect')
      idle.push(socket)
    }
    const [oldest] = idle as [Socket]
    const closed = once(oldest, 'close')
    expect(await visit(rig.port, { ca })).toMatchObject({ body: 'hello' })
    await closed
    expect(idle.map((socket) => socket.closed)).toEqual([true, false, false])
    expect(await lastReason(rig)).toBe('3 handshakes are under way')
    // Those that were served or have gone take no place.
    for (let count = 0; count < 10; count++) expect(await visit(rig.port, { ca })).toMatchObject({ body: 'hello' })
    expect(idle.map((socket) => socket.closed)).toEqual([true, false, false])
  })

  test('connections that stand are no handshakes, and neither are those that hung up', async () => {
    const rig = await served({}, { limits: { handshakesMax: 2 } })
    const standing: TLSSocket[] = []
    for (let count = 0; count < 5; count++) {
      const socket = connectTls({ port: rig.port, host: '127.0.0.1', ca })
      onTestFinished(() => void socket.destroy())
      await once(socket, 'secureConnect')
      standing.push(socket)
      const gone = plainSocket(rig.port)
      await once(gone, 'connect')
      gone.destroy()
      await eventually('its end at the server', async () => (await visit(rig.port, { ca })).body === 'hello')
    }
    for (const socket of standing) {
      socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      const [chunk] = (await once(socket, 'data')) as [Buffer]
      expect(chunk.toString()).toMatch(/^HTTP\/1\.1 200/)
    }
    expect(rig.log.lines).toEqual([])
  })

  /** Has clients served that send their first bytes in the same moment. Returns how many were answered in the worst turn. */
  async function worstTurn(clients: number, hasConnected: boolean): Promise<number> {
    const { side } = await served()
    const server = side.createServer({}, (_request, response) => response.end())
    const hello = await clientHello()
    const accepted: Socket[] = []
    const door = createServer({ pauseOnConnect: true }, (socket) => accepted.push(socket))
    door.listen(0, '127.0.0.1')
    await once(door, 'listening')
    onTestFinished(() => void door.close())
    const { port } = door.address() as AddressInfo
    const answeredIn = new Map<number, number>()
    let turn = 0
    let answered = 0
    const count = (): void => {
      turn += 1
      if (answered < clients) setImmediate(count)
    }
    const sockets = Array.from({ length: clients }, () => {
      const socket = plainSocket(port)
      if (!hasConnected) socket.write(hello)
      socket.once('data', () => {
        answered += 1
        answeredIn.set(turn, (answeredIn.get(turn) ?? 0) + 1)
      })
      return socket
    })
    await eventually('all to be there', () => accepted.length === clients)
    if (hasConnected) {
      for (const socket of accepted) server.emit('connection', socket)
      // Turns enough for all handshakes to begin, if connecting were enough.
      for (let n = 0; n < 2 * clients; n++) await new Promise((done) => setImmediate(done))
      for (const socket of sockets) socket.write(hello)
      count()
    } else {
      count()
      for (const socket of accepted) server.emit('connection', socket)
    }
    await eventually('all to be answered', () => answered === clients, 10_000)
    for (const socket of accepted) socket.destroy()
    return Math.max(...answeredIn.values())
  }

  test('of many clients that come at once a few are attended to in each turn of the loop', async () => {
    expect(await worstTurn(30, false)).toBeLessThan(10)
  })

  test('so are those that connected long before and begin to speak all at once', async () => {
    expect(await worstTurn(30, true)).toBeLessThan(10)
  })

  test('a first message that comes in pieces is waited for, and what is more than one is not lost', async () => {
    const rig = await served()
    const proxy = createServer((from) => {
      const to = connect({ port: rig.port, host: '127.0.0.1', noDelay: true })
      const pieces: Buffer[] = []
      const next = (): void => {
        const piece = pieces.shift()
        if (piece !== undefined) to.write(piece, () => setImmediate(next))
      }
      // All that the client says goes on a few bytes at a time.
      from.on('data', (chunk: Buffer) => {
        const idle = pieces.length === 0
        for (let at = 0; at < chunk.length; at += 100) pieces.push(chunk.subarray(at, at + 100))
        if (idle) next()
      })
      to.pipe(from)
      for (const socket of [from, to]) socket.on('error', () => {})
    }).listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    onTestFinished(() => void proxy.close())
    const { port } = proxy.address() as AddressInfo
    expect(await visit(port, { ca })).toMatchObject({ body: 'hello' })
    expect(await visit(port, { ca, maxVersion: 'TLSv1.2' })).toMatchObject({ body: 'hello' })
  })

  test('a client that resets its connection before its turn harms nobody', async () => {
    const rig = await served()
    const hello = await clientHello()
    for (const bytes of [hello, hello.subarray(0, 50), Buffer.alloc(0)]) {
      const sockets = Array.from({ length: 20 }, () => plainSocket(rig.port))
      await Promise.all(sockets.map((socket) => once(socket, 'connect')))
      for (const socket of sockets) if (bytes.length > 0) socket.write(bytes)
      for (const socket of sockets) socket.resetAndDestroy()
      expect(await visit(rig.port, { ca })).toMatchObject({ body: 'hello' })
    }
  })

  test('half a first message and the end is an end', async () => {
    const rig = await served()
    const socket = plainSocket(rig.port)
    socket.end((await clientHello()).subarray(0, 50))
    await once(socket, 'close')
    expect(rig.log.lines).toEqual([])
  })

  test('a server that closes does not wait for handshakes', async () => {
    const { side } = await served()
    const server = side.createServer({}, (_request, response) => response.end())
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const accepted = once(server, 'connection')
    plainSocket((server.address() as { port: number }).port)
    await accepted
    await new Promise((done) => server.close(done))
  })

  test('a flood of strangers fills no log', () => {
    const lines: { readonly leftOut?: number }[] = []
    const log = { info() {}, error() {}, warn: (fields: object) => void lines.push(fields) }
    let nowMs = 0
    const quiet = new HandshakeLog(log, 'client', () => nowMs)
    for (let count = 0; count < 1_000; count++) quiet.refused('10.0.0.1', 'why')
    expect(lines).toHaveLength(1)
    for (let count = 0; count < 1_000; count++) quiet.refused(`10.0.1.${count}`, 'why')
    expect(lines).toHaveLength(TLS_LIMITS.linesMax)
    nowMs += TLS_LIMITS.quietMs
    quiet.refused('10.0.0.1', 'why')
    expect(lines).toHaveLength(TLS_LIMITS.linesMax + 1)
    expect(lines.reduce((sum, { leftOut = 0 }) => sum + 1 + leftOut, 0)).toBe(2_001)
  })
})
