/**
 * One instance in the store: written, kept alive, compared, removed.
 *
 * Owns: what is believed to stand in the store, the heartbeat, re-registering what is gone, giving way to a later registration,
 * back-off, the quiet comparison. Leaves to others: which keys (`layouts/`), what the instance's status is (announcement).
 *
 * All requests of one registration go one after the other, so that nothing overtakes: an address never comes before its
 * metadata, and a removal never before the write that it takes back. That holds within each layout; one that fails holds up no other.
 */
import { ClientError } from '../client/errors.ts'
import type { Gate } from './gate.ts'
import { keysOf, type PlacedKey } from './layouts/keys.ts'
import type { LayoutName } from './layouts/layout.ts'
import { Alarm, backOffMs } from './pause.ts'
import type { BeatenKey, KeyStore, RegisterLog } from './ports.ts'
import { isRefusal, type Reach } from './reach.ts'
import type { ServiceInstance } from './record.ts'
import type { RegistrationSettings } from './settings.ts'
import { type Another, Whose } from './whose.ts'

/**
 * - `away`: the last attempt to reach the store failed, and what is known is from before.
 * - `refused`: the store answers, and will not have one of the keys.
 * - `yielded`: a later registration stands under the same id; nothing is written until it is gone.
 */
export type StoreState = 'pending' | 'registered' | 'away' | 'refused' | 'yielded' | 'closed'

/** Once closing begins, so long for what is under way before it is cut off. Milliseconds. */
const UNDER_WAY_MS_MAX = 300
const BACK_OFF_MS_MAX = 5_000
/** Values that a key may have while answers to writes are missing. More: the oldest is forgotten, and left to its TTL. */
const CANDIDATES_MAX = 4
/** A key that we wrote, or may have written. */
interface Held {
  readonly key: PlacedKey
  /** Whether it surely stands there with the key's value. */
  readonly sure: boolean
  /** The values that it may have. */
  readonly values: readonly string[]
}

export class Registration {
  readonly #store: KeyStore
  readonly #settings: RegistrationSettings
  readonly #gate: Gate
  readonly #reach: Reach
  readonly #whose: Whose
  readonly #log: RegisterLog
  readonly #alarm = new Alarm()
  readonly #over = new AbortController()
  /** In the order in which they were written. */
  readonly #held = new Map<string, Held>()
  #instance: ServiceInstance | undefined
  #exposedPort = 0
  #wanted: readonly PlacedKey[] = []
  #wishes = 0
  #granted = 0
  #settling: PromiseWithResolvers<void> | undefined
  #stopped = false
  /** Whether the id has been ours: whoever stands there from then on came later. */
  #wasOurs = false
  #hasYielded = false
  #state: StoreState = 'pending'
  #error: Error | undefined
  #seenAtMs: number | undefined
  #failures = 0
  #beatAtMs = 0
  #resyncAtMs = 0
  /** etcd before 2.3 takes a refresh for a write of an empty value. */
  #refreshes = true
  #running: Promise<void> | undefined

  constructor(store: KeyStore, settings: RegistrationSettings, gate: Gate, reach: Reach, log: RegisterLog) {
    this.#store = store
    this.#settings = settings
    this.#gate = gate
    this.#reach = reach
    this.#whose = new Whose(store, settings.layouts)
    this.#log = log
  }

  get state(): StoreState {
    return this.#state
  }

  /** Why the store is away or refuses; undefined when it does not. */
  get error(): Error | undefined {
    return this.#error
  }

  /** How long ago the store last agreed with what is wanted, milliseconds; undefined: never. */
  get agreedMsAgo(): number | undefined {
    return this.#seenAtMs === undefined ? undefined : performance.now() - this.#seenAtMs
  }

  /**
   * Says what should stand in the store from now on; undefined: nothing. Returns at once; see `settled`.
   * Name and id must stay those of the first call. @param exposedPort the port within the container
   */
  want(instance: ServiceInstance | undefined, exposedPort = instance?.port): void {
    this.#instance = instance ?? this.#instance
    this.#exposedPort = exposedPort ?? this.#exposedPort
    this.#wanted = instance === undefined ? [] : this.#keysOf(instance)
    this.#wishes++
    this.#running ??= this.#run()
    this.#alarm.poke()
  }

