/**
 * The services of a file, as an agent announces them, beside whatever else it does.
 *
 * Owns: what of the agent's is the file's, reading it again. Leaves to others: what stands in it (`src/sidecar/services-file.ts`).
 */
import type { Agent } from '../../src/sidecar/agent.ts'
import type { RegisterLog } from '../../src/sidecar/ports.ts'
import { keyOfInstance, type Service } from '../../src/sidecar/service.ts'

export class FileServices {
  readonly #agent: Agent
  readonly #log: RegisterLog
  #keys: readonly string[] = []
  #isOver = false

  constructor(agent: Agent, log: RegisterLog) {
    this.#agent = agent
    this.#log = log
  }

  /** Announces these in the place of those before; what did not change is not touched. */
  replace(services: readonly Service[]): void {
    this.#agent.replace(services, this.#keys)
    this.#keys = services.map(({ instance }) => keyOfInstance(instance))
  }

  /** Reads again; a file that is broken changes nothing, with a line in the log. Never rejects. */
  async reload(read: () => Promise<readonly Service[]>): Promise<void> {
    try {
      const services = await read()
      if (this.#isOver) return
      this.replace(services)
      this.#log.info({ services: services.length }, 'read the services again')
    } catch (error) {
      this.#log.warn({ err: error }, 'what is announced stays as it was')
    }
  }

  /** Takes up nothing any more. */
  end(): void {
    this.#isOver = true
  }
}
