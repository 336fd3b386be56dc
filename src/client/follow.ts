/**
 * A subtree that is kept up to date.
 *
 * Owns: reading it, taking events while the reader is busy, reading again when some were lost. Leaves to others: events (watch),
 * what they do to the tree (view).
 *
 * The tree changes only while the reader waits for the next view, so a view is whole and stays as it is in between; what
 * happens meanwhile is queued, and makes one view. A queue that is full is thrown away and the tree read again.
 */
import { ApiError, ClientError } from './errors.ts'
import { errorOf } from './failures.ts'
import type { Position } from './history.ts'
import type { Answer, Http } from './http.ts'
import { type EventJson, type NodeJson, parseEvent } from './node.ts'
import type { Prefix } from './prefix.ts'
import { keyTarget } from './target.ts'
import { type ViewNode, ViewTree } from './view.ts'
import { cleaned, type WatchOptions, watchKey } from './watch.ts'

const NODES_MAX_DEFAULT = 1_000_000
/** Characters of paths and values together. */
const CHARS_MAX_DEFAULT = 256 * 1024 * 1024
/** Events that wait for the reader, and characters of their values. */
const EVENTS_MAX = 10_000
const EVENT_CHARS_MAX = 64 * 1024 * 1024

export interface FollowOptions {
  /**
   * The first view too holds everything that was ever acknowledged; without a leader it is waited for. Otherwise it is what any
   * server has, which may lie behind what somebody else has seen.
   */
  readonly quorum?: boolean
  /** Nodes that a view may have. 1,000,000 by default. */
  readonly nodesMax?: number
  /** Characters of their paths and values. 268,435,456 by default. */
  readonly charsMax?: number
  /** For reading, instead of the client's: a server prepares a large tree for long before it sends a byte. Milliseconds. */
  readonly timeoutMs?: number | undefined
  /** As of `watch`. */
  readonly pollMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** As of `watch`. */
  readonly onContact?: WatchOptions['onContact']
}

/** A subtree at one moment. */
export interface View {
  /** Store index: everything up to here is in it. */
  readonly index: number
  /**
   * Nodes by path, directories too, in no order; hidden ones are left out. The same object each time: it changes when you ask
   * for the next view, so copy what you keep.
   */
  readonly nodes: ReadonlyMap<string, ViewNode>
  /** What has happened since the view before, in order. Empty when `fresh`. */
  readonly events: readonly EventJson[]
  /** It was read as a whole: the first view, and those after events were lost. Anything may differ. */
  readonly fresh: boolean
}

/** See `Keys.follow`. */
export async function* followTree(
  http: Http,
  prefix: Prefix,
  path: string,
  options: FollowOptions,
): AsyncGenerator<View, void, void> {
  const { nodesMax = NODES_MAX_DEFAULT, charsMax = CHARS_MAX_DEFAULT, pollMs, signal, onContact } = options
  const top = cleaned(path.startsWith('/') ? path : `/${path}`)
  const tree = new ViewTree(top, nodesMax, charsMax)
  // Events lost again and again: the tree is too busy for one reading, which must not become a tight loop.
  let losses = 0
  for (let isFirst = true; ; isFirst = false) {
    const read = await readTree(http, prefix, top, isFirst, options)
    if (read === undefined) return
    tree.replace(read.node)
    const inbox = new Inbox(http, prefix, top, { after: read, pollMs, signal, onContact })
    try {
      yield { index: read.index, nodes: tree.nodes, events: [], fresh: true }
      while (true) {
        const events = await inbox.take()
        if (events.length === 0) break
        losses = 0
        for (const event of events) tree.apply(event)
        yield { index: events.at(-1)?.node.modifiedIndex ?? 0, nodes: tree.nodes, events, fresh: false }
      }
      if (!inbox.isLost) return
    } finally {
      await inbox.close()
    }
    losses += 1
    const target = keyTarget(prefix.full(top), { wait: true, recursive: true })
    if (losses > 1) await http.rest({ method: 'GET', target, signal }, losses - 1, eventsLost())
  }
}

/** Events of one watch, until it ends or some are lost. */
class Inbox {
  /** Some were lost. */
  isLost = false
  readonly #over = new AbortController()
  readonly #reading: Promise<void>
  #events: EventJson[] = []
  #chars = 0
  #isEnded = false
  #error: unknown
  #wake: () => void = () => undefined

  constructor(http: Http, prefix: Prefix, path: string, options: WatchOptions) {
    const { signal } = options
    const both = signal === undefined ? this.#over.signal : AbortSignal.any([signal, this.#over.signal])
    this.#reading = this.#read(watchKey(http, prefix, path, { ...options, recursive: true, signal: both }))
  }

  /** What has come, once there is something; empty: it has ended, or events were lost. @throws what ended the watch. */
  async take(): Promise<readonly EventJson[]> {
    while (this.#events.length === 0 && !this.#isEnded) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    if (this.isLost) return []
    const events = this.#events
    this.#events = []
    this.#chars = 0
    if (events.length === 0 && this.#error !== undefined) throw this.#error
    return events
  }

  async close(): Promise<void> {
    this.#over.abort()
    await this.#reading
  }

  async #read(watch: ReturnType<typeof watchKey>): Promise<void> {
    try {
      for await (const watched of watch) {
        if (watched.kind === 'resync' || this.#events.length >= EVENTS_MAX || this.#chars > EVENT_CHARS_MAX) {
          this.isLost = true
          this.#events = []
          break
        }
        this.#events.push(watched.event)
        this.#chars += (watched.event.node.value?.length ?? 0) + (watched.event.prevNode?.value?.length ?? 0)
        this.#wake()
      }
    } catch (error) {
      this.#error = error
    }
    this.#isEnded = true
    this.#wake()
  }
}

/**
 * Reads until it succeeds; undefined: the signal aborted. The first time from any server, unless told otherwise; later views must not
 * be older than those before.
 */
async function readTree(
  http: Http,
  prefix: Prefix,
  path: string,
  isFirst: boolean,
  { quorum, timeoutMs, signal, onContact }: FollowOptions,
): Promise<({ readonly node: NodeJson | undefined } & Position) | undefined> {
  const target = keyTarget(prefix.full(path), {
    recursive: true,
    quorum: !isFirst || quorum === true ? true : undefined,
  })
  const isOver = (): boolean => signal?.aborted === true || http.over.aborted
  for (let failures = 1; !isOver(); failures += 1) {
    try {
      const answer = await http.ask({ method: 'GET', target, timeoutMs, signal })
      onContact?.(undefined)
      return { node: nodeOf(answer, prefix), index: answer.index, clusterId: answer.clusterId }
    } catch (error) {
      if (isOver()) return undefined
      if (!(error instanceof ClientError) || !error.retriable) throw error
      onContact?.(error)
      await http.rest({ method: 'GET', target, signal }, failures, error)
    }
  }
  return undefined
}

/** What was read; undefined when nothing is there. */
function nodeOf(answer: Answer, prefix: Prefix): NodeJson | undefined {
  if (answer.status === 200) return prefix.node(parseEvent(answer.text, true).node)
  const error = errorOf(answer)
  if (error instanceof ApiError && (error.code === 100 || error.code === 104)) return undefined
  throw error
}

function eventsLost(): ClientError {
  return new ClientError('MUSTER_CLIENT_ANSWER_CUT', 'events were lost: more happened than was kept', {
    definite: true,
    retriable: true,
  })
}
