/**
 * One attempt to open a stream: connect, ask for the upgrade, read the answer.
 *
 * Owns: the use of undici, the deadline of an attempt, telling refusals apart. Leaves to others: when to try, and where
 * (`remote.ts`). A `Client` serves one attempt; after the upgrade the socket is no longer its own.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { Duplex } from 'node:stream'
import { Client, type Dispatcher } from 'undici'
import type { MemberId } from '../raft/types.ts'
import { PeerError } from './errors.ts'
import { checkConsent, greetingHeaders, parseRefusal, STREAM_PATH, STREAM_PROTOCOL } from './handshake.ts'
import type { PeerIdentity, PeerTls } from './options.ts'

/** Bytes read of an answer that is no upgrade. */
const ANSWER_BYTES_MAX = 8 * 1024
/** Codes of a connection that the other end closed before it answered. */
const HANG_UPS: readonly string[] = ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']

/** What came of an attempt. `MUSTER_PEER_REFUSED`: the machine answered that nobody listens there. */
export type DialAnswer = { readonly socket: Duplex } | { readonly error: PeerError }

export interface DialOptions {
  readonly url: string
  readonly to: MemberId
  readonly identity: PeerIdentity
  readonly timeoutMs: number
  readonly tls: PeerTls | undefined
}

/**
 * Dials once. `done` is called once, never before this returns, and not at all after the returned function was called,
 * which gives the attempt up.
 */
export function dial(options: DialOptions, done: (answer: DialAnswer) => void): () => void {
  const { url, to, identity, timeoutMs, tls } = options
  let client: Client | undefined
  let isOver = false
  const finish = (answer: DialAnswer | undefined): void => {
    if (isOver) return
    isOver = true
    clearTimeout(deadline)
    client?.destroy().catch(() => {})
    if (answer !== undefined) done(answer)
  }
  const deadline = setTimeout(() => {
    finish({ error: new PeerError('MUSTER_PEER_UNREACHABLE', `${url} did not answer within ${timeoutMs} ms`) })
  }, timeoutMs)

  let status = 0
  const answer: Buffer[] = []
  const handler: Dispatcher.DispatchHandler = {
    onRequestStart() {},
    onRequestUpgrade(_controller, _status, headers: IncomingHttpHeaders, socket) {
      const refusal = checkConsent(headers, identity, to)
      if (isOver || refusal !== undefined) socket.destroy()
      if (refusal === undefined) finish({ socket })
      else finish({ error: new PeerError(refusal.code, `${url} is not whom we meant: ${refusal.message}`) })
    },
    onResponseStart(_controller, statusCode) {
      status = statusCode
    },
    onResponseData(_controller, chunk) {
      answer.push(chunk)
    },
    onResponseEnd() {
      const refusal = parseRefusal(status, Buffer.concat(answer).toString('utf8'))
      finish({ error: new PeerError(refusal.code, `${url} refused us: ${refusal.message}`) })
    },
    onResponseError(_controller, error) {
      finish({ error: connectError(url, error, tls) })
    },
  }
  try {
    client = openClient(url, tls)
    client.dispatch(
      { path: STREAM_PATH, method: 'GET', upgrade: STREAM_PROTOCOL, headers: greetingHeaders(identity, to) },
      handler,
    )
  } catch (error) {
    const cause = error instanceof Error ? error : new Error(String(error))
    setImmediate(() => finish({ error: connectError(url, cause, tls) }))
  }
  return () => finish(undefined)
}

/** A client for one request. Throws when `url` is not of the form `http(s)://host:port`. Its owner keeps the time. */
export function openClient(url: string, tls: PeerTls | undefined, answerBytesMax = ANSWER_BYTES_MAX): Client {
  return new Client(url, {
    allowH2: false,
    headersTimeout: 0,
    bodyTimeout: 0,
    maxResponseSize: answerBytesMax,
    connect: { ...(url.startsWith('https:') ? tls?.connectOptions() : {}), timeout: 0, allowH2: false },
  })
}

/** Names a failure of the socket. With several addresses all must have refused. */
export function connectError(url: string, error: Error, tls: PeerTls | undefined): PeerError {
  const reason = tls?.explain(error)
  if (reason !== undefined) {
    return new PeerError('MUSTER_PEER_TLS', `the TLS handshake with ${url} failed: ${reason}`, error)
  }
  const causes: readonly unknown[] = error instanceof AggregateError ? error.errors : [error]
  const isRefused = causes.every((cause) => (cause as NodeJS.ErrnoException).code === 'ECONNREFUSED')
  return isRefused
    ? new PeerError('MUSTER_PEER_REFUSED', `nobody listens at ${url}`, error)
    : new PeerError('MUSTER_PEER_UNREACHABLE', `cannot reach ${url}: ${error.message}${hintOf(url, error)}`, error)
}

/** Who refuses our certificate says so only to its own log: TLS 1.3 lets it look when we have begun to talk already. */
function hintOf(url: string, error: Error): string {
  if (!url.startsWith('https:') || !HANG_UPS.includes(String((error as NodeJS.ErrnoException).code))) return ''
  return ' (if it refuses our certificate, its log says why)'
}
