/**
 * A process that keeps no data and passes requests on to the members of a cluster. Source: API page, 14.
 *
 * Owns: what the proxy answers itself, its bounds, and putting its parts together. Leaves to others: one request
 * (`exchange.ts`), who the members are (`membership.ts`), listening (`http/listeners.ts`).
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Cors, type CorsOption } from '../http/cors.ts'
import { onlyHosts } from '../http/hosts.ts'
import { BodyBudget } from '../http/keys/body.ts'
import { HTTP_LIMITS, type HttpLimits } from '../http/limits.ts'
import { Listeners, type MakeSecureServer } from '../http/listeners.ts'
import type { HttpLog } from '../http/ports.ts'
import { send, sendEarly, sendMessage, sendNotAllowed } from '../http/send.ts'
import { Metrics } from '../metrics.ts'
import { collectBody } from './body.ts'
import { Endpoints } from './endpoints.ts'
import { Exchange, type ExchangePort } from './exchange.ts'
import { type ListedMember, Membership } from './membership.ts'
import { Upstreams, type UpstreamTls } from './upstreams.ts'

export interface ProxyServerOptions {
  /** Lets nothing but GET through. */
  readonly isReadonly: boolean
  /** Where the members are asked who they are, to begin with. */
  readonly peerUrls: readonly string[]
  readonly failureWaitMs: number
  readonly refreshMs: number
  readonly dialMsMax: number
  readonly writeMsMax: number
  readonly readMsMax: number
  /** Asks at one peer URL who is in the cluster. */
  readonly list: (peerUrl: string) => Promise<readonly ListedMember[]>
  /** Remembers where the members are. */
  readonly remember: (peerUrls: readonly string[]) => void
  readonly log: HttpLog
  readonly limits?: Partial<HttpLimits>
  readonly cors?: CorsOption
  /** Names under which clients may ask without TLS. Missing, empty or with `*`: any. */
  readonly hostWhitelist?: readonly string[]
  readonly makeSecureServer?: MakeSecureServer | undefined
  /** TLS towards the members. */
  readonly tls?: UpstreamTls | undefined
  /** Uniform in [0, 1), for the order in which members are asked. Missing: `Math.random`. */
  readonly random?: () => number
}

type Fate = Parameters<ExchangePort['ended']>[1]

const SELF = '/v2/config/local/proxy'
/** The target of a watch: none but its client ends it, or we. Bound to the beginning, or each question mark would be tried. */
const WATCH = /^[^?]*\?(?:.*&)?wait=(?:1|t|true)(?:&|$)/i

/** One proxy, with any number of listeners. It looks for the members from the moment it is made. */
export class ProxyServer {
  readonly #options: ProxyServerOptions
  readonly #limits: HttpLimits
  readonly #endpoints: Endpoints
  readonly #upstreams: Upstreams
  readonly #membership: Membership
  readonly #listeners: Listeners
  readonly #cors: Cors
  readonly #held: BodyBudget
  readonly #metrics = new Metrics()
  readonly #requests = new Map<string, number>()
  readonly #dropped = new Map<string, number>()
  readonly #port: ExchangePort
  /** Watches that wait or stream. */
  readonly #watches = new Set<ServerResponse>()
  #inFlight = 0
  #isClosing = false

