/**
 * The request listener: what every request meets first.
 *
 * Owns: OPTIONS, odd paths (400 and 301), telling the key space from the rest. `/v2/keys` is served right here; fastify gets
 * everything else, on the same raw request and response.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Cors, HeaderPairs } from './cors.ts'
import type { KeysRoutes } from './keys/routes.ts'
import { send, sendHead } from './send.ts'
import { parseTarget } from './target.ts'

const KEYS = '/v2/keys'

/** Serves one request, or hands it on. */
export type Listener = (request: IncomingMessage, response: ServerResponse) => void

/** Builds the listener. @param rest fastify's handler. @param isClosing Whether connections shall end after their answer. */
export function frontListener(keys: KeysRoutes, cors: Cors, rest: Listener, isClosing: () => boolean): Listener {
  return (request, response) => {
    if (isClosing()) response.shouldKeepAlive = false
    const pairs = cors.pairs(request)
    const url = request.url ?? '/'
    if (request.method === 'OPTIONS') {
      send(response, 200, url === '*' ? [] : pairs, [], '')
      request.resume()
      return
    }
    const target = parseTarget(url)
    switch (target.kind) {
      case 'bad':
        sendBad(response)
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
        if (url.charCodeAt(0) !== 47) request.url = query === '' ? path : `${path}?${query}`
        rest(request, response)
      }
    }
  }
}

/** As Go's server answers what it cannot parse: no headers of ours, and the connection closes. */
function sendBad(response: ServerResponse): void {
  response.sendDate = false
  response.shouldKeepAlive = false
  response.removeHeader('Transfer-Encoding')
  response.writeHead(400, ['Content-Type', 'text/plain; charset=utf-8', 'Connection', 'close'])
  response.end('400 Bad Request')
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
