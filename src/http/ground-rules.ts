/**
 * What every request must keep to, before anybody asks what it wants.
 *
 * Owns: the version of HTTP, `Host`, how a body is coded; with the words of etcd's HTTP library. Leaves to others: bytes that
 * cannot be read at all (second-reading), paths (target).
 */
import type { IncomingMessage } from 'node:http'

/** Why a request is refused. */
export interface Breach {
  readonly status: number
  /** Of the status line. */
  readonly reason: string
  readonly body: string
}

const HOST = /^[A-Za-z0-9!$%&()*+,\-.:;=@'[\]_~]*$/

function breach(status: number, reason: string, body = `${status} ${reason}`): Breach {
  return { status, reason, body }
}

/** For what deserves no more words. */
export const BAD_REQUEST = breach(400, 'Bad Request')
const BAD_VERSION = breach(505, 'HTTP Version Not Supported: unsupported protocol version')
const NO_HOST = breach(400, 'Bad Request: missing required Host header')
const BAD_HOST = breach(400, 'Bad Request: malformed Host header')
const BAD_CODING = breach(501, 'Not Implemented', 'Unsupported transfer encoding')

/** The last host that was found to be well written: nearly all requests name the same. */
let knownHost = ''

/** What the request fails in; undefined, as a rule: nothing. */
export function breachOf(request: IncomingMessage): Breach | undefined {
  if (request.httpVersionMajor !== 1) return request.httpVersionMajor === 0 ? BAD_REQUEST : BAD_VERSION
  const { host, 'transfer-encoding': coding } = request.headers
  if (coding !== undefined) {
    // Readers differ in where such a request of 1.0 ends.
    if (request.httpVersionMinor === 0) return BAD_REQUEST
    if (coding.toLowerCase() !== 'chunked') return BAD_CODING
  }
  if (host === undefined) return request.httpVersionMinor === 0 ? undefined : NO_HOST
  if (host === knownHost) return undefined
  if (!HOST.test(host)) return BAD_HOST
  knownHost = host
  return undefined
}
