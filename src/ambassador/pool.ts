/**
 * The instances of a service as those to whom connections go, and which is next.
 *
 * Owns: choosing, resting after failures, what becomes of an instance that leaves the list. Time comes from the caller. Leaves
 * to others: connecting (`door.ts`).
 */
import assert from 'node:assert'
import { formatAddress } from '../sidecar/names.ts'
import { backOffMs } from '../sidecar/pause.ts'
import type { ServiceInstance } from '../sidecar/record.ts'
import type { Balance } from './settings.ts'

/** One instance at one address. The same object for as long as it is listed or has connections. */
export interface Backend {
  readonly id: string
  readonly address: string
  instance: ServiceInstance
  /** New connections may go to it. */
  isListed: boolean
  /** Connections that it has, those being made included. */
  active: number
  /** Connections that it ever took. */
  taken: number
  /** Failures ever, and in a row. */
  failed: number
  failuresInRow: number
  /** Until then it is passed over. */
  restUntilMs: number
  /** Of the round robin: who has the most is next. */
  credit: number
  /** Number of the choice that last fell on it. */
  chosenAt: number
}

export class Pool {
  readonly #balance: Balance
  readonly #restMsMax: number
  readonly #backends = new Map<string, Backend>()
  #choices = 0

  constructor(balance: Balance, restMsMax: number) {
    this.#balance = balance
    this.#restMsMax = restMsMax
  }

  /** Those who are listed, and those who are not but have connections. */
  get backends(): Iterable<Backend> {
    return this.#backends.values()
  }

  /** Takes another list. An instance at another address is another backend. UDP and weight 0 get no connections. */
  replace(instances: readonly ServiceInstance[]): void {
    for (const backend of this.#backends.values()) backend.isListed = false
    for (const instance of instances) {
      if (instance.proto !== 'tcp' || instance.weight === 0) continue
      const address = formatAddress(instance)
      const key = `${instance.id} ${address}`
      const known = this.#backends.get(key)
      if (known === undefined) this.#backends.set(key, newBackend(instance, address))
      else {
        known.instance = instance
        known.isListed = true
      }
    }
    for (const backend of this.#backends.values()) this.#forget(backend)
  }

  /**
   * Whoever gets the next connection; counts it. Undefined: all that are listed were tried.
   * @param tried is passed over.
   */
  choose(nowMs: number, tried: ReadonlySet<Backend>, probeMs: number): Backend | undefined {
    const open = [...this.#backends.values()].filter((backend) => backend.isListed && !tried.has(backend))
    const awake = open.filter(({ restUntilMs }) => restUntilMs <= nowMs)
    const chosen = awake.length > 0 ? this.#next(firstPriority(awake)) : soonest(open)
    if (chosen === undefined) return undefined
    this.#choices += 1
    chosen.chosenAt = this.#choices
    chosen.active += 1
    // Whoever has failed is asked by one connection at a time.
    if (chosen.failuresInRow > 0) chosen.restUntilMs = Math.max(chosen.restUntilMs, nowMs + probeMs)
    return chosen
  }

  /** When the next of those who rest may be asked; undefined: nobody rests. */
  get wakesAtMs(): number | undefined {
    return soonest([...this.#backends.values()].filter(({ isListed }) => isListed))?.restUntilMs
  }

  /** It took the connection. */
  took(backend: Backend): void {
    backend.taken += 1
    backend.failuresInRow = 0
    backend.restUntilMs = 0
  }

  /**
   * It did not take a connection, or broke it before anything was sent.
   * @param before failures in a row when it was chosen: a connection that came to nothing was no success.
   */
  failed(backend: Backend, nowMs: number, before: number): void {
    backend.failed += 1
    backend.failuresInRow = Math.max(before, backend.failuresInRow) + 1
    backend.restUntilMs = nowMs + backOffMs(backend.failuresInRow, this.#restMsMax)
  }

  /** A connection of it is over. */
  release(backend: Backend): void {
    assert(backend.active > 0, 'a connection ended twice')
    backend.active -= 1
    this.#forget(backend)
  }

  #forget(backend: Backend): void {
    if (!backend.isListed && backend.active === 0) this.#backends.delete(`${backend.id} ${backend.address}`)
  }

  #next(candidates: readonly Backend[]): Backend | undefined {
    return this.#balance === 'least' ? leastOf(candidates) : inTurn(candidates)
  }
}

function newBackend(instance: ServiceInstance, address: string): Backend {
  return {
    id: instance.id,
    address,
    instance,
    isListed: true,
    active: 0,
    taken: 0,
    failed: 0,
    failuresInRow: 0,
    restUntilMs: 0,
    credit: 0,
    chosenAt: 0,
  }
}

function firstPriority(backends: readonly Backend[]): readonly Backend[] {
  const first = backends.reduce((least, { instance }) => Math.min(least, instance.priority), Number.POSITIVE_INFINITY)
  return backends.filter(({ instance }) => instance.priority === first)
}

function soonest(backends: readonly Backend[]): Backend | undefined {
  return backends.reduce<Backend | undefined>(
    (best, each) => (best === undefined || each.restUntilMs < best.restUntilMs ? each : best),
    undefined,
  )
}

/** Round robin with weights: everybody earns its weight, and whoever is chosen pays what all have earned. */
function inTurn(candidates: readonly Backend[]): Backend | undefined {
  let total = 0
  let best: Backend | undefined
  for (const candidate of candidates) {
    candidate.credit += candidate.instance.weight
    total += candidate.instance.weight
    if (best === undefined || candidate.credit > best.credit) best = candidate
  }
  if (best !== undefined) best.credit -= total
  return best
}

function leastOf(candidates: readonly Backend[]): Backend | undefined {
  const load = ({ active, instance }: Backend): number => active / instance.weight
  return candidates.reduce<Backend | undefined>((best, each) => {
    if (best === undefined) return each
    const difference = load(each) - load(best)
    return difference < 0 || (difference === 0 && each.chosenAt < best.chosenAt) ? each : best
  }, undefined)
}
