/**
 * Several doors in one process.
 *
 * Owns: opening them, feeding each with its service's lists for ever, their end. Leaves to others: one door (`door.ts`), finding
 * instances (`sidecar/discover.ts`).
 */
import { setTimeout as wait } from 'node:timers/promises'
import type { Keys } from '../client/keys.ts'
import { discover } from '../sidecar/discover.ts'
import type { LookOptions } from '../sidecar/instance-list.ts'
import { backOffMs } from '../sidecar/pause.ts'
import type { RegisterLog } from '../sidecar/ports.ts'
import { Door } from './door.ts'
import type { DoorSettings, ServingSettings } from './settings.ts'

/** The longest pause before a service is looked for again whose looking up failed. Milliseconds. */
const PAUSE_MS_MAX = 30_000

export interface AmbassadorParts {
  readonly client: Keys
  readonly look: LookOptions
  readonly serving: ServingSettings
  readonly log: RegisterLog
}

export class Ambassador {
  readonly doors: readonly Door[]
  readonly #parts: AmbassadorParts
  readonly #over = new AbortController()
  readonly #feeds: Promise<void>[] = []

  constructor(doors: readonly DoorSettings[], parts: AmbassadorParts) {
    this.#parts = parts
    this.doors = doors.map((settings) => new Door(settings, parts.serving, parts.log))
  }

  /**
   * Opens all doors and begins to look for instances; connections that come before the store was read wait.
   * @throws AmbassadorError `MUSTER_AMBASSADOR_LISTEN`; then none is open.
   */
  async open(): Promise<void> {
    try {
      for (const door of this.doors) await door.open()
    } catch (error) {
      await this.close(0)
      throw error
    }
    for (const door of this.doors) this.#feeds.push(this.#feed(door))
  }

  /** Accepts no more; resolves when all connections are over, at the latest after so many milliseconds. */
  async close(graceMs: number): Promise<void> {
    await Promise.all(this.doors.map((door) => door.close(graceMs)))
    // Until then lists matter: instances leave while others drain.
    this.#over.abort()
    await Promise.all(this.#feeds)
  }

  /** Breaks all connections; `close` then resolves soon. */
  reset(): void {
    for (const door of this.doors) door.reset()
  }

  async #feed(door: Door): Promise<void> {
    const { signal } = this.#over
    const { client, look, log } = this.#parts
    const { service } = door.settings
    for (let failures = 1; !signal.aborted; failures += 1) {
      try {
        for await (const list of discover(client, service, { ...look, healthyOnly: true, signal })) {
          if (list.stale !== (door.list?.stale ?? false)) say(log, service, list.stale)
          door.replace(list)
          failures = 1
        }
        return
      } catch (error) {
        log.warn({ err: error, service }, 'cannot look for instances: those that are known stand')
        if (door.list !== undefined) door.list = { ...door.list, stale: true }
      }
      await wait(backOffMs(failures, PAUSE_MS_MAX), undefined, { signal }).catch(() => {})
    }
  }
}

function say(log: RegisterLog, service: string, isStale: boolean): void {
  if (isStale) log.warn({ service }, 'no server answers: the instances that are known stand')
  else log.info({ service }, 'a server answers again')
}
