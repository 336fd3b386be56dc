/**
 * Writes answers to the raw response: one `writeHead` with a flat list of headers, one `end`.
 *
 * Owns: what all answers share: CORS headers first, names in the case and order that etcd sends, the date before the
 * length, length or chunks, no keep-alive headers. Leaves to others: what is answered.
 */
import type { ServerResponse } from 'node:http'
import type { HeaderPairs } from './cors.ts'
import { httpDate } from './date.ts'
import { HTTP_LIMITS } from './limits.ts'

/** Longest body sent with its length; longer ones are chunked, as etcd does it. Bytes. */
export const LENGTH_BYTES_MAX = 2048
/** Bodies that a kernel's buffers may not swallow. Bytes. */
const LARGE_BYTES = 64 * 1024
/** For how long the rest of a refused body is received. Milliseconds. */
const LINGER_MS = 5_000

/**
 * Answers with a whole body.
 *
 * @param cors Flat pairs that go first.
 * @param pairs Flat pairs that go next; without date, length and connection.
 * @param body Text; UTF-8 on the wire. Not sent on HEAD, but measured.
 * @param tail Flat pairs that go after the length: where etcd lets its library guess the type, it stands there.
 * @param stallMsMax For how long the client may leave a large body unread. Milliseconds.
 */
export function send(
  response: ServerResponse,
  status: number,
  cors: HeaderPairs,
  pairs: HeaderPairs,
  body: string,
  tail: HeaderPairs = [],
  stallMsMax = HTTP_LIMITS.stallMsMax,
): void {
  if (response.destroyed) return
  const bytes = Buffer.byteLength(body)
  const headers: string[] = cors.length === 0 ? [] : [...cors]
  for (const text of pairs) headers.push(text)
  headers.push('Date', httpDate())
  if (bytes <= LENGTH_BYTES_MAX && status !== 204) headers.push('Content-Length', `${bytes}`)
  for (const text of tail) headers.push(text)
  beforeHead(response)
  response.writeHead(status, headers)
  response.end(body, bytes === body.length ? 'latin1' : 'utf8')
  if (bytes > LARGE_BYTES) closeIfUnread(response, stallMsMax)
}

/** Closes the connection of a client that leaves the end of a large answer unread. Call after `end`. */
export function closeIfUnread(response: ServerResponse, stallMsMax: number): void {
  const { socket } = response
  if (socket === null || socket.writableLength === 0) return
  const timer = setTimeout(() => socket.destroy(), stallMsMax)
  const settle = (): void => {
    clearTimeout(timer)
    socket.off('drain', settle)
    socket.off('close', settle)
  }
  socket.on('drain', settle)
  socket.on('close', settle)
}

/**
 * Answers before the request's body has arrived. The connection closes after it, but what is still being sent is received for
 * a while and thrown away: closing at once would make the kernel reset the connection, and the client lose the answer.
 */
export function sendEarly(
  response: ServerResponse,
  status: number,
  cors: HeaderPairs,
  pairs: HeaderPairs,
  body: string,
): void {
  const length = ['Date', httpDate(), 'Content-Length', `${Buffer.byteLength(body)}`, 'Connection', 'close']
  beforeHead(response)
  response.writeHead(status, [...cors, ...pairs, ...length])
  response.write(body)
  const end = (): void => {
    clearTimeout(timer)
    response.end()
  }
  const timer = setTimeout(end, LINGER_MS)
  response.req.on('end', end)
  response.on('close', () => clearTimeout(timer))
}

/** Starts an answer whose length is not known yet. */
export function sendHead(response: ServerResponse, status: number, cors: HeaderPairs, pairs: HeaderPairs): void {
  beforeHead(response)
  response.writeHead(status, [...cors, ...pairs, 'Date', httpDate()])
}

/**
 * `Connection` and `Keep-Alive` are only sent where they say something (etcd never sends them on a connection that goes on),
 * and the date is sent by us, in its place.
 */
function beforeHead(response: ServerResponse): void {
  response.sendDate = false
  if (response.shouldKeepAlive && response.req.httpVersionMinor === 1) response.removeHeader('Connection')
}

const TEXT_PAIRS: HeaderPairs = ['Content-Type', 'text/plain; charset=utf-8', 'X-Content-Type-Options', 'nosniff']

/** A path that nobody serves. */
export function sendNotFound(response: ServerResponse, cors: HeaderPairs): void {
  send(response, 404, cors, TEXT_PAIRS, '404 page not found\n')
}

/** A method that the path does not know. `allow` is the list as sent; empty: no such header. */
export function sendNotAllowed(
  response: ServerResponse,
  cors: HeaderPairs,
  allow: string,
  pairs: HeaderPairs = [],
): void {
  const allowed = allow === '' ? [] : ['Allow', allow]
  send(response, 405, cors, [...allowed, ...TEXT_PAIRS, ...pairs], 'Method Not Allowed\n')
}

/** An error outside the key space: `{"message":…}` without a line feed. `message` must need no escapes. */
export function sendMessage(
  response: ServerResponse,
  status: number,
  cors: HeaderPairs,
  pairs: HeaderPairs,
  message: string,
): void {
  send(response, status, cors, ['Content-Type', 'application/json', ...pairs], `{"message":"${message}"}`)
}
