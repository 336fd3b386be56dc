/**
 * `muster register` and its kin as real processes.
 *
 * Owns: starting them against given servers, with a folder of their own for sockets. Asserts nothing.
 */
import { join } from 'node:path'
import { type Child, NODE, ROOT } from './child.ts'
import { startChild } from './scratch.ts'

const MUSTER = join(ROOT, 'bin/muster.ts')

/** Starts `muster …`. @param folder for its control socket */
export function startMuster(folder: string, endpoints: readonly string[], args: readonly string[]): Child {
  return startChild(NODE, [MUSTER, ...args], {
    env: { MUSTER_ENDPOINTS: endpoints.join(','), MUSTER_RUNTIME_DIR: join(folder, 'run') },
  })
}

/** Runs `muster …` to its end; its standard output. Throws when its status is not 0. */
export async function runMuster(
  folder: string,
  endpoints: readonly string[],
  args: readonly string[],
): Promise<string> {
  const child = startMuster(folder, endpoints, args)
  const { code } = await child.exited
  if (code !== 0) throw new Error(`muster ${args.join(' ')} ended with ${code}: ${child.stderr}`)
  return child.stdout
}
