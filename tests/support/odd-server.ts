/**
 * A server that answers in whatever way a test wants, and clients of it.
 *
 * Owns: starting and ending both with the test. Asserts nothing.
 */
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { MusterClient } from '../../src/client/client.ts'
import type { ClientError } from '../../src/client/errors.ts'
import type { ClientOptions } from '../../src/client/options.ts'
import { startHttp } from './http-member.ts'

export interface OddServer {
  readonly url: string
  readonly port: number
  /** What it was asked: method and target. */
  readonly asked: string[]
}

/** Starts one; it ends with the test. */
export async function startOdd(answer: RequestListener): Promise<OddServer> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    answer(request, response)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, port, asked }
}

/** A client that asks in the order given, and rests briefly; it is closed with the test. */
export function clientOf(endpoints: readonly string[], options: Partial<ClientOptions> = {}): MusterClient {
  const client = new MusterClient({
    endpoints,
    order: 'given',
    timeoutMs: 2_000,
    retry: { delayMsMin: 1, delayMsMax: 20 },
    ...options,
  })
  onTestFinished(() => client.close())
  return client
}

/** A member in this process, and a client of it; both end with the test. */
export async function startRig(...before: readonly string[]) {
  const http = await startHttp()
  onTestFinished(() => http.close())
  const url = `http://127.0.0.1:${http.port}`
  return { http, url, client: clientOf([...before, url]) }
}

/** The error of a call that has to fail. */
export async function errorOf(call: Promise<unknown>): Promise<ClientError> {
  try {
    await call
  } catch (error) {
    return error as ClientError
  }
  throw new Error('it succeeded')
}

/** The body of an event of one key. */
export function eventText(action: string, key: string, value: string, index: number): string {
  const node = { key, value, modifiedIndex: index, createdIndex: index }
  return `${JSON.stringify({ action, node })}\n`
}

/** The body of an error. */
export function errorText(errorCode: number, cause = '', index = 7): string {
  return `${JSON.stringify({ errorCode, message: 'no', cause, index })}\n`
}
