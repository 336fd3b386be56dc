/**
 * A writer that does not wait: it starts a write every few milliseconds, round over some members, whatever became of the
 * writes before. So an outage is seen by writes that begin in it, and not only by the ones that it caught.
 */
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import type { ClusterMember } from './cluster.ts'
import { fillerOf, put, REQUEST_MS_MAX } from './requests.ts'

/** Writes under way at one member. When there are more, the writer leaves that turn out and counts it. */
const UNDER_WAY_MAX = 1024
const KEYS = 100
const VALUE_BYTES = 256

/** One write. Times in milliseconds of `performance.now()`. */
export interface Write {
  readonly member: ClusterMember
  readonly beganMs: number
  readonly endedMs: number
  /** `lost`: the connection was refused or broke, and nobody can say more. */
  readonly end: 'written' | 'refused' | 'lost'
}

/** Writes at a steady rate until it is stopped. */
export class OpenWriter {
  /** Writes that have ended, in the order of their end. */
  readonly writes: Write[] = []
  /** Turns left out because too many writes were under way. */
  skipped = 0
  readonly #targets: readonly { readonly member: ClusterMember; readonly pool: Pool }[]
  readonly #value = fillerOf(VALUE_BYTES)
  readonly #timer: NodeJS.Timeout
  #started = 0
  #underWay = 0

  constructor(members: readonly ClusterMember[], everyMs: number) {
    this.#targets = members.map((member) => ({
      member,
      pool: new Pool(member.clientUrl, { headersTimeout: REQUEST_MS_MAX, bodyTimeout: REQUEST_MS_MAX }),
    }))
    this.#timer = setInterval(() => this.#start(), everyMs)
  }

  /** Starts no more writes, waits for those under way, and closes the connections. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    const deadline = performance.now() + 2 * REQUEST_MS_MAX
    while (this.#underWay > 0 && performance.now() < deadline) await sleep(5)
    await Promise.all(this.#targets.map(({ pool }) => pool.destroy()))
  }

  /** Waits until a write that began at `fromMs` or later has been written. */
  async untilWritten(fromMs: number, withinMs: number): Promise<Write | undefined> {
    const deadline = performance.now() + withinMs
    for (;;) {
      const found = this.writes.find((write) => write.beganMs >= fromMs && write.end === 'written')
      if (found !== undefined || performance.now() > deadline) return found
      await sleep(2)
    }
  }

  #start(): void {
    const target = this.#targets[this.#started++ % this.#targets.length]
    if (target === undefined) return
    if (this.#underWay >= UNDER_WAY_MAX) {
      this.skipped += 1
      return
    }
    this.#underWay += 1
    const { member, pool } = target
    const beganMs = performance.now()
    const note = (end: Write['end']) => {
      this.#underWay -= 1
      this.writes.push({ member, beganMs, endedMs: performance.now(), end })
    }
    put(`${member.clientUrl}/v2/keys/bench/${this.#started % KEYS}`, this.#value, undefined, pool).then(
      (status) => note(status < 300 ? 'written' : 'refused'),
      () => note('lost'),
    )
  }
}
