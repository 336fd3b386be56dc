/**
 * The net under requests: what one of them breaks costs that one its answer, not the process its life.
 *
 * Owns: the answer and the line in the log when code behind a request throws, whoever called it: a parser's event, a login, the
 * replica with its answer. Leaves to others: broken invariants. An assert that fails says that this member's state is not what it
 * should be, and still ends the process.
 */
import { AssertionError } from 'node:assert'
import type { Server, ServerResponse } from 'node:http'
import type { HttpLog } from './ports.ts'
import { sendMessage } from './send.ts'

/** Where each server's failures are told: a request knows its socket, and that its server. */
const logs = new WeakMap<object, HttpLog>()

/** Has failures of requests to `server` told to `log`. */
export function logFailures(server: Server, log: HttpLog): void {
  logs.set(server, log)
}

/**
 * Ends a request whose code threw: with 500, or without a word where the answer has begun.
 *
 * @throws AssertionError what was given, if it is one.
 */
export function failRequest(response: ServerResponse, error: unknown): void {
  if (error instanceof AssertionError) throw error
  const { socket, method, url } = response.req
  const { server } = socket as { readonly server?: object }
  if (server !== undefined) logs.get(server)?.error({ err: error, method, url }, 'a request failed')
  if (response.headersSent || response.destroyed) response.destroy()
  else {
    // What is left of its body is of no interest.
    response.shouldKeepAlive = false
    sendMessage(response, 500, [], [], 'Internal Server Error')
  }
}

/** `then` under the net: for what is called later, and not for every request. */
export function guarded<T extends readonly unknown[]>(
  response: ServerResponse,
  then: (...values: T) => void,
): (...values: T) => void {
  return (...values) => {
    try {
      then(...values)
    } catch (error) {
      failRequest(response, error)
    }
  }
}
