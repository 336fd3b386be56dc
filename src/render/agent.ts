/**
 * All templates of a directory.
 *
 * Owns: once, every so often, or at each change; reading the directory again. Leaves to others: one template (work), the store
 * (follower), signals and words (the command).
 */
import { setTimeout as wait } from 'node:timers/promises'
import { Backoff } from './backoff.ts'
import { reasonOf } from './errors.ts'
import { type Feed, type FeedSource, readOnce, type Snapshot } from './feed.ts'
import { Follower } from './follower.ts'
import type { TemplateResource } from './resource.ts'
import { type Keys, type RenderLog, Work, type WorkSettings } from './work.ts'

export interface AgentOptions {
  readonly source: FeedSource
  /** Reads the directory. @throws RenderError */
  readonly load: () => readonly TemplateResource[]
  readonly settings: WorkSettings
  readonly log: RenderLog
}

export class Agent {
  readonly #options: AgentOptions
  readonly #follower: Follower
  #works: readonly Work[] = []
  #unlisten: (() => void)[] = []
  /** Somebody looks at the directory. */
  #hasBegun = false
  /** Reading the directory again, one after the other. */
  #rereading: Promise<void> = Promise.resolve()
  /** The directory was read again, and nobody has looked at it yet. */
  #isNew = false
  #wake: () => void = () => undefined
  #allGood: () => void = () => undefined
  /** Resolves when every file has been as it should be at least once. */
  readonly ready: Promise<void> = new Promise((resolve) => {
    this.#allGood = resolve
  })

  constructor(options: AgentOptions) {
    this.#options = options
    this.#follower = new Follower(options.source, options.log)
  }

  get works(): readonly Work[] {
    return this.#works
  }

  /** How often keys were read again because the store had lost their history, or too much had happened. */
  get resyncs(): number {
    return this.#follower.resyncs
  }

  /** Index up to which the store is known for a template; undefined: not at all. */
  seenIndex({ keys }: TemplateResource): number | undefined {
    const indexes = keys.map((key) => this.#follower.peek(key)?.index)
    return indexes.includes(undefined) ? undefined : Math.max(0, ...indexes.map((index) => index ?? 0))
  }

  /** Looks at everything once. True: all files are as they should be. @throws RenderError from the directory. */
  async once(signal: AbortSignal): Promise<boolean> {
    this.#works = this.#options.load().map((resource) => this.#fetching(resource))
    return this.#round(signal)
  }

  /** Looks at everything every so often, and sooner after a failure, until the signal aborts. @throws RenderError from the directory, at first. */
  async every(intervalMs: number, signal: AbortSignal): Promise<void> {
    this.#hasBegun = true
    this.#works = this.#options.load().map((resource) => this.#fetching(resource))
    const backoff = new Backoff()
    while (!signal.aborted) {
      const good = await this.#round(signal)
      if (good) backoff.reset()
      await this.#rereading
      if (!this.#isNew) await this.#nap(good ? intervalMs : Math.min(intervalMs, backoff.next()), signal)
      this.#isNew = false
    }
    await this.#stop()
  }

  /** Follows the store until the signal aborts. @throws RenderError from the directory, at first. */
  async follow(signal: AbortSignal): Promise<void> {
    this.#hasBegun = true
    await this.#followAll(this.#options.load())
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    await this.#rereading
    await this.#stop()
    await this.#follower.close()
  }

  /** Reads the directory again. When it is broken, what runs goes on, and it is said. @param signal As given to the loop. */
  reread(mode: 'every' | 'follow', signal: AbortSignal): Promise<void> {
    this.#rereading = this.#rereading.then(async () => {
      // Before anybody looks, there is nothing to read again: two works for one file would be at it side by side.
      if (signal.aborted || !this.#hasBegun) return
      let resources: readonly TemplateResource[]
      try {
        resources = this.#options.load()
      } catch (error) {
        this.#options.log.error({}, `the directory stays as it was read before: ${reasonOf(error)}`)
        return
      }
      // What runs may take its while, and what comes of it is for the next ones to know.
      await this.#stop()
      if (signal.aborted) return
      if (mode === 'follow') await this.#followAll(resources)
      else this.#works = resources.map((resource) => this.#fetching(resource))
      this.#isNew = true
      this.#wake()
      this.#options.log.info({ templates: resources.length }, 'the directory was read again')
    })
    return this.#rereading
  }

  /** Until the time is over, the signal aborts, or there is a new directory to look at. */
  async #nap(ms: number, signal: AbortSignal): Promise<void> {
    const over = new AbortController()
    this.#wake = () => over.abort()
    await wait(ms, undefined, { signal: AbortSignal.any([signal, over.signal]) }).catch(() => undefined)
  }

