/**
 * Lines about handshakes that failed: strangers cause them, so their number must not matter.
 *
 * Owns: who was named when, how many lines there may be, and counting the rest.
 */
import { TLS_LIMITS, type TlsLimits, type TlsLog, type TlsRole } from './settings.ts'

/** The log of one listener. */
export class HandshakeLog {
  readonly #log: TlsLog
  readonly #role: TlsRole
  readonly #limits: TlsLimits
  readonly #nowMs: () => number
  /** Address and reason, of the present stretch of time; at most `linesMax`. */
  readonly #said = new Set<string>()
  #sinceMs = Number.NEGATIVE_INFINITY
  /** Not written since the last line. */
  #leftOut = 0

  /** @param nowMs a clock that does not go back */
  constructor(log: TlsLog, role: TlsRole, nowMs: () => number, limits: TlsLimits = TLS_LIMITS) {
    this.#log = log
    this.#role = role
    this.#nowMs = nowMs
    this.#limits = limits
  }

  /** Says why the connection from `address` was closed, unless that was said just now. */
  refused(address: string, reason: string): void {
    const nowMs = this.#nowMs()
    if (nowMs - this.#sinceMs >= this.#limits.quietMs) {
      this.#sinceMs = nowMs
      this.#said.clear()
    }
    const key = `${address} ${reason}`
    if (this.#said.has(key) || this.#said.size >= this.#limits.linesMax) {
      this.#leftOut += 1
      return
    }
    this.#said.add(key)
    const fields = { tls: this.#role, address, reason, ...(this.#leftOut > 0 ? { leftOut: this.#leftOut } : {}) }
    this.#leftOut = 0
    this.#log.warn(fields, 'closed a connection: its TLS handshake failed')
  }
}
