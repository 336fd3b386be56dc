/**
 * A look by a command: what is its exit status.
 *
 * Owns: one run in the shell, in a process group of its own, which is killed as a whole when its time is over.
 */
import { spawn } from 'node:child_process'
import type { CheckResult } from './check.ts'

/** Characters of its output that are kept, the last ones; the rest is read and dropped. */
const OUTPUT_CHARS_MAX = 1_024

/** Runs once. Never rejects; resolves when the command's own process is gone. */
export function checkCommand(command: string, signal: AbortSignal): Promise<CheckResult> {
  return new Promise((done) => {
    const child = spawn('/bin/sh', ['-c', command], { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    let output = ''
    const take = (piece: string): void => {
      output = (output + piece).slice(-OUTPUT_CHARS_MAX)
    }
    // Without a descriptor left there is an error to come, and no streams.
    child.stdout?.setEncoding('utf8').on('data', take)
    child.stderr?.setEncoding('utf8').on('data', take)
    const kill = (): void => {
      if (child.pid === undefined) return
      try {
        process.kill(-child.pid, 'SIGKILL')
      } catch {
        // Gone already.
      }
    }
    signal.addEventListener('abort', kill, { once: true })
    child.once('error', (error) => finish('critical', error.message))
    child.once('exit', (code, by) => {
      if (code === 0) finish('passing', output.trim())
      else
        finish('critical', signal.aborted ? 'did not end in time' : `${by ?? `exit status ${code}`} ${output.trim()}`)
    })
    if (signal.aborted) kill()

    function finish(status: CheckResult['status'], text: string): void {
      signal.removeEventListener('abort', kill)
      // What it left behind in its group may hold the pipes open for ever.
      child.stdout?.destroy()
      child.stderr?.destroy()
      done({ status, output: text })
    }
  })
}
