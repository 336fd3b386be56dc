/**
 * Keeps keys with a TTL alive at the target for as long as they are kept alive at the source.
 *
 * A refresh (`refresh=true`) is no event, so nobody who follows changes hears of it, and the copy would fall due while the
 * original lives on. So each key is looked up again when half of its time is over.
 *
 * Owns: which keys, when they are looked up, and that a look which was overtaken by a change does no harm: whoever writes or
 * removes a key says so first (`track`, `forget`), and then waits for a refresh under way (`settled`). Leaves to others: keys
 * that are set anew or removed (apply, copy).
 */
import { setTimeout as wait } from 'node:timers/promises'
import { Lanes } from './lanes.ts'
import type { TreeNode } from './tree.ts'

/** Keys kept. Each costs some 200 bytes, and two requests each half of its TTL. Further ones live until a pass sees them. */
const TTL_KEYS_MAX = 250_000
const LOOK_MS = 200
/** Looked up no more often than this. Milliseconds. */
const PAUSE_MS_MIN = 400
const AT_ONCE_MAX = 32
/** A look that is later than this share of the TTL is told. */
const LATE_SHARE = 0.25

/** What the keeper does when a key's time has come. */
export interface TtlKeeperPort {
  /** The node at the source now; undefined when it is gone. @throws what ends the transfer. */
  lookUp(path: string, signal: AbortSignal): Promise<TreeNode | undefined>
  /** Gives the target's node the time that is left, or makes it if it fell due. @throws as `lookUp`. */
  refresh(node: TreeNode, ttlSeconds: number): Promise<void>
  /** So many looks came too late so far. */
  late(count: number): void
}

/** A key as it was last heard of. Another object for each time, so that a look knows whether it was overtaken. */
interface Kept {
  readonly ttlMs: number
  /** When it is looked up, `performance.now()`. */
  readonly lookMs: number
}

/** A look under way. */
interface Look {
  readonly kept: Kept
  /** Undefined until the source has answered. */
  writing: Promise<void> | undefined
}

/** All keys with a TTL, by path of the target. */
export class TtlKeeper {
  readonly #kept = new Map<string, Kept>()
  readonly #looks = new Map<string, Look>()
  readonly #keysMax: number
  #missed = 0
  #late = 0

  constructor(keysMax = TTL_KEYS_MAX) {
    this.#keysMax = keysMax
  }

  get size(): number {
    return this.#kept.size
  }

  /** Keys that were not taken because there are too many. */
  get missed(): number {
    return this.#missed
  }

  /** This key falls due in so many seconds, if nobody refreshes it. */
  track(path: string, ttlSeconds: number): void {
    if (this.#kept.size >= this.#keysMax && !this.#kept.has(path)) {
      this.#missed += 1
      return
    }
    const ttlMs = ttlSeconds * 1000
    this.#kept.set(path, { ttlMs, lookMs: performance.now() + Math.max(PAUSE_MS_MIN, ttlMs / 2) })
  }

  /** This key is gone, or permanent. */
  forget(path: string): void {
    if (this.#kept.size > 0) this.#kept.delete(path)
  }

  /** What has to be waited for before the key is written or removed; undefined: nothing. After `track` or `forget` none follows. */
  settled(path: string): Promise<void> | undefined {
    return this.#looks.size === 0 ? undefined : this.#looks.get(path)?.writing
  }

  /** The directory is about to go with what is in it: nothing below is refreshed any more by looks under way. */
  async forgetBelow(directory: string): Promise<void> {
    const prefix = directory === '/' ? '/' : `${directory}/`
    const writings: (Promise<void> | undefined)[] = []
    for (const [path, { writing }] of this.#looks) {
      if (!path.startsWith(prefix)) continue
      this.forget(path)
      writings.push(writing)
    }
    await Promise.all(writings)
  }

  /** Looks after the keys until the signal aborts. @throws what the port throws. */
  async run(port: TtlKeeperPort, signal: AbortSignal): Promise<void> {
    const lanes = new Lanes(AT_ONCE_MAX)
    try {
      while (!signal.aborted) {
        lanes.check()
        for (const [path, kept] of this.#due()) {
          if (signal.aborted) break
          await lanes.add(() => this.#look(path, kept, port, signal))
        }
        await wait(LOOK_MS, undefined, { signal }).catch(() => undefined)
      }
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      await lanes.settle()
    }
  }

  /** Keys whose time has come, the latest first. */
  #due(): readonly (readonly [string, Kept])[] {
    const nowMs = performance.now()
    const due: [string, Kept][] = []
    for (const [path, kept] of this.#kept) {
      if (kept.lookMs <= nowMs && !this.#looks.has(path)) due.push([path, kept])
    }
    return due.sort(([, a], [, b]) => a.lookMs - b.lookMs)
  }

  async #look(path: string, kept: Kept, port: TtlKeeperPort, signal: AbortSignal): Promise<void> {
    // It waited for a lane.
    if (signal.aborted || this.#kept.get(path) !== kept) return
    if (performance.now() - kept.lookMs > kept.ttlMs * LATE_SHARE) {
      this.#late += 1
      port.late(this.#late)
    }
    const look: Look = { kept, writing: undefined }
    this.#looks.set(path, look)
    try {
      const node = await port.lookUp(path, signal)
      if (signal.aborted || this.#kept.get(path) !== kept) return
      if (node?.ttlSeconds === undefined || node.ttlSeconds <= 0) {
        this.forget(path)
        return
      }
      // Whoever waits for it is not the one who hears how it ended.
      const refreshing = port.refresh(node, node.ttlSeconds)
      look.writing = refreshing.catch(() => undefined)
      await refreshing
      if (this.#kept.get(path) === kept) this.track(path, node.ttlSeconds)
    } finally {
      this.#looks.delete(path)
    }
  }
}
