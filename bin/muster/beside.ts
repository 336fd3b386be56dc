/**
 * A command that an agent runs beside itself.
 *
 * Owns: starting it, passing signals on, its exit status as a shell would tell it. Leaves to others: when it is told to end.
 */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import process from 'node:process'

/** As shells have them. */
const CANNOT_RUN = 126
const NOT_FOUND = 127
const BY_SIGNAL = 128

export interface Beside {
  /** Its exit status, 128 and the signal's number when one ended it. Never rejects. */
  readonly exited: Promise<number>
  /** Ignored when it is gone. Where it belongs to somebody else by now, as behind sudo, standard error says so, and it runs on. */
  kill(signal: NodeJS.Signals): void
}

/**
 * Starts it with our input and outputs.
 * @param env Added to ours.
 * @param isGroup Signals reach what it starts itself, too; and Ctrl-C of a terminal reaches none of them.
 */
export function startBeside(command: string, args: readonly string[], env: NodeJS.ProcessEnv, isGroup = false): Beside {
  const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, ...env }, detached: isGroup })
  const exited = new Promise<number>((done) => {
    child.on('error', (error) => {
      // Of a command that runs these are signals that did not reach it. It has not ended.
      if (child.pid !== undefined) {
        sayUnreached(error)
        return
      }
      process.stderr.write(`muster: cannot run "${command}": ${error.message}\n`)
      done('code' in error && error.code === 'ENOENT' ? NOT_FOUND : CANNOT_RUN)
    })
    child.once('exit', (code, signal) => done(code ?? BY_SIGNAL + (signal === null ? 0 : constants.signals[signal])))
  })
  return { exited, kill: (signal) => (isGroup ? killGroup(child.pid, signal) : void child.kill(signal)) }
}

/** Also when its first process is gone: others of the group may be left. */
function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
    if (error.code !== 'ESRCH') sayUnreached(error)
  }
}

function sayUnreached({ message }: Error): void {
  process.stderr.write(`muster: the command cannot be signalled, and runs on: ${message}\n`)
}
