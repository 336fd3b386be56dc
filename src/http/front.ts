/**
 * The request listener: what every request meets first.
 *
 * Owns: OPTIONS, odd paths (400 and 301), telling the key space from the rest. `/v2/keys` is served right here; fastify gets
 * everything else, on the same raw request and response.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Cors, HeaderPairs } from './cors.ts'
import { httpDate } from './date.ts'
import { failRequest } from './failures.ts'
import { BAD_REQUEST, type Breach, breachOf } from './ground-rules.ts'
import type { KeysRoutes } from './keys/routes.ts'
import { send, sendHead } from './send.ts'
import { parseTarget } from './target.ts'

const KEYS = '/v2/keys'

/** Serves one request, or hands it on. */
export type Listener = (request: IncomingMessage, response: ServerResponse) => void

/** Builds the listener. @param rest fastify's handler. @param isClosing Whether connections shall end after their answer. */
export function frontListener(keys: KeysRoutes, cors: Cors, rest: Listener, isClosing: () => boolean): Listener {
  const serve: Listener = (request, response) => {
    if (isClosing()) response.shouldKeepAlive = false
    const breach = breachOf(request)
    if (breach !== undefined) {
      sendRefused(response, breach)
      return
    }
    const pairs = cors.pairs(request)
    const url = request.url ?? '/'
    if (url === '*') {
      sendStar(response, request.method === 'OPTIONS')
      return
    }
    const target = parseTarget(url)
    if (request.method === 'OPTIONS' && target.kind !== 'bad') {
      send(response, 200, pairs, [], '')
      request.resume()
      return
    }
    switch (target.kind) {
      case 'bad':
        sendRefused(response, BAD_REQUEST)
        return
      case 'moved':
        sendMoved(request, response, pairs, target.location, target.html)
        return
      case 'path': {
        const { path, query } = target
        if (path.startsWith(KEYS) && (path.length === KEYS.length || path.charCodeAt(KEYS.length) === 47)) {
          keys.handle(request, response, { path: path.slice(KEYS.length), query }, pairs)
          return
        }
        if (url.charCodeAt(0) !== 47 || url.includes('%')) request.url = routed(path, query)
        rest(request, response)
      }
    }
  }
  return (request, response) => {
    try {
      serve(request, response)
    } catch (error) {
      failRequest(response, error)
    }
  }
}

/** The target as the router finds it: `%2F` is a slash like any other. */
function routed(path: string, query: string): string {
  const clean = encodeURI(path).replace(/[?#]/g, encodeURIComponent)
  return query === '' ? clean : `${clean}?${query}`
}

/** As etcd's HTTP library answers what it cannot accept: no headers of ours, and the connection closes. */
function sendRefused(response: ServerResponse, { status, reason, body }: Breach): void {
  response.sendDate = false
  response.shouldKeepAlive = false
  response.removeHeader('Transfer-Encoding')
  response.writeHead(status, reason, ['Content-Type', 'text/plain; charset=utf-8', 'Connection', 'close'])
  response.end(body)
}

/** The target `*` is the server itself: there is nothing to it but OPTIONS. */
function sendStar(response: ServerResponse, isOptions: boolean): void {
  const date = ['Date', httpDate()]
  response.sendDate = false
  if (isOptions) {
    response.removeHeader('Connection')
    response.writeHead(200, ['Content-Length', '0', ...date])
  } else {
    response.shouldKeepAlive = false
    response.writeHead(400, ['Connection', 'close', ...date, 'Content-Length', '0'])
  }
  response.end()
}

function sendMoved(
  request: IncomingMessage,
  response: ServerResponse,
  cors: HeaderPairs,
  location: string,
  html: string,
): void {
  request.resume()
  const isGet = request.method === 'GET'
  if (!isGet && request.method !== 'HEAD') {
    send(response, 301, cors, ['Location', location], '')
    return
  }
  const pairs = ['Content-Type', 'text/html; charset=utf-8', 'Location', location]
  if (isGet) {
    send(response, 301, cors, pairs, `<a href="${html}">Moved Permanently</a>.\n\n`)
    return
  }
  sendHead(response, 301, cors, pairs)
  response.end()
}
