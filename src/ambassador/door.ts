/**
 * One service's fixed address: connections come in here and go on to instances.
 *
 * Owns: the listener, finding somebody for each connection, waiting when there is nobody, drains, its counts and its end. Leaves to
 * others: who is next (`pool.ts`), bytes (`relay.ts`), where lists come from (`ambassador.ts`).
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { InstanceList } from '../sidecar/discover.ts'
import type { RegisterLog } from '../sidecar/ports.ts'
import { type Backend, Pool } from './pool.ts'
import { connectTo, Relay } from './relay.ts'
import { AmbassadorError, type DoorSettings, type ServingSettings } from './settings.ts'

/** What a door has done. Numbers since it was opened. */
export interface DoorCounts {
  accepted: number
  /** Closed at once: there were too many. */
  refused: number
  /** Reset because no instance took them in time. */
  abandoned: number
  /** Attempts that went to another instance. */
  retried: number
  /** Cut because their instance had left the list for too long. */
  cut: number
  /** Bytes of connections that are over, from consumers and to them. */
  bytesUp: number
  bytesDown: number
}

export class Door {
  readonly settings: DoorSettings
  readonly pool: Pool
  readonly counts: DoorCounts = {
    accepted: 0,
    refused: 0,
    abandoned: 0,
    retried: 0,
    cut: 0,
    bytesUp: 0,
    bytesDown: 0,
  }
  /** Undefined until the store was read. */
  list: InstanceList | undefined
  readonly #serving: ServingSettings
  readonly #log: RegisterLog
  readonly #server: Server
  readonly #consumers = new Set<Socket>()
  readonly #relays = new Map<Relay, Backend>()
  readonly #drains = new Map<Backend, NodeJS.Timeout>()
  /** Connections that wait for somebody to take them. */
  readonly #waiting = new Set<() => void>()
  #emptied: (() => void) | undefined

