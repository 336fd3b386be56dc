/**
 * A command that lives with its files or its environment: started, signalled, restarted, and at the end waited for.
 *
 * Owns: one child at a time, whose standard streams are ours, and how it ends. Leaves to others: when to do what.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { reasonOf } from './errors.ts'

/** Status of a command that cannot be started, and of one that is not there: the shell's. */
const STATUS_NOT_EXECUTABLE = 126
const STATUS_NOT_FOUND = 127
const STATUS_SIGNAL_BASE = 128
/**
 * So long after its start it is told of nothing: a signal kills a program that has no handler yet. Milliseconds; those that start
 * slowly on a busy machine take some hundreds.
 */
const START_GRACE_MS = 1_000

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
  /** The grace of the present child; resolves early when it ends. */
  #grace: Promise<void> = Promise.resolve()
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
    this.#grace = graceOf(child)
    child.on('error', (error) => {
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

  /** Sends a signal at once; nothing when it does not run. @throws Error when we may not. */
  signal(signal: NodeJS.Signals): void {
    if (this.#child !== undefined) send(this.#child, signal)
  }

  /**
   * Tells it of something by a signal, when it has had the time to expect one.
   * @returns false when it ended or was restarted meanwhile: there is nobody whom it would tell anything new.
   * @throws Error when we may not signal it.
   */
  async tell(signal: NodeJS.Signals): Promise<boolean> {
    const child = this.#child
    await this.#grace
    if (child === undefined || child !== this.#child) return false
    send(child, signal)
    return true
  }

  /**
   * Ends it and starts it anew. Does nothing when it has ended by itself; a restart under way counts for all who ask meanwhile.
   * @throws Error when we may not signal it.
   */
  async restart(env: NodeJS.ProcessEnv): Promise<void> {
    if (this.#child === undefined || this.#isEnding) return
    // Two files may want it at once, and two restarts side by side would leave two commands.
    this.#restarting ??= this.#restart(env)
    await this.#restarting
  }

  async #restart(env: NodeJS.ProcessEnv): Promise<void> {
    try {
      await this.#stop()
    } finally {
      this.#restarting = undefined
    }
    if (!this.#isEnding) this.start(env)
  }

  /** Ends it for good; resolves when it is gone. One that we may not signal is waited for, and that is said. */
  async end(): Promise<void> {
    this.#isEnding = true
    if (this.#child === undefined) this.#ended(0)
    try {
      await this.#stop()
    } catch (error) {
      process.stderr.write(`muster: ${reasonOf(error)}: waiting for its end\n`)
      await this.done
    }
  }

  async #stop(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    send(child, this.#options.killSignal)
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    // Should this one be refused, after the first was not, only its own end remains.
    const timer = setTimeout(() => child.kill('SIGKILL'), this.#options.killMs)
    await gone
    clearTimeout(timer)
  }

  #fail(error: unknown): void {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    process.stderr.write(`muster: cannot run ${this.#options.command}: ${reasonOf(error)}\n`)
    this.#ended(isMissing ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE)
  }
}

function graceOf(child: ChildProcess): Promise<void> {
  return new Promise((over) => {
    // What cannot be started never ends, and must not hold us up.
    const timer = setTimeout(over, START_GRACE_MS).unref()
    child.once('exit', () => {
      clearTimeout(timer)
      over()
    })
  })
}

/** `kill` of Node.js tells of a refusal by an event, after the fact. @throws Error when we may not, in a sentence. */
function send({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return
    throw new Error(`cannot signal process ${pid}: ${reasonOf(error)}`, { cause: error })
  }
}
