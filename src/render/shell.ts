/**
 * Check and reload commands.
 *
 * Owns: one command by the shell: its time, its output, and that nothing of it is left when its time is over.
 */
import { spawn } from 'node:child_process'

/** Characters of output that are kept; of more, the end. */
const OUTPUT_CHARS_MAX = 16 * 1024
/** How long output is waited for after the end: what a command leaves running in the background may hold it open for ever. */
const OUTPUT_MS_MAX = 100

export interface CommandResult {
  /** It ended with status 0, in time. */
  readonly ok: boolean
  /** How it ended, for people. */
  readonly how: string
  /** The end of both outputs. */
  readonly output: string
}

/** Runs `sh -c`. Never rejects. @param timeoutMs After it the command and its children are killed. */
export function runCommand(command: string, timeoutMs: number, signal?: AbortSignal): Promise<CommandResult> {
  return new Promise((done) => {
    // A group of its own, so that the whole of it can be killed.
    const child = spawn('/bin/sh', ['-c', command], { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    let output = ''
    let why: string | undefined
    const take = (text: string): void => {
      output = (output + text).slice(-OUTPUT_CHARS_MAX)
    }
    // Without a descriptor left there is an error to come, and no streams.
    child.stdout?.setEncoding('utf8').on('data', take)
    child.stderr?.setEncoding('utf8').on('data', take)
    const kill = (reason: string): void => {
      why ??= reason
      if (child.pid !== undefined) killGroup(child.pid)
    }
    const stop = (): void => kill('was interrupted')
    const timer = setTimeout(() => kill(`took longer than ${timeoutMs / 1000} s`), timeoutMs)
    signal?.addEventListener('abort', stop, { once: true })
    const finish = (ok: boolean, how: string): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
      child.stdout?.destroy()
      child.stderr?.destroy()
      done({ ok, how, output: output.trim() })
    }
    child.once('error', (error) => finish(false, `could not start: ${error.message}`))
    child.once('exit', (code, by) => {
      const how = why ?? (by === null ? `ended with status ${code}` : `was ended by ${by}`)
      const late = setTimeout(() => finish(code === 0 && why === undefined, how), OUTPUT_MS_MAX)
      child.once('close', () => {
        clearTimeout(late)
        finish(code === 0 && why === undefined, how)
      })
    })
    if (signal?.aborted === true) stop()
  })
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
