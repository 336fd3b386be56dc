/**
 * One request on its way through the proxy: to a member, perhaps to another one, and the answer back.
 *
 * Owns: when another member is tried, passing bytes on as they come, and what the client hears when no member answers.
 *
 * A write is never sent twice: another member is tried only when nothing of the request reached the first (no connection), or
 * when asking twice changes nothing (GET, HEAD, OPTIONS).
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { send, sendMessage } from '../http/send.ts'
import { requestHeaders, responseHeaders } from './headers.ts'

/** A request body goes out in pieces of so many bytes, so that a member that takes none is noticed. */
const PIECE_BYTES = 64 * 1024

/** What an exchange needs of the proxy. */
export interface ExchangePort {
  /** Where to send a request for `url`. */
  to(url: string): Dispatcher
  worked(url: string): void
  /** It could not be reached, or broke off. */
  failed(url: string, error: Error): void
  /** Flat pairs of CORS for an answer that has none of its own; empty: none. */
  cors(request: IncomingMessage): readonly string[]
  /** Called once, at the end. `fate` says why no answer was passed on; undefined: one was. */
  ended(method: string, fate: 'no_endpoint' | 'unreachable' | 'broken_off' | 'client_left' | undefined): void
}

export class Exchange implements Dispatcher.DispatchHandler {
  readonly #port: ExchangePort
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #body: Buffer | undefined
  readonly #urls: readonly string[]
  readonly #headers: string[]
  readonly #isSafe: boolean
  #at = -1
  #controller: Dispatcher.DispatchController | undefined
  /** Whether bytes of the request may have reached the member that is being asked. */
  #isSent = false
  #isAnswering = false
  #isOver = false

  /** @param urls members worth asking, the best first. */
  constructor(
    port: ExchangePort,
    request: IncomingMessage,
    response: ServerResponse,
    body: Buffer | undefined,
    urls: readonly string[],
  ) {
    this.#port = port
    this.#request = request
    this.#response = response
    this.#body = body
    this.#urls = urls
    this.#headers = requestHeaders(request.rawHeaders, request.socket.remoteAddress, body?.length ?? 0)
    this.#isSafe = request.method === 'GET' || request.method === 'HEAD' || request.method === 'OPTIONS'
  }

  start(): void {
    this.#response.on('close', () => {
      if (this.#isOver) return
      this.#end('client_left')
      this.#controller?.abort(new Error('the client left'))
    })
    if (this.#urls.length > 0) {
      this.#next()
      return
    }
    this.#end('no_endpoint')
    sendMessage(this.#response, 503, [], [], 'httpproxy: zero endpoints currently available')
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    this.#isSent = true
    if (this.#isOver) controller.abort(new Error('the client left'))
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _: object, statusText?: string): void {
    if (status < 200) return
    this.#isAnswering = true
    this.#port.worked(this.#urls[this.#at] as string)
    const raw = controller.rawHeaders
    const pairs = Array.isArray(raw) ? responseHeaders(raw) : []
    if (!pairs.some((text) => text.toLowerCase() === 'access-control-allow-origin')) {
      pairs.unshift(...this.#port.cors(this.#request))
    }
    const response = this.#response
    response.sendDate = false
    if (response.shouldKeepAlive && this.#request.httpVersionMinor === 1) response.removeHeader('Connection')
    if (statusText === undefined) response.writeHead(status, pairs)
    else response.writeHead(status, statusText, pairs)
    // Whoever watches waits for nothing but these for a while.
    response.flushHeaders()
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#response.write(chunk)) return
    controller.pause()
    this.#response.once('drain', () => controller.resume())
  }

  onResponseEnd(): void {
    if (this.#isOver) return
    this.#end(undefined)
    this.#response.end()
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    if (this.#isOver) return
    if ((error as NodeJS.ErrnoException).code === 'UND_ERR_INVALID_ARG') {
      this.#end('broken_off')
      send(
        this.#response,
        400,
        [],
        ['Content-Type', 'text/plain; charset=utf-8', 'Connection', 'close'],
        '400 Bad Request',
      )
      return
    }
    this.#port.failed(this.#urls[this.#at] as string, error)
    if (this.#isAnswering) {
      this.#end('broken_off')
      this.#response.destroy()
    } else if (this.#at + 1 < this.#urls.length && (this.#isSafe || !this.#isSent)) {
      this.#next()
    } else {
      this.#end('unreachable')
      const message = `httpproxy: unable to get response from ${this.#at + 1} endpoint(s)`
      sendMessage(this.#response, 502, [], [], message)
    }
  }

  #next(): void {
    this.#at += 1
    this.#isSent = false
    this.#controller = undefined
    this.#port.to(this.#urls[this.#at] as string).dispatch(
      {
        path: this.#request.url ?? '/',
        method: (this.#request.method ?? 'GET') as Dispatcher.HttpMethod,
        headers: this.#headers,
        body: this.#pieces(),
      },
      this,
    )
  }

  #pieces(): Buffer | Readable | null {
    const body = this.#body
    if (body === undefined || body.length <= PIECE_BYTES) return body ?? null
    return Readable.from(piecesOf(body), { objectMode: false })
  }

  #end(fate: Parameters<ExchangePort['ended']>[1]): void {
    this.#isOver = true
    this.#port.ended(this.#request.method ?? 'GET', fate)
  }
}

function* piecesOf(body: Buffer): Generator<Buffer, void, void> {
  for (let at = 0; at < body.length; at += PIECE_BYTES) yield body.subarray(at, at + PIECE_BYTES)
}
