/**
 * Changes of the source on their way to the target.
 *
 * Owns: their order and the bound of how many wait. When it is full all of them are dropped, and the queue says that they
 * are lost: comparing both trees anew costs less than keeping them.
 */
import type { EventJson } from '../client/node.ts'

/** Changes that may wait, and the memory that they take. */
const QUEUE_EVENTS_MAX = 200_000
const QUEUE_BYTES_MAX = 64 * 1024 * 1024

/** What a change takes beside its texts, about. */
const EVENT_BYTES = 200

/** A change, and when it arrived (`performance.now()`), for what is left of its TTL. */
export interface QueuedEvent {
  readonly event: EventJson
  readonly index: number
  readonly arrivedMs: number
}

/** First in, first out. One writer, one reader. */
export class EventQueue {
  #events: QueuedEvent[] = []
  #bytes = 0
  #lost: string | undefined
  #wake: (() => void) | undefined
  readonly #eventsMax: number
  readonly #bytesMax: number

  constructor(eventsMax = QUEUE_EVENTS_MAX, bytesMax = QUEUE_BYTES_MAX) {
    this.#eventsMax = eventsMax
    this.#bytesMax = bytesMax
  }

  get length(): number {
    return this.#events.length
  }

  /** Why changes were lost, in a few words; undefined: none were. */
  get lost(): string | undefined {
    return this.#lost
  }

  push(event: EventJson, index: number): void {
    if (this.#lost !== undefined) return
    const kept = withoutPast(event)
    this.#events.push({ event: kept, index, arrivedMs: performance.now() })
    this.#bytes += EVENT_BYTES + 2 * ((kept.node.key?.length ?? 0) + (kept.node.value?.length ?? 0))
    if (this.#events.length > this.#eventsMax || this.#bytes > this.#bytesMax) {
      this.lose(`more than ${this.#eventsMax} changes, or ${this.#bytesMax} bytes of them, were waiting`)
    }
    this.#wake?.()
  }

  /** Nothing that follows is of use any more. */
  lose(why: string): void {
    this.#lost ??= why
    this.#events = []
    this.#bytes = 0
    this.#wake?.()
  }

  /** Takes all that wait. */
  take(): readonly QueuedEvent[] {
    const taken = this.#events
    this.#events = []
    this.#bytes = 0
    return taken
  }

  /** Waits for a change or for a loss, no longer than `ms`. */
  async changed(ms: number): Promise<void> {
    if (this.#events.length > 0 || this.#lost !== undefined) return
    await new Promise<void>((done) => {
      const timer = setTimeout(done, ms)
      this.#wake = () => {
        clearTimeout(timer)
        done()
      }
    })
    this.#wake = undefined
  }
}

/** What carrying it over needs: of the node before only whether it was a directory, not its value. */
function withoutPast({ action, node, prevNode }: EventJson): EventJson {
  const { nodes: _, ...slim } = node
  return { action, node: slim, prevNode: { dir: prevNode?.dir === true } }
}
