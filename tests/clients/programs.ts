/**
 * Programs that a test needs and a machine may lack.
 */
import { spawnSync } from 'node:child_process'

/** What a program prints when it is asked, or undefined where it is missing or fails. */
export function outputOf(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): string | undefined {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, ...env } })
  return status === 0 ? stdout.trim() : undefined
}

/** Whether there is such a program. */
export function isThere(command: string): boolean {
  return spawnSync('sh', ['-c', 'command -v "$0"', command]).status === 0
}
