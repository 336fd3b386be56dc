/** JSON bodies other than those of keys. */
import type { Answer } from './http.ts'
import { badAnswer } from './node.ts'

/** An object whose fields nobody has checked. */
export type JsonAnswer = Readonly<Record<string, unknown>>

/** @throws ClientError `MUSTER_CLIENT_BAD_ANSWER` when it is no object. */
export function parseJson({ text, endpoint, reads }: Answer): JsonAnswer {
  try {
    const body = JSON.parse(text) as JsonAnswer | null
    if (typeof body === 'object' && body !== null) return body
  } catch (error) {
    throw badAnswer(`not JSON (${endpoint}): ${text.slice(0, 100)}`, error, reads)
  }
  throw badAnswer(`no object (${endpoint}): ${text.slice(0, 100)}`, undefined, reads)
}

/** What a request carries. */
export function encodeJson(body: object | undefined): { readonly form?: string; readonly contentType?: string } {
  return body === undefined ? {} : { form: JSON.stringify(body), contentType: 'application/json' }
}
