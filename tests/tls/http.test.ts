/** The client API over TLS: the same server, http and https side by side. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import type { TlsConfig } from '../../src/config/config.ts'
import { HttpServer, type HttpServerOptions } from '../../src/http/server.ts'
import { TestAuthority } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { FakeMember } from '../support/fake-member.ts'
import { requestText } from '../support/http-member.ts'
import { scratchDir } from '../support/scratch.ts'
import { openRig } from '../support/tls-rig.ts'

const authority = new TestAuthority()
const log = { debug() {}, info() {}, warn() {}, error() {} }

interface Api {
  readonly server: HttpServer
  readonly member: FakeMember
  readonly httpsPort: number
  readonly httpPort: number
}

async function startApi(settings: Partial<TlsConfig> = {}, options: Partial<HttpServerOptions> = {}): Promise<Api> {
  const { certFile, keyFile } = await authority.writeSide(await scratchDir())
  const { side } = await openRig({ certFile, keyFile, ...settings })
  const member = new FakeMember()
  const server = new HttpServer({ member, log, makeSecureServer: side.createServer, ...options })
  onTestFinished(() => server.close(0))
  await server.listen([new URL('https://127.0.0.1:0'), new URL('http://127.0.0.1:0')])
  const [https, http] = server.addresses() as [URL, URL]
  expect([https.protocol, http.protocol]).toEqual(['https:', 'http:'])
  return { server, member, httpsPort: Number(https.port), httpPort: Number(http.port) }
}

/** A connection that collects what it hears. */
class Talk {
  readonly socket: Socket
  heard = ''

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.heard += chunk.toString('latin1')
    })
    socket.on('error', () => {})
    onTestFinished(() => void socket.destroy())
  }

  static async secure(port: number): Promise<Talk> {
    const { cert, key } = authority.issue()
    const socket: TLSSocket = connectTls({ port, host: '127.0.0.1', ca: authority.cert, cert, key })
    const talk = new Talk(socket)
    await once(socket, 'secureConnect')
    return talk
  }

  /** Sends, and waits until what was heard since matches. */
  async ask(bytes: string, pattern: RegExp, msMax = 10_000): Promise<string> {
    this.heard = ''
    this.socket.write(bytes, 'latin1')
    await eventually(`${pattern}`, () => pattern.test(this.heard), msMax)
    return this.heard
  }
}

test('a key written over https is read over http', async () => {
  const { httpsPort, httpPort } = await startApi()
  const secure = await Talk.secure(httpsPort)
  const answer = await secure.ask(requestText('PUT', '/v2/keys/a', 'value=1'), /\}\n?$/)
  expect(answer).toMatch(/^HTTP\/1\.1 201 Created\r\n/)
  const plain = new Talk(connect({ port: httpPort, host: '127.0.0.1' }))
  expect(await plain.ask(requestText('GET', '/v2/keys/a'), /\}\n?$/)).toContain('"value":"1"')
})

test('a connection is kept between requests, and a stream of events flows', async () => {
  const { httpsPort } = await startApi()
  const watcher = await Talk.secure(httpsPort)
  await watcher.ask(requestText('GET', '/v2/keys/a?wait=true&stream=true'), /^HTTP\/1\.1 200[\s\S]*\r\n\r\n/)
  const writer = await Talk.secure(httpsPort)
  for (let value = 1; value <= 3; value++) {
    await writer.ask(requestText('PUT', '/v2/keys/a', `value=${value}`), /\}\n?$/)
  }
  await eventually('three events', () => watcher.heard.match(/"action":"set"/g)?.length === 3, 10_000)
})

test('TLS at a plain port is answered with 400', async () => {
  const { httpPort } = await startApi()
  const talk = new Talk(connect({ port: httpPort, host: '127.0.0.1' }))
  const hello = '\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03'
  expect(await talk.ask(hello, /\r\n\r\n/)).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
})

test('plain HTTP at a TLS port hears nothing', async () => {
  const { httpsPort } = await startApi()
  const talk = new Talk(connect({ port: httpsPort, host: '127.0.0.1' }))
  talk.socket.write(requestText('GET', '/version'))
  await once(talk.socket, 'close')
  expect(talk.heard).toBe('')
})

test('bytes that are no HTTP, inside of TLS, are answered with 400', async () => {
  const { httpsPort } = await startApi()
  const talk = await Talk.secure(httpsPort)
  expect(await talk.ask('hello\r\n\r\n', /\r\n\r\n/)).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
})

test('a request that has to be read twice is served where certificates are checked, too', async () => {
  const folder = await scratchDir()
  const { trustedCaFile } = await authority.writeSide(folder)
  const { httpsPort, member } = await startApi({ trustedCaFile, clientCertAuth: true, allowedHostname: 'localhost' })
  const talk = await Talk.secure(httpsPort)
  const answer = await talk.ask(requestText('PUT', '/v2/keys/\xc3\xa4', 'value=1'), /\r\n\r\n[\s\S]+$/)
  expect(answer).toMatch(/^HTTP\/1\.1 (201|400) /)
  expect(member.holds).toBe(false)
})

test('connections of both kinds count together, and free their place when they end', async () => {
  const { httpsPort, httpPort } = await startApi({}, { limits: { connectionsMax: 2 } })
  for (let round = 0; round < 3; round++) {
    // The places of the round before are free once the server has seen those connections end.
    const secure = await eventually('a place', () => Talk.secure(httpsPort))
    const plain = await eventually('another place', async () => {
      const talk = new Talk(connect({ port: httpPort, host: '127.0.0.1' }))
      await talk.ask(requestText('GET', '/version'), /\r\n\r\n/, 200)
      return talk
    })
    await expect(Talk.secure(httpsPort)).rejects.toThrow()
    secure.socket.destroy()
    plain.socket.destroy()
  }
})

test('closing waits neither for handshakes nor for idle connections', async () => {
  const { server, httpsPort } = await startApi()
  const idle = await Talk.secure(httpsPort)
  await idle.ask(requestText('GET', '/version'), /\r\n\r\n/)
  const silent = new Talk(connect({ port: httpsPort, host: '127.0.0.1' }))
  await once(silent.socket, 'connect')
  const startedMs = performance.now()
  await server.close(5_000)
  expect(performance.now() - startedMs).toBeLessThan(4_000)
})
