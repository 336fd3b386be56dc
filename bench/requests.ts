/**
 * Single requests of the benchmark's own process: small, patient, and never what is being measured by rate.
 */
import { Agent, type Dispatcher, request } from 'undici'

/** Longer than etcd's own 7 s, so that its answer is seen and not our impatience. Milliseconds. */
export const REQUEST_MS_MAX = 10_000

const agent = new Agent({ headersTimeout: REQUEST_MS_MAX, bodyTimeout: REQUEST_MS_MAX, connectTimeout: REQUEST_MS_MAX })

/** The body of a write, form-encoded. `value` must need no escaping. */
export function formOf(value: string, ttlSeconds?: number): string {
  return ttlSeconds === undefined ? `value=${value}` : `value=${value}&ttl=${ttlSeconds}`
}

/** Headers of a form. */
export const FORM_HEADERS = { 'content-type': 'application/x-www-form-urlencoded' } as const

/** Sets a key and gives the status. @throws Error when there was no answer. */
export async function put(
  url: string,
  value: string,
  ttlSeconds?: number,
  dispatcher: Dispatcher = agent,
): Promise<number> {
  const answer = await request(url, {
    method: 'PUT',
    headers: FORM_HEADERS,
    body: formOf(value, ttlSeconds),
    dispatcher,
  })
  await answer.body.dump()
  return answer.statusCode
}

/** Reads an address. @throws Error when there was no answer. */
export async function getText(url: string): Promise<{ readonly status: number; readonly text: string }> {
  const answer = await request(url, { dispatcher: agent })
  return { status: answer.statusCode, text: await answer.body.text() }
}

/** Reads an address to its end without keeping it, and gives the status and the number of bytes. */
export async function getSize(url: string): Promise<{ readonly status: number; readonly bytes: number }> {
  const answer = await request(url, { dispatcher: agent })
  let bytes = 0
  for await (const chunk of answer.body) bytes += (chunk as Buffer).length
  return { status: answer.statusCode, bytes }
}

/** A value of so many bytes that needs no escaping in a form or in JSON. */
export function fillerOf(bytes: number): string {
  return 'v'.repeat(bytes)
}
