/**
 * What node:http cannot read, or would answer in its own way: read again as etcd's HTTP library does.
 *
 * Owns: bytes above 0x7f in a target, methods that nobody has heard of, CONNECT, `Expect`, and what is said to those whose
 * bytes are no HTTP. None of it costs anything where requests are plain: the parser has failed already.
 *
 * A request that only the parser refuses is written out again in a way that it accepts, and the connection goes on as a new
 * one that begins with those bytes.
 */
import { type IncomingMessage, METHODS, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { type PeerCertificate, TLSSocket } from 'node:tls'
import { httpDate } from './date.ts'

const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}) ([^\x00-\x20\x7f]+) HTTP\/1\.[01]\r\n/
/** Methods that the parser knows. Any other is as good as one that nothing here serves. */
const KNOWN = new Set(METHODS)
const UNSERVED = 'PATCH'
/** Codes of the parser for what it finds wrong in a request line. */
const LINE_FAULTS = ['HPE_INVALID_URL', 'HPE_INVALID_METHOD']

interface ParseError extends Error {
  readonly code?: string
  /** The bytes in which the parser failed. */
  readonly rawPacket?: Buffer
}

/** Attends to what `server` cannot read. */
export function attendUnreadable(server: Server): void {
  server.on('clientError', (error: ParseError, socket: Duplex) => {
    // The parser that failed goes on to count the time, and to complain.
    if (taken.has(socket)) return
    const again = rewritten(error, socket)
    if (again === undefined) refuseConnection(error, socket)
    else readAgain(server, socket, again)
  })
  server.on('connect', (request: IncomingMessage, socket: Duplex, rest: Buffer) => {
    if (answerOf(socket) !== undefined) {
      // What follows is thrown away, but the end of the client must be seen.
      socket.on('end', () => socket.end())
      socket.resume()
      endAfterAnswers(socket)
      return
    }
    const target = request.url?.startsWith('/') === true ? request.url : '/'
    const lines = [`${UNSERVED} ${target} HTTP/${request.httpVersion}`]
    for (let at = 0; at < request.rawHeaders.length; at += 2) {
      lines.push(`${request.rawHeaders[at]}: ${request.rawHeaders[at + 1]}`)
    }
    readAgain(server, socket, Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), rest]))
  })
  server.on('checkExpectation', (_: IncomingMessage, response: ServerResponse) => {
    response.sendDate = false
    response.shouldKeepAlive = false
    response.writeHead(417, ['Connection', 'close', 'Date', httpDate(), 'Content-Length', '0'])
    response.end()
  })
}

/** Whether this is a connection that goes on, and no new one. */
export function isSecondReading(socket: Duplex): boolean {
  return socket instanceof SecondReading
}

/** Sockets whose bytes somebody else reads now. */
const taken = new WeakSet<Duplex>()

/** The answer that is being written on a connection. node:http tells nobody else. */
function answerOf(socket: Duplex): ServerResponse | undefined {
  return (socket as { readonly _httpMessage?: ServerResponse | null })._httpMessage ?? undefined
}

/** Ends a connection once it was given the answers that it is owed. */
function endAfterAnswers(socket: Duplex): void {
  const answer = answerOf(socket)
  if (answer === undefined) (socket as Socket).destroySoon()
  else answer.once('close', () => endAfterAnswers(socket))
}

