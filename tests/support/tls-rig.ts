/**
 * One side of TLS under test: its settings, its log, servers that say who asked, and clients that say what became of them.
 *
 * Asserts nothing. Everything opened is closed when the running test is over.
 */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { onTestFinished } from 'vitest'
import type { TlsConfig } from '../../src/config/config.ts'
import type { TlsLimits } from '../../src/tls/settings.ts'
import { TlsSide } from '../../src/tls/tls-side.ts'

export const NO_TLS: TlsConfig = {
  certFile: '',
  keyFile: '',
  trustedCaFile: '',
  clientCertAuth: false,
  crlFile: '',
  allowedCn: '',
  allowedHostname: '',
  auto: false,
  cipherSuites: [],
}

export interface TlsLine {
  readonly level: 'info' | 'warn' | 'error'
  readonly fields: Readonly<Record<string, unknown>>
  readonly message: string
}

/** A log that keeps its lines. */
export class TlsLines {
  readonly lines: TlsLine[] = []
  info(fields: object, message: string): void {
    this.lines.push({ level: 'info', fields: { ...fields }, message })
  }
  warn(fields: object, message: string): void {
    this.lines.push({ level: 'warn', fields: { ...fields }, message })
  }
  error(fields: object, message: string): void {
    this.lines.push({ level: 'error', fields: { ...fields }, message })
  }
  /** The `reason` fields of the lines of a level. */
  reasons(level: TlsLine['level']): readonly unknown[] {
    return this.lines.filter((line) => line.level === level).map((line) => line.fields['reason'])
  }
}

export interface Rig {
  readonly side: TlsSide
  readonly log: TlsLines
}

export interface RigOptions {
  readonly role?: 'client' | 'peer'
  readonly limits?: Partial<TlsLimits>
  readonly ownFolder?: string
  readonly nowMs?: () => number
}

/** Opens a side; rejects as `TlsSide.open` does. */
export async function openRig(settings: Partial<TlsConfig>, options: RigOptions = {}): Promise<Rig> {
  const log = new TlsLines()
  const side = await TlsSide.open({
    role: options.role ?? 'client',
    settings: { ...NO_TLS, ...settings },
    log,
    ownFolder: options.ownFolder ?? '',
    hosts: ['127.0.0.1'],
    limits: options.limits ?? {},
    ...(options.nowMs === undefined ? {} : { nowMs: options.nowMs }),
  })
  if (side === undefined) throw new Error('no TLS is configured')
  onTestFinished(() => side.close())
  return { side, log }
}

/** Listens on a free port of loopback; each request is answered with `hello`. Resolves with the port. */
export async function serve(side: TlsSide): Promise<number> {
  const server = side.createServer({}, (_request, response) => response.end('hello'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.closeAllConnections()
    if (server.listening) await new Promise((done) => server.close(done))
  })
  return (server.address() as AddressInfo).port
}

/** What became of one connection: the answer's body, or the code of the error, and the certificate that was seen. */
export interface Visit {
  readonly body: string
  readonly error: string | undefined
  /** Serial number of the server's certificate, lower-case hex. */
  readonly serial: string | undefined
}

/** Connects, asks for `/`, and reads until the other side closes. Never rejects. */
export function visit(port: number, options: ConnectionOptions): Promise<Visit> {
  return new Promise((done) => {
    let body = ''
    let error: string | undefined
    let serial: string | undefined
    const socket = connectTls({ port, host: '127.0.0.1', ...options }, () => {
      serial = socket.getPeerCertificate().serialNumber?.toLowerCase()
      socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    })
    socket.on('data', (chunk) => {
      body += chunk.toString('latin1')
    })
    socket.on('error', (cause: Error & { code?: string }) => {
      error ??= cause.code ?? cause.message
    })
    socket.on('close', () => done({ body: body.slice(body.indexOf('\r\n\r\n') + 4), error, serial }))
  })
}
