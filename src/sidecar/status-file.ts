/**
 * A file that says what the agent knows, for those who cannot ask it.
 *
 * Owns: writing it when something changed, at once and whole. It shows what is known, store or no store, and is never emptied
 * because of the store. What counts in seconds is left out, so that the file is written only when something happened.
 */
import { rename, writeFile } from 'node:fs/promises'
import type { Agent } from './agent.ts'
import type { RegisterLog } from './ports.ts'

const LOOK_MS = 500

export class StatusFile {
  readonly #path: string
  readonly #agent: Agent
  readonly #log: RegisterLog
  readonly #timer: NodeJS.Timeout
  #written = ''
  #writing: Promise<void> | undefined

  constructor(path: string, agent: Agent, log: RegisterLog) {
    this.#path = path
    this.#agent = agent
    this.#log = log
    this.#timer = setInterval(() => this.#look(), LOOK_MS)
    this.#look()
  }

  /** Writes no more; what was written last stays. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#writing
  }

  #look(): void {
    const instances = this.#agent.status.map(({ agreedSecondsAgo: _, ...rest }) => rest)
    const text = `${JSON.stringify({ instances }, undefined, 2)}\n`
    if (text === this.#written || this.#writing !== undefined) return
    this.#writing = this.#write(text)
  }

  async #write(text: string): Promise<void> {
    try {
      const next = `${this.#path}.next`
      await writeFile(next, text)
      await rename(next, this.#path)
    } catch (error) {
      this.#log.warn({ err: error, path: this.#path }, 'cannot write the status file')
    }
    // After a failure too: the next change is the next try.
    this.#written = text
    this.#writing = undefined
  }
}
