/**
 * How many connections there are, over all listeners of a server.
 *
 * Owns: the count, closing those that are too many, saying so without filling the log.
 */
import type { Duplex } from 'node:stream'
import type { HttpLog } from './ports.ts'

/** Between two lines about refused connections, at least. Milliseconds. */
const WARNING_MS = 1000

/** The open connections of one server. */
export class Connections {
  readonly #connectionsMax: number
  readonly #log: HttpLog
  #open = 0
  /** Refused since the log was last told. */
  #refused = 0
  #timer: NodeJS.Timeout | undefined

  constructor(connectionsMax: number, log: HttpLog) {
    this.#connectionsMax = connectionsMax
    this.#log = log
  }

  /** A listener has accepted one: it is counted while it lasts, or closed at once. */
  take(socket: Duplex): void {
    if (this.#open >= this.#connectionsMax) {
      socket.destroy()
      this.#refused += 1
      if (this.#timer === undefined) this.#warn()
      return
    }
    this.#open += 1
    socket.on('close', () => {
      this.#open -= 1
    })
  }

  #warn(): void {
    const fields = { connectionsMax: this.#connectionsMax, refused: this.#refused }
    this.#log.warn(fields, 'connections were refused: there are as many as there may be')
    this.#refused = 0
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      if (this.#refused > 0) this.#warn()
    }, WARNING_MS).unref()
  }
}
