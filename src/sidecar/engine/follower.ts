/**
 * Keeps an agent's services what the containers of this machine say.
 *
 * Owns: listening before listing, so that nothing is missed in between; listening again when the engine breaks off; what becomes
 * of a container that died, and of one about which the engine says nothing, or nonsense. Leaves to others: asking (engine), rules
 * (`metadata.ts`), which of two containers counts (holders), announcing (agent).
 *
 * While the engine is away everything stays announced: containers live on without it, and an empty list would be a lie.
 */
import type { Agent } from '../agent.ts'
import { Gate } from '../gate.ts'
import { Alarm, backOffMs } from '../pause.ts'
import { SILENT } from '../ports.ts'
import { RegisterError } from '../register-error.ts'
import { type Container, type EngineEvent, healthOf, isRunning } from './container.ts'
import type { Engine } from './engine.ts'
import { type Described, Holders } from './holders.ts'
import { type Looked, type LookRules, lookAt } from './look.ts'
import { Nonsense } from './shapes.ts'

export interface FollowOptions extends LookRules {
  readonly engine: Engine
  readonly agent: Agent
  /** `on-success`: a container that failed stays known as critical until it is removed or starts again. */
  readonly deregister: 'always' | 'on-success'
  /** Time between listings that make up for events that were never told; infinite: none. Milliseconds. */
  readonly relistMs: number
  /** How long the engine may take to tell of one container. Milliseconds; 10 s. */
  readonly lookMs?: number
  /** Time after which one of which it told nothing is looked at again. Milliseconds; 30 s. */
  readonly againMs?: number
  /** Called after each listing from which no container is missing, never twice at a time; it must not reject. */
  readonly onListed: () => Promise<void>
}

const BACK_OFF_MS_MAX = 10_000
const LOOK_MS_MAX = 10_000
const AGAIN_MS = 30_000
/** Signals are numbered 1 to this; an exit status of 128 and that number says that one ended it, as `docker stop` does. */
const SIGNAL_MAX = 64

export class Follower {
  readonly #options: FollowOptions
  readonly #over = new AbortController()
  readonly #alarm = new Alarm()
  /** One look at a time, or an old answer could come after a new one. */
  readonly #turn = new Gate(1)
  readonly #holders = new Holders()
  readonly #failed = new Set<string>()
  /** Containers of which the engine told nothing, or nonsense, when it was asked last. */
  readonly #unseen = new Set<string>()
  /** Whether items of the last list were nonsense: any container may be missing from it. */
  #listsNonsense = false
  /** Whether an event was nonsense since the last list was asked for. */
  #passesOver = false
  readonly #listed = Promise.withResolvers<void>()
  #running: Promise<void> | undefined
  #relistAtMs = 0
  #againAtMs = Number.POSITIVE_INFINITY
  #telling: Promise<void> | undefined

  constructor(options: FollowOptions) {
    this.#options = options
  }

  /** Begins. Resolves when all containers have been looked at once, however long the engine is away. */
  start(): Promise<void> {
    this.#running ??= this.#run()
    return this.#listed.promise
  }

  /** Looks at all containers again soon. */
  relist(): void {
    this.#relistAtMs = 0
    this.#alarm.poke()
  }

  /** Follows no more; what is announced stays so. */
  async close(): Promise<void> {
    this.#over.abort()
    this.#alarm.poke()
    await this.#running
    await this.#telling
  }

  async #run(): Promise<void> {
    const { signal } = this.#over
    for (let failures = 0; !signal.aborted; ) {
      const link = new AbortController()
      const end = (): void => link.abort()
      signal.addEventListener('abort', end, { once: true })
      try {
        const events = await this.#options.engine.events(link.signal)
        await this.#relist()
        failures = 0
        this.#listed.resolve()
        const relisting = this.#relistNowAndThen(link.signal)
        try {
          await Promise.race([this.#take(events), relisting])
        } finally {
          link.abort()
          this.#alarm.poke()
          await relisting.catch(() => {})
        }
        if (!signal.aborted) this.#options.log.warn({}, 'the container engine ended its events: listening again')
      } catch (error) {
        if (signal.aborted) return
        if (!(error instanceof RegisterError)) throw error
        if (failures === 0) this.#options.log.warn({ err: error }, 'everything announced stays so; trying again')
      } finally {
        link.abort()
        signal.removeEventListener('abort', end)
      }
      failures++
      const untilMs = performance.now() + backOffMs(failures, BACK_OFF_MS_MAX)
      // Nothing else sleeps by this alarm now. Closing cuts it short: what is announced has to be taken out within a second.
      while (!signal.aborted && performance.now() < untilMs) await this.#alarm.sleepUntil(untilMs)
    }
  }

  async #relistNowAndThen(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#alarm.sleepUntil(Math.min(this.#relistAtMs, this.#againAtMs, performance.now() + 60_000))
      if (signal.aborted) return
      if (performance.now() >= this.#againAtMs) await this.#lookAgain()
      if (performance.now() >= this.#relistAtMs) await this.#relist()
    }
  }

  async #take(events: AsyncGenerator<EngineEvent | Nonsense, void, void>): Promise<void> {
    for await (const event of events) {
      if (event instanceof Nonsense) {
        this.#passOver(event)
        continue
      }
      const { id, isRemoval } = event
      if (id === undefined) continue
      await this.#turn.run(async () => (isRemoval ? this.#forget(id) : this.#look(id)))
    }
  }

