/**
 * A copy of all keys.
 *
 * Owns: which listing a server has, piping it, telling one that was cut. Leaves to others: its form (the listing's JSON).
 */
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ApiError } from './errors.ts'
import type { Http } from './http.ts'
import type { CallOptions } from './keys.ts'
import { cutOr } from './listed.ts'
import type { OpenAnswer } from './wire.ts'

/** What was copied. */
export interface Exported {
  /** Store index of the copy. */
  readonly index: number
  readonly clusterId: string
  /** Hidden keys are in it. */
  readonly hidden: boolean
  readonly bytes: number
}

/** A server prepares a listing of a million keys for so long before it sends a byte. Milliseconds. */
const EXPORT_TIMEOUT_MS = 180_000

/** See `MusterClient.snapshot`. */
export async function exportTo(http: Http, into: Writable, options: CallOptions): Promise<Exported> {
  const call = { ...options, timeoutMs: options.timeoutMs ?? EXPORT_TIMEOUT_MS }
  const { open, hidden } = await openExport(http, call)
  let bytes = 0
  async function* counted(): AsyncGenerator<Buffer, void, void> {
    try {
      for await (const piece of open.body as AsyncIterable<Buffer>) {
        bytes += piece.length
        yield piece
      }
    } catch (error) {
      throw cutOr(error, open.endpoint, http, options.signal)
    }
  }
  await pipeline(counted(), into)
  return { index: open.index, clusterId: open.clusterId, hidden, bytes }
}

async function openExport(http: Http, call: CallOptions): Promise<{ open: OpenAnswer; hidden: boolean }> {
  try {
    return { open: await http.open({ ...call, method: 'GET', target: '/muster/v1/export?path=/' }), hidden: true }
  } catch (error) {
    if (!(error instanceof ApiError) || ![401, 403, 404].includes(error.status)) throw error
  }
  return { open: await http.open({ ...call, method: 'GET', target: '/v2/keys/?recursive=true' }), hidden: false }
}
