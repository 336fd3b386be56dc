/**
 * Whether the store can be asked, and which keys it will not have, said once for all instances of an agent.
 *
 * Owns: the lines in the log. Hundreds of instances notice an outage within a second, and each would say so.
 */
import { ApiError } from '../client/errors.ts'
import type { RegisterLog } from './ports.ts'

/** An outage is over when nothing has failed for so long: while one server hangs and others answer, both happen at once. Milliseconds. */
const QUIET_MS = 2_000
/** Keys whose refusal is remembered. More: the oldest is forgotten, and may be told again. */
const REFUSALS_MAX = 10_000

/** Whether the store answered, and will answer the same next time: for want of a permission, or because a directory is in the way. */
export function isRefusal(error: unknown): error is ApiError {
  return error instanceof ApiError && !error.retriable
}

export class Reach {
  readonly #log: RegisterLog
  readonly #refused = new Set<string>()
  #isAway = false
  #failedAtMs = 0

  constructor(log: RegisterLog) {
    this.#log = log
  }

  /** A request failed. A refusal is an answer; which key it is about is told by `keyRefused`. */
  failed(error: Error): void {
    if (isRefusal(error)) return this.answered()
    this.#failedAtMs = performance.now()
    if (this.#isAway) return
    this.#isAway = true
    this.#log.warn({ reason: error.message }, 'the store cannot be asked: going on with what is known')
  }

  /** A request was answered. */
  answered(): void {
    if (!this.#isAway || performance.now() - this.#failedAtMs < QUIET_MS) return
    this.#isAway = false
    this.#log.info({}, 'the store answers again')
  }

  /** The store will not have a key. */
  keyRefused(path: string, error: ApiError): void {
    if (this.#refused.has(path)) return
    for (const oldest of this.#refused) {
      if (this.#refused.size < REFUSALS_MAX) break
      this.#refused.delete(oldest)
    }
    this.#refused.add(path)
    this.#log.warn(
      { path, reason: error.message },
      'the store refuses this key: going on with the others, and trying it again',
    )
  }

  /** The store has taken a key. */
  keyGranted(path: string): void {
    this.#refused.delete(path)
  }
}
