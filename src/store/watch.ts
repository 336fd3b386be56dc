/**
 * Who wants to know: watchers, exact or recursive, once or stream, from now or from an index on.
 *
 * Owns: registration and looking back in one step, live matching (API page, 5.4 and 5.5), ends and limits. Leaves to
 * others: catching up from memory and disk (watch-catchup.ts), the history itself, sockets (HTTP).
 *
 * Watchers hang in a tree of path segments, so that an event costs its depth and its matches, and the removal of a
 * directory finds the watchers below it by walking both trees side by side.
 */

import { type Event, matchesPast } from './event.ts'
import type { History } from './history.ts'
import type { HistoryReader } from './history-reader.ts'
import type { Node } from './node.ts'
import { ROOT } from './path.ts'
import { CatchUp } from './watch-catchup.ts'

/** Why a watcher ended without its client asking for it. */
export type WatchEnd =
  /** Its sink could not take an event. */
  | 'overflow'
  /** It was catching up, and the events it still needed left the window. */
  | 'cleared'
  /** The disk could not be read for it. */
  | 'failed'
  /** The store shuts down. */
  | 'closed'

/** What a watcher asks for, and where its events go. */
export interface WatchRequest {
  /** Canonical path; need not exist. */
  readonly path: string
  readonly recursive: boolean
  /** False: one event, then the watcher is gone without `closed`. */
  readonly stream: boolean
  /** `waitIndex`: events with this store index or a later one. 0: what happens from now on. */
  readonly since: number | bigint
  /**
   * Takes an event; called in order, each event once, while it is being applied, never before `watch` returned. Must
   * not throw and must be quick. False: it could not be taken, and the watcher closes with 'overflow'.
   */
  deliver(event: Event): boolean
  /** The watcher ended and not by `cancel`. At most once, and nothing follows. */
  closed(reason: WatchEnd): void
  /**
   * Asked while catching up, before every piece of at most 64 events: undefined when the sink can take one, else a
   * promise for that moment. Without it pieces follow each other as fast as they are found.
   */
  ready?(): Promise<void> | undefined
}

/** One registered watcher. */
export interface Watcher {
  /** Ends it; `closed` is not called. Safe to call again, or late. */
  cancel(): void
}

export type WatchAnswer =
  /** Registered. `index` is the store index at that moment. */
  | { readonly kind: 'registered'; readonly watcher: Watcher; readonly index: number }
  /** The first event wanted (without `stream`) has happened already and is in memory: nothing was registered. */
  | { readonly kind: 'found'; readonly event: Event; readonly index: number }
  /** Error 401: the history from `requested` on is gone in part; the oldest usable index is `oldest`. */
  | {
      readonly kind: 'cleared'
      readonly oldest: number
      readonly requested: number
      readonly storeIndex: number
    }
  /** As many watchers as there may be. */
  | { readonly kind: 'full' }

/** What a hub needs from the state it serves. */
export interface WatchSource {
  readonly storeIndex: number
  readonly history: History
  readonly generation: number
}

/** A segment of the paths that are watched. */
interface WatchPoint {
  readonly parent: WatchPoint | undefined
  readonly name: string
  children: Map<string, WatchPoint> | undefined
  exact: Set<LiveWatcher> | undefined
  recursive: Set<LiveWatcher> | undefined
}

/** A watcher as hub and catch-up see it. */
export interface LiveWatcher extends Watcher {
  readonly request: WatchRequest
  /** The least store index it still wants. Rises past every event it got, so that none comes twice. */
  nextIndex: number
  /** Where it hangs; undefined while it catches up and once it ended. */
  point: WatchPoint | undefined
  ended: boolean
}

/** All watchers of one store. */
export class WatchHub {
  readonly #source: WatchSource
  readonly #watchersMax: number
  readonly #catchUp: CatchUp
  readonly #root = makePoint(undefined, '')
  readonly #all = new Set<LiveWatcher>()

