/**
 * Listeners for HTTP: node:http servers that share one function, one count of connections and one end.
 *
 * Owns: listening, what `node:http` is told about limits, shutting down. Leaves to others: requests, and bytes that are none
 * (second-reading).
 */
import assert from 'node:assert'
import { once } from 'node:events'
import { createServer, type Server, type ServerOptions } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type Duplex, duplexPair } from 'node:stream'
import { Connections } from './connections.ts'
import { logFailures } from './failures.ts'
import type { Listener } from './front.ts'
import type { HttpLimits } from './limits.ts'
import type { HttpLog } from './ports.ts'
import { attendUnreadable, isSecondReading } from './second-reading.ts'

/** TCP asks a silent client after this long whether it is still there. Milliseconds. */
const KEEP_ALIVE_PROBE_MS = 30_000
/** Looks for the end of connections while closing. Milliseconds. */
const CLOSE_LOOK_MS = 20
/** What a URL leaves out. */
const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 }

/** Makes the server behind an https URL, told what `node:http` is told. */
export type MakeSecureServer = (options: ServerOptions, listener: Listener) => Server

export interface ListenersOptions {
  readonly listener: Listener
  readonly limits: HttpLimits
  readonly log: HttpLog
  /** Missing: https URLs cannot be listened at. */
  readonly makeSecureServer?: MakeSecureServer | undefined
}

/** Any number of listeners for one purpose. */
export class Listeners {
  readonly #listener: Listener
  readonly #limits: HttpLimits
  readonly #log: HttpLog
  readonly #connections: Connections
  readonly #makeSecureServer: MakeSecureServer | undefined
  readonly #servers: Server[] = []
  readonly #secureServers = new Set<Server>()
  /** Our ends of connections from within this process. */
  readonly #inner = new Set<Duplex>()

  constructor({ listener, limits, log, makeSecureServer }: ListenersOptions) {
    this.#listener = listener
    this.#limits = limits
    this.#log = log
    this.#connections = new Connections(limits, log)
    this.#makeSecureServer = makeSecureServer
  }

  /**
   * Listens at every URL, or at none: when one fails the others are closed again and its error is thrown. May be called again
   * for more.
   * @param urls `http:`, and `https:` where `makeSecureServer` was given; port 0 takes any free port.
   */
  async listen(urls: readonly URL[]): Promise<void> {
    const servers: Server[] = []
    try {
      for (const url of urls) {
        const server = this.#makeServer(url.protocol === 'https:')
        servers.push(server)
        const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
        server.listen({ host, port: Number(url.port === '' ? DEFAULT_PORTS[url.protocol] : url.port) })
        await once(server, 'listening')
      }
    } catch (error) {
      for (const server of servers) server.close()
      throw error
    }
    this.#servers.push(...servers)
  }

  /** Where these listen, with true ports, in the order in which they were told to. */
  addresses(): readonly URL[] {
    return this.#servers.map((server) => {
      const { address, family, port } = server.address() as AddressInfo
      const protocol = this.#secureServers.has(server) ? 'https' : 'http'
      return new URL(`${protocol}://${family === 'IPv6' ? `[${address}]` : address}:${port}`)
    })
  }

  /**
   * One more connection, from within this process: no port and no TLS between the two, and otherwise like any other.
   * @returns the client's end. It is closed already when there are as many connections as there may be.
   * @throws Error when nothing is listened at.
   */
  connect(): Duplex {
    const [server] = this.#servers
    if (server?.listening !== true) throw new Error('this server serves nobody')
    const [ours, theirs] = duplexPair()
    // What a socket has and HTTP asks for: an end of both sides once all is written.
    Object.assign(ours, { destroySoon: () => ours.end(() => ours.destroy()) })
    this.#inner.add(ours)
    ours.on('close', () => {
      this.#inner.delete(ours)
      theirs.destroy()
    })
    theirs.on('close', () => ours.destroy())
    this.#connections.take(ours)
    if (!ours.destroyed) server.emit(this.#secureServers.has(server) ? 'secureConnection' : 'connection', ours)
    return theirs
  }

  /** Stops accepting, closes idle connections as they come to rest, and the others after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    const closed = [...this.#servers, ...this.#inner].map((open) => once(open, 'close'))
    for (const server of this.#servers) server.close()
    const look = setInterval(() => {
      for (const server of this.#servers) server.closeIdleConnections()
    }, CLOSE_LOOK_MS)
    const timer = setTimeout(() => {
      for (const server of this.#servers) server.closeAllConnections()
    }, graceMs)
    await Promise.all(closed)
    clearInterval(look)
    clearTimeout(timer)
  }

  #makeServer(isSecure: boolean): Server {
    const limits = this.#limits
    const options: ServerOptions = {
      noDelay: true,
      // Requests without a body, most of all, then carry no stream that has to be wound down.
      optimizeEmptyRequests: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_PROBE_MS,
      // etcd never closes an idle connection, and its clients do not expect it.
      keepAliveTimeout: 0,
      // Looked at with the other rules, and answered in etcd's words (ground-rules.ts).
      requireHostHeader: false,
      maxHeaderSize: limits.headBytesMax,
      headersTimeout: limits.headMsMax,
      requestTimeout: limits.requestMsMax,
      connectionsCheckingInterval: limits.slowLookMs,
    }
    const server = isSecure ? this.#secureServer(options) : createServer(options, this.#listener)
    server.on('connection', (socket: Socket) => {
      if (!isSecondReading(socket) && !this.#inner.has(socket)) this.#connections.take(socket)
    })
    // Before it listens, whoever waits for that hears of it. Later it is a connection that could not be accepted, and with nobody to
    // hear of it the process would end.
    server.on('error', (error) => {
      if (server.listening) this.#connections.failed(error)
    })
    logFailures(server, this.#log)
    attendUnreadable(server)
    return server
  }

  #secureServer(options: ServerOptions): Server {
    assert(this.#makeSecureServer !== undefined, 'https URLs are listened at only where TLS is configured')
    const server = this.#makeSecureServer(options, this.#listener)
    this.#secureServers.add(server)
    return server
  }
}
