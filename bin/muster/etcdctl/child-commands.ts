/**
 * Runs one command again and again, beside itself, a bounded number at a time.
 *
 * Owns: starting it, the bound. Leaves to others: when and with which variables.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { CommandFailed, STATUS } from './failures.ts'

/** Commands that run at a time; one more waits until one has ended, and with it the changes behind it. */
const RUNNING_MAX = 64

/** A command for each of many changes. */
export class ChildCommands {
  readonly #argv: readonly string[]
  readonly #running = new Set<ChildProcess>()
  #freed: () => void = () => {}

  /** @param argv the program and its words; not empty. */
  constructor(argv: readonly string[]) {
    this.#argv = argv
  }

  /** Starts it, once there is room. Resolves when it runs. @throws CommandFailed when there is no such program. */
  async start(variables: Readonly<Record<string, string>>): Promise<void> {
    while (this.#running.size >= RUNNING_MAX) {
      await new Promise<void>((done) => {
        this.#freed = done
      })
    }
    const [program = '', ...args] = this.#argv
    const child = spawn(program, args, {
      env: { ...process.env, ...variables },
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    this.#running.add(child)
    child.once('close', () => {
      this.#running.delete(child)
      this.#freed()
    })
    try {
      await once(child, 'spawn')
    } catch (error) {
      throw new CommandFailed(STATUS.wrong, `exec: "${program}": ${reasonOf(error)}`)
    }
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'code' in error && error.code === 'ENOENT' ? 'executable file not found in $PATH' : error.message
}
