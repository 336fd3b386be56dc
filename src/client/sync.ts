/**
 * Endpoints from the cluster itself.
 *
 * Owns: asking now and, where that is wanted, time and again. Leaves to others: which URLs are taken (endpoints).
 */
import type { Http } from './http.ts'
import type { CallOptions } from './keys.ts'
import type { Members } from './members.ts'
import { pause } from './pause.ts'

/** Keeps the endpoints of one client. */
export class EndpointSync {
  readonly #http: Http
  readonly #members: Members
  readonly #over = new AbortController()

  constructor(http: Http, members: Members) {
    this.#http = http
    this.#members = members
    const { syncMs } = http.settings
    if (syncMs > 0) void this.#run(syncMs)
  }

  /** @throws ClientError. */
  async now(options: CallOptions): Promise<void> {
    this.#http.endpoints.learn(await this.#members.clientUrls(options))
  }

  close(): void {
    this.#over.abort()
  }

  async #run(syncMs: number): Promise<void> {
    const { signal } = this.#over
    while (!signal.aborted) {
      try {
        await this.now({ signal })
      } catch (error) {
        if (!signal.aborted) this.#http.settings.logger?.debug({ err: error }, 'the members could not be asked for')
      }
      await pause(syncMs, signal)
    }
  }
}
