/**
 * Connections of a proxy to the members: one undici pool for each client URL.
 *
 * Owns: making and retiring pools, what is told to sockets, and ending those that take no bytes. Leaves to others: which
 * member is asked (`endpoints.ts`), requests (`exchange.ts`).
 */
import type { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { buildConnector, type Dispatcher, Pool } from 'undici'

/** TLS towards the members: what is asked of `tls/`. Asked for each connection, since certificates change. */
export interface UpstreamTls {
  connectOptions(): Pick<ConnectionOptions, 'secureContext' | 'rejectUnauthorized' | 'checkServerIdentity'>
}

export interface UpstreamOptions {
  /** Milliseconds for a connection to be accepted; 0: as long as the system lets it. */
  readonly dialMsMax: number
  /** Milliseconds for which a member may take no bytes of a request; 0: for ever. */
  readonly writeMsMax: number
  /** Milliseconds for which a member may be silent while it owes an answer; 0: for ever. */
  readonly readMsMax: number
  readonly tls?: UpstreamTls | undefined
}

/** Bytes of an answer's head. A redirect names the target that was asked for, which may be as long as a request's head. */
const HEAD_BYTES_MAX = 256 * 1024

interface Progress {
  readonly waiting: number
  readonly written: number
}

export class Upstreams {
  readonly #options: UpstreamOptions
  readonly #pools = new Map<string, Pool>()
  /** Pools of members that are gone, with what still runs on them. */
  readonly #retired = new Set<Pool>()
  /** What each open socket had written at the last look. */
  readonly #sockets = new Map<Socket, Progress>()
  readonly #look: NodeJS.Timeout | undefined

  constructor(options: UpstreamOptions) {
    this.#options = options
    if (options.writeMsMax > 0) this.#look = setInterval(() => this.#endStalled(), options.writeMsMax)
  }

  /** Where to send requests for one client URL. */
  to(url: string): Dispatcher {
    let pool = this.#pools.get(url)
    if (pool === undefined) {
      const { readMsMax } = this.#options
      pool = new Pool(url, {
        allowH2: false,
        pipelining: 1,
        headersTimeout: readMsMax,
        bodyTimeout: readMsMax,
        maxHeaderSize: HEAD_BYTES_MAX,
        connect: this.#connect,
      })
      this.#pools.set(url, pool)
    }
    return pool
  }

  /** Lets go of members that are not in the list. What runs goes on to its end. */
  keep(urls: readonly string[]): void {
    for (const [url, pool] of this.#pools) {
      if (urls.includes(url)) continue
      this.#pools.delete(url)
      this.#retired.add(pool)
      void pool.close().finally(() => this.#retired.delete(pool))
    }
  }

  /** Ends everything at once. */
  async close(): Promise<void> {
    clearInterval(this.#look)
    const pools = [...this.#pools.values(), ...this.#retired]
    this.#pools.clear()
    await Promise.all(pools.map((pool) => pool.destroy().catch(() => {})))
  }

  readonly #connect: buildConnector.connector = (target, done) => {
    const { dialMsMax, tls } = this.#options
    const secure = target.protocol === 'https:' ? tls?.connectOptions() : undefined
    const connect = buildConnector({ ...secure, timeout: dialMsMax, allowH2: false })
    connect(target, (...answer) => {
      const [error, socket] = answer
      if (error === null) {
        this.#sockets.set(socket, { waiting: 0, written: 0 })
        socket.once('close', () => this.#sockets.delete(socket))
      }
      done(...answer)
    })
  }

  /** A socket with bytes to write that has written none since the last look. */
  #endStalled(): void {
    for (const [socket, before] of this.#sockets) {
      const now = { waiting: socket.writableLength, written: socket.bytesWritten }
      this.#sockets.set(socket, now)
      if (now.waiting > 0 && now.waiting === before.waiting && now.written === before.written) {
        socket.destroy(new Error(`the member took no bytes for ${this.#options.writeMsMax} ms`))
      }
    }
  }
}