  /**
   * Resolves once the store holds what was wanted last, or somebody else's later registration, and stays open while the store is away.
   * Rejects when closed before.
   */
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
    for (let tries = 1; this.#held.size > 0 && !signal.aborted; tries++) {
      try {
        const failures = await this.#gate.run(() => this.#reconcile(signal))
        this.#error = failures[0]
        // What is refused for good will not be granted before the time is over.
        if (failures.length > 0 && failures.every(isRefusal)) break
      } catch (error) {
        if (!(error instanceof ClientError) && !signal.aborted) throw error
        this.#error = error as Error
      }
      if (this.#held.size === 0) break
      await new Alarm().sleepUntil(Math.min(deadlineMs, performance.now() + backOffMs(tries, 500)))
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
      if (this.#hasYielded) await this.#lookWhetherGone(signal)
      else await this.#beat(signal)
      this.#beatAtMs = nowMs + this.#settings.refreshMs
    }
    let failures = await this.#reconcile(signal)
    if (nowMs >= this.#resyncAtMs) {
      if (!this.#hasYielded) await this.#compare(signal)
      this.#resyncAtMs = nowMs + this.#settings.resyncMs * (0.9 + Math.random() / 10)
      if (failures.length === 0) failures = await this.#reconcile(signal)
    }
    if (failures[0] !== undefined) throw failures[0]
    this.#agreed()
    if (wish !== this.#wishes) return
    this.#granted = wish
    this.#settling?.resolve()
    this.#settling = undefined
  }

  /**
   * Makes the store hold what is wanted: first what has to go, backwards, then what is missing, in order. A layout ends at its first
   * failure, so that its order holds; the others go on. The failures, in order.
   */
  async #reconcile(signal: AbortSignal): Promise<readonly ClientError[]> {
    const wanted = this.#wanted
    const paths = new Set(wanted.map(({ path }) => path))
    const surplus = [...this.#held.values()].reverse().filter(({ key }) => !paths.has(key.path))
    const isMissing = (key: PlacedKey): boolean => {
      const held = this.#held.get(key.path)
      return held?.sure !== true || held.key.value !== key.value
    }
    if (this.#hasYielded || (surplus.length === 0 && !wanted.some(isMissing))) return []
    if (this.#wasOurs) {
      const keys = [...[...this.#held.values()].map(({ key }) => key), ...wanted]
      const byPath = new Map(keys.map((key) => [key.path, key]))
      const another = await this.#whose.findAnother(byPath.values(), signal)
      if (another !== undefined) {
        this.#yield(another)
        return []
      }
    }
    const failures = new Map<LayoutName, ClientError>()
    for (const held of surplus) await this.#attempt(held.key, failures, () => this.#remove(held, signal))
    for (const key of wanted) {
      // A wish that came meanwhile may be to take this very address away.
      if (wanted !== this.#wanted) break
      if (isMissing(key)) await this.#attempt(key, failures, () => this.#write(key, signal))
    }
    return [...failures.values()]
  }

  async #attempt({ path, layout }: PlacedKey, failures: Map<LayoutName, ClientError>, work: () => Promise<void>) {
    if (failures.has(layout)) return
    try {
      await work()
      this.#reach.keyGranted(path)
    } catch (error) {
      if (!(error instanceof ClientError)) throw error
      failures.set(layout, error)
      if (isRefusal(error)) this.#reach.keyRefused(path, error)
    }
  }

  async #write(key: PlacedKey, signal: AbortSignal): Promise<void> {
    const { path, value, kind } = key
    const before = this.#held.get(path)?.values ?? []
    const values = [value, ...before.filter((other) => other !== value)].slice(0, CANDIDATES_MAX)
    // Noted before it is sent: if the answer is lost, it counts as perhaps there.
    this.#held.set(path, { key, sure: false, values })
    this.#whose.note(key)
    const { ttl } = this.#instance as ServiceInstance
    if (kind === 'shared') await this.#store.add(path, value, signal)
    else if (kind === 'directory') await this.#store.makeDirectory(path, ttl, signal)
    else await this.#store.write(path, value, kind === 'inside' ? undefined : ttl, signal)
    this.#held.set(path, { key, sure: true, values: [value] })
    if (this.#whose.tells(key)) this.#wasOurs = true
  }

  async #remove({ key, values }: Held, signal: AbortSignal): Promise<void> {
    if (key.kind === 'own') {
      // Only with a value of ours: a successor under the same id may stand there already.
      for (const value of values) if ((await this.#store.removeIf(key.path, value, signal)) !== 'other') break
    } else if (key.kind === 'directory') {
      // One that has nothing in it yet is what we made.
      if ((await this.#isWithin(key, signal)) !== false) await this.#store.removeDirectory(key.path, signal)
    }
    this.#held.delete(key.path)
  }

  async #beat(signal: AbortSignal): Promise<void> {
    const alive = [...this.#held.values()].filter(
      ({ key, sure }) => sure && key.kind !== 'shared' && key.kind !== 'inside',
    )
    // Side by side: a refresh changes nothing that another could overtake, and on a busy machine each takes its time.
    const beats = await Promise.allSettled(
      alive.map(async ({ key }) => ({ key, found: await this.#beatOne(key, signal) })),
    )
    const answered = beats.flatMap((beat) => (beat.status === 'fulfilled' ? [beat.value] : []))
    for (const { key, found } of answered) {
      const another = found === undefined ? undefined : this.#whose.anotherAt(key, found)
      if (another !== undefined) return this.#yield(another)
    }
    for (const { key, found } of answered) this.#noteBeat(key, found)
    beats.forEach((beat, at) => {
      if (beat.status === 'fulfilled') return
      // A key that is refused must not end the others: it is written again, which tells.
      if (!isRefusal(beat.reason)) throw beat.reason
      const held = alive[at] as Held
      this.#held.set(held.key.path, { ...held, sure: false })
    })
  }

  async #beatOne({ path, kind }: PlacedKey, signal: AbortSignal): Promise<BeatenKey | undefined> {
    const { ttl } = this.#instance as ServiceInstance
    if (this.#refreshes || kind !== 'own') return this.#store.refresh(path, ttl, signal)
    return { value: '', directory: false, permanent: false, isEmptied: true }
  }

  /** What follows from what a heartbeat found at a key of ours. */
  #noteBeat(key: PlacedKey, found: BeatenKey | undefined): void {
    const { path, kind, value } = key
    if (found === undefined) {
      this.#log.warn({ path }, 'registration was gone: registering again')
      // Nothing is sure any more: everything is written again, in order.
      for (const [each, held] of this.#held) this.#held.set(each, { ...held, sure: false })
      return
    }
    if (kind !== 'own' || (found.value === value && !found.directory)) return
    // By our heartbeat it has a TTL now, and would look like an agent's.
    if (found.permanent) this.#whose.note({ ...key, value: found.value })
    if (found.isEmptied) this.#refreshes = false
    else this.#log.warn({ path, value: found.value }, 'somebody else wrote over this registration')
    this.#held.set(path, { key, sure: false, values: [value] })
  }

  /** Looks at every key that is ours when it is there; nothing is written where nothing differs. */
  async #compare(signal: AbortSignal): Promise<void> {
    for (const key of this.#keysWhenWell()) {
      try {
        await this.#compareOne(key, signal)
      } catch (error) {
        if (!isRefusal(error)) throw error
        this.#reach.keyRefused(key.path, error)
      }
      if (this.#hasYielded) return
    }
  }

  async #compareOne(key: PlacedKey, signal: AbortSignal): Promise<void> {
    const { path, kind } = key
    const wanted = this.#wanted.find((each) => each.path === path)
    const held = this.#held.get(path)
    // What is not sure is written without being asked for.
    if (wanted !== undefined && held?.sure !== true) return
    const found = await this.#store.read(path, signal)
    if (wanted === undefined) {
      // An address that should not be there: a write of ours that came late, if it is ours.
      const isLate =
        kind === 'directory'
          ? found?.directory === true && (await this.#isWithin(key, signal)) === true
          : kind === 'own' && found?.directory === false && found.value === key.value
      if (isLate) this.#held.set(path, { key, sure: false, values: [key.value] })
    } else if (found === undefined || (found.value !== wanted.value && (kind === 'own' || kind === 'inside'))) {
      const another = found === undefined ? undefined : this.#whose.anotherAt(wanted, found)
      if (another !== undefined) return this.#yield(another)
      this.#log.warn({ path }, 'the store differs: writing again')
      this.#held.set(path, { key: wanted, sure: false, values: held?.values ?? [] })
    }
  }

  #yield(another: Another): void {
    this.#held.clear()
    this.#hasYielded = true
    this.#log.warn(another, 'a later registration has this id: leaving it alone until it is gone')
  }

  async #lookWhetherGone(signal: AbortSignal): Promise<void> {
    if (!(await this.#whose.isFree(this.#keysWhenWell(), signal))) return
    this.#hasYielded = false
    this.#wasOurs = false
    this.#log.warn({ path: this.#keysWhenWell()[0]?.path }, 'the later registration is gone: registering again')
  }

  #isWithin({ path, layout }: PlacedKey, signal: AbortSignal): Promise<boolean | undefined> {
    const inside = this.#keysWhenWell().find((each) => each.tells === true && each.layout === layout)
    return this.#whose.isWithin(path, inside, signal)
  }

  /** All the keys that the instance may have. */
  #keysWhenWell(): readonly PlacedKey[] {
    return this.#keysOf({ ...(this.#instance as ServiceInstance), status: 'passing' })
  }

  #keysOf(instance: ServiceInstance): readonly PlacedKey[] {
    const { layouts, prefix, domain } = this.#settings
    return keysOf(instance, layouts, { prefix, domain, exposedPort: this.#exposedPort })
  }

  #agreed(): void {
    this.#reach.answered()
    this.#state = this.#hasYielded ? 'yielded' : 'registered'
    this.#error = undefined
    this.#failures = 0
    this.#seenAtMs = performance.now()
  }

  #failed(error: ClientError): number {
    this.#failures++
    this.#reach.failed(error)
    this.#state = isRefusal(error) ? 'refused' : 'away'
    this.#error = error
    return backOffMs(this.#failures, Math.min(BACK_OFF_MS_MAX, this.#settings.refreshMs / 2))
  }
}
