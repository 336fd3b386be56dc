/**
 * Follows paths, each once however many templates want it.
 *
 * Owns: the feeds and their loops, and the word of events that were lost. A path that cannot be followed (nobody may read it) is
 * tried again, ever more seldom.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { Backoff } from './backoff.ts'
import { Feed, type FeedSource } from './feed.ts'
import type { RenderLog } from './work.ts'

interface Running {
  readonly feed: Feed
  readonly over: AbortController
  readonly done: Promise<void>
}

export class Follower {
  readonly #source: FeedSource
  readonly #log: RenderLog
  readonly #running = new Map<string, Running>()
  #resyncs = 0

  constructor(source: FeedSource, log: RenderLog) {
    this.#source = source
    this.#log = log
  }

  /** How often a path was read again because events had been lost. */
  get resyncs(): number {
    return this.#resyncs
  }

  /** The feed of a path; it begins to be followed when it is not yet. */
  feed(path: string): Feed {
    const known = this.#running.get(path)
    if (known !== undefined) return known.feed
    const feed = new Feed(path, this.#source)
    const over = new AbortController()
    this.#running.set(path, { feed, over, done: this.#follow(feed, over.signal) })
    return feed
  }

  /** The feed of a path that is followed. */
  peek(path: string): Feed | undefined {
    return this.#running.get(path)?.feed
  }

  /** Ends all feeds but those of these paths. */
  async keep(paths: ReadonlySet<string>): Promise<void> {
    const ended = [...this.#running].filter(([path]) => !paths.has(path))
    for (const [path, { over }] of ended) {
      this.#running.delete(path)
      over.abort()
    }
    await Promise.all(ended.map(([, { done }]) => done))
  }

  close(): Promise<void> {
    return this.keep(new Set())
  }

  async #follow(feed: Feed, signal: AbortSignal): Promise<void> {
    const backoff = new Backoff()
    while (!signal.aborted) {
      let isFirst = true
      let isSaid = false
      try {
        for await (const view of this.#source.follow(feed.path, { quorum: true, signal })) {
          const isResync = view.fresh && !isFirst
          if (isResync) this.#resyncs += 1
          // Said again only when there were events in between: a store that is too busy loses them again and again.
          if (isResync && !isSaid) {
            const message = 'events were lost, since more happened than the store keeps: everything was read again'
            this.#log.warn({ path: feed.path, index: view.index }, message)
          }
          isSaid = isResync
          isFirst = false
          feed.take(view)
          backoff.reset()
        }
      } catch (error) {
        if (!signal.aborted) feed.fail(error)
      }
      if (signal.aborted) return
      await wait(backoff.next(), undefined, { signal }).catch(() => undefined)
    }
  }
}
