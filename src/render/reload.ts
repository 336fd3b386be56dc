/**
 * Telling those who read a file that there is a new one.
 *
 * Owns: whom a rule means, and the sentence when somebody could not be told. Leaves to others: when.
 */
import { readFile } from 'node:fs/promises'
import { engineAddress, signalContainer } from './container.ts'
import { RenderError, reasonOf } from './errors.ts'
import type { ReloadRule } from './resource.ts'
import { runCommand } from './shell.ts'

const SIGNAL_DEFAULT: NodeJS.Signals = 'SIGHUP'

/** What a reload may touch beside the rule. */
export interface ReloadPorts {
  /** Tells the child of `muster render … -- COMMAND`, false: it does not run; undefined: there is none. */
  readonly tellChild: ((signal: NodeJS.Signals | undefined) => Promise<boolean>) | undefined
  readonly dockerHost: string | undefined
}

/** What came of it. */
export interface Reloaded {
  /** Somebody was told. */
  readonly told: boolean
  /** What the command printed. */
  readonly output: string
}

/** Carries out a rule. @throws RenderError when one of those whom it names could not be told. */
export async function reload(
  rule: ReloadRule,
  commandMs: number,
  ports: ReloadPorts,
  signal: AbortSignal,
): Promise<Reloaded> {
  let output = ''
  if (rule.command !== undefined) {
    const result = await runCommand(rule.command, commandMs, signal)
    if (!result.ok) throw failed(`reload_cmd ${result.how}${result.output === '' ? '' : `: ${result.output}`}`)
    output = result.output
  }
  const number = rule.signal ?? SIGNAL_DEFAULT
  if (rule.pidFile !== undefined) await signalPid(rule.pidFile, number)
  if (rule.container !== undefined) {
    try {
      await signalContainer(engineAddress(ports.dockerHost), rule.container, number)
    } catch (error) {
      throw failed(`cannot signal the container ${rule.container}: ${reasonOf(error)}`, error)
    }
  }
  const names = rule.pidFile !== undefined || rule.container !== undefined
  let told = names || rule.command !== undefined
  if (ports.tellChild !== undefined && !names && (rule.command === undefined || rule.signal !== undefined)) {
    try {
      told = (await ports.tellChild(rule.signal)) || told
    } catch (error) {
      throw failed(`cannot tell the command: ${reasonOf(error)}`, error)
    }
  }
  return { told, output }
}

async function signalPid(file: string, signal: NodeJS.Signals): Promise<void> {
  try {
    const text = (await readFile(file, 'utf8')).trim()
    // 0 and negative numbers mean whole groups.
    if (!/^[1-9]\d*$/.test(text)) throw new Error('it holds no process id')
    process.kill(Number(text), signal)
  } catch (error) {
    throw failed(`cannot signal the process in ${file}: ${reasonOf(error)}`, error)
  }
}

function failed(message: string, cause?: unknown): RenderError {
  return new RenderError('MUSTER_RENDER_RELOAD', message, cause)
}
