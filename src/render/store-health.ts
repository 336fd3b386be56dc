/**
 * Whether the store answers.
 *
 * Owns: what the client's hooks say of it, and saying so when it changes. Files are not touched because the store is away.
 */
import type { ClientHooks } from '../client/options.ts'
import type { RenderLog } from './work.ts'

export class StoreHealth {
  readonly #log: RenderLog
  #reachable: boolean | undefined
  #sinceMs = Date.now()
  #error: string | undefined
  /** For the client. */
  readonly hooks: ClientHooks = {
    request: ({ status }) => {
      if (status > 0 && status < 500) this.#turn(true, undefined)
    },
    retry: ({ error }) => this.#turn(false, error.message),
  }

  constructor(log: RenderLog) {
    this.#log = log
  }

  /** Undefined: it was not asked yet. Times in milliseconds since 1970. */
  get state(): {
    readonly reachable: boolean | undefined
    readonly sinceMs: number
    readonly error: string | undefined
  } {
    return { reachable: this.#reachable, sinceMs: this.#sinceMs, error: this.#error }
  }

  #turn(reachable: boolean, error: string | undefined): void {
    this.#error = error
    if (this.#reachable === reachable) return
    const first = this.#reachable === undefined
    this.#reachable = reachable
    this.#sinceMs = Date.now()
    if (!reachable) this.#log.warn({ error }, 'the store does not answer: everything stays as it was')
    else if (!first) this.#log.info({}, 'the store answers again')
  }
}
