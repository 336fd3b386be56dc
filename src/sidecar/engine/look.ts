/**
 * What one container is announced as, now.
 *
 * Owns: asking the engine for all that belongs to it, and settling it. What a container wants and cannot have is left out, with
 * a line in the log: it must not end the agent of all the others. Leaves to others: answers that are nonsense as such (`shapes.ts`).
 */
import type { RegisterLog } from '../ports.ts'
import { RegisterError } from '../register-error.ts'
import { type Service, settleService } from '../service.ts'
import { type Container, isRunning } from './container.ts'
import type { Engine } from './engine.ts'
import { type ContainerRules, servicesOf } from './metadata.ts'

export interface Looked {
  readonly container: Container
  /** None unless it runs. */
  readonly services: readonly Service[]
}

export interface LookRules {
  readonly rules: ContainerRules
  /** Whole seconds. */
  readonly ttl: number
  /** For what is left out. */
  readonly log: RegisterLog
}

/** Undefined: there is no such container. @throws RegisterError `MUSTER_REGISTER_ENGINE`; the signal's reason. */
export async function lookAt(
  engine: Engine,
  id: string,
  { rules, ttl, log }: LookRules,
  signal: AbortSignal,
): Promise<Looked | undefined> {
  const container = await engine.inspect(id, signal)
  if (container === undefined) return undefined
  if (!isRunning(container)) return { container, services: [] }
  const mode = /^container:(.+)$/.exec(container.HostConfig?.NetworkMode ?? '')?.[1]
  const linked = mode === undefined ? undefined : await engine.inspect(mode, signal)
  const { services, notes } = servicesOf(container, rules, linked)
  for (const note of notes) log.info({ container: container.Name }, note)
  const settled = services.flatMap((options) => {
    try {
      return [settleService(options, ttl, rules.hostName)]
    } catch (error) {
      if (!(error instanceof RegisterError)) throw error
      log.warn({ err: error, container: container.Name }, 'left out')
      return []
    }
  })
  return { container, services: settled }
}
