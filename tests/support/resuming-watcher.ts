/**
 * A watcher that survives what happens to members: it resumes with the `waitIndex` after the last event it saw.
 *
 * Owns: the loop and the list of events in the order of arrival. Leaves to others: what should have arrived.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { type EventJson, keyUrl } from './keys-client.ts'

export interface WatchedEvent {
  readonly action: string
  readonly key: string
  readonly value: string | undefined
  readonly index: number
  /** When it arrived, of `Date.now()`. */
  readonly arrivedWallMs: number
  readonly expiration: string | undefined
}

export interface WatcherOptions {
  /** The members to ask, first to last and round again: one that fails is left for the next. One alone is asked again. */
  readonly urls: readonly string[]
  /** Watched with all that is below it. */
  readonly key: string
  /** Of the first event that is wanted. */
  readonly fromIndex: number
  /** One long answer with all events, or a request for each. */
  readonly stream: boolean
}

const RESUME_PAUSE_MS = 10

export class ResumingWatcher {
  readonly events: WatchedEvent[] = []
  /** Answers other than 200, for which there is no excuse. */
  readonly problems: string[] = []
  /** How often it had to begin again after a broken connection or an answer without an event. */
  resumes = 0
  readonly #options: WatcherOptions
  readonly #agent = new Agent({ connections: 1, pipelining: 1, headersTimeout: 5_000, bodyTimeout: 0 })
  readonly #abort = new AbortController()
  readonly #loop: Promise<void>
  #nextIndex: number

  constructor(options: WatcherOptions) {
    this.#options = options
    this.#nextIndex = options.fromIndex
    this.#loop = this.#run()
  }

  /** The last index seen, or the one before the first wanted. */
  get seenIndex(): number {
    return this.#nextIndex - 1
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    await this.#agent.destroy()
    await this.#loop
  }

  async #run(): Promise<void> {
    const { urls } = this.#options
    for (let turn = 0; !this.#abort.signal.aborted; ) {
      const url = urls[turn % urls.length] ?? ''
      if (await this.#follow(url)) continue
      turn++
      this.resumes++
      await wait(RESUME_PAUSE_MS)
    }
  }

  /** Reads one answer to its end. Returns whether it ended well, with at least one event. */
  async #follow(url: string): Promise<boolean> {
    const { key, stream } = this.#options
    const query = { wait: true, recursive: true, waitIndex: this.#nextIndex, ...(stream ? { stream } : {}) }
    let pending = ''
    let events = 0
    try {
      const reply = await request(keyUrl(url, key, query), { dispatcher: this.#agent, signal: this.#abort.signal })
      reply.body.setEncoding('utf8')
      for await (const chunk of reply.body) {
        pending += String(chunk)
        if (reply.statusCode !== 200) continue
        const lines = pending.split('\n')
        pending = lines.pop() ?? ''
        for (const line of lines) this.#take(JSON.parse(line) as EventJson)
        events += lines.length
      }
      if (reply.statusCode !== 200)
        this.problems.push(`${url} ${JSON.stringify(query)}: ${reply.statusCode} ${pending}`)
      return events > 0
    } catch {
      return false
    }
  }

  #take(event: EventJson): void {
    const index = event.node.modifiedIndex ?? -1
    this.events.push({
      action: event.action,
      key: event.node.key ?? '/',
      value: event.node.value,
      index,
      arrivedWallMs: Date.now(),
      expiration: event.node.expiration ?? event.prevNode?.expiration,
    })
    this.#nextIndex = index + 1
  }
}
