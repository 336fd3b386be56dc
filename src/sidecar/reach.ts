/**
 * Whether the store can be asked, said once for all instances of an agent.
 *
 * Owns: the two lines in the log. Hundreds of instances notice an outage within a second, and each would say so.
 */
import type { RegisterLog } from './ports.ts'

/** An outage is over when nothing has failed for so long: while one server hangs and others answer, both happen at once. Milliseconds. */
const QUIET_MS = 2_000

export class Reach {
  readonly #log: RegisterLog
  #isAway = false
  #failedAtMs = 0

  constructor(log: RegisterLog) {
    this.#log = log
  }

  /** A request failed, for a reason that lies between us and the store or in it. */
  failed(error: Error): void {
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
}