  constructor(settings: DoorSettings, serving: ServingSettings, log: RegisterLog) {
    this.settings = settings
    this.#serving = serving
    this.#log = log
    this.pool = new Pool(serving.balance, serving.restMsMax)
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true, keepAlive: true })
    this.#server.maxConnections = serving.connectionsMax
    this.#server.on('connection', (consumer) => this.#accept(consumer))
    this.#server.on('drop', () => {
      this.counts.refused += 1
    })
  }

  /** Listens. @throws AmbassadorError `MUSTER_AMBASSADOR_LISTEN` */
  async open(): Promise<void> {
    const { host, port } = this.settings.listen
    try {
      await new Promise<void>((done, failed) => this.#server.once('error', failed).listen({ host, port }, done))
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw new AmbassadorError(
        'MUSTER_AMBASSADOR_LISTEN',
        `cannot listen for "${this.settings.service}": ${why}`,
        error,
      )
    }
    this.#server.on('error', (error) =>
      this.#log.warn({ err: error, service: this.settings.service }, 'accepting failed'),
    )
  }

  /** Where it listens. */
  get address(): AddressInfo {
    return this.#server.address() as AddressInfo
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#consumers.size
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** Takes another list: new instances are used at once, and those that are not in it any more drain. */
  replace(list: InstanceList): void {
    this.list = list
    this.pool.replace(list.instances)
    const backends = new Set(this.pool.backends)
    for (const [backend, timer] of this.#drains) {
      if (backends.has(backend) && !backend.isListed) continue
      clearTimeout(timer)
      this.#drains.delete(backend)
    }
    for (const backend of backends) {
      if (backend.isListed || this.#drains.has(backend)) continue
      this.#drains.set(
        backend,
        setTimeout(() => this.#cut(backend), this.#serving.drainMs),
      )
    }
    this.#wake()
  }

  /** Accepts no more, and resolves when all connections are over; those that are left after so many milliseconds are reset. */
  async close(graceMs: number): Promise<void> {
    const closed = new Promise<void>((done) => this.#server.close(() => done()))
    const timer = setTimeout(() => this.reset(), graceMs)
    await Promise.all([closed, this.#empty()])
    clearTimeout(timer)
    for (const drain of this.#drains.values()) clearTimeout(drain)
    this.#drains.clear()
  }

  /** Breaks all connections. */
  reset(): void {
    for (const relay of this.#relays.keys()) relay.reset()
    for (const consumer of this.#consumers) consumer.resetAndDestroy()
  }

  #accept(consumer: Socket): void {
    this.counts.accepted += 1
    this.#consumers.add(consumer)
    const gone = new AbortController()
    consumer.on('error', () => {})
    consumer.once('close', () => {
      this.#consumers.delete(consumer)
      gone.abort(new Error('the consumer is gone'))
      if (this.#consumers.size === 0) this.#emptied?.()
    })
    void this.#serve(consumer, gone.signal)
  }

  async #serve(consumer: Socket, gone: AbortSignal): Promise<void> {
    const deadlineMs = performance.now() + this.#serving.waitMs
    const tried = new Set<Backend>()
    while (!gone.aborted) {
      const backend = this.pool.choose(performance.now(), tried, this.#serving.connectMs)
      if (backend === undefined) {
        if (!(await this.#waitForSomebody(deadlineMs, gone))) {
          this.#abandon(consumer, gone)
          return
        }
        tried.clear()
        continue
      }
      if (tried.size > 0) this.counts.retried += 1
      tried.add(backend)
      try {
        if (await this.#relay(consumer, backend, gone)) return
      } finally {
        this.pool.release(backend)
      }
    }
  }

  /** True: the connection is over. False: the instance did not take it, and another may. */
  async #relay(consumer: Socket, backend: Backend, gone: AbortSignal): Promise<boolean> {
    const failuresBefore = backend.failuresInRow
    let instance: Socket
    try {
      instance = await connectTo(backend.instance, this.#serving.connectMs, gone)
    } catch (error) {
      if (!gone.aborted) this.#failed(backend, failuresBefore, error)
      return gone.aborted
    }
    this.pool.took(backend)
    const relay = new Relay(consumer, instance)
    this.#relays.set(relay, backend)
    const end = await relay.ended
    this.#relays.delete(relay)
    const { up, down } = relay.carried
    this.counts.bytesUp += up
    this.counts.bytesDown += down
    if (end.kind === 'closed') return true
    this.#failed(backend, failuresBefore, end.error)
    return false
  }

  #failed(backend: Backend, before: number, error: unknown): void {
    if (before === 0) {
      const { service } = this.settings
      this.#log.warn(
        { service, id: backend.id, address: backend.address, err: error },
        'an instance takes no connections',
      )
    }
    this.pool.failed(backend, performance.now(), before)
  }

  #abandon(consumer: Socket, gone: AbortSignal): void {
    if (gone.aborted) return
    this.counts.abandoned += 1
    consumer.resetAndDestroy()
  }

  /** Until the list changes or a rest ends. False: time is up. */
  async #waitForSomebody(deadlineMs: number, gone: AbortSignal): Promise<boolean> {
    const nowMs = performance.now()
    if (nowMs >= deadlineMs || gone.aborted) return false
    const untilMs = Math.min(deadlineMs, Math.max(this.pool.wakesAtMs ?? deadlineMs, nowMs + 1))
    await new Promise<void>((done) => {
      const wake = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(wake)
        gone.removeEventListener('abort', wake)
        done()
      }
      const timer = setTimeout(wake, untilMs - nowMs)
      this.#waiting.add(wake)
      gone.addEventListener('abort', wake, { once: true })
    })
    return true
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake()
  }

  #cut(backend: Backend): void {
    for (const [relay, its] of this.#relays) {
      if (its !== backend) continue
      this.counts.cut += 1
      relay.reset()
    }
    this.#drains.delete(backend)
  }

  #empty(): Promise<void> {
    if (this.#consumers.size === 0) return Promise.resolve()
    return new Promise((done) => {
      this.#emptied = done
    })
  }
}
