/**
 * Whether the store can be asked, said once for all instances of an agent.
 *
 * Owns: the two lines in the log. Hundreds of instances notice an outage within a second, and each would say so.
 */
import type { RegisterLog } from './ports.ts'

export class Reach {
  readonly #log: RegisterLog
  #isAway = false

  constructor(log: RegisterLog) {
    this.#log = log
  }

  /** A request failed, for a reason that lies between us and the store or in it. */
  failed(error: Error): void {
    if (!this.#isAway) this.#log.warn({ err: error }, 'the store cannot be asked: going on with what is known')
    this.#isAway = true
  }

  /** A request was answered. */
  answered(): void {
    if (this.#isAway) this.#log.info({}, 'the store answers again')
    this.#isAway = false
  }
}
