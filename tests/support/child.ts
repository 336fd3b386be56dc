/**
 * One process that a test started: its output as it comes, its end, its signals, and the certainty that it is gone.
 *
 * Owns: one process, and that none outlives the test run. Leaves to others: what is started and what its output means.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'

/** The repository's root, where processes run unless told otherwise. */
export const ROOT = join(import.meta.dirname, '..', '..')
/** The Node.js that this repository pins, also where another one runs the tests. */
export const NODE = realpathSync(join(ROOT, 'node_modules', '.bin', 'node'))

/** Compiled code is kept between starts: half of what starting a member costs is compiling. */
const COMPILE_CACHE = join(ROOT, 'node_modules', '.cache', 'compile')

/** Characters of output kept per stream; of more, the end is kept. */
const OUTPUT_MAX = 4_000_000

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface ChildOptions {
  readonly cwd?: string
  /** Added to PATH and HOME, which is all that a child inherits: what else is set where the tests run must not matter. */
  readonly env?: NodeJS.ProcessEnv
  /** In a process group of its own, so that signals reach its children too, as Ctrl-C in a terminal would. */
  readonly group?: boolean
}

const alive = new Set<Child>()
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})

export class Child {
  readonly #process: ChildProcess
  readonly #group: boolean
  /** Resolves when the process has ended and all its output was read. Rejects when it could not be started. */
  readonly exited: Promise<Exit>
  /** How it ended, once it has. */
  exit: Exit | undefined
  stdout = ''
  stderr = ''
  readonly #watchers = new Set<() => void>()

  constructor(command: string, args: readonly string[], options: ChildOptions = {}) {
    this.#group = options.group ?? false
    this.#process = spawn(command, args, {
      cwd: options.cwd ?? ROOT,
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        NODE_COMPILE_CACHE: COMPILE_CACHE,
        ...options.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: this.#group,
    })
    alive.add(this)
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout = (this.stdout + text).slice(-OUTPUT_MAX)
      this.#changed()
    })
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = (this.stderr + text).slice(-OUTPUT_MAX)
      this.#changed()
    })
    this.exited = new Promise((done, failed) => {
      this.#process.once('error', (error) => {
        alive.delete(this)
        failed(error)
      })
      this.#process.once('close', (code, signal) => {
        alive.delete(this)
        this.exit = { code, signal }
        done(this.exit)
        this.#changed()
      })
    })
    // Whoever waits for its end hears of it; nobody has to wait.
    this.exited.catch(() => {})
  }

  get pid(): number {
    if (this.#process.pid === undefined) throw new Error('the process did not start')
    return this.#process.pid
  }

  /** Bytes of memory that it occupies now. Throws once it has ended, also before its end was heard of. Linux only. */
  get residentBytes(): number {
    const bytes = this.#residentBytes()
    if (bytes === undefined) throw new Error('the process has ended, and occupies no memory')
    return bytes
  }

  /** Looks ten times a second, until it ends, how much memory it occupies; tells the most that was seen, in bytes. */
  watchResidentBytes(): () => number {
    let most = 0
    const looking = setInterval(() => {
      most = Math.max(most, this.#residentBytes() ?? 0)
    }, 100)
    this.exited.finally(() => clearInterval(looking)).catch(() => {})
    return () => most
  }

  /** A process whose end is not known here yet may be gone, or be listed without memory. */
  #residentBytes(): number | undefined {
    try {
      const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))?.[1]
      return kib === undefined ? undefined : Number(kib) * 1024
    } catch (error) {
      if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return
      throw error
    }
  }

  /** Sends a signal, to the whole group where it has its own. Whoever is gone is left alone. */
  kill(signal: NodeJS.Signals): void {
    const { pid } = this.#process
    if (pid === undefined || (this.exit !== undefined && !this.#group)) return
    try {
      process.kill(this.#group ? -pid : pid, signal)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
    }
  }

  /** Kills it when it still runs; resolves when it is gone. */
  end(): Promise<Exit> {
    this.kill('SIGKILL')
    return this.exited
  }

  /** Waits until standard output or standard error holds the pattern. Rejects when it ends or time runs out before. */
  untilOutput(pattern: RegExp, msMax = 60_000): Promise<RegExpExecArray> {
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
