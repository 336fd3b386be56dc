/**
 * Load from a process of its own: wrk where it is installed, else our worker on undici. Owns the choice and the reading of
 * their results; the worker is load-worker.ts, wrk's script is wrk/keys.lua.
 */
import { join } from 'node:path'
import process from 'node:process'
import { isInstalled } from './contenders.ts'
import type { LoadResult, LoadSpec } from './load-spec.ts'
import type { Workspace } from './workspace.ts'

/** wrk counts whole seconds. */
const WRK_SECONDS_MIN = 1

/** Which generator this machine gets, as the table names it. */
export function generatorName(): string {
  return isInstalled('wrk') ? 'wrk' : 'undici'
}

/**
 * Puts load on one member and waits until it is over.
 *
 * @throws Error when the generator ends without a result.
 */
export async function runLoad(workspace: Workspace, spec: LoadSpec): Promise<LoadResult> {
  const useWrk = spec.operationsMax === undefined && isInstalled('wrk')
  const [file, args] = useWrk ? ['wrk', wrkArguments(spec)] : [process.execPath, workerArguments(spec)]
  const child = workspace.spawn(file, args, { output: 'capture' })
  let text = ''
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  await new Promise<void>((resolve, reject) => child.once('error', reject).once('close', () => resolve()))
  const line = text.split('\n').findLast((one) => one.startsWith('{'))
  if (line === undefined) throw new Error(`the load generator gave no result: ${text.slice(-500)}`)
  return JSON.parse(line) as LoadResult
}

function wrkArguments(spec: LoadSpec): readonly string[] {
  const seconds = Math.max(WRK_SECONDS_MIN, Math.round(spec.seconds))
  const script = join(import.meta.dirname, 'wrk', 'keys.lua')
  const own = [spec.method, spec.keys, spec.valueBytes, spec.query, spec.authorization ?? ''].map(String)
  return ['-t1', `-c${spec.connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', script, spec.url, '--', ...own]
}

function workerArguments(spec: LoadSpec): readonly string[] {
  return [join(import.meta.dirname, 'load-worker.ts'), JSON.stringify(spec)]
}