  /** A listing makes up for what it may have told. Until then others go without a word, or they could flood the log. */
  #passOver(event: Nonsense): void {
    const { log, againMs = AGAIN_MS } = this.#options
    if (this.#passesOver) return
    this.#passesOver = true
    log.warn({ err: event }, 'an event is passed over: looking at all containers soon')
    this.#relistAtMs = Math.min(this.#relistAtMs, performance.now() + againMs)
    this.#alarm.poke()
  }

  async #relist(): Promise<void> {
    await this.#turn.run(() => this.#lookAtAll())
    // A container that could not be seen and is not known has entries all the same, which are none of an earlier agent's. So may one
    // that the list has as nonsense.
    if (this.#listsNonsense || [...this.#unseen].some((id) => this.#holders.get(id) === undefined)) return
    // Not waited for: it asks the store, which may be away while containers come and go.
    this.#telling ??= this.#options.onListed().finally(() => {
      this.#telling = undefined
    })
  }

  async #lookAtAll(): Promise<void> {
    const { engine, relistMs, againMs = AGAIN_MS, log } = this.#options
    this.#passesOver = false
    const { containers, nonsense } = await engine.list(this.#over.signal)
    if (nonsense !== undefined && !this.#listsNonsense)
      log.warn(
        { err: nonsense },
        'the list of containers is not whole: what it lacks stays announced while it is there',
      )
    this.#listsNonsense = nonsense !== undefined
    for (const id of new Set([...this.#holders.ids, ...this.#unseen])) {
      const runs = containers.get(id)
      if (runs === undefined) await (nonsense === undefined ? this.#forget(id) : this.#look(id))
      else if (!runs && !this.#failed.has(id)) await this.#look(id)
    }
    for (const [id, runs] of containers) if (runs) await this.#look(id)
    this.#relistAtMs = performance.now() + (this.#passesOver ? Math.min(againMs, relistMs) : relistMs)
  }

  async #lookAgain(): Promise<void> {
    this.#againAtMs = Number.POSITIVE_INFINITY
    for (const id of [...this.#unseen]) await this.#turn.run(() => this.#look(id))
  }

  /** Brings the announcements of one container to what it says now. */
  async #look(id: string): Promise<void> {
    const looked = await this.#ask(id)
    if (looked === 'unseen') return
    if (looked === undefined) return this.#forget(id)
    const { container, services } = looked
    if (!isRunning(container)) return this.#died(id, container)
    this.#failed.delete(id)
    const told = healthOf(container)
    const status = told === 'healthy' ? 'passing' : 'critical'
    const health = told === undefined ? undefined : ({ status, output: `HEALTHCHECK: ${told}` } as const)
    this.#announce(id, { services, health, startedAtMs: Date.parse(container.State.StartedAt ?? '') })
  }

  /** What the engine tells of one container; `unseen`: nothing in time, or nonsense, and it is asked again later. */
  async #ask(id: string): Promise<Looked | undefined | 'unseen'> {
    const { engine, rules, ttl, log, lookMs = LOOK_MS_MAX, againMs = AGAIN_MS } = this.#options
    // What is left out is told once, not at every look.
    const look = { rules, ttl, log: this.#holders.get(id) === undefined ? log : SILENT }
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(new Error(`no answer within ${lookMs} ms`)), lookMs)
    try {
      const looked = await lookAt(engine, id, look, AbortSignal.any([this.#over.signal, late.signal]))
      this.#unseen.delete(id)
      return looked
    } catch (error) {
      const isAbout = late.signal.aborted || (error instanceof RegisterError && isAboutOne(error))
      if (this.#over.signal.aborted || !isAbout) throw error
      if (!this.#unseen.has(id))
        log.warn({ err: error, id }, 'nothing that makes sense is told of this container: going on with the others')
      this.#unseen.add(id)
      this.#againAtMs = Math.min(this.#againAtMs, performance.now() + againMs)
      this.#alarm.poke()
      return 'unseen'
    } finally {
      clearTimeout(timer)
    }
  }

  #died(id: string, { State }: Container): void {
    const code = State.ExitCode ?? 0
    if (this.#options.deregister === 'always' || isOnPurpose(code)) return this.#forget(id)
    this.#failed.add(id)
    const before = this.#holders.get(id)
    if (before === undefined) return
    const services = before.services.map((service) => ({ ...service, check: undefined, checkedElsewhere: true }))
    const health = { status: 'critical', output: `the container ended with status ${code}` } as const
    this.#announce(id, { ...before, services, health })
  }

  #forget(id: string): void {
    this.#failed.delete(id)
    this.#unseen.delete(id)
    this.#announce(id, undefined)
  }

  #announce(id: string, described: Described | undefined): void {
    const { agent } = this.#options
    for (const key of this.#holders.set(id, described)) {
      const chosen = this.#holders.chosenFor(key)
      if (chosen === undefined) agent.remove(key)
      else {
        agent.add(chosen.service)
        if (chosen.health !== undefined && chosen.service.checkedElsewhere) agent.tell(key, chosen.health)
      }
    }
  }
}

/** Whether an exit status is one of success or of a signal. 255 has the bit 128 too, but is what `exit(-1)` gives. */
function isOnPurpose(code: number): boolean {
  return code === 0 || (code > 128 && code <= 128 + SIGNAL_MAX)
}

/** Whether a failure is about the one container that was asked for: the engine answered, or took too long, and is there. */
function isAboutOne({ cause }: RegisterError): boolean {
  return !(cause instanceof Error && 'code' in cause)
}
