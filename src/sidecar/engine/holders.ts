/**
 * Which container's services are announced. Pure.
 *
 * Owns: what each container has described, and choosing when several describe the same name and id, as in a roll-out that starts the
 * new one before it ends the old one: one that is well before one that is not, then the one that started last.
 */
import type { CheckResult } from '../checks/check.ts'
import { keyOfInstance, type Service } from '../service.ts'

/** What is known of a container. */
export interface Described {
  readonly services: readonly Service[]
  /** What the engine knows of its health, for services that are checked there; undefined: nothing. */
  readonly health: CheckResult | undefined
  /** Milliseconds since 1970; NaN: not said. */
  readonly startedAtMs: number
}

export interface Chosen {
  readonly service: Service
  readonly health: CheckResult | undefined
}

export class Holders {
  readonly #described = new Map<string, Described>()
  /** Ids of the containers that describe it, by the key of an instance. */
  readonly #byKey = new Map<string, Set<string>>()

  /** Ids of all containers that are known. */
  get ids(): readonly string[] {
    return [...this.#described.keys()]
  }

  get(id: string): Described | undefined {
    return this.#described.get(id)
  }

  /** Sets what a container describes; undefined: it is gone. The keys for which that may choose another. */
  set(id: string, described: Described | undefined): ReadonlySet<string> {
    const before = keysOf(this.#described.get(id))
    const after = keysOf(described)
    for (const key of before) {
      const ids = this.#byKey.get(key)
      ids?.delete(id)
      if (ids?.size === 0) this.#byKey.delete(key)
    }
    for (const key of after) this.#byKey.set(key, (this.#byKey.get(key) ?? new Set()).add(id))
    if (described === undefined) this.#described.delete(id)
    else this.#described.set(id, described)
    return new Set([...before, ...after])
  }

  /** The service that is announced under a key, undefined where nobody describes one. */
  chosenFor(key: string): Chosen | undefined {
    let best: Described | undefined
    for (const id of this.#byKey.get(key) ?? []) {
      const other = this.#described.get(id)
      if (other !== undefined && (best === undefined || isBetter(other, best))) best = other
    }
    const service = best?.services.find(({ instance }) => keyOfInstance(instance) === key)
    return service === undefined ? undefined : { service, health: best?.health }
  }
}

function keysOf(described: Described | undefined): readonly string[] {
  return (described?.services ?? []).map(({ instance }) => keyOfInstance(instance))
}

function isBetter(one: Described, other: Described): boolean {
  const [isWell, wasWell] = [one, other].map(({ health }) => health?.status !== 'critical')
  return isWell === wasWell ? !(one.startedAtMs < other.startedAtMs) : isWell === true
}
