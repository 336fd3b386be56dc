/**
 * Keys that shall be gone soon, and waiting until they are, on both servers.
 *
 * Owns: when the last of them falls due, and whether the machine was so slow that one may have gone too early for the try to
 * say anything.
 */
import { expirationsOf } from './json-text.ts'
import type { Pair } from './pair.ts'
import type { Received } from './wire.ts'

/** What falls due within this time is waited for. */
const SHORT_MS = 1_500
/** etcd sweeps twice a second. */
const SWEEP_MS = 600
/** A key that lives for a second must have been dealt with by then. */
const LATE_MS = 800
/** Two keys may not fall due in one millisecond: who goes first is then not told by time, in muster. */
const APART_MS = 3

export class Due {
  #lastMs: number | undefined
  #sinceMs = 0
  late = false

  /**
   * Looks for times to live in an answer to a request. Waits a little when there are short ones. True: one has run out
   * already, and nothing can be asked before `settle`.
   */
  async note(received: Received): Promise<boolean> {
    if (received.kind !== 'answer' || !received.body.includes('"expiration"')) return false
    const nowMs = Date.now()
    const short = expirationsOf(received.body)
      .map(({ text }) => Date.parse(text))
      .filter((ms) => ms <= nowMs + SHORT_MS)
    if (short.length === 0) return false
    if (this.#lastMs === undefined) this.#sinceMs = nowMs
    this.#lastMs = Math.max(this.#lastMs ?? 0, nowMs, ...short)
    await untilWall(nowMs + APART_MS)
    return short.some((ms) => ms <= nowMs)
  }

  /** Waits until all of them are gone from both. That one is not, is for later steps to see. */
  async settle(pair: Pair): Promise<void> {
    if (this.#lastMs === undefined) return
    if (Date.now() - this.#sinceMs > LATE_MS) this.late = true
    await untilWall(this.#lastMs + SWEEP_MS)
    this.#lastMs = undefined
    for (let tries = 0; tries < 20; tries += 1) {
      const [etcd, muster] = await Promise.all([pair.etcd.index(), pair.muster.index()])
      if (etcd === muster) return
      await untilWall(Date.now() + 50)
    }
  }
}

function untilWall(wallMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, wallMs - Date.now())))
}
