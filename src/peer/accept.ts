/**
 * The peer listener: upgrades streams, takes snapshots, shows `/members` and `/version`, refuses everything else.
 *
 * Owns: the sockets that others opened. Leaves to others: the comparison of a handshake (`handshake.ts`), one stream
 * (`stream.ts`), one snapshot (`snapshot-receive.ts`). Source of `/members` and `/version`: the API page, section 7.4.
 */
import assert from 'node:assert'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type FastifyInstance, type FastifyReply, fastify } from 'fastify'
import type { MemberId } from '../raft/types.ts'
import { decodeFrame } from './codec.ts'
import { PeerError } from './errors.ts'
import {
  checkGreeting,
  consentHeaders,
  type Greeting,
  type Refusal,
  refusalBody,
  SNAPSHOT_MESSAGE_HEADER,
  SNAPSHOT_PATH,
  SNAPSHOT_TYPE,
  STREAM_PATH,
  STREAM_PROTOCOL,
} from './handshake.ts'
import type { ListedMember, PeerServerOptions } from './options.ts'
import { QuietLog } from './quiet-log.ts'
import { SnapshotReceiver } from './snapshot-receive.ts'
import { Stream } from './stream.ts'

/** What a URL leaves out. */
const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 }

const NOT_FOUND = '404 page not found\n'

const TOO_MANY_GUESTS: Refusal = {
  status: 403,
  code: 'MUSTER_PEER_UNKNOWN',
  message: 'there are too many members here already of which nothing is known',
}

interface Listener {
  readonly app: FastifyInstance
  /** As of a URL. */
  readonly protocol: string
}

export class PeerServer {
  readonly #options: PeerServerOptions
  readonly #log: QuietLog
  readonly #snapshots: SnapshotReceiver
  readonly #listeners: Listener[] = []
  /** The stream of each member that dialled us, at most one. */
  readonly #streams = new Map<MemberId, Stream>()
  #isClosed = false

