/**
 * Subtrees of the store as they are now, shared by all who look at them.
 *
 * Owns: following or reading one path, what it held last. Leaves to others: resuming and reading again (the client), what to
 * do about changes.
 */
import { ApiError } from '../client/errors.ts'
import type { View } from '../client/follow.ts'
import type { NodeJson } from '../client/node.ts'

/** After so many views since the last rendering the next one reads everything instead. */
const VIEWS_BEHIND = 20

/** What a feed needs of the client. */
export interface FeedSource {
  follow(path: string, options: { readonly quorum: boolean; readonly signal?: AbortSignal }): AsyncIterable<View>
  get(
    path: string,
    options: { readonly recursive: boolean; readonly quorum: boolean; readonly signal?: AbortSignal },
  ): Promise<{ readonly node: NodeJson; readonly index: number }>
}

/** Keys with their values at one index. */
export interface Snapshot {
  readonly index: number
  /** Nothing is there, not even a directory. */
  readonly missing: boolean
  readonly values: ReadonlyMap<string, string>
}

/** Reads a path once. @throws ClientError */
export async function readOnce(source: FeedSource, path: string, signal: AbortSignal): Promise<Snapshot> {
  try {
    const { node, index } = await source.get(path, { recursive: true, quorum: true, signal })
    const values = new Map<string, string>()
    collect(node, values)
    return { index, missing: false, values }
  } catch (error) {
    if (error instanceof ApiError && error.code === 100) return { index: error.index, missing: true, values: new Map() }
    throw error
  }
}

function collect(node: NodeJson, values: Map<string, string>): void {
  if (node.nodes !== undefined) for (const each of node.nodes) collect(each, values)
  if (node.dir !== true && node.key !== undefined) values.set(node.key, node.value ?? '')
}

/** One path that is followed. */
export class Feed {
  readonly path: string
  readonly #source: FeedSource
  readonly #listeners = new Set<() => void>()
  #view: View | undefined
  /** What was read past the events that are still to come. */
  #ahead: Snapshot | undefined
  #viewsSinceRead = 0
  #problem: unknown

  constructor(path: string, source: FeedSource) {
    this.path = path
    this.#source = source
  }

  /** Index of what is known; undefined before the first answer. */
  get index(): number | undefined {
    return this.#ahead?.index ?? this.#view?.index
  }

  /**
   * Reads the path as a whole when events have come thick: each takes an answer of its own, so that many are behind, and
   * whoever renders now wants what is, not what was. Never rejects: without an answer it is what it was.
   */
  async catchUp(signal: AbortSignal): Promise<void> {
    const isBehind = this.#viewsSinceRead >= VIEWS_BEHIND
    this.#viewsSinceRead = 0
    if (!isBehind) return
    try {
      const read = await readOnce(this.#source, this.path, signal)
      if (read.index > (this.#view?.index ?? 0)) this.#ahead = read
    } catch {
      // The events go on coming, and the client tells of a store that does not answer.
    }
  }

  /** What is there now; undefined before the first answer. @throws what ended the following, when something did. */
  snapshot(): Snapshot | undefined {
    if (this.#problem !== undefined) throw this.#problem
    if (this.#ahead !== undefined) return this.#ahead
    if (this.#view === undefined) return undefined
    const values = new Map<string, string>()
    for (const { path, dir, value } of this.#view.nodes.values()) if (!dir) values.set(path, value)
    return { index: this.#view.index, missing: this.#view.nodes.size === 0 && this.path !== '/', values }
  }

  /** Calls back at each change, also the first. Returns what ends that. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  take(view: View): void {
    this.#view = view
    this.#viewsSinceRead += 1
    this.#problem = undefined
    if (this.#ahead !== undefined && view.index <= this.#ahead.index && !view.fresh) return
    this.#ahead = undefined
    this.#tell()
  }

  fail(problem: unknown): void {
    this.#problem = problem
    this.#tell()
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }
}
