/**
 * Every watcher sees every matching event once, in order, across resumption at other members; 401 comes only when history
 * is truly gone (user-needs.md, W1 to W9).
 *
 * The removal of a directory is special (API page, 5.4 and 5.5): a live watcher below it hears of it when its key was
 * there, one that looks back hears of it in any case. So it must be seen in the first case and may be in the second.
 */
import type { Event } from '../../../src/store/event.ts'
import type { HistoryLimits } from '../../../src/store/options.ts'
import type { Applied, Checker } from '../checker.ts'
import { wrong } from '../failure.ts'

/** What a client watches, and what it saw so far, over all members it asked. */
export interface Watching {
  readonly name: string
  readonly path: string
  readonly recursive: boolean
  /** Index from which on it wants events. */
  since: number
  /** Indexes of the events that it got, in the order in which they came. */
  seen: number[]
}

interface Happened {
  readonly event: Event
  /** Files that went with a directory. */
  readonly removed: readonly string[]
}

/** No event of a run takes more in a row: value and previous value are at most 2,000 bytes. */
const EVENT_BYTES_MAX = 5000

type Match = 'must' | 'may' | 'no'

export class WatchesChecker implements Checker {
  readonly name = 'watches'
  readonly #limits: HistoryLimits
  readonly #events: Happened[] = []
  readonly #files = new Set<string>()
  #delivered = 0
  /** History up to this index was given up on purpose. */
  #begunAfter = 0

  constructor(limits: HistoryLimits) {
    this.#limits = limits
  }

  /** Deliveries that were found right. */
  get deliveredCount(): number {
    return this.#delivered
  }

  applied({ command, outcome, events, first }: Applied): void {
    if (!first) return
    if (command?.kind === 'advanceIndex' && outcome?.ok === true) this.#begunAfter = outcome.event.index
    for (const event of events) this.#events.push({ event, removed: this.#track(event) })
  }

  /** What was seen so far must be what happened, without a gap. */
  checkSeen(watching: Watching): void {
    this.#check(watching, watching.seen.at(-1) ?? 0)
  }

  /** Everything up to `storeIndex` must have been seen. */
  checkComplete(watching: Watching, storeIndex: number): void {
    this.#check(watching, Math.max(storeIndex, watching.seen.at(-1) ?? 0))
    this.#delivered += watching.seen.length
  }

  /** A member refused to look back to `since`. */
  checkCleared(name: string, since: number): void {
    if (since <= this.#begunAfter) return
    const { eventsMax, eventsBytesMax } = this.#limits
    const wanted = this.#events.length - this.#firstAt(since)
    // How many fit the bound in bytes depends on how the turns grouped them, but so many always do.
    const fitBytes = eventsBytesMax / EVENT_BYTES_MAX
    if (wanted <= Math.min(eventsMax, fitBytes)) {
      throw wrong(`${name} was told that history from ${since} on is gone, and only ${wanted} events happened since`)
    }
  }

  #check(watching: Watching, upTo: number): void {
    const { name, path, seen } = watching
    let at = 0
    for (let i = this.#firstAt(watching.since); i < this.#events.length; i++) {
      const happened = this.#events[i] as Happened
      const { index } = happened.event
      if (index > upTo) break
      const match = this.#match(happened, watching)
      if (match === 'no') continue
      if (seen[at] === index) at++
      else if (match === 'must')
        throw wrong(`${name} of ${path} from ${watching.since} on missed event ${index}; it saw ${tail(seen)}`)
    }
    if (at < seen.length) {
      throw wrong(
        `${name} of ${path} from ${watching.since} on saw event ${seen[at]} twice, out of order or without cause: ${tail(seen)}`,
      )
    }
  }

  #match({ event, removed }: Happened, { path, recursive }: Watching): Match {
    const { key } = event.node
    if (key === path) return 'must'
    const prefix = path === '/' ? '/' : `${path}/`
    if (recursive && key.startsWith(prefix)) return key.slice(prefix.length - 1).includes('/_') ? 'no' : 'must'
    if (!event.node.dir || !path.startsWith(`${key}/`)) return 'no'
    if (event.action !== 'delete' && event.action !== 'expire') return 'no'
    return removed.includes(path) ? 'must' : 'may'
  }

  #track({ action, node }: Event): readonly string[] {
    const removes = action === 'delete' || action === 'compareAndDelete' || action === 'expire'
    if (!removes) {
      if (node.dir) this.#files.delete(node.key)
      else this.#files.add(node.key)
      return []
    }
    this.#files.delete(node.key)
    if (!node.dir) return []
    const removed = [...this.#files].filter((file) => file.startsWith(`${node.key}/`))
    for (const file of removed) this.#files.delete(file)
    return removed
  }

  /** Position of the first event with an index of `since` or more. */
  #firstAt(since: number): number {
    let low = 0
    let high = this.#events.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#events[middle] as Happened).event.index < since) low = middle + 1
      else high = middle
    }
    return low
  }
}

function tail(seen: readonly number[]): string {
  return `… ${seen.slice(-12).join(' ')}`
}
