/**
 * Endpoints from the cluster itself.
 *
 * Owns: asking now and, where that is wanted, time and again. Leaves to others: which URLs are taken (endpoints).
 */
import type { Http } from './http.ts'
import type { CallOptions } from './keys.ts'
import type { Members } from './members.ts'

/** Keeps the endpoints of one client. */
export class EndpointSync {
  readonly #http: Http
  readonly #members: Members
  readonly #timer: NodeJS.Timeout | undefined
  #isAsking = false

  constructor(http: Http, members: Members) {
    this.#http = http
    this.#members = members
    const { syncMs } = http.settings
    if (syncMs === 0) return
    // It holds nobody: a program that has nothing else to do ends.
    this.#timer = setInterval(() => void this.#again(), syncMs).unref()
    void this.#again()
  }

  /** @throws ClientError. */
  async now(options: CallOptions): Promise<void> {
    this.#http.endpoints.learn(await this.#members.clientUrls(options))
  }

  close(): void {
    clearInterval(this.#timer)
  }

  async #again(): Promise<void> {
    if (this.#isAsking) return
    this.#isAsking = true
    try {
      await this.now({})
    } catch (error) {
      this.#http.settings.logger?.debug({ err: error }, 'the members could not be asked for')
    } finally {
      this.#isAsking = false
    }
  }
}
