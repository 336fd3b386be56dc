/**
 * One instance in the store: written, kept alive, compared, removed.
 *
 * Owns: what is believed to stand in the store, the heartbeat, re-registering what is gone, back-off, the quiet comparison.
 * Leaves to others: which keys (`layouts/`), what the instance's status is (announcement).
 *
 * All requests of one registration go one after the other, so that nothing overtakes: an address never comes before its
 * metadata, and a removal never before the write that it takes back.
 */
import { ClientError } from '../client/errors.ts'
import type { Gate } from './gate.ts'
import { keysOf } from './layouts/keys.ts'
import type { LayoutKey, LayoutName, Placement } from './layouts/layout.ts'
import { Alarm, backOffMs } from './pause.ts'
import type { KeyStore, RegisterLog } from './ports.ts'
import type { Reach } from './reach.ts'
import type { ServiceInstance } from './record.ts'

/** What all instances of an agent have in common. */
export interface RegistrationSettings {
  readonly layouts: readonly LayoutName[]
  /** Directory of the services, clean. */
  readonly prefix: string
  /** Of SkyDNS. */
  readonly domain: string
  /** Time between heartbeats. Milliseconds. */
  readonly refreshMs: number
  /** Time between comparisons with the store. Milliseconds. */
  readonly resyncMs: number
}

/** `away`: the last attempt to reach the store failed, and what is known is from before. */
export type StoreState = 'pending' | 'registered' | 'away' | 'closed'

/** Once closing begins, so long for what is under way before it is cut off. Milliseconds. */
const UNDER_WAY_MS_MAX = 300
const BACK_OFF_MS_MAX = 5_000
/** Values that a key may have while answers to writes are missing. More: the oldest is forgotten, and left to its TTL. */
const CANDIDATES_MAX = 4

/** A key that we wrote, or may have written. */
interface Held {
  readonly key: LayoutKey
  /** Whether it surely stands there with the key's value. */
  readonly sure: boolean
  /** The values that it may have. */
  readonly values: readonly string[]
}

export class Registration {
  readonly #store: KeyStore
  readonly #settings: RegistrationSettings
  readonly #place: Placement
  readonly #gate: Gate
  readonly #reach: Reach
  readonly #log: RegisterLog
  readonly #alarm = new Alarm()
  readonly #over = new AbortController()
  /** In the order in which they were written. */
  readonly #held = new Map<string, Held>()
  #instance: ServiceInstance | undefined
  #wanted: readonly LayoutKey[] = []
  #wishes = 0
  #granted = 0
  #settling: PromiseWithResolvers<void> | undefined
  #stopped = false
  #state: StoreState = 'pending'
  #error: Error | undefined
  #seenAtMs: number | undefined
  #failures = 0
  #beatAtMs = 0
  #resyncAtMs = 0
  /** etcd before 2.3 takes a refresh for a write of an empty value. */
  #refreshes = true
  #running: Promise<void> | undefined

  constructor(
    store: KeyStore,
    settings: RegistrationSettings,
    exposedPort: number,
    gate: Gate,
    reach: Reach,
    log: RegisterLog,
  ) {
    this.#store = store
    this.#settings = settings
    this.#place = { prefix: settings.prefix, domain: settings.domain, exposedPort }
    this.#gate = gate
    this.#reach = reach
    this.#log = log
  }

  get state(): StoreState {
    return this.#state
  }

  /** Why the store is away; undefined when it is not. */
  get error(): Error | undefined {
    return this.#error
  }

  /** How long ago the store last agreed with what is wanted, milliseconds; undefined: never. */
  get agreedMsAgo(): number | undefined {
    return this.#seenAtMs === undefined ? undefined : performance.now() - this.#seenAtMs
  }

  /**
   * Says what should stand in the store from now on; undefined: nothing. Returns at once; see `settled`.
   * Name and id must stay those of the first call.
   */
  want(instance: ServiceInstance | undefined): void {
    this.#instance = instance ?? this.#instance
    this.#wanted = instance === undefined ? [] : keysOf(instance, this.#settings.layouts, this.#place)
    this.#wishes++
    this.#running ??= this.#run()
    this.#alarm.poke()
  }

