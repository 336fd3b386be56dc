/**
 * A command on a terminal of its own, by `script` of util-linux: what it shows there, and keys that are typed.
 *
 * Owns: one process. Asserts nothing.
 */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process'
import { onTestFinished } from 'vitest'
import { ROOT } from './child.ts'
import { eventually } from './eventually.ts'

/** Whether there is a program that makes terminals. */
export function hasTerminals(): boolean {
  try {
    return execFileSync('script', ['--version'], { encoding: 'utf8' }).includes('util-linux')
  } catch {
    return false
  }
}

export class Terminal {
  readonly #process: ChildProcessWithoutNullStreams
  /** The status of what ran. */
  readonly exited: Promise<number | null>
  /** Everything that was shown. */
  shown = ''

  /** Runs a line of shell; it ends with the test. */
  constructor(line: string, env: NodeJS.ProcessEnv) {
    const { PATH, HOME } = process.env
    this.#process = spawn('script', ['-qefc', line, '/dev/null'], {
      cwd: ROOT,
      env: { PATH, HOME, SHELL: '/bin/sh', ...env },
    })
    this.#process.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.shown += text
    })
    this.exited = new Promise((done) => this.#process.once('close', (code) => done(code)))
    onTestFinished(async () => {
      this.#process.kill('SIGKILL')
      await this.exited
    })
  }

  type(keys: string): void {
    this.#process.stdin.write(keys)
  }

  async untilShown(pattern: RegExp): Promise<RegExpExecArray> {
    return eventually(`${pattern} on the terminal`, () => pattern.exec(this.shown) ?? undefined)
  }
}
