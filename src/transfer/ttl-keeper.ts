/**
 * Keeps keys with a TTL alive at the target for as long as they are kept alive at the source.
 *
 * A refresh (`refresh=true`) is no event, so nobody who follows changes hears of it, and the copy would fall due while the
 * original lives on. So each key is looked up again when half of its time is over.
 *
 * Owns: which keys, and when they are looked up. Leaves to others: keys that are set anew or removed (apply).
 */
import { setTimeout as wait } from 'node:timers/promises'
import type { TreeNode } from './tree.ts'

/** Keys kept. Each costs some 150 bytes, and a request each half of its TTL. Further ones live until a pass sees them. */
const TTL_KEYS_MAX = 250_000
const LOOK_MS = 250
/** Looked up no more often than this. Milliseconds. */
const PAUSE_MS_MIN = 1_000
const AT_ONCE_MAX = 16

/** What the keeper does when a key's time has come. */
export interface TtlKeeperPort {
  /** The node at the source now; undefined when it is gone. @throws what ends the transfer. */
  lookUp(path: string, signal: AbortSignal): Promise<TreeNode | undefined>
  /** Gives the target's node the time that is left, or makes it. */
  refresh(node: TreeNode, ttlSeconds: number): Promise<void>
}

/** All keys with a TTL, by path of the target. */
export class TtlKeeper {
  readonly #lookMs = new Map<string, number>()
  readonly #keysMax: number
  #missed = 0

  constructor(keysMax = TTL_KEYS_MAX) {
    this.#keysMax = keysMax
  }

  get size(): number {
    return this.#lookMs.size
  }

  /** Keys that were not taken because there are too many. */
  get missed(): number {
    return this.#missed
  }

  /** This key falls due in so many seconds, if nobody refreshes it. */
  track(path: string, ttlSeconds: number): void {
    if (this.#lookMs.size >= this.#keysMax && !this.#lookMs.has(path)) {
      this.#missed += 1
      return
    }
    this.#lookMs.set(path, performance.now() + Math.max(PAUSE_MS_MIN, ttlSeconds * 500))
  }

  /** This key is gone, or permanent. */
  forget(path: string): void {
    this.#lookMs.delete(path)
  }

  /** Looks after the keys until the signal aborts. @throws what the port throws. */
  async run(port: TtlKeeperPort, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const due: string[] = []
      const nowMs = performance.now()
      for (const [path, lookMs] of this.#lookMs) if (lookMs <= nowMs) due.push(path)
      for (let at = 0; at < due.length && !signal.aborted; at += AT_ONCE_MAX) {
        await Promise.all(due.slice(at, at + AT_ONCE_MAX).map((path) => this.#look(path, port, signal)))
      }
      await wait(LOOK_MS, undefined, { signal }).catch(() => undefined)
    }
  }

  async #look(path: string, port: TtlKeeperPort, signal: AbortSignal): Promise<void> {
    const node = await port.lookUp(path, signal)
    if (signal.aborted || !this.#lookMs.has(path)) return
    if (node?.ttlSeconds === undefined || node.ttlSeconds <= 0) {
      this.forget(path)
      return
    }
    await port.refresh(node, node.ttlSeconds)
    this.track(path, node.ttlSeconds)
  }
}
