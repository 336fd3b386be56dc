/**
 * Asks a member the same small question again and again, to see whether it ever stops answering.
 *
 * Owns: the asking and the times. Corrected for the delays of the asking process itself.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { KeysClient } from './keys-client.ts'
import { LoopLag } from './loop-lag.ts'

const PACE_MS = 10

export class Probe {
  readonly #client = new KeysClient(1)
  readonly #lag = new LoopLag()
  readonly #url: string
  readonly #key: string
  readonly #loop: Promise<void>
  #stopped = false
  /** Answers so far. */
  answers = 0
  /** The longest wait for an answer less what this process itself was late, milliseconds. */
  worstMs = 0
  /** Answers other than 200, and errors. */
  readonly problems: string[] = []

  constructor(url: string, key: string) {
    this.#url = url
    this.#key = key
    this.#loop = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#loop
    this.#lag.stop()
    await this.#client.close()
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const fromMs = performance.now()
      try {
        const { status, body } = await this.#client.get(this.#url, this.#key)
        if (status !== 200) this.problems.push(`${status} ${JSON.stringify(body)}`)
        this.answers++
      } catch (error) {
        this.problems.push(String(error))
      }
      const toMs = performance.now()
      await wait(PACE_MS)
      this.worstMs = Math.max(this.worstMs, toMs - fromMs - this.#lag.worstBetween(fromMs, toMs))
    }
  }
}
