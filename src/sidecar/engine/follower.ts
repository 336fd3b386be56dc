/**
 * Keeps an agent's services what the containers of this machine say.
 *
 * Owns: listening before listing, so that nothing is missed in between; listening again when the engine breaks off; what becomes
 * of a container that died. Leaves to others: asking (engine), rules (`metadata.ts`), announcing (agent).
 *
 * While the engine is away everything stays announced: containers live on without it, and an empty list would be a lie.
 */
import type { Agent } from '../agent.ts'
import { Gate } from '../gate.ts'
import { Alarm, backOffMs } from '../pause.ts'
import { SILENT } from '../ports.ts'
import { RegisterError } from '../register-error.ts'
import { keyOfInstance, type Service } from '../service.ts'
import { type Container, type EngineEvent, healthOf, isRunning } from './container.ts'
import type { Engine } from './engine.ts'
import { type LookRules, lookAt } from './look.ts'

export interface FollowOptions extends LookRules {
  readonly engine: Engine
  readonly agent: Agent
  /** `on-success`: a container that failed stays known as critical until it is removed or starts again. */
  readonly deregister: 'always' | 'on-success'
  /** Time between listings that make up for events that were never told; infinite: none. Milliseconds. */
  readonly relistMs: number
  /** Called after each listing, never twice at a time; it must not reject. */
  readonly onListed: () => Promise<void>
}

const BACK_OFF_MS_MAX = 10_000
/** Bit of an exit status that says that a signal ended it, as `docker stop` does. */
const SIGNAL_BIT = 128

export class Follower {
  readonly #options: FollowOptions
  readonly #over = new AbortController()
  readonly #alarm = new Alarm()
  /** One look at a time, or an old answer could come after a new one. */
  readonly #turn = new Gate(1)
  /** Each container's services. */
  readonly #known = new Map<string, readonly Service[]>()
  readonly #failed = new Set<string>()
  readonly #listed = Promise.withResolvers<void>()
  #running: Promise<void> | undefined
  #relistAtMs = 0
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
      await this.#alarm.sleepUntil(Math.min(this.#relistAtMs, performance.now() + 60_000))
      if (signal.aborted) return
      if (performance.now() >= this.#relistAtMs) await this.#relist()
    }
  }

  async #take(events: AsyncGenerator<EngineEvent, void, void>): Promise<void> {
    for await (const { Type, Action = '', Actor } of events) {
      const id = Type === 'network' ? Actor?.Attributes?.['container'] : Actor?.ID
      if (id === undefined) continue
      await this.#turn.run(async () => (Action === 'destroy' ? this.#forget(id) : this.#look(id)))
    }
  }

  async #relist(): Promise<void> {
    await this.#turn.run(() => this.#lookAtAll())
    // Not waited for: it asks the store, which may be away while containers come and go.
    this.#telling ??= this.#options.onListed().finally(() => {
      this.#telling = undefined
    })
  }

  async #lookAtAll(): Promise<void> {
    const { engine, relistMs } = this.#options
    const listed = await engine.list(this.#over.signal)
    for (const id of [...this.#known.keys()]) {
      if (!listed.has(id)) this.#forget(id)
      else if (listed.get(id) === false && !this.#failed.has(id)) await this.#look(id)
    }
    for (const [id, runs] of listed) if (runs) await this.#look(id)
    this.#relistAtMs = performance.now() + relistMs
  }

  /** Brings the announcements of one container to what it says now. */
  async #look(id: string): Promise<void> {
    const { engine, agent, rules, ttl, log } = this.#options
    // What is left out is told once, not at every look.
    const look = { rules, ttl, log: this.#known.has(id) ? SILENT : log }
    const looked = await lookAt(engine, id, look, this.#over.signal)
    if (looked === undefined) return this.#forget(id)
    const { container, services } = looked
    if (!isRunning(container)) return this.#died(id, container)
    this.#failed.delete(id)
    const keys = services.map(({ instance }) => keyOfInstance(instance))
    for (const { instance } of this.#known.get(id) ?? []) {
      if (!keys.includes(keyOfInstance(instance))) agent.remove(keyOfInstance(instance))
    }
    this.#known.set(id, services)
    for (const service of services) agent.add(service)
    const health = healthOf(container)
    if (health === undefined) return
    const result = { status: health === 'healthy' ? 'passing' : 'critical', output: `HEALTHCHECK: ${health}` } as const
    for (const { checkedElsewhere, instance } of services)
      if (checkedElsewhere) agent.tell(keyOfInstance(instance), result)
  }

  #died(id: string, { State }: Container): void {
    const code = State?.ExitCode ?? 0
    if (this.#options.deregister === 'always' || code === 0 || (code & SIGNAL_BIT) !== 0) return this.#forget(id)
    this.#failed.add(id)
    for (const service of this.#known.get(id) ?? []) {
      this.#options.agent.add({ ...service, check: undefined, checkedElsewhere: true })
      const output = `the container ended with status ${code}`
      this.#options.agent.tell(keyOfInstance(service.instance), { status: 'critical', output })
    }
  }

  #forget(id: string): void {
    for (const { instance } of this.#known.get(id) ?? []) this.#options.agent.remove(keyOfInstance(instance))
    this.#known.delete(id)
    this.#failed.delete(id)
  }
}
