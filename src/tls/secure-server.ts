/**
 * An HTTP server behind TLS: handshakes in bounds, their failures explained, certificates swapped under it.
 *
 * Owns: what lies between an accepted socket and a connection that speaks HTTP. Leaves to others: HTTP, and who may ask for what.
 */
import { Server, type ServerOptions } from 'node:https'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { TlsConfig } from '../config/config.ts'
import { whyNotAllowed } from './allowed.ts'
import type { CertificateFiles } from './files.ts'
import { untilFirstMessage } from './first-message.ts'
import { HandshakeLog } from './handshake-log.ts'
import { reasonOf, TOOK_TOO_LONG, verdictReason } from './reasons.ts'
import { demandsCertificate, type TlsLimits, type TlsLog, type TlsRole } from './settings.ts'

/**
 * Handshakes begun in one turn of the loop. Each takes milliseconds, and clients may come all at once: after a restart they do, and
 * whoever means harm has opened the connections before. More at a time would keep this member from everything else, until others
 * think it gone. The library is given a connection only when the first message of its client is there, so that beginning is the work.
 */
const BEGUN_PER_TURN_MAX = 2

export interface SecureServerOptions {
  readonly role: TlsRole
  readonly settings: TlsConfig
  readonly files: CertificateFiles
  readonly log: TlsLog
  readonly limits: TlsLimits
  /** What `node:http` is told. */
  readonly http: ServerOptions
}

/** Serves HTTP/1.1 over TLS 1.2 and later. A member has one for each https URL at which it listens. */
export class SecureServer extends Server {
  readonly #settings: TlsConfig
  readonly #limits: TlsLimits
  readonly #log: HandshakeLog
  /** Handshakes under way, oldest first, by the address and port of the other side. */
  readonly #pending = new Map<string, Socket>()
  /** Connections whose handshake may begin, oldest first; those that were closed are passed over. */
  readonly #ready: Socket[] = []
  /** What the library does with a connection. */
  readonly #begin: readonly ((socket: Socket) => void)[]
  #begunInTurn = 0

  constructor({ role, settings, files, log, limits, http }: SecureServerOptions, listener: ServerListener) {
    super(
      {
        ...http,
        ...files.material.options,
        requestCert: demandsCertificate(settings),
        rejectUnauthorized: demandsCertificate(settings),
        handshakeTimeout: limits.handshakeMsMax,
      },
      listener,
    )
    this.#settings = settings
    this.#limits = limits
    this.#log = new HandshakeLog(log, role, () => performance.now(), limits)
    this.#begin = this.listeners('connection') as ((socket: Socket) => void)[]
    this.removeAllListeners('connection')
    this.on('connection', (socket: Socket) => this.#accept(socket))
    this.prependListener('secureConnection', (socket: Socket) => {
      // Others emit it again for connections that were let in before, when they put a new reader in front of them.
      if (socket instanceof TLSSocket) this.#end(socket)
    })
    // The library takes a failed handshake for a client that speaks HTTP badly, and has it answered and logged as such.
    this.removeAllListeners('tlsClientError')
    this.on('tlsClientError', (error, socket) => this.#failed(error, socket))
    const forget = files.onChange(() => this.setSecureContext(files.material.options))
    this.on('close', forget)
  }

  /** Also ends the handshakes that are under way: nothing will be asked on those connections any more. */
  override close(done?: (error?: Error) => void): this {
    for (const socket of this.#pending.values()) socket.destroy()
    return super.close(done)
  }

  #accept(socket: Socket): void {
    const key = addressOf(socket)
    if (this.#pending.size >= this.#limits.handshakesMax) this.#closeOldest()
    this.#pending.set(key, socket)
    const tooLong = setTimeout(() => {
      this.#log.refused(socket.remoteAddress ?? 'unknown', TOOK_TOO_LONG)
      socket.destroy()
    }, this.#limits.handshakeMsMax).unref()
    socket.on('close', () => {
      clearTimeout(tooLong)
      if (this.#pending.get(key) === socket) this.#pending.delete(key)
    })
    // Until the library has it, this socket's errors are nobody else's; what is to be done about them is done when it closes.
    socket.on('error', () => {})
    const hangUp = (): void => void socket.destroy()
    socket.on('end', hangUp)
    untilFirstMessage(socket, () => {
      clearTimeout(tooLong)
      socket.off('end', hangUp)
      this.#ready.push(socket)
      if (this.#begunInTurn < BEGUN_PER_TURN_MAX) this.#beginNext()
    })
  }

  /** Hands connections to the library, as many as may begin in this turn. */
  #beginNext(): void {
    while (this.#begunInTurn < BEGUN_PER_TURN_MAX) {
      const socket = this.#ready.shift()
      if (socket === undefined) return
      if (socket.destroyed) continue
      if (this.#begunInTurn === 0) setImmediate(this.#endTurn)
      this.#begunInTurn += 1
      for (const begin of this.#begin) begin.call(this, socket)
    }
  }

  readonly #endTurn = (): void => {
    this.#begunInTurn = 0
    this.#beginNext()
  }

  /** Handshakes take milliseconds, so the oldest are of those who never meant to end them. */
  #closeOldest(): void {
    for (const [key, socket] of this.#pending) {
      this.#pending.delete(key)
      this.#log.refused(socket.remoteAddress ?? 'unknown', `${this.#limits.handshakesMax} handshakes are under way`)
      socket.destroy()
      return
    }
  }

  #end(socket: TLSSocket): void {
    this.#pending.delete(addressOf(socket))
    if (!demandsCertificate(this.#settings)) return
    const reason = whyNotAllowed(this.#settings, socket.getPeerCertificate())
    if (reason === undefined) return
    this.#log.refused(socket.remoteAddress ?? 'unknown', `its certificate is not allowed: ${reason}`)
    socket.destroy()
  }

  /** Plain HTTP and garbage are closed without a word, as etcd does; alerts, where TLS has one, were sent by the library. */
  #failed(error: Error, socket: TLSSocket): void {
    const verdict = socket.authorizationError as unknown
    const reason = typeof verdict === 'string' ? verdictReason(verdict) : reasonOf(error)
    // Who hangs up before the end says nothing: port scans and health checks do that all day.
    if (reason !== undefined) this.#log.refused(remoteOf(socket), reason)
    socket.destroy()
  }
}

type ServerListener = ConstructorParameters<typeof Server>[1] & object

function addressOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

/** A socket that the library has closed has forgotten where it came from; the one under it has not. */
function remoteOf(socket: TLSSocket): string {
  const { _parent: under } = socket as TLSSocket & { readonly _parent?: Socket }
  return socket.remoteAddress ?? under?.remoteAddress ?? 'unknown'
}