  constructor(source: WatchSource, watchersMax: number, reader: HistoryReader | undefined) {
    this.#source = source
    this.#watchersMax = watchersMax
    this.#catchUp = new CatchUp(source, reader, {
      join: (watcher) => this.#hang(watcher),
      deliver: (watcher, event) => this.#deliver(watcher, event),
      end: (watcher, reason) => this.#end(watcher, reason),
    })
  }

  /** How many watchers there are. */
  get count(): number {
    return this.#all.size
  }

  /** Looks back and registers, in one step. */
  watch(request: WatchRequest): WatchAnswer {
    const { storeIndex, history } = this.#source
    const since = Number(request.since)
    const past = since > 0 && since <= storeIndex
    if (past && since <= this.#catchUp.clearedTo()) {
      return { kind: 'cleared', oldest: this.#catchUp.clearedTo() + 1, requested: since, storeIndex }
    }
    if (past && !request.stream && since >= history.memoryFrom) {
      const event = this.#find(request, since)
      if (event !== undefined) return { kind: 'found', event, index: storeIndex }
    }
    if (this.#all.size >= this.#watchersMax) return { kind: 'full' }
    const watcher = this.#makeWatcher(request, past ? since : Math.max(since, storeIndex + 1))
    this.#all.add(watcher)
    const missed = past && (request.stream || since < history.memoryFrom)
    if (missed) this.#catchUp.start(watcher)
    else {
      watcher.nextIndex = Math.max(watcher.nextIndex, storeIndex + 1)
      this.#hang(watcher)
    }
    return { kind: 'registered', watcher, index: storeIndex }
  }

  /**
   * Delivers an event to every live watcher that it concerns. Called while it is being applied.
   *
   * @param removed The directory that the event took away, with all that was in it.
   */
  notify(event: Event, removed: Node | undefined): void {
    if (this.#root.children === undefined && this.#root.recursive === undefined) return
    const key = event.node.key
    const lastHidden = key.lastIndexOf('/_')
    let point: WatchPoint = this.#root
    let length = 0
    for (;;) {
      if (point.recursive !== undefined && lastHidden < length) this.#deliverAll(point.recursive, event)
      const slash = key.indexOf('/', length + 1)
      const end = slash === -1 ? key.length : slash
      const next = point.children?.get(key.slice(length + 1, end))
      if (next === undefined) return
      point = next
      length = end
      if (slash === -1) break
    }
    this.#deliverHere(point, event)
    if (removed?.children !== undefined) this.#deliverBelow(point, removed.children, event)
  }

  /** The state moved from `fromIndex` on without telling: every watcher of then looks back for what it missed. */
  resume(fromIndex: number): void {
    for (const watcher of this.#all) {
      if (watcher.point === undefined || watcher.nextIndex > this.#source.storeIndex) continue
      watcher.nextIndex = Math.max(watcher.nextIndex, fromIndex)
      this.#unhang(watcher)
      this.#catchUp.start(watcher)
    }
  }

  /** Ends all watchers with 'closed'. */
  closeAll(): void {
    for (const watcher of [...this.#all]) this.#end(watcher, 'closed')
  }

  #find(request: WatchRequest, since: number): Event | undefined {
    const { history } = this.#source
    for (let position = history.positionOf(since); ; position += 1) {
      const event = history.at(position)
      if (event === undefined || matchesPast(request.path, request.recursive, event)) return event
    }
  }

  #makeWatcher(request: WatchRequest, nextIndex: number): LiveWatcher {
    const watcher: LiveWatcher = {
      request,
      nextIndex,
      point: undefined,
      ended: false,
      cancel: () => this.#remove(watcher),
    }
    return watcher
  }

  #deliverHere(point: WatchPoint, event: Event): void {
    if (point.exact !== undefined) this.#deliverAll(point.exact, event)
    if (point.recursive !== undefined) this.#deliverAll(point.recursive, event)
  }

  #deliverBelow(point: WatchPoint, children: ReadonlyMap<string, Node>, event: Event): void {
    if (point.children === undefined) return
    for (const [name, below] of point.children) {
      const node = children.get(name)
      if (node === undefined) continue
      this.#deliverHere(below, event)
      if (node.children !== undefined) this.#deliverBelow(below, node.children, event)
    }
  }

  #deliverAll(watchers: Set<LiveWatcher>, event: Event): void {
    for (const watcher of watchers) this.#deliver(watcher, event)
  }

  #deliver(watcher: LiveWatcher, event: Event): void {
    if (watcher.ended || event.index < watcher.nextIndex) return
    watcher.nextIndex = event.index + 1
    if (!watcher.request.stream) this.#remove(watcher)
    const taken = watcher.request.deliver(event)
    if (!taken && !watcher.ended) this.#end(watcher, 'overflow')
  }

  #end(watcher: LiveWatcher, reason: WatchEnd): void {
    if (watcher.ended) return
    this.#remove(watcher)
    watcher.request.closed(reason)
  }

  #remove(watcher: LiveWatcher): void {
    if (watcher.ended) return
    watcher.ended = true
    this.#all.delete(watcher)
    this.#unhang(watcher)
  }

  #hang(watcher: LiveWatcher): void {
    const { path, recursive } = watcher.request
    let point = this.#root
    if (path !== ROOT) {
      for (const name of path.slice(1).split('/')) {
        point.children ??= new Map()
        let next = point.children.get(name)
        if (next === undefined) {
          next = makePoint(point, name)
          point.children.set(name, next)
        }
        point = next
      }
    }
    if (recursive) {
      point.recursive ??= new Set()
      point.recursive.add(watcher)
    } else {
      point.exact ??= new Set()
      point.exact.add(watcher)
    }
    watcher.point = point
  }

  #unhang(watcher: LiveWatcher): void {
    let point = watcher.point
    if (point === undefined) return
    watcher.point = undefined
    const set = watcher.request.recursive ? point.recursive : point.exact
    set?.delete(watcher)
    if (set?.size === 0) {
      if (watcher.request.recursive) point.recursive = undefined
      else point.exact = undefined
    }
    while (point.parent !== undefined && isBare(point)) {
      const parent: WatchPoint = point.parent
      parent.children?.delete(point.name)
      if (parent.children?.size === 0) parent.children = undefined
      point = parent
    }
  }
}

function makePoint(parent: WatchPoint | undefined, name: string): WatchPoint {
  return { parent, name, children: undefined, exact: undefined, recursive: undefined }
}

function isBare(point: WatchPoint): boolean {
  return point.children === undefined && point.exact === undefined && point.recursive === undefined
}
