/**
 * Taking away a key that is nobody's but ours.
 *
 * Owns: patience with a cluster that is between two leaders, and its end; the empty directory that would stay behind. A key that is
 * left goes when its TTL ends.
 */

import { ApiError, ClientError } from '../errors.ts'
import type { Keys } from '../keys.ts'
import { delayAfter, pause } from '../pause.ts'

/** For how long a removal is tried: longer than a change of leaders takes. Milliseconds. */
const REMOVAL_MS_MAX = 3_000
const ATTEMPT_MS_MAX = 1_500
const DELAY_MS_MIN = 50
const DELAY_MS_MAX = 500

/**
 * Removes a place in a queue, and the queue's directory when nobody else stands there: names come and go, and empty directories would
 * stay for ever. Whoever comes meanwhile is safe: a directory that is not empty is not removed, and a new place makes it again.
 * Never rejects.
 */
export async function removePlace(client: Pick<Keys, 'delete'>, path: string): Promise<void> {
  const directory = path.slice(0, path.lastIndexOf('/'))
  if (!(await removeOwn(client, path)) || directory === '') return
  try {
    await client.delete(directory, { dir: true, timeoutMs: ATTEMPT_MS_MAX, attemptsMax: 1 })
  } catch {
    // Somebody stands there, or nobody could be asked: the next one to leave does it.
  }
}

/**
 * Removes the key, and again while nobody knows whether it was. Never rejects; gives up after some three seconds.
 * @returns whether a server answered.
 */
export async function removeOwn(client: Pick<Keys, 'delete'>, path: string): Promise<boolean> {
  const giveUp = AbortSignal.timeout(REMOVAL_MS_MAX)
  for (let failures = 1; !giveUp.aborted; failures += 1) {
    try {
      await client.delete(path, { timeoutMs: ATTEMPT_MS_MAX, signal: giveUp })
      return true
    } catch (error) {
      if (!(error instanceof ClientError) || !error.retriable) return error instanceof ApiError
      await pause(delayAfter(failures, DELAY_MS_MIN, DELAY_MS_MAX), giveUp)
    }
  }
  return false
}
