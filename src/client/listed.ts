/**
 * A listing that is under way.
 *
 * Owns: reading the body into nodes, and telling one that was cut. Leaves to others: the grammar (listing).
 */
import { ClientError } from './errors.ts'
import { asClientError } from './failures.ts'
import type { Http } from './http.ts'
import { type ListedNode, ListingParser } from './listing.ts'
import type { Prefix } from './prefix.ts'
import type { OpenAnswer } from './wire.ts'

/** A subtree at one moment. */
export interface Listing {
  /** Store index of that moment. */
  readonly index: number
  /** Empty when the server does not tell. */
  readonly clusterId: string
  /** All nodes, a directory before what it holds, the listed one first. Begin within a minute, and read it to the end or break out. */
  readonly nodes: AsyncIterable<readonly ListedNode[]>
}

/** An answer that nobody begins to read holds its connection for so long. Milliseconds. */
const UNBEGUN_MS_MAX = 60_000

/**
 * The nodes of an answer as they arrive. Not begun within a minute, it is given up.
 * @throws ClientError `MUSTER_CLIENT_ANSWER_CUT` when it ends early or was given up; the signal's reason.
 */
export function nodesOf(
  open: OpenAnswer,
  prefix: Prefix,
  http: Http,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly ListedNode[], void, void> {
  // Whoever reads hears of it; before that nobody does, and an error without a listener would end the program.
  open.body.on('error', () => undefined)
  const giveUp = setTimeout(() => open.body.destroy(), UNBEGUN_MS_MAX).unref()
  return readNodes(open, prefix, http, signal, giveUp)
}

async function* readNodes(
  open: OpenAnswer,
  prefix: Prefix,
  http: Http,
  signal: AbortSignal | undefined,
  giveUp: NodeJS.Timeout,
): AsyncGenerator<readonly ListedNode[], void, void> {
  clearTimeout(giveUp)
  const parser = new ListingParser()
  try {
    for await (const piece of open.body as AsyncIterable<Buffer>) {
      const nodes = parser.push(piece)
      if (nodes.length > 0) yield named(nodes, prefix)
    }
  } catch (error) {
    throw cutOr(error, open.endpoint, http, signal)
  }
  const rest = parser.finish()
  if (rest.length > 0) yield named(rest, prefix)
  if (!parser.complete) throw cutOr(undefined, open.endpoint, http, signal)
}

/** What ended a body before its end. */
export function cutOr(error: unknown, endpoint: string, http: Http, signal: AbortSignal | undefined): unknown {
  const interruption = http.interruption(signal)
  if (interruption !== undefined) return interruption.reason
  if (error instanceof ClientError) return error
  const cause = error === undefined ? undefined : asClientError(error, endpoint, true)
  const why = cause === undefined ? '' : `: ${cause.message}`
  return new ClientError('MUSTER_CLIENT_ANSWER_CUT', `${endpoint} stopped in the middle of a listing${why}`, {
    definite: true,
    retriable: true,
    cause,
  })
}

function named(nodes: readonly ListedNode[], prefix: Prefix): readonly ListedNode[] {
  if (prefix.text === '') return nodes
  return nodes.map((node) => ({ ...node, path: prefix.own(node.path) }))
}
