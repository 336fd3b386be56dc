/**
 * Reads the body of a request, if anybody wants it, within bounds.
 *
 * Owns: what is kept and what is thrown away unread, the limit of one body, and of all bodies being received at a time.
 * Leaves to others: what the body says (form, parse).
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { failRequest, guarded } from '../failures.ts'

/** Bodies shorter than this are not counted against the total. Bytes. */
const SMALL_BYTES_MAX = 16 * 1024

/** How much body this server keeps at a time, over all requests that are still being received. */
export class BodyBudget {
  readonly #bytesMax: number
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** False: not now. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#bytesMax) return false
    this.#bytes += bytes
    return true
  }

  give(bytes: number): void {
    this.#bytes -= bytes
  }
}

/** Why there is no body. */
export interface BodyFault {
  /** `bodyBytesMax`: it is longer than one may be. `bodiesBytesMax`: all together are as large as they may be. */
  readonly limit: 'bodyBytesMax' | 'bodiesBytesMax'
}

const TOO_LARGE: BodyFault = { limit: 'bodyBytesMax' }
const OVER_BUDGET: BodyFault = { limit: 'bodiesBytesMax' }

/**
 * Reads the whole body of the request that `response` answers, as Latin-1 text.
 *
 * @param bytesMax the longest body that is accepted.
 * @param done called once with the text or a fault; never when the client goes away before the end. After a fault the rest
 *   of the body goes on to be received and thrown away, as long as the connection lasts. What it throws ends the request.
 */
export function readBody(
  response: ServerResponse,
  bytesMax: number,
  budget: BodyBudget,
  done: (body: string | BodyFault) => void,
): void {
  const request = response.req
  const announced = request.headers['content-length']
  const length = announced === undefined ? -1 : Number(announced)
  let text = ''
  let bytes = 0
  let taken = 0
  let over = false
  const giveBack = (): void => {
    if (taken > 0) budget.give(taken)
    taken = 0
  }
  const finish = (result: string | BodyFault): void => {
    over = true
    text = ''
    giveBack()
    try {
      done(result)
    } catch (error) {
      failRequest(response, error)
    }
  }
  if (!hasBody(request)) {
    done('')
    return
  }
  if (length > bytesMax) {
    request.resume()
    done(TOO_LARGE)
    return
  }
  request.on('data', (chunk: Buffer) => {
    if (over) return
    bytes += chunk.length
    if (bytes > bytesMax) {
      finish(TOO_LARGE)
      return
    }
    if (bytes > SMALL_BYTES_MAX) {
      if (!budget.take(bytes - taken)) {
        finish(OVER_BUDGET)
        return
      }
      taken = bytes
    }
    text += chunk.toString('latin1')
    // The end event comes a few microtasks later, and says nothing new.
    if (bytes === length) finish(text)
  })
  request.on('end', () => {
    if (!over) finish(text)
  })
  request.on('close', giveBack)
}

/** Receives a body, if there is one, throws it away, and calls `done` at its end: half a request is no request. */
export function discardBody(response: ServerResponse, done: () => void): void {
  const request = response.req
  if (!hasBody(request)) {
    done()
    return
  }
  request.on('end', guarded(response, done))
  request.resume()
}

/** Whether a body follows. One that is not announced has no end to wait for: `optimizeEmptyRequests` (server.ts). */
function hasBody(request: IncomingMessage): boolean {
  const length = request.headers['content-length']
  return (length !== undefined && length !== '0') || request.headers['transfer-encoding'] !== undefined
}