  constructor(options: PeerServerOptions) {
    this.#options = options
    this.#log = new QuietLog(options.log, options.clock)
    const { identity, limits, snapshotSink, transport } = options
    this.#snapshots = new SnapshotReceiver(snapshotSink, identity.memberId, limits.snapshotIdleMs)
    transport.onRemotesChanged(() => this.#closeStrangers())
  }

  /**
   * Listens at each URL (`http://host:port`, or https with TLS; port 0 takes a free one), besides where it listens already. When one cannot
   * be had (`EADDRINUSE`, …) the others of this call are closed again and its error is thrown.
   */
  async listen(urls: readonly URL[]): Promise<void> {
    const listeners: Listener[] = []
    try {
      for (const { hostname, port, protocol } of urls) {
        const app = this.#build(protocol === 'https:')
        listeners.push({ app, protocol })
        await app.listen({
          host: hostname.replace(/^\[|\]$/g, ''),
          port: Number(port === '' ? DEFAULT_PORTS[protocol] : port),
        })
      }
    } catch (error) {
      await Promise.all(listeners.map(({ app }) => app.close()))
      throw error
    }
    this.#listeners.push(...listeners)
  }

  /** Where it listens, with true ports, in the order given. */
  addresses(): readonly URL[] {
    return this.#listeners.map(({ app, protocol }) => {
      const { address, family, port } = app.server.address() as AddressInfo
      return new URL(`${protocol}//${family === 'IPv6' ? `[${address}]` : address}:${port}`)
    })
  }

  /** Members whose stream to us stands. */
  connected(): readonly MemberId[] {
    return [...this.#streams.keys()]
  }

  /** Ends every connection and waits, at most `closeMs`, for the sink to let go of snapshots. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const stream of this.#streams.values()) stream.close(new PeerError('MUSTER_PEER_CLOSED', 'we are closing'))
    await Promise.all(this.#listeners.map(({ app }) => app.close()))
    let timer: NodeJS.Timeout | undefined
    const tooLong = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#options.limits.closeMs)
    })
    await Promise.race([this.#snapshots.settled(), tooLong])
    clearTimeout(timer)
  }

  #build(isSecure: boolean): FastifyInstance {
    const { limits, tls, identity } = this.#options
    const http = {
      headersTimeout: limits.requestHeadMs,
      connectionsCheckingInterval: limits.requestHeadMs,
      // A snapshot may take its time; `snapshotIdleMs` watches over it.
      requestTimeout: 0,
    }
    const app = fastify({
      serverFactory: (handler) => {
        if (!isSecure) return createServer(http, handler)
        assert(tls !== undefined, 'https URLs are listened at only where TLS is configured')
        return tls.createServer(http, handler)
      },
      logger: false,
      bodyLimit: 1,
      forceCloseConnections: true,
      exposeHeadRoutes: false,
      frameworkErrors: (_error, request, reply) => void this.#notFound(request.raw, reply as FastifyReply),
      clientErrorHandler: (error, socket) => this.#onClientError(error, socket),
    }) as FastifyInstance
    app.server.maxConnections = limits.connectionsMax
    app.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#onUpgrade(request, socket as Socket, head)
    })
    app.server.on('drop', (data?: { remoteAddress?: string }) => {
      const address = data?.remoteAddress ?? 'unknown'
      const fields = { address, connectionsMax: limits.connectionsMax }
      this.#log.warn('', 'too many connections', fields, 'refused a connection at the peer port: there are too many')
    })

    // Bodies are sent as bytes, because fastify adds a charset to the type of text, which etcd does not.
    app.removeAllContentTypeParsers()
    app.addContentTypeParser(SNAPSHOT_TYPE, (_request, payload, done) => done(null, payload))
    app.get('/members', (_request, reply) => {
      reply.header('x-etcd-cluster-id', identity.clusterId)
      reply.header('content-type', 'application/json')
      return reply.send(Buffer.from(membersBody(this.#options.members())))
    })
    app.get('/version', (_request, reply) => {
      reply.header('content-type', 'application/json')
      return reply.send(Buffer.from(this.#options.version()))
    })
    app.post(SNAPSHOT_PATH, async (request, reply) => {
      const refusal = await this.#onSnapshot(request.raw)
      reply.header('content-type', 'application/json')
      if (refusal === undefined) return reply.send('{"staged":true}')
      this.#logRefusal(request.raw, refusal)
      // What is left of the body is not read: the connection ends with the answer.
      return reply.header('connection', 'close').code(refusal.status).send(refusalBody(refusal))
    })
    app.setNotFoundHandler((request, reply) => this.#notFound(request.raw, reply))
    app.setErrorHandler((_error, request, reply) => this.#notFound(request.raw, reply))
    return app
  }

  #notFound(request: IncomingMessage, reply: FastifyReply): FastifyReply {
    const fields = { address: addressOf(request.socket), method: request.method, url: request.url?.slice(0, 200) }
    this.#log.warn(fields.address, 'not found', fields, 'refused a request that has no place at the peer port')
    return reply
      .header('content-type', 'text/plain; charset=utf-8')
      .header('connection', 'close')
      .code(404)
      .send(NOT_FOUND)
  }

  /** Bytes that are not HTTP, and requests whose head never ends. */
  #onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
    const address = addressOf(socket)
    const code = error.code ?? 'unknown'
    // Connections that are reset before they ask for anything are port scans and health checks.
    if (code !== 'ECONNRESET') {
      this.#log.warn(address, code, { address, code }, 'refused a connection at the peer port: it does not speak HTTP')
    }
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
    socket.destroySoon()
  }

  async #onSnapshot(request: IncomingMessage): Promise<Refusal | undefined> {
    const greeting = checkGreeting(request.headers, this.#options.identity, this.#options)
    if (!('from' in greeting)) return greeting
    const header = request.headers[SNAPSHOT_MESSAGE_HEADER]
    return this.#snapshots.receive(greeting.from, typeof header === 'string' ? header : undefined, request)
  }

  #onUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', () => {})
    if (request.url !== STREAM_PATH || request.method !== 'GET' || request.headers.upgrade !== STREAM_PROTOCOL) {
      const refusal = { status: 404, code: 'MUSTER_PEER_BAD_HANDSHAKE', message: 'no such upgrade here' } as const
      this.#refuse(request, socket, refusal)
      return
    }
    const greeting = checkGreeting(request.headers, this.#options.identity, this.#options)
    if (this.#isClosed) socket.destroy()
    else if (!('from' in greeting)) this.#refuse(request, socket, greeting)
    else if (greeting.guestUrls === undefined || this.#options.transport.welcome(greeting.from, greeting.guestUrls))
      this.#accept(greeting, socket, head)
    else this.#refuse(request, socket, TOO_MANY_GUESTS)
  }

  #refuse(request: IncomingMessage, socket: Socket, refusal: Refusal): void {
    this.#logRefusal(request, refusal)
    const body = refusalBody(refusal)
    socket.end(
      `HTTP/1.1 ${refusal.status} Refused\r\nConnection: close\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
    socket.destroySoon()
  }

  #accept(greeting: Greeting, socket: Socket, head: Buffer): void {
    const { from } = greeting
    const { identity, events, limits, clock, log, transport } = this.#options
    const consent = Object.entries(consentHeaders(identity, greeting)).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.setTimeout(0)
    socket.setNoDelay(true)
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${STREAM_PROTOCOL}\r\n${consent.join('')}\r\n`,
    )
    if (head.length > 0) socket.unshift(head)
    const before = this.#streams.get(from)
    // It has not left: its end must not be taken for that.
    this.#streams.delete(from)
    before?.close(new PeerError('MUSTER_PEER_CLOSED', 'the member opened a new stream'))

    const traffic = transport.counters.of(from)
    const { total } = transport.counters
    const stream = new Stream(socket, 'acceptor', limits, clock, {
      frame: (content) => {
        const messages = decodeFrame(content, from, identity.memberId)
        let appends = 0
        for (const message of messages) if (message.kind === 'append') appends++
        for (const counters of [traffic, total]) {
          counters.receivedMessages += messages.length
          counters.receivedBytes += content.length
          counters.receivedAppends += appends
        }
        events.receive(messages)
      },
      closed: (cause) => {
        if (this.#streams.get(from) === stream) {
          this.#streams.delete(from)
          transport.leftBy(from)
        }
        const code = cause instanceof PeerError ? cause.code : 'MUSTER_PEER_CLOSED'
        if (this.#isClosed) return
        if (code === 'MUSTER_PEER_CLOSED') log.debug({ remote: from }, 'another member closed its stream to us')
        else this.#log.warn(from, code, { remote: from, code, reason: cause.message }, 'closed the stream of a member')
      },
    })
    this.#streams.set(from, stream)
    transport.heardFrom(from)
  }

  #closeStrangers(): void {
    for (const [id, stream] of this.#streams) {
      const { isMember, isRemoved, transport } = this.#options
      const isWelcome = isMember(id) || (transport.isGuest(id) && !isRemoved(id))
      if (!isWelcome) stream.close(new PeerError('MUSTER_PEER_UNKNOWN', `${id} is a member no more`))
    }
  }

  #logRefusal(request: IncomingMessage, refusal: Refusal): void {
    const address = addressOf(request.socket)
    const { code, message: reason } = refusal
    this.#log.warn(address, code, { address, code, reason }, 'refused a connection at the peer port')
  }
}

function addressOf(socket: Duplex): string {
  return (socket as Socket).remoteAddress ?? 'unknown'
}

/** Ids as decimal numbers of up to 64 bits, which JSON.stringify cannot write. */
function membersBody(members: readonly ListedMember[]): string {
  const items = members.map(({ id, name, peerURLs, clientURLs }) => {
    const rest = JSON.stringify({ peerURLs, name, clientURLs })
    return `{"id":${BigInt(`0x${id}`)},${rest.slice(1)}`
  })
  return `[${items.join(',')}]\n`
}
