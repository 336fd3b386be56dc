/**
 * The client listeners and their life.
 *
 * Owns: listening, what `node:http` is told about limits, shutting down. Leaves to others: requests
 * (front, keys/, app), bytes that are none (second-reading).
 */
import assert from 'node:assert'
import { once } from 'node:events'
import { createServer, type Server, type ServerOptions } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { type Metrics, RequestMeter } from '../metrics.ts'
import { buildApp } from './app.ts'
import { Connections } from './connections.ts'
import { Cors, type CorsOption } from './cors.ts'
import { frontListener, type Listener } from './front.ts'
import { Guard } from './guard.ts'
import { KeysRoutes } from './keys/routes.ts'
import { Slices } from './keys/slices.ts'
import { HTTP_LIMITS, type HttpLimits } from './limits.ts'
import type { LocalLogLevel } from './local-config.ts'
import { registerMemberMetrics } from './member-metrics.ts'
import type { HttpLog, MemberPort } from './ports.ts'
import { attendUnreadable, isSecondReading } from './second-reading.ts'

/** TCP asks a silent client after this long whether it is still there. Milliseconds. */
const KEEP_ALIVE_PROBE_MS = 30_000
/** Looks for the end of connections while closing. Milliseconds. */
const CLOSE_LOOK_MS = 20
/** What a URL leaves out. */
const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 }

export interface HttpServerOptions {
  readonly member: MemberPort
  readonly log: HttpLog
  /** Those not given are `HTTP_LIMITS`. */
  readonly limits?: Partial<HttpLimits>
  /** Origins that browsers may come from: `'*'`, or a list compared as it stands. Undefined: no CORS headers (as etcd 2.3). */
  readonly cors?: CorsOption
  /** The member's metrics: requests are counted there, and what the port tells is registered. */
  readonly metrics?: Metrics
  /** Changes the level of the log: what `/config/local/log` asks for. Undefined: nobody listens. */
  readonly setLogLevel?: (level: LocalLogLevel) => void
  /** Whether the endpoints of etcd 0.4 are served that 2.0 dropped. */
  readonly legacyEndpoints?: boolean
  /** muster's own version, shown at `/muster/v1/status`. */
  readonly version?: string
  /** Makes the server behind an https URL, told what `node:http` is told. Missing: https URLs cannot be listened at. */
  readonly makeSecureServer?: (options: ServerOptions, listener: Listener) => Server
  /** Whether clients at https URLs show certificates that were checked, so that the common name in one may name a user. */
  readonly clientCertAuth?: boolean
}

/** Serves the v2 API of one member. One object, any number of listeners. */
export class HttpServer {
  readonly #limits: HttpLimits
  readonly #keys: KeysRoutes
  readonly #app: FastifyInstance
  readonly #listener: Listener
  readonly #connections: Connections
  readonly #makeSecureServer: HttpServerOptions['makeSecureServer']
  readonly #servers: Server[] = []
  readonly #secureServers = new Set<Server>()
  /** Ends requests that may wait for long. */
  readonly #end = new AbortController()
  #closing: Promise<void> | undefined

  constructor(options: HttpServerOptions) {
    const { member, log } = options
    this.#makeSecureServer = options.makeSecureServer
    this.#limits = { ...HTTP_LIMITS, ...options.limits }
    this.#connections = new Connections(this.#limits.connectionsMax, log)
    const cors = new Cors(options.cors)
    const slices = new Slices(this.#limits.sliceMsMax)
    const guard = new Guard({ member, log, limits: this.#limits, clientCertAuth: options.clientCertAuth ?? false })
    this.#keys = new KeysRoutes(member, this.#limits, options.metrics?.requests ?? new RequestMeter(), slices, guard)
    if (options.metrics !== undefined) registerMemberMetrics(options.metrics, member, () => this.#keys.watchCount)
    let rest: Listener | undefined
    this.#app = buildApp({
      member,
      cors,
      guard,
      log,
      version: options.version ?? '0.0.0',
      slices,
      limits: this.#limits,
      setLogLevel: options.setLogLevel ?? (() => {}),
      legacyEndpoints: options.legacyEndpoints ?? false,
      closing: this.#end.signal,
      digestsMax: this.#limits.listingsMax,
      makeServer: (handler) => {
        rest = handler
        return createServer()
      },
    })
    this.#listener = frontListener(
      this.#keys,
      cors,
      (request, response) => rest?.(request, response),
      () => this.#closing !== undefined,
    )
  }

  /**
   * Listens at every URL, or at none: when one fails the others are closed again and its error is thrown. May be called again
   * for more.
   * @param urls `http:`, and `https:` where `makeSecureServer` was given; port 0 takes any free port.
   */
  async listen(urls: readonly URL[]): Promise<void> {
    await this.#app.ready()
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

  /** Where this server listens, with true ports, in the order in which it was told to. */
  addresses(): readonly URL[] {
    return this.#servers.map((server) => {
      const { address, family, port } = server.address() as AddressInfo
      const protocol = this.#secureServers.has(server) ? 'https' : 'http'
      return new URL(`${protocol}://${family === 'IPv6' ? `[${address}]` : address}:${port}`)
    })
  }

  /**
   * Stops accepting, closes idle connections and those of watches, answers what is in flight, and closes the rest after
   * `graceMs`. Safe to call twice.
   */
  close(graceMs: number): Promise<void> {
    this.#closing ??= this.#close(graceMs)
    return this.#closing
  }

  async #close(graceMs: number): Promise<void> {
    const closed = this.#servers.map((server) => once(server, 'close'))
    for (const server of this.#servers) server.close()
    this.#keys.end()
    this.#end.abort()
    const look = setInterval(() => {
      for (const server of this.#servers) server.closeIdleConnections()
    }, CLOSE_LOOK_MS)
    const timer = setTimeout(() => {
      for (const server of this.#servers) server.closeAllConnections()
    }, graceMs)
    await Promise.all(closed)
    clearInterval(look)
    clearTimeout(timer)
    await this.#app.close()
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
    server.on('connection', (socket) => {
      if (!isSecondReading(socket)) this.#connections.take(socket)
    })
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