  constructor(options: ProxyServerOptions) {
    const { log } = options
    this.#options = options
    this.#limits = { ...HTTP_LIMITS, ...options.limits }
    this.#cors = new Cors(options.cors)
    this.#held = new BodyBudget(this.#limits.bodiesBytesMax)
    this.#endpoints = new Endpoints({
      failureWaitMs: options.failureWaitMs,
      nowMs: () => performance.now(),
      random: options.random ?? Math.random,
    })
    const { dialMsMax, writeMsMax, readMsMax, tls } = options
    this.#upstreams = new Upstreams({ dialMsMax, writeMsMax, readMsMax, tls })
    this.#membership = new Membership({
      peerUrls: options.peerUrls,
      refreshMs: options.refreshMs,
      list: options.list,
      learned: (clientUrls, peerUrls) => {
        this.#endpoints.set(clientUrls)
        this.#upstreams.keep(clientUrls)
        if (peerUrls.length > 0) options.remember(peerUrls)
      },
      log,
    })
    this.#port = {
      to: (url) => this.#upstreams.to(url),
      worked: (url) => this.#endpoints.worked(url),
      failed: (url, error) => {
        // It is we who break off then.
        if (this.#isClosing || !this.#endpoints.failed(url)) return
        log.warn({ url, reason: error.message }, 'a member could not be reached, and is passed over for a while')
        this.#membership.hurry()
      },
      cors: (request) => this.#cors.pairs(request),
      ended: (_method, fate) => this.#ended(fate),
    }
    const listener = onlyHosts(options.hostWhitelist ?? [], (request, response) => this.#serve(request, response))
    this.#listeners = new Listeners({ listener, limits: this.#limits, log, makeSecureServer: options.makeSecureServer })
    this.#register()
    this.#membership.start()
  }

  /** Listens at every URL, or at none; may be called again for more. */
  listen(urls: readonly URL[]): Promise<void> {
    return this.#listeners.listen(urls)
  }

  /** Where clients are served, with true ports. */
  addresses(): readonly URL[] {
    return this.#listeners.addresses()
  }

  /** Stops accepting, ends watches, lets what else is in flight end, and cuts the rest after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.#isClosing = true
    // As a member does it: clients take that for "ask again".
    for (const response of this.#watches) response.destroy()
    this.#membership.stop()
    await this.#listeners.close(graceMs)
    await this.#upstreams.close()
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    if (this.#isClosing) response.shouldKeepAlive = false
    const method = request.method ?? 'GET'
    const [path] = (request.url ?? '').split('?', 1)
    if (path === SELF) {
      request.resume()
      const body = `${JSON.stringify({ endpoints: this.#endpoints.available() })}\n`
      if (method === 'GET') send(response, 200, [], [], body, ['Content-Type', 'text/plain; charset=utf-8'])
      else sendNotAllowed(response, [], 'GET')
    } else if (path === '/metrics') {
      request.resume()
      void this.#metrics.text().then((text) => {
        send(response, 200, [], ['Content-Type', 'text/plain; version=0.0.4; charset=utf-8'], text)
      })
    } else if (this.#options.isReadonly && method !== 'GET') {
      request.resume()
      send(response, 501, [], [], '')
    } else this.#pass(method, request, response)
  }

  #pass(method: string, request: IncomingMessage, response: ServerResponse): void {
    if (this.#inFlight >= this.#limits.connectionsMax) {
      request.resume()
      sendMessage(response, 503, [], [], 'httpproxy: too many requests')
      return
    }
    if (method === 'GET' && WATCH.test(request.url ?? '')) {
      if (this.#isClosing) {
        response.destroy()
        return
      }
      this.#watches.add(response)
      response.once('close', () => this.#watches.delete(response))
    }
    this.#requests.set(method, (this.#requests.get(method) ?? 0) + 1)
    this.#inFlight += 1
    let bytes = 0
    response.once('close', () => {
      this.#inFlight -= 1
      this.#held.give(bytes)
    })
    collectBody(request, this.#limits.bodyBytesMax, this.#held, (answer) => {
      if ('fault' in answer) {
        const [status, text] = answer.fault === 'too large' ? [413, 'body too large'] : [503, 'too many bodies']
        const type = ['Content-Type', 'application/json']
        sendEarly(response, status as number, [], type, `{"message":"httpproxy: failed to read request body: ${text}"}`)
        return
      }
      bytes = answer.body?.length ?? 0
      if (response.destroyed) {
        this.#held.give(bytes)
        bytes = 0
        return
      }
      // The answer to a GET does not depend on its body, and not every member would read it.
      const body = method === 'GET' || method === 'HEAD' ? undefined : answer.body
      new Exchange(this.#port, request, response, body, this.#endpoints.available()).start()
    })
  }

  #ended(fate: Fate): void {
    if (fate === undefined) return
    this.#dropped.set(fate, (this.#dropped.get(fate) ?? 0) + 1)
    if (fate === 'no_endpoint') this.#membership.hurry()
  }

  #register(): void {
    const metrics = this.#metrics
    metrics.labelledCounter('etcd_proxy_requests_total', 'Requests that clients sent.', 'method', () => this.#requests)
    const dropped = 'Requests that got no whole answer of a member, by reason.'
    metrics.labelledCounter('etcd_proxy_dropped_total', dropped, 'proxying_error', () => this.#dropped)
    metrics.gauge('muster_proxy_requests_in_flight', 'Requests that wait or stream.', () => this.#inFlight)
    metrics.gauge('muster_proxy_endpoints', 'Client URLs of members.', () => this.#endpoints.all.length)
    const available = 'Client URLs that are asked now.'
    metrics.gauge('muster_proxy_endpoints_available', available, () => this.#endpoints.available().length)
  }
}
