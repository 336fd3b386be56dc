/**
 * How many connections there are, over all listeners of a server.
 *
 * Owns: the count, closing those that are too many, saying so without filling the log, and saying when the files of this process
 * run out, whoever has them.
 */
import type { Duplex } from 'node:stream'
import type { HttpLimits } from './limits.ts'
import type { HttpLog } from './ports.ts'

/** Between two lines about the same, at least. Milliseconds. */
const WARNING_MS = 1000
/** With fewer descriptors left than this, the next connections may find none. */
const FILES_LEFT_MIN = 4

/** The open connections of one server. */
export class Connections {
  readonly #connectionsMax: number
  readonly #openFilesMax: number
  readonly #refused: RareWarning
  readonly #filesOut: RareWarning
  readonly #failed: RareWarning
  #open = 0

  constructor({ connectionsMax, openFilesMax }: Pick<HttpLimits, 'connectionsMax' | 'openFilesMax'>, log: HttpLog) {
    this.#connectionsMax = connectionsMax
    this.#openFilesMax = openFilesMax
    this.#refused = new RareWarning((refused) => {
      log.warn({ connectionsMax, refused }, 'connections were refused: there are as many as there may be')
    })
    this.#filesOut = new RareWarning(() => {
      log.warn(
        { openFilesMax, connections: this.#open },
        'this process has all the files open that it may have: new connections are reset; raise "ulimit -n" (LimitNOFILE)',
      )
    })
    this.#failed = new RareWarning((failed, error) => {
      log.warn({ err: error, failed }, 'connections could not be accepted')
    })
  }

  /** A listener has accepted one: it is counted while it lasts, or closed at once. */
  take(socket: Duplex): void {
    if (this.#open >= this.#connectionsMax) {
      socket.destroy()
      this.#refused.happened()
      return
    }
    this.#open += 1
    socket.on('close', () => {
      this.#open -= 1
    })
    // What cannot be accepted for want of a descriptor is reset by libuv without a word. But the system gives the lowest number
    // that is free, so one near the limit says that all below are taken.
    if (descriptorOf(socket) >= this.#openFilesMax - FILES_LEFT_MIN) this.#filesOut.happened()
  }

  /** A listener that listens could not accept one. */
  failed(error: Error): void {
    this.#failed.happened(error)
  }
}

/** Of what happens often, one line a second with how often it was. */
class RareWarning {
  readonly #say: (times: number, error: Error | undefined) => void
  #times = 0
  #timer: NodeJS.Timeout | undefined

  constructor(say: (times: number, error: Error | undefined) => void) {
    this.#say = say
  }

  happened(error?: Error): void {
    this.#times += 1
    if (this.#timer === undefined) this.#warn(error)
  }

  #warn(error?: Error): void {
    this.#say(this.#times, error)
    this.#times = 0
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      if (this.#times > 0) this.#warn()
    }, WARNING_MS).unref()
  }
}

/** Its file descriptor, which node:net tells nowhere else; -1 for what has none. */
function descriptorOf(socket: Duplex & { readonly _handle?: { readonly fd?: number } | null }): number {
  return socket._handle?.fd ?? -1
}
