/**
 * All the services that one process announces.
 *
 * Owns: which there should be and which there are, one at a time under each id, the bounds on what goes on at once. Leaves to
 * others: each announcement; where the services come from (files, containers, the command line).
 */
import { Announcement, type AnnouncementStatus, type Surroundings } from './announcement.ts'
import type { CheckResult } from './checks/check.ts'
import { Gate } from './gate.ts'
import { formatAddress } from './names.ts'
import type { KeyStore, RegisterLog } from './ports.ts'
import { Reach } from './reach.ts'
import { RegisterError } from './register-error.ts'
import { keyOfInstance, type Service } from './service.ts'
import type { RegistrationSettings } from './settings.ts'

/** Instances of one agent. One more is refused, with a line in the log. */
export const INSTANCES_MAX = 10_000
/**
 * Instances that ask the store at a time. Servers take many requests in one turn, so it is cheap to ask side by side, and on a slow
 * network or a busy machine it is the only way to keep hundreds alive: 64 at half a second each are 128 heartbeats a second.
 */
export const STORE_REQUESTS_MAX = 64
const CHECKS_MAX = 32
/** Drains that are remembered for instances that are not there. More: the oldest is forgotten. */
const DRAINS_MAX = 10_000

export interface AgentOptions {
  readonly store: KeyStore
  readonly settings: RegistrationSettings
  readonly log: RegisterLog
  /** How long removing may take, of one instance or of all at the end. Milliseconds. */
  readonly shutdownMs: number
  /** Nothing is announced before its check has looked once. */
  readonly looksFirst?: boolean
}

export class Agent {
  readonly #around: Surroundings
  readonly #shutdownMs: number
  readonly #wanted = new Map<string, Service>()
  readonly #live = new Map<string, Announcement>()
  readonly #closing = new Map<string, Promise<boolean>>()
  /** What was told of instances whose predecessors are still closing. */
  readonly #told = new Map<string, CheckResult>()
  /** Keys of instances that are drained, so that one that starts anew is, too. */
  readonly #drained = new Set<string>()
  #closed = false

  constructor({ store, settings, log, shutdownMs, looksFirst = false }: AgentOptions) {
    const [storeGate, checkGate] = [new Gate(STORE_REQUESTS_MAX), new Gate(CHECKS_MAX)]
    this.#around = { store, settings, log, storeGate, checkGate, looksFirst, reach: new Reach(log) }
    this.#shutdownMs = shutdownMs
  }

  /**
   * Announces these in the place of others: new ones begin, changed ones change in place, those of `before` that are left out are removed.
   * @param before see `keyOfInstance`; everything, unless told otherwise.
   */
  replace(services: readonly Service[], before: readonly string[] = [...this.#wanted.keys()]): void {
    const keys = new Set(services.map(({ instance }) => keyOfInstance(instance)))
    for (const key of before) if (!keys.has(key)) this.remove(key)
    for (const service of services) this.add(service)
  }

  /** Announces a service, or changes the one with the same name and id. */
  add(service: Service): void {
    const key = keyOfInstance(service.instance)
    if (this.#wanted.size >= INSTANCES_MAX && !this.#wanted.has(key)) {
      this.#around.log.warn({ key }, `not announced: this agent has ${INSTANCES_MAX} instances already`)
      return
    }
    this.#wanted.set(key, service)
    this.#follow(key)
  }

  /** @param key see `keyOfInstance` */
  remove(key: string): void {
    this.#wanted.delete(key)
    this.#told.delete(key)
    this.#follow(key)
  }

  /** Whether an instance is announced. @param key see `keyOfInstance` */
  has(key: string): boolean {
    return this.#wanted.has(key)
  }

  /** Health as somebody else found it. @param key see `keyOfInstance`; others are ignored. */
  tell(key: string, result: CheckResult): void {
    const live = this.#live.get(key)
    if (live !== undefined) live.tell(result)
    else if (this.#wanted.has(key)) this.#told.set(key, result)
  }

  /** What is known of all instances, whether or not the store can be asked. */
  get status(): readonly AnnouncementStatus[] {
    return [...this.#live.values()].map(({ status }) => status)
  }

  /** Takes new connections away from an instance, or gives them back; resolves with its status when the store says so. @throws RegisterError as `find`. */
  async drain(name: string, id: string | undefined, drained: boolean): Promise<AnnouncementStatus> {
    const found = this.#find(name, id)
    const key = keyOfInstance(found.service.instance)
    if (drained) this.#rememberDrain(key)
    else this.#drained.delete(key)
    await (drained ? found.drain() : found.undrain())
    return found.status
  }

  /** Compares all with the store now. */
  resync(): void {
    for (const announcement of this.#live.values()) announcement.resync()
  }

  /** Resolves when the store holds all that is announced now. */
  async settled(): Promise<void> {
    await Promise.all([...this.#live.values()].map((announcement) => announcement.settled()))
  }

  /** Ends everything; resolves within the time for it, true when nothing of ours is left in the store. */
  async close(deregister: boolean): Promise<boolean> {
    this.#closed = true
    this.#wanted.clear()
    const live = [...this.#live.values()]
    this.#live.clear()
    const done = await Promise.all([
      ...this.#closing.values(),
      ...live.map((announcement) => announcement.close(deregister, this.#shutdownMs)),
    ])
    return done.every((each) => each)
  }

  #rememberDrain(key: string): void {
    for (const oldest of this.#drained) {
      if (this.#drained.size < DRAINS_MAX) break
      this.#drained.delete(oldest)
    }
    this.#drained.add(key)
  }

  #find(name: string, id: string | undefined): Announcement {
    const found = [...this.#live.values()].filter(({ service: { instance } }) => {
      return instance.name === name && (id === undefined || instance.id === id || formatAddress(instance) === id)
    })
    const [only] = found
    if (only !== undefined && found.length === 1) return only
    const what = id === undefined ? `"${name}"` : `"${id}" of "${name}"`
    const why =
      only === undefined ? `no instance ${what} here` : `${found.length} instances of ${what} here: say which by its id`
    throw new RegisterError('MUSTER_REGISTER_NO_AGENT', why)
  }

  /** Brings one instance to what is wanted of it. Under one id nothing begins before its predecessor is gone. */
  #follow(key: string): void {
    if (this.#closing.has(key) || this.#closed) return
    const service = this.#wanted.get(key)
    const live = this.#live.get(key)
    if (service === undefined) {
      if (live === undefined) return
      this.#live.delete(key)
      const closing = live.close(true, this.#shutdownMs)
      this.#closing.set(key, closing)
      void closing.finally(() => {
        this.#closing.delete(key)
        this.#follow(key)
      })
    } else if (live === undefined) {
      const announcement = new Announcement(service, this.#around, this.#drained.has(key))
      this.#live.set(key, announcement)
      const told = this.#told.get(key)
      this.#told.delete(key)
      if (told !== undefined) announcement.tell(told)
    } else if (JSON.stringify(live.service) !== JSON.stringify(service)) live.change(service)
  }
}
