/**
 * A process under test: its output as it comes, its end, and the certainty that it is gone.
 *
 * Owns: one process. Leaves to others: what is started and what its output means.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '..', '..')
/** The Node.js that runs the tests: the pinned one. */
export const NODE = process.execPath

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface ChildOptions {
  readonly cwd?: string
  /** Replaces the environment of this process. */
  readonly env?: NodeJS.ProcessEnv
  /** Starts a process group of its own, as a terminal would. */
  readonly detached?: boolean
}

export class Child {
  readonly #process: ChildProcess
  /** Resolves when the process has ended and all its output was read. */
  readonly exited: Promise<Exit>
  /** How it ended, once it has. */
  exit: Exit | undefined
  stdout = ''
  stderr = ''
  readonly #watchers = new Set<() => void>()

  constructor(command: string, args: readonly string[], options: ChildOptions = {}) {
    this.#process = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    this.exited = new Promise((done, failed) => {
      this.#process.once('error', failed)
      this.#process.once('close', (code, signal) => {
        this.exit = { code, signal }
        done(this.exit)
        this.#changed()
      })
    })
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
      this.#changed()
    })
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
      this.#changed()
    })
  }

  get pid(): number {
    if (this.#process.pid === undefined) throw new Error('the process did not start')
    return this.#process.pid
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal)
  }

  /** Kills it when it still runs; resolves when it is gone. */
  end(): Promise<Exit> {
    if (this.exit === undefined) this.#process.kill('SIGKILL')
    return this.exited
  }

  /** Waits until standard output or standard error holds the pattern. Rejects when it ends or time runs out before. */
  untilOutput(pattern: RegExp, msMax = 30_000): Promise<RegExpExecArray> {
    return new Promise((done, failed) => {
      const finish = (): void => {
        clearTimeout(timer)
        this.#watchers.delete(look)
      }
      const look = (): void => {
        const match = pattern.exec(this.stdout) ?? pattern.exec(this.stderr)
        if (match === null && this.exit === undefined) return
        finish()
        if (match !== null) done(match)
        else failed(new Error(`ended before it printed ${pattern}:\n${this.stdout}${this.stderr}`))
      }
      const timer = setTimeout(() => {
        finish()
        failed(new Error(`did not print ${pattern} in ${msMax} ms:\n${this.stdout}${this.stderr}`))
      }, msMax)
      this.#watchers.add(look)
      look()
    })
  }

  #changed(): void {
    for (const watcher of [...this.#watchers]) watcher()
  }
}
