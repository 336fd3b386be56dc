/**
 * The changes of a source, read fast enough not to lose them.
 *
 * etcd keeps a thousand events, and a long poll brings one. So polls for consecutive indexes go side by side: the answer to
 * each is the first event from its index on, and together they are all events of the stretch. Behind the end of the history a
 * single poll waits, for a second.
 *
 * etcd does not tell a waiting poll of hidden keys, but a poll that looks into the history sees them. So whenever indexes
 * were passed over while a poll waited, that stretch is asked for again, from the history.
 *
 * Owns: which polls go out, the order of events, each once. Leaves to others: keeping events (event-queue).
 */
import { setTimeout as wait } from 'node:timers/promises'
import { ApiError } from '../client/errors.ts'
import type { EventJson } from '../client/node.ts'
import type { Polled, PollOptions } from '../client/poll.ts'
import type { EventQueue } from './event-queue.ts'
import type { Patience } from './patience.ts'

/** Polls side by side. */
const AHEAD_MAX = 16
/** A poll that waits is begun anew after this long, which is how hidden keys of etcd are found. Milliseconds. */
const POLL_MS = 1_000
/** After a server ended a poll without a word. Milliseconds. */
const CLOSED_PAUSE_MS = 100

/** What the feed needs of a client. */
export interface FeedSource {
  poll(path: string, options: PollOptions): Promise<Polled>
}

export interface FeedOptions {
  readonly source: FeedSource
  /** Watched with all that is below it. */
  readonly path: string
  /** The first index wanted. */
  readonly fromIndex: number
  readonly queue: EventQueue
  readonly patience: Patience
  /** Hears of each event before it is queued. */
  readonly onEvent: (event: EventJson) => void
  /** Length of a waiting poll, for tests. */
  readonly pollMs?: number
}

/** Reads until the signal aborts or the history is lost. */
export class Feed {
  readonly #options: FeedOptions
  #next: number
  #head: number

  constructor(options: FeedOptions) {
    this.#options = options
    this.#next = options.fromIndex
    this.#head = options.fromIndex
  }

  /** Every event before this index has been queued. */
  get nextIndex(): number {
    return this.#next
  }

  /** How many indexes of the source are known and not read. */
  get behind(): number {
    return Math.max(0, this.#head - this.#next)
  }

  /** @throws TransferError when the source is gone; ApiError when it does not let us in. */
  async run(signal: AbortSignal): Promise<void> {
    const { queue } = this.#options
    while (!signal.aborted && queue.lost === undefined) {
      try {
        await this.#round(signal)
      } catch (error) {
        if (signal.aborted) return
        if (!(error instanceof ApiError) || error.code !== 401) throw error
        queue.lose(`the source keeps no history from index ${this.#next} on: ${error.reason}`)
      }
    }
  }

  /** One stretch of indexes. */
  async #round(signal: AbortSignal): Promise<void> {
    const { source, path, patience, pollMs = POLL_MS } = this.#options
    const from = this.#next
    const width = Math.min(Math.max(this.#head - from + 1, 1), AHEAD_MAX)
    const over = new AbortController()
    const both = AbortSignal.any([signal, over.signal])
    const poll = (waitIndex: number): Promise<Polled> =>
      patience.ask(() => source.poll(path, { recursive: true, waitIndex, pollMs, signal: both }))
    const polls = Array.from({ length: width }, (_, at) => poll(from + at))
    for (const each of polls) each.catch(() => undefined)
    try {
      for (const [at, each] of polls.entries()) {
        // An earlier answer went beyond: this one says the same.
        if (this.#next > from + at) continue
        if (!(await this.#take(from + at, await each, signal))) return
      }
    } finally {
      over.abort()
    }
  }

  /** False: the rest of the round is of no use. */
  async #take(waited: number, polled: Polled, signal: AbortSignal): Promise<boolean> {
    const { queue, onEvent } = this.#options
    const { event } = polled
    if (event === undefined) {
      this.#next = Math.max(this.#next, polled.index + 1)
      this.#head = Math.max(this.#head, polled.index)
      if (polled.closed) await wait(CLOSED_PAUSE_MS, undefined, { signal }).catch(() => undefined)
      return false
    }
    const index = event.node.modifiedIndex ?? 0
    this.#head = Math.max(this.#head, polled.index, index)
    const unseen = Math.max(waited, polled.index + 1)
    if (index > unseen) {
      // It came while the poll waited, and what was passed over may be hidden keys: the history knows.
      this.#next = unseen
      return false
    }
    if (index >= this.#next) {
      this.#next = index + 1
      onEvent(event)
      queue.push(event, index)
    }
    return true
  }
}
