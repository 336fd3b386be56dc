/**
 * What a benchmark leaves behind: nothing.
 *
 * Owns: every process that the benchmark starts (each in a process group of its own, ended by its id) and every temporary
 * folder. Everything is ended synchronously at exit, also when the exit comes from Ctrl-C in the middle of a row.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'

/** What a child's standard streams are connected to. */
export interface SpawnOptions {
  /** `capture` gives the parent a pipe for standard output; otherwise output is dropped. */
  readonly output: 'capture' | 'drop'
  /** A file to which standard error is appended. Without it errors go to our own standard error. */
  readonly errorFile?: string
  /** Adds a message channel, for workers written in TypeScript. */
  readonly channel?: boolean
}

/** The processes and folders of one run of the benchmark. */
export class Workspace {
  readonly #root = mkdtempSync(join(tmpdir(), 'muster-bench-'))
  readonly #children = new Set<ChildProcess>()
  #folders = 0

  constructor() {
    process.on('exit', () => this.close())
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
      ['SIGHUP', 129],
    ] as const) {
      process.on(signal, () => process.exit(code))
    }
  }

  /** A new, empty folder that is removed at the end of the run. */
  folder(name: string): string {
    return mkdtempSync(join(this.#root, `${++this.#folders}-${name}-`))
  }

  /** Starts a process in a group of its own, so that a Ctrl-C at the terminal reaches us and not it. */
  spawn(file: string, args: readonly string[], options: SpawnOptions): ChildProcess {
    const errors = options.errorFile === undefined ? undefined : openSync(options.errorFile, 'a')
    const output = options.output === 'capture' ? 'pipe' : 'ignore'
    const child = spawn(file, args, {
      detached: true,
      env: cleanEnvironment(),
      stdio: options.channel ? ['ignore', output, errors ?? 'inherit', 'ipc'] : ['ignore', output, errors ?? 'inherit'],
    })
    if (errors !== undefined) closeSync(errors)
    this.#children.add(child)
    child.once('exit', () => this.#children.delete(child))
    child.once('error', () => this.#children.delete(child))
    return child
  }

  /** Ends every process that still runs, with its group, and removes the folders. Safe to call twice. */
  close(): void {
    for (const { pid } of this.#children) if (pid !== undefined) signalGroup(pid, 'SIGKILL')
    this.#children.clear()
    rmSync(this.#root, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Sends a signal to a process group; a group that has already ended is no error. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/** Resolves when the process has ended. */
export function untilExit(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => child.once('exit', () => resolve()))
}

/** Settings of the calling shell must not reach the servers: both sides run with their defaults. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(ETCD_|MUSTER_|NODE_OPTIONS$)/.test(name))
  return Object.fromEntries(kept)
}