/** The bytes as the parser accepts them, or undefined: nothing is to be done for them. */
function rewritten({ code, rawPacket }: ParseError, socket: Duplex): Buffer | undefined {
  if (code === undefined || !LINE_FAULTS.includes(code) || rawPacket === undefined) return undefined
  // Answers to earlier requests belong to the parser that failed. Those who send on without waiting get no second reading.
  if (answerOf(socket) !== undefined) return undefined
  const end = rawPacket.indexOf('\n')
  const [line, method = '', target = ''] = REQUEST_LINE.exec(rawPacket.toString('latin1', 0, end + 1)) ?? []
  if (line === undefined) return undefined
  const isKnown = KNOWN.has(method) && method !== 'CONNECT'
  // The rest of a line that began in an earlier packet may look like a line of its own.
  if (!isKnown && code === 'HPE_INVALID_URL') return undefined
  const version = line.slice(line.lastIndexOf(' '))
  const escaped = target.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16)}`)
  const again = `${isKnown ? method : UNSERVED} ${escaped}${version}`
  // What would fail as before must not come back.
  if (again === line) return undefined
  const head = Buffer.from(again, 'latin1')
  return Buffer.concat([head, rawPacket.subarray(end + 1)])
}

/** Lets `server` read the connection anew, beginning with `first`. */
function readAgain(server: Server, socket: Duplex, first: Buffer): void {
  taken.add(socket)
  const base = socket instanceof SecondReading ? socket.release() : socket
  base.removeAllListeners('data')
  base.removeAllListeners('end')
  if (base instanceof TLSSocket) server.emit('secureConnection', new SecureSecondReading(base, first))
  else server.emit('connection', new SecondReading(base, first))
}

/** A connection seen from the middle on: bytes that were put back, then those of the socket. */
class SecondReading extends Duplex {
  readonly #socket: Duplex
  readonly #onData = (chunk: Buffer): void => {
    if (!this.push(chunk)) this.#socket.pause()
  }
  readonly #onEnd = (): void => {
    this.push(null)
  }
  readonly #onClose = (): void => {
    this.destroy()
  }
  #released = false

  constructor(socket: Duplex, first: Buffer) {
    super()
    this.#socket = socket
    this.push(first)
    socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('close', this.#onClose)
    socket.on('error', ignore)
  }

  /** Gives the socket to somebody else, and ends without closing it. */
  release(): Duplex {
    this.#released = true
    this.#socket.off('data', this.#onData)
    this.#socket.off('end', this.#onEnd)
    this.#socket.off('close', this.#onClose)
    this.#socket.off('error', ignore)
    this.destroy()
    return this.#socket
  }

  /** Whose requests these are is asked of the socket. */
  get remoteAddress(): string | undefined {
    return (this.#socket as Socket).remoteAddress
  }

  /** As a socket does it: closes both sides once all is written. Without it a client could keep its side open for ever. */
  destroySoon(): void {
    if (this.writableFinished) {
      this.destroy()
      return
    }
    this.end()
    this.once('finish', () => this.destroy())
  }

  override _read(): void {
    if (!this.#released) this.#socket.resume()
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, encoding, done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(() => done())
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#released) this.#socket.destroy()
    done(error)
  }
}

/** The same over TLS: whoever asks a request for its certificate hears of that of the socket. */
class SecureSecondReading extends SecondReading {
  readonly encrypted = true
  readonly #secure: TLSSocket

  constructor(socket: TLSSocket, first: Buffer) {
    super(socket, first)
    this.#secure = socket
  }

  get authorized(): boolean {
    return this.#secure.authorized
  }

  getPeerCertificate(): PeerCertificate {
    return this.#secure.getPeerCertificate()
  }
}

function ignore(): void {}

/** Answers behind which there came what is no request: more of it says nothing new. */
const refused = new WeakSet<ServerResponse>()

/** Answers bytes that are no request of HTTP/1.1, or that come too slowly, and closes. */
function refuseConnection(error: ParseError, socket: Duplex): void {
  const answer = answerOf(socket)
  if (answer?.writableEnded === true) {
    // The request was refused by its head already, and what came of its body is of no interest.
    if (!refused.has(answer)) answer.once('close', () => socket.destroy())
    refused.add(answer)
    return
  }
  if (answer?.headersSent === true && !answer.req.complete) {
    // Its answer has begun and goes on, as that to a watch whose body never ends: another one in the middle of it would be nonsense.
    socket.destroy()
    return
  }
  if (answer?.req.complete === true) {
    // An earlier request is being served; its answer must not be taken for that to these bytes, nor the other way round.
    answer.shouldKeepAlive = false
    return
  }
  const status =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? '431 Request Header Fields Too Large'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? '408 Request Timeout'
        : '400 Bad Request'
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n${status}`,
    () => socket.destroy(),
  )
}
