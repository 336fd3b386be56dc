/**
 * A command that lives with its files or its environment: started, signalled, restarted, and at the end waited for.
 *
 * Owns: one child at a time, whose standard streams are ours, and how it ends. Leaves to others: when to do what.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'

/** Status of a command that cannot be started, and of one that is not there: the shell's. */
const STATUS_NOT_EXECUTABLE = 126
const STATUS_NOT_FOUND = 127
const STATUS_SIGNAL_BASE = 128

export interface SupervisedOptions {
  readonly command: string
  readonly args: readonly string[]
  /** How it is asked to end before a restart and at our end. */
  readonly killSignal: NodeJS.Signals
  /** After so long it is killed. Milliseconds. */
  readonly killMs: number
}

/** One command. */
export class Supervised {
  readonly #options: SupervisedOptions
  #child: ChildProcess | undefined
  /** The present child ends because we ask it to, and another follows; undefined: neither. */
  #restarting: Promise<void> | undefined
  #isEnding = false
  #ended: (status: number) => void = () => undefined
  /** Status of the command when it has ended by itself, or was told to for good. 128 and the signal's number as in a shell. */
  readonly done: Promise<number> = new Promise((ended) => {
    this.#ended = ended
  })

  constructor(options: SupervisedOptions) {
    this.#options = options
  }

  get running(): boolean {
    return this.#child !== undefined
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Starts it. @param env Its whole environment. */
  start(env: NodeJS.ProcessEnv): void {
    const { command, args } = this.#options
    let child: ChildProcess
    try {
      child = spawn(command, args, { stdio: 'inherit', env })
    } catch (error) {
      this.#fail(error)
      return
    }
    this.#child = child
    child.once('error', (error) => {
      if (child.pid !== undefined) return
      this.#child = undefined
      this.#fail(error)
    })
    child.once('exit', (code, signal) => {
      if (this.#child === child) this.#child = undefined
      if (this.#restarting === undefined || this.#isEnding)
        this.#ended(code ?? STATUS_SIGNAL_BASE + (signal === null ? 0 : constants.signals[signal]))
    })
  }

  /** Sends a signal; false when it does not run. */
  signal(signal: NodeJS.Signals): boolean {
    return this.#child?.kill(signal) ?? false
  }

  /** Ends it and starts it anew. Does nothing when it has ended by itself; a restart under way counts for all who ask meanwhile. */
  async restart(env: NodeJS.ProcessEnv): Promise<void> {
    if (this.#child === undefined || this.#isEnding) return
    // Two files may want it at once, and two restarts side by side would leave two commands.
    this.#restarting ??= this.#stop().then(() => {
      this.#restarting = undefined
      if (!this.#isEnding) this.start(env)
    })
    await this.#restarting
  }

  /** Ends it for good; resolves when it is gone. */
  async end(): Promise<void> {
    this.#isEnding = true
    if (this.#child === undefined) this.#ended(0)
    await this.#stop()
  }

  async #stop(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.kill(this.#options.killSignal)
    const timer = setTimeout(() => child.kill('SIGKILL'), this.#options.killMs)
    await gone
    clearTimeout(timer)
  }

  #fail(error: unknown): void {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    process.stderr.write(
      `muster: cannot run ${this.#options.command}: ${error instanceof Error ? error.message : error}\n`,
    )
    this.#ended(isMissing ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE)
  }
}
