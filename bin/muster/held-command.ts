/**
 * A command that runs for as long as something is held, a lock or a leadership, and is ended when that is lost.
 *
 * Owns: its end: TERM, then KILL while nobody else can hold it yet; passing our own signals on; what all such commands say. Leaves
 * to others: holding (lock, elect), starting (beside).
 */
import { constants } from 'node:os'
import process from 'node:process'
import { marginMs } from '../../src/client/coordination/kept-key.ts'
import { queueDirectory } from '../../src/client/coordination/queue.ts'
import { ApiError, ClientError } from '../../src/client/errors.ts'
import { startBeside } from './beside.ts'
import { failureText } from './exit.ts'

/** Exit statuses of our own, where commands rarely have theirs. */
export const HELD_EXIT = { unreachable: 69, notInTime: 75, lost: 76, notAllowed: 77 } as const

export const HELD_HELP = `
Exit status: the command's, 128 and the signal's number when one ended it; 2 wrong words; 69 the cluster cannot
be asked; 75 not had in time; 76 lost while the command ran, which was ended; 77 the login or a right is missing.`

const ENDING = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
const PASSED_ON = ['SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const

/** Told to end while there was no command yet. */
class Interrupted extends Error {
  readonly status: number

  constructor(signal: NodeJS.Signals) {
    super(`interrupted by ${signal}`)
    this.status = 128 + constants.signals[signal]
  }
}

/** What is held. */
export interface Held {
  /** Aborts when it is lost. */
  readonly signal: AbortSignal
  /** Seconds. */
  readonly ttl: number
  readonly command: readonly string[]
  readonly env: NodeJS.ProcessEnv
}

/** Signals of this process: they end the waiting, or go to the command. */
export class Waiting {
  readonly #over = new AbortController()
  readonly #handlers = new Map<NodeJS.Signals, () => void>()
  #pass: ((signal: NodeJS.Signals) => void) | undefined
  /** Told to end while a command ran. */
  #told: NodeJS.Signals | undefined

  constructor() {
    for (const signal of [...ENDING, ...PASSED_ON]) {
      const handler = (): void => {
        const isEnd = ENDING.some((ending) => ending === signal)
        // HUP is a word to the command, which may live on.
        if (isEnd && signal !== 'SIGHUP') this.#told = signal
        if (this.#pass !== undefined) this.#pass(signal)
        else if (isEnd) this.#over.abort(new Interrupted(signal))
      }
      this.#handlers.set(signal, handler)
      process.on(signal, handler)
    }
  }

  /** Aborts when this process is told to end while no command runs. */
  get signal(): AbortSignal {
    return this.#over.signal
  }

  /**
   * Runs the command to its end. Where standard input is no terminal it is a process group of its own, so that what it starts ends
   * with it.
   * @returns its exit status, or that of a loss.
   */
  async run({ signal, ttl, command, env }: Held): Promise<number> {
    const [program = '', ...args] = command
    const isGroup = process.stdin.isTTY !== true
    const running = startBeside(program, args, env, isGroup)
    // Ctrl-C on a terminal has reached the command already.
    this.#pass = (passed) => {
      if (isGroup || passed !== 'SIGINT') running.kill(passed)
    }
    let killTimer: NodeJS.Timeout | undefined
    const end = (): void => {
      running.kill('SIGTERM')
      // The other half of the margin is for a machine that is slow to do it.
      killTimer = setTimeout(() => running.kill('SIGKILL'), marginMs(ttl) / 2)
    }
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })
    const status = await running.exited
    this.#pass = undefined
    clearTimeout(killTimer)
    signal.removeEventListener('abort', end)
    if (!signal.aborted) return status
    running.kill('SIGKILL')
    // Whoever was told to end does not begin again.
    if (this.#told !== undefined) this.#over.abort(new Interrupted(this.#told))
    return HELD_EXIT.lost
  }

  /** No more handlers. */
  end(): void {
    for (const [signal, handler] of this.#handlers) process.off(signal, handler)
  }
}

/** Says on standard error what happened. */
export function say(text: string): void {
  process.stderr.write(`muster: ${text}\n`)
}

/** Says why there is nothing to hold; the exit status. @throws what nobody expects. */
export function failed(error: unknown, kind: 'lock' | 'election', path: string): number {
  if (error instanceof Interrupted) return error.status
  if (error instanceof ApiError && error.status === 401) {
    say(`the login is wrong, or has no right to read and write ${queueDirectory(kind, path)}*: ${error.message}`)
    return HELD_EXIT.notAllowed
  }
  if (!(error instanceof ClientError) && !(error instanceof RangeError)) throw error
  say(failureText(error))
  return error instanceof RangeError ? 2 : HELD_EXIT.unreachable
}

/** A name as a path: `nightly` is `/nightly`. */
export function pathOf(name: string): string {
  return name.startsWith('/') ? name : `/${name}`
}