  /** Resolves once the store holds what was wanted last, and stays open while the store is away. Rejects when closed before. */
  settled(): Promise<void> {
    if (this.#granted === this.#wishes) return Promise.resolve()
    if (this.#stopped) return Promise.reject(new Error('the registration is closed'))
    if (this.#settling === undefined) {
      this.#settling = Promise.withResolvers()
      this.#settling.promise.catch(() => {})
    }
    return this.#settling.promise
  }

  /** Compares with the store now. */
  resync(): void {
    this.#resyncAtMs = 0
    this.#alarm.poke()
  }

  /**
   * Ends the heartbeat and, unless told otherwise, removes what was written. Resolves within the time, whatever the store does;
   * true when nothing of ours is left there.
   */
  async close(deregister: boolean, timeoutMs: number): Promise<boolean> {
    const deadlineMs = performance.now() + timeoutMs
    this.#stopped = true
    this.#alarm.poke()
    const cut = setTimeout(() => this.#over.abort(), Math.min(UNDER_WAY_MS_MAX, timeoutMs))
    await this.#running
    clearTimeout(cut)
    this.#settling?.reject(new Error('the registration was closed'))
    this.#state = 'closed'
    if (!deregister) return this.#held.size === 0
    this.#wanted = []
    const signal = AbortSignal.timeout(Math.max(1, Math.ceil(deadlineMs - performance.now())))
    for (let failures = 1; this.#held.size > 0 && !signal.aborted; failures++) {
      try {
        await this.#gate.run(() => this.#reconcile(signal))
      } catch (error) {
        if (!(error instanceof ClientError) && !signal.aborted) throw error
        this.#error = error as Error
        await new Alarm().sleepUntil(Math.min(deadlineMs, performance.now() + backOffMs(failures, 500)))
      }
    }
    return [...this.#held.values()].every(({ key }) => key.kind === 'shared' || key.kind === 'common')
  }

  async #run(): Promise<void> {
    const { refreshMs, resyncMs } = this.#settings
    // Spread over the interval: hundreds that begin together do not beat together.
    this.#beatAtMs = performance.now() + refreshMs * (0.3 + 0.7 * Math.random())
    this.#resyncAtMs = performance.now() + resyncMs * (0.5 + Math.random() / 2)
    while (!this.#stopped) {
      try {
        await this.#gate.run(() => this.#step())
        await this.#alarm.sleepUntil(Math.min(this.#beatAtMs, this.#resyncAtMs))
      } catch (error) {
        if (this.#stopped) return
        if (!(error instanceof ClientError)) throw error
        await this.#alarm.sleepUntil(performance.now() + this.#failed(error))
      }
    }
  }

  /** One thing that is due, and what follows from it. */
  async #step(): Promise<void> {
    if (this.#stopped) return
    const { signal } = this.#over
    const wish = this.#wishes
    const nowMs = performance.now()
    // Also while a wish cannot be granted: what stands there has to live on.
    if (nowMs >= this.#beatAtMs) {
      await this.#beat(signal)
      this.#beatAtMs = nowMs + this.#settings.refreshMs
    }
    if (this.#granted === wish && nowMs >= this.#resyncAtMs) {
      await this.#compare(signal)
      this.#resyncAtMs = nowMs + this.#settings.resyncMs * (0.9 + Math.random() / 10)
    }
    await this.#reconcile(signal)
    this.#agreed()
    if (wish !== this.#wishes) return
    this.#granted = wish
    this.#settling?.resolve()
    this.#settling = undefined
  }

  /** Makes the store hold what is wanted: first what has to go, backwards, then what is missing, in order. */
  async #reconcile(signal: AbortSignal): Promise<void> {
    const wanted = this.#wanted
    const paths = new Set(wanted.map(({ path }) => path))
    for (const held of [...this.#held.values()].reverse())
      if (!paths.has(held.key.path)) await this.#remove(held, signal)
    for (const key of wanted) {
      // A wish that came meanwhile may be to take this very address away.
      if (wanted !== this.#wanted) return
      const held = this.#held.get(key.path)
      if (held?.sure !== true || held.key.value !== key.value) await this.#write(key, held, signal)
    }
  }

  async #write(key: LayoutKey, before: Held | undefined, signal: AbortSignal): Promise<void> {
    const { path, value, kind } = key
    const values = [value, ...(before?.values ?? []).filter((other) => other !== value)].slice(0, CANDIDATES_MAX)
    // Noted before it is sent: if the answer is lost, it counts as perhaps there.
    this.#held.set(path, { key, sure: false, values })
    const { ttl } = this.#instance as ServiceInstance
    if (kind === 'shared') await this.#store.add(path, value, signal)
    else if (kind === 'directory') await this.#store.makeDirectory(path, ttl, signal)
    else await this.#store.write(path, value, kind === 'inside' ? undefined : ttl, signal)
    this.#held.set(path, { key, sure: true, values: [value] })
  }

  async #remove({ key, values }: Held, signal: AbortSignal): Promise<void> {
    if (key.kind === 'own') {
      // Only with a value of ours: a successor under the same id may stand there already.
      for (const value of values) if ((await this.#store.removeIf(key.path, value, signal)) !== 'other') break
    } else if (key.kind === 'directory') await this.#store.removeDirectory(key.path, signal)
    this.#held.delete(key.path)
  }

  async #beat(signal: AbortSignal): Promise<void> {
    const alive = [...this.#held.values()].filter(
      ({ key, sure }) => sure && key.kind !== 'shared' && key.kind !== 'inside',
    )
    // Side by side: a refresh changes nothing that another could overtake, and on a busy machine each takes its time.
    const beats = await Promise.allSettled(alive.map((held) => this.#beatOne(held, signal)))
    if (beats.some((beat) => beat.status === 'fulfilled' && !beat.value)) this.#doubt()
    for (const beat of beats) if (beat.status === 'rejected') throw beat.reason
  }

  /** False: the key is gone. */
  async #beatOne({ key }: Held, signal: AbortSignal): Promise<boolean> {
    const { ttl } = this.#instance as ServiceInstance
    const { path, kind } = key
    const value = this.#refreshes || kind !== 'own' ? await this.#store.refresh(path, ttl, signal) : ''
    if (value === undefined) {
      this.#log.warn({ path }, 'registration was gone: registering again')
      return false
    }
    if (kind !== 'own' || value === key.value) return true
    if (value !== '') this.#log.warn({ path, value }, 'somebody else wrote over this registration')
    else this.#refreshes = false
    this.#held.set(path, { key, sure: false, values: [key.value] })
    return true
  }

  /** Looks at every key that is ours when it is there; nothing is written where nothing differs. */
  async #compare(signal: AbortSignal): Promise<void> {
    const instance = this.#instance as ServiceInstance
    const all = keysOf({ ...instance, status: 'passing' }, this.#settings.layouts, this.#place)
    for (const key of all) {
      const wanted = this.#wanted.find(({ path }) => path === key.path)
      const found = await this.#store.read(key.path, signal)
      if (wanted === undefined) {
        // An address that should not be there: a write of ours that came late, if it is ours.
        if (found !== undefined && (found.directory || found.value === key.value))
          this.#held.set(key.path, { key, sure: false, values: [found.value] })
      } else if (found === undefined || (found.value !== wanted.value && isFirmlyOurs(wanted))) {
        this.#log.warn({ path: key.path }, 'the store differs: writing again')
        const values = this.#held.get(key.path)?.values ?? []
        this.#held.set(key.path, { key: wanted, sure: false, values })
      }
    }
  }

  /** Nothing is sure any more: everything is written again, in order. */
  #doubt(): void {
    for (const [path, held] of this.#held) this.#held.set(path, { ...held, sure: false })
  }

  #agreed(): void {
    this.#reach.answered()
    this.#state = 'registered'
    this.#error = undefined
    this.#failures = 0
    this.#seenAtMs = performance.now()
  }

  #failed(error: ClientError): number {
    this.#failures++
    this.#reach.failed(error)
    this.#state = 'away'
    this.#error = error
    return backOffMs(this.#failures, Math.min(BACK_OFF_MS_MAX, this.#settings.refreshMs / 2))
  }
}

/** Whether a different value means that ours has to be written again. */
function isFirmlyOurs({ kind }: LayoutKey): boolean {
  return kind === 'own' || kind === 'inside'
}
