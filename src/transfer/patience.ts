/**
 * Asking again for as long as it makes sense.
 *
 * Owns: the pauses, and when patience ends. Everything that a transfer asks may be asked twice: it reads, or writes what it
 * wrote before.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { ApiError, ClientError } from '../client/errors.ts'
import { TransferError } from './errors.ts'

const PAUSE_MS_MIN = 50
const PAUSE_MS_MAX = 2_000

/** Repeats calls that fail for a reason that may pass. */
export class Patience {
  readonly #side: 'source' | 'target'
  readonly #msMax: number
  readonly #signal: AbortSignal
  readonly #onWait: (error: ClientError) => void

  /**
   * @param msMax for how long one call is repeated.
   * @param onWait hears of each failure that is waited out.
   */
  constructor(side: 'source' | 'target', msMax: number, signal: AbortSignal, onWait: (error: ClientError) => void) {
    this.#side = side
    this.#msMax = msMax
    this.#signal = signal
    this.#onWait = onWait
  }

  /**
   * What `call` gives.
   * @throws TransferError when patience is over; the signal's reason; what the call throws when asking again will not help.
   */
  async ask<T>(call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const endMs = performance.now() + this.#msMax
    for (let pauseMs = PAUSE_MS_MIN; ; pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX)) {
      this.#signal.throwIfAborted()
      try {
        return await call(this.#signal)
      } catch (error) {
        this.#signal.throwIfAborted()
        if (!(error instanceof ClientError) || !error.retriable) throw error
        if (error instanceof ApiError && error.keyLimit !== undefined) throw error
        if (performance.now() > endMs) throw this.#gone(error)
        this.#onWait(error)
      }
      await wait(pauseMs * (0.5 + Math.random()), undefined, { signal: this.#signal })
    }
  }

  #gone(error: ClientError): TransferError {
    const code = this.#side === 'source' ? 'MUSTER_TRANSFER_SOURCE_GONE' : 'MUSTER_TRANSFER_TARGET_GONE'
    const seconds = Math.round(this.#msMax / 1000)
    return new TransferError(code, `the ${this.#side} has not answered for ${seconds} s: ${error.message}`, error)
  }
}
