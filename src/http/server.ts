/**
 * The server of one member's clients.
 *
 * Owns: putting its parts together, and in which order they end. Leaves to others: listening (listeners), requests (front,
 * keys/, app).
 */
import { createServer } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { type Metrics, RequestMeter } from '../metrics.ts'
import { buildApp } from './app.ts'
import { Cors, type CorsOption } from './cors.ts'
import { frontListener, type Listener } from './front.ts'
import { Guard } from './guard.ts'
import { onlyHosts } from './hosts.ts'
import { KeysRoutes } from './keys/routes.ts'
import { Slices } from './keys/slices.ts'
import { HTTP_LIMITS, type HttpLimits } from './limits.ts'
import { Listeners, type MakeSecureServer } from './listeners.ts'
import type { LocalLogLevel } from './local-config.ts'
import { registerMemberMetrics } from './member-metrics.ts'
import type { HttpLog, MemberPort } from './ports.ts'
import { sendNotFound } from './send.ts'

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
  readonly makeSecureServer?: MakeSecureServer
  /** Names under which clients may ask without TLS. Missing, empty or with `*`: any. */
  readonly hostWhitelist?: readonly string[]
  /** Whether clients at https URLs show certificates that were checked, so that the common name in one may name a user. */
  readonly clientCertAuth?: boolean
}

/** Serves the v2 API of one member. One object, any number of listeners. */
export class HttpServer {
  readonly #limits: HttpLimits
  readonly #keys: KeysRoutes
  readonly #app: FastifyInstance
  readonly #listeners: Listeners
  /** Where only metrics and health are served. */
  readonly #metricsListeners: Listeners
  /** Ends requests that may wait for long. */
  readonly #end = new AbortController()
  #closing: Promise<void> | undefined

  constructor(options: HttpServerOptions) {
    const { member, log } = options
    this.#limits = { ...HTTP_LIMITS, ...options.limits }
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
    const front = frontListener(
      this.#keys,
      cors,
      (request, response) => rest?.(request, response),
      () => this.#closing !== undefined,
    )
    const listener = onlyHosts(options.hostWhitelist ?? [], front)
    const limits = this.#limits
    const parts = { limits, log, makeSecureServer: options.makeSecureServer }
    this.#listeners = new Listeners({ ...parts, listener })
    this.#metricsListeners = new Listeners({
      ...parts,
      // Apart: whoever watches a member gets in also when clients have all of their connections.
      limits: { ...limits, connectionsMax: limits.metricsConnectionsMax },
      listener: metricsOnly(listener),
    })
  }

  /**
   * Listens at every URL, or at none: when one fails the others are closed again and its error is thrown. May be called again
   * for more.
   * @param urls `http:`, and `https:` where `makeSecureServer` was given; port 0 takes any free port.
   */
  async listen(urls: readonly URL[]): Promise<void> {
    await this.#app.ready()
    await this.#listeners.listen(urls)
  }

  /** Listens like `listen`, for nothing but `/metrics` and `/health`. */
  async listenForMetrics(urls: readonly URL[]): Promise<void> {
    await this.#app.ready()
    await this.#metricsListeners.listen(urls)
  }

  /** Where this server listens for clients, with true ports, in the order in which it was told to. */
  addresses(): readonly URL[] {
    return this.#listeners.addresses()
  }

  /** One more connection for clients, from within this process. @returns the client's end. @throws Error when nobody is served. */
  connect(): Duplex {
    return this.#listeners.connect()
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
    const closed = [this.#listeners.close(graceMs), this.#metricsListeners.close(graceMs)]
    this.#keys.end()
    this.#end.abort()
    await Promise.all(closed)
    await this.#app.close()
  }
}

/** Lets two paths through: who may ask for numbers need not reach the keys. */
function metricsOnly(listener: Listener): Listener {
  return (request, response) => {
    const [path] = (request.url ?? '').split('?', 1)
    if (path === '/metrics' || path === '/health') listener(request, response)
    else sendNotFound(response, [])
  }
}