  async #followAll(resources: readonly TemplateResource[]): Promise<void> {
    await this.#follower.keep(new Set(resources.flatMap(({ keys }) => keys)))
    this.#works = resources.map((resource) => {
      const feeds = resource.keys.map((key) => this.#follower.feed(key))
      const work = this.#work(resource, new FollowedKeys(feeds))
      this.#unlisten.push(...feeds.map((feed) => feed.listen(() => work.change())))
      work.change()
      return work
    })
    if (resources.length === 0) this.#looked()
  }

  /** A template whose keys are asked for at each attempt. */
  #fetching(resource: TemplateResource): Work {
    return this.#work(resource, new FetchedKeys(this.#options.source, resource.keys))
  }

  /** One template after the other, until all were looked at or the signal stops them. */
  async #round(signal: AbortSignal): Promise<boolean> {
    const stop = (): void => void this.#stop()
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    let good = true
    for (const work of this.#works) good = (await work.attempt()) && good
    signal.removeEventListener('abort', stop)
    if (this.#works.length === 0) this.#looked()
    return good
  }

  /** It takes on what the work before it, for the same file, has come to: that one has to be stopped by now. */
  #work(resource: TemplateResource, keys: Keys): Work {
    const before = this.#works.find((work) => work.resource.dest === resource.dest)
    const work = new Work(resource, keys, this.#options.settings, before?.state)
    work.onAttempt(() => this.#looked())
    return work
  }

  #looked(): void {
    if (this.#works.every(({ state }) => state.lastSuccessMs !== undefined)) this.#allGood()
  }

  async #stop(): Promise<void> {
    for (const unlisten of this.#unlisten) unlisten()
    this.#unlisten = []
    await Promise.all(this.#works.map((work) => work.stop()))
  }
}

/** Keys that are followed. */
class FollowedKeys implements Keys {
  readonly #feeds: readonly Feed[]

  constructor(feeds: readonly Feed[]) {
    this.#feeds = feeds
  }

  async prepare(signal: AbortSignal): Promise<void> {
    for (const feed of this.#feeds) await feed.catchUp(signal)
  }

  snapshots(): readonly Snapshot[] | undefined {
    const snapshots: Snapshot[] = []
    for (const feed of this.#feeds) {
      const snapshot = feed.snapshot()
      if (snapshot === undefined) return undefined
      snapshots.push(snapshot)
    }
    return snapshots
  }
}

/** Keys that were read just now. */
class FetchedKeys implements Keys {
  readonly #source: FeedSource
  readonly #keys: readonly string[]
  #found: readonly Snapshot[] | undefined
  #problem: unknown

  constructor(source: FeedSource, keys: readonly string[]) {
    this.#source = source
    this.#keys = keys
  }

  /** What goes wrong is told by `snapshots`. */
  async prepare(signal: AbortSignal): Promise<void> {
    this.#problem = undefined
    try {
      this.#found = await Promise.all(this.#keys.map((key) => readOnce(this.#source, key, signal)))
    } catch (error) {
      this.#problem = error
    }
  }

  snapshots(): readonly Snapshot[] | undefined {
    if (this.#problem !== undefined) throw this.#problem
    return this.#found
  }
}
