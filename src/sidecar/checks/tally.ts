/**
 * What a row of looks adds up to. Pure.
 *
 * Owns: rise and fall.
 */
import type { Check, CheckResult } from './check.ts'

export class Tally {
  readonly #rise: number
  readonly #fall: number
  #status: CheckResult['status']
  #good = 0
  #bad = 0

  constructor({ rise, fall, initialStatus }: Pick<Check, 'rise' | 'fall' | 'initialStatus'>) {
    this.#rise = rise
    this.#fall = fall
    this.#status = initialStatus
  }

  get status(): CheckResult['status'] {
    return this.#status
  }

  /** Counts one look; the status from now on. A warning is a good look. */
  note({ status }: Pick<CheckResult, 'status'>): CheckResult['status'] {
    if (status === 'critical') {
      this.#good = 0
      this.#bad++
      if (this.#bad >= this.#fall) this.#status = 'critical'
      return this.#status
    }
    this.#bad = 0
    this.#good++
    if (this.#status !== 'critical' || this.#good >= this.#rise) this.#status = status
    return this.#status
  }
}
