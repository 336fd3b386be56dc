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
import type { Keyspace } from './keyspace.ts'
import type { Node } from './node.ts'
import { type StoreOptions, WATCHERS_MAX_DEFAULT } from './options.ts'
import { ROOT } from './path.ts'
import { CatchUp, type CatchUpHub } from './watch-catchup.ts'

/** Why a watcher ended without its client asking for it. */
export type WatchEnd =
  /** Its sink took nothing though it was asked (`ready`). */
  | 'overflow'
  /** It was catching up and the events it still needed left the window, or its index was passed over. */
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
   * not throw and must be quick.
   *
   * False, for a stream only: it could not be taken now. The watcher goes back into the past, as far as this event, and
   * catches up from there, with the rules of looking back. It closes with 'overflow' when the sink takes nothing although
   * it was ready.
   */
  deliver(event: Event): boolean
  /** The watcher ended and not by `cancel`. At most once, and nothing follows. */
  closed(reason: WatchEnd): void
  /**
   * Asked while catching up, before every piece of at most 64 events: undefined when the sink can take one, else a
   * promise for that moment. Without it the sink counts as ready. Whoever waits here costs a cursor and nothing else.
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
  readonly tree: Pick<Keyspace, 'find'>
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

  constructor(source: WatchSource, options: StoreOptions) {
    this.#source = source
    this.#watchersMax = options.watchersMax ?? WATCHERS_MAX_DEFAULT
    const hub: CatchUpHub = {
      join: (watcher) => this.#hang(watcher),
      deliver: (watcher, event) => this.#deliver(watcher, event),
      end: (watcher, reason) => this.#end(watcher, reason),
    }
    this.#catchUp = new CatchUp(source, options.historyReader, hub, options.nextPass)
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
    if (missed && !this.#isUntouched(request, since)) this.#catchUp.start(watcher)
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
    if (removed !== undefined) this.#deliverBelow(point, removed, event)
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

  /**
   * The store index went on from `fromIndex` without events, and history begins anew. Whoever waits for an index that was
   * passed over counts as another cluster did, and ends with 'cleared'; who looks back finds out by itself.
   */
  passOver(fromIndex: number): void {
    const { storeIndex } = this.#source
    for (const watcher of this.#all) {
      const { point, nextIndex } = watcher
      if (point !== undefined && nextIndex > fromIndex + 1 && nextIndex <= storeIndex) this.#end(watcher, 'cleared')
    }
  }

  /** Ends all watchers with 'closed'. */
  closeAll(): void {
    for (const watcher of [...this.#all]) this.#end(watcher, 'closed')
  }

  /**
   * True when the tree shows that nothing the request wants happened from `since` on: a file carries the index of its last
   * change, and one that was removed since, itself or with a directory, came back with a later one. Without this, all who
   * wait for a key that seldom changes would search the whole history at each request.
   */
  #isUntouched(request: WatchRequest, since: number): boolean {
    if (request.recursive) return false
    const node = this.#source.tree.find(request.path)
    return node !== undefined && !node.dir && node.modifiedIndex < since
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

  /** Walks both trees side by side. Not by recursion: a client chooses how deep they are. */
  #deliverBelow(point: WatchPoint, removed: Node, event: Event): void {
    const pending = [{ point, node: removed }]
    for (let level = pending.pop(); level !== undefined; level = pending.pop()) {
      const { children } = level.node
      if (level.point.children === undefined || children === undefined) continue
      for (const [name, below] of level.point.children) {
        const node = children.get(name)
        if (node === undefined) continue
        this.#deliverHere(below, event)
        if (node.children !== undefined) pending.push({ point: below, node })
      }
    }
  }

  #deliverAll(watchers: Set<LiveWatcher>, event: Event): void {
    for (const watcher of watchers) {
      if (this.#deliver(watcher, event)) continue
      this.#unhang(watcher)
      this.#catchUp.start(watcher)
    }
  }

  /** False: the sink did not take it, and the watcher still wants it. */
  #deliver(watcher: LiveWatcher, event: Event): boolean {
    if (watcher.ended || event.index < watcher.nextIndex) return true
    watcher.nextIndex = event.index + 1
    const { request } = watcher
    if (!request.stream) this.#remove(watcher)
    if (request.deliver(event) || watcher.ended) return true
    watcher.nextIndex = event.index
    return false
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
