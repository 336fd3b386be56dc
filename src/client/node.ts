/**
 * Nodes and events as the v2 API shows them.
 *
 * Owns: the shapes and the check of what a server sent. Leaves to others: large listings, which are never held whole (listing).
 */
import type { Action } from '../api.ts'
import { ClientError } from './errors.ts'

/** A node of the tree. The root has neither key nor indexes. */
export interface NodeJson {
  readonly key?: string
  readonly value?: string
  readonly dir?: boolean
  /** RFC 3339. */
  readonly expiration?: string
  /** Remaining seconds; missing at 0, negative when overdue. */
  readonly ttl?: number
  readonly nodes?: readonly NodeJson[]
  readonly modifiedIndex?: number
  readonly createdIndex?: number
}

/** The answer to a request, and what a watcher gets. */
export interface EventJson {
  readonly action: Action
  readonly node: NodeJson
  readonly prevNode?: NodeJson
}

/**
 * Takes the text of one event.
 * @param reads The request changes nothing. @throws ClientError `MUSTER_CLIENT_BAD_ANSWER` when it is none.
 */
export function parseEvent(text: string, reads: boolean): EventJson {
  try {
    const body = JSON.parse(text) as Partial<EventJson> | null
    if (typeof body?.action === 'string') return { ...body, action: body.action, node: body.node ?? {} }
  } catch (error) {
    throw badAnswer(`not JSON: ${text.slice(0, 100)}`, error, reads)
  }
  throw badAnswer(`not an event of the v2 API: ${text.slice(0, 100)}`, undefined, reads)
}

/** What answered is no server of the v2 API, or its answer is broken. Asking again will not help. @param reads as of `parseEvent`. */
export function badAnswer(detail: string, cause?: unknown, reads = true): ClientError {
  return new ClientError('MUSTER_CLIENT_BAD_ANSWER', `the answer is ${detail}`, {
    definite: reads,
    retriable: false,
    cause,
  })
}
