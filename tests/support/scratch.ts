/**
 * What a test makes and has to leave behind clean: folders, processes, agents.
 *
 * Owns: the order of clearing up, last made first, whether or not the test passed.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { Child, type ChildOptions } from './child.ts'

/** A new folder, which the caller removes. */
export function makeScratchDir(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'muster-test-'))
}

/** A new folder that is removed when the running test is over. */
export async function scratchDir(): Promise<string> {
  const path = await makeScratchDir()
  onTestFinished(() => rm(path, { recursive: true, force: true, maxRetries: 3 }))
  return path
}

/** A process that is ended when the running test is over. */
export function startChild(command: string, args: readonly string[], options?: ChildOptions): Child {
  const child = new Child(command, args, options)
  onTestFinished(async () => {
    await child.end()
  })
  return child
}
