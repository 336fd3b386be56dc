/**
 * One registrator under each host name.
 *
 * Owns: the key `<prefix>/_agents/<host name>`, which the one that works there keeps alive. Two under one name would take each
 * other's entries for their own stale ones.
 *
 * After a `kill -9` the next one has to wait until the name expires, and the entries that the dead one kept alive go on to be
 * read. So the name lives for a third of their time: the earliest of them, a heartbeat old, has as much left when the name is free.
 */
import { randomUUID } from 'node:crypto'
import { ClientError } from '../client/errors.ts'
import { Alarm, backOffMs } from './pause.ts'
import type { KeyStore, RegisterLog } from './ports.ts'
import { RegisterError } from './register-error.ts'

export interface OwnershipOptions {
  readonly store: KeyStore
  /** Directory of the services, clean. */
  readonly prefix: string
  readonly hostName: string
  /** That of the entries. Whole seconds. */
  readonly ttl: number
  readonly log: RegisterLog
}

/** The old key is looked at so often while it may be that of a dead one. Milliseconds. */
const LOOK_MS = 250
/** Beyond the TTL of the one before: its expiry may be noticed a little late. Milliseconds. */
const MARGIN_MS = 2_000
const BACK_OFF_MS_MAX = 5_000
const CLOSE_MS_MAX = 1_000
/** Of the entries' TTL, the name's; and of that, the time between its heartbeats. */
const PARTS = 3

export class Ownership {
  readonly #options: OwnershipOptions
  readonly #path: string
  readonly #value: string
  readonly #alarm = new Alarm()
  readonly #over = new AbortController()
  /** Whole seconds. */
  readonly #ttl: number
  #isHeld = false
  #running: Promise<void> | undefined

  constructor(options: OwnershipOptions) {
    this.#options = options
    const { prefix, hostName, ttl } = options
    this.#ttl = Math.max(1, Math.floor(ttl / PARTS))
    this.#path = `${prefix === '/' ? '' : prefix}/_agents/${hostName}`
    const since = new Date().toISOString()
    this.#value = JSON.stringify({ id: randomUUID(), pid: process.pid, ttl: this.#ttl, since })
  }

  /** Whether the name is ours now. Without it nobody's entries may be taken for stale ones. @throws ClientError; the signal's reason. */
  async isOurs(signal: AbortSignal): Promise<boolean> {
    return (await this.#options.store.read(this.#path, signal))?.value === this.#value
  }

  /**
   * Takes the name. Waits while the store is away, and for the TTL of one that was killed.
   * @throws RegisterError `MUSTER_REGISTER_DUPLICATE_AGENT` when another keeps it alive; the signal's reason.
   */
  async claim(signal: AbortSignal): Promise<void> {
    const { store, hostName, log } = this.#options
    let deadlineMs: number | undefined
    for (let failures = 0; ; ) {
      signal.throwIfAborted()
      try {
        if (await store.claim(this.#path, this.#value, this.#ttl, signal)) break
        failures = 0
        if (deadlineMs === undefined) {
          const held = (await store.read(this.#path, signal))?.value ?? ''
          deadlineMs = performance.now() + ttlIn(held, this.#ttl) * 1000 + MARGIN_MS
          log.info({ held }, `another agent has the name "${hostName}": waiting to see whether it is alive`)
        }
        if (performance.now() > deadlineMs) {
          const why = `another registrator works as "${hostName}": end it, or give this one another --hostname`
          throw new RegisterError('MUSTER_REGISTER_DUPLICATE_AGENT', why)
        }
        await pause(LOOK_MS, signal)
      } catch (error) {
        if (!(error instanceof ClientError)) throw error
        if (failures === 0) log.warn({ err: error }, 'the store cannot be asked: trying again')
        failures++
        // Its time does not run while nobody can refresh.
        deadlineMs = undefined
        await pause(backOffMs(failures, BACK_OFF_MS_MAX), signal)
      }
    }
    this.#isHeld = true
    this.#running = this.#keep()
  }

  /** Gives the name up. Resolves soon, whatever the store does. */
  async close(): Promise<void> {
    this.#over.abort()
    this.#alarm.poke()
    await this.#running
    if (this.#running === undefined) return
    await this.#options.store
      .removeIf(this.#path, this.#value, AbortSignal.timeout(CLOSE_MS_MAX))
      .catch((error: unknown) => this.#options.log.debug({ err: error }, 'the name is left to its TTL'))
  }

  async #keep(): Promise<void> {
    const { log } = this.#options
    const { signal } = this.#over
    const refreshMs = (this.#ttl * 1000) / PARTS
    let failures = 0
    while (!signal.aborted) {
      const pauseMs = failures === 0 ? refreshMs : backOffMs(failures, refreshMs / 2)
      await this.#alarm.sleepUntil(performance.now() + pauseMs)
      if (signal.aborted) return
      try {
        const wasHeld = this.#isHeld
        this.#isHeld = await this.#beat(signal)
        if (wasHeld && !this.#isHeld)
          log.warn({ path: this.#path }, 'another agent has taken this name: cleaning no more')
        failures = 0
      } catch (error) {
        if (signal.aborted) return
        if (!(error instanceof ClientError)) throw error
        failures++
      }
    }
  }

  /** Keeps the name, or takes it again where nobody has it; whether it is ours. */
  async #beat(signal: AbortSignal): Promise<boolean> {
    const { store } = this.#options
    // Only what is ours is kept alive: another's name must end with the other.
    if (!this.#isHeld && !(await this.isOurs(signal))) return store.claim(this.#path, this.#value, this.#ttl, signal)
    const found = await store.refresh(this.#path, this.#ttl, signal)
    if (found === undefined) return store.claim(this.#path, this.#value, this.#ttl, signal)
    if (found.isEmptied) await store.write(this.#path, this.#value, this.#ttl, signal)
    return found.isEmptied || found.value === this.#value
  }
}

function ttlIn(held: string, otherwise: number): number {
  try {
    const { ttl } = JSON.parse(held) as { readonly ttl?: unknown }
    return typeof ttl === 'number' && ttl > 0 && ttl < 3600 ? ttl : otherwise
  } catch {
    return otherwise
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const alarm = new Alarm()
  const wake = (): void => alarm.poke()
  signal.addEventListener('abort', wake, { once: true })
  await alarm.sleepUntil(performance.now() + ms)
  signal.removeEventListener('abort', wake)
}
