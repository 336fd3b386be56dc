/**
 * The tree of a running cluster.
 *
 * Owns: which requests together show a subtree with its hidden keys, under the paths of the target. Leaves to others: which
 * hidden places there are (hidden), following changes (feed).
 */
import { ErrorCode } from '../api.ts'
import type { MusterClient } from '../client/client.ts'
import { ApiError } from '../client/errors.ts'
import type { CallOptions } from '../client/keys.ts'
import type { Listing } from '../client/listed.ts'
import type { ListedNode } from '../client/listing.ts'
import { TransferError } from './errors.ts'
import type { HiddenPlaces } from './hidden.ts'
import type { Patience } from './patience.ts'
import type { PathMap, Tree, TreeListing, TreeNode } from './tree.ts'

/**
 * Whether a server lists hidden keys to us: muster does, to root where users are on.
 * @throws ClientError when nobody answers.
 */
export async function listsHidden(client: MusterClient, options: CallOptions = {}): Promise<boolean> {
  try {
    const { nodes } = await client.list('/', { ...options, hidden: true })
    for await (const _ of nodes) break
    return true
  } catch (error) {
    if (error instanceof ApiError && (error.status === 404 || error.status === 401 || error.status === 403))
      return false
    throw error
  }
}

/**
 * Makes sure that there is something at a path that somebody named: a word that was mistyped must not pass for an empty tree.
 * @throws TransferError MUSTER_TRANSFER_NOTHING_THERE when nothing is; ClientError.
 */
export async function requireThere(client: MusterClient, path: string, options: CallOptions): Promise<void> {
  if (path !== '/' && (await client.peek(path, options)) === undefined)
    throw new TransferError('MUSTER_TRANSFER_NOTHING_THERE', `the source has nothing at ${path}`)
}

export interface LiveTreeOptions {
  readonly client: MusterClient
  readonly paths: PathMap
  /** The side of `paths` on which this cluster is. */
  readonly side: 'source' | 'target'
  /** Whether one listing shows hidden keys too (`listsHidden`); otherwise each known place is listed by itself. */
  readonly listsHidden: boolean
  /** Known places, as paths of the source. A source that lists all of them adds those that it shows. */
  readonly hidden: HiddenPlaces
  readonly patience: Patience
}

/** Reads a subtree of a cluster. What is not there has no nodes. */
export class LiveTree implements Tree {
  readonly #options: LiveTreeOptions

  constructor(options: LiveTreeOptions) {
    this.#options = options
  }

  async list(signal?: AbortSignal): Promise<TreeListing> {
    const { paths, side } = this.#options
    const root = side === 'source' ? paths.from : paths.to
    const first = await this.#open(root, signal)
    if (first !== undefined) return { ...first, nodes: this.#all(first, signal) }
    const { client, patience } = this.#options
    const position = await patience.ask((asked) => client.position({ signal: signal ?? asked }))
    return { ...position, nodes: this.#all(undefined, signal) }
  }

  /** What is at and below a path of this cluster, hidden places too. @throws as `list`. */
  async *below(path: string, signal?: AbortSignal): AsyncGenerator<readonly TreeNode[], void, void> {
    yield* this.#all(await this.#open(path, signal), signal, path)
  }

  /** @param under Only hidden places below this path of this cluster; undefined: all. */
  async *#all(
    first: Listing | undefined,
    signal: AbortSignal | undefined,
    under?: string,
  ): AsyncGenerator<readonly TreeNode[], void, void> {
    if (first !== undefined) yield* this.#rename(first.nodes)
    if (this.#options.listsHidden) return
    const { hidden, paths, side } = this.#options
    for (const place of hidden.apart) {
      const path = side === 'source' ? place : paths.toTarget(place)
      if (path === undefined || (under !== undefined && !path.startsWith(`${under}/`))) continue
      const listing = await this.#open(path, signal)
      if (listing !== undefined) yield* this.#rename(listing.nodes)
    }
  }

  async #open(path: string, signal: AbortSignal | undefined): Promise<Listing | undefined> {
    try {
      const { client, listsHidden: hidden, patience } = this.#options
      return await patience.ask((asked) => client.list(path, { hidden, signal: signal ?? asked }))
    } catch (error) {
      if (
        error instanceof ApiError &&
        (error.code === ErrorCode.keyNotFound || error.code === ErrorCode.notDirectory)
      ) {
        return undefined
      }
      throw error
    }
  }

  async *#rename(batches: AsyncIterable<readonly ListedNode[]>): AsyncGenerator<readonly TreeNode[], void, void> {
    const { paths, side, listsHidden, hidden } = this.#options
    const renderedMs = performance.now()
    for await (const batch of batches) {
      const nodes: TreeNode[] = []
      const agedS = Math.floor((performance.now() - renderedMs) / 1000)
      for (const node of batch) {
        if (listsHidden && side === 'source') hidden.see(node.path)
        const path = side === 'source' ? paths.toTarget(node.path) : node.path
        if (path === undefined || path === '/') continue
        const ttlSeconds = aged(node.ttlSeconds, agedS)
        const isSame = path === node.path && ttlSeconds === node.ttlSeconds
        nodes.push(isSame ? node : { path, dir: node.dir, value: node.value, ttlSeconds })
      }
      if (nodes.length > 0) yield nodes
    }
  }
}

/**
 * What is left of a time that was rendered so long ago: a large listing takes minutes to arrive. Whoever should be due by now
 * may as well have been refreshed, and gets the time that was told: events and the keeper know better soon.
 */
function aged(ttlSeconds: number | undefined, agedS: number): number | undefined {
  return ttlSeconds !== undefined && ttlSeconds > agedS ? ttlSeconds - agedS : ttlSeconds
}
