/**
 * Waiting for something to become true, with a deadline.
 *
 * Owns: the loop. Tests wait with this and never for a fixed time.
 */
import { setTimeout as wait } from 'node:timers/promises'

const LOOK_MS = 10

/**
 * Looks again and again until `look` gives something other than undefined or false, and returns that.
 *
 * @param what goes into the error: "waited 10000 ms for WHAT"
 * @param look may throw or reject: that counts as "not yet", and the last reason goes into the error
 */
export async function eventually<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  msMax = 30_000,
): Promise<T> {
  const deadlineMs = performance.now() + msMax
  let last: unknown
  while (true) {
    try {
      const seen = await look()
      if (seen !== undefined && seen !== false) return seen
      last = undefined
    } catch (error) {
      last = error
    }
    if (performance.now() > deadlineMs) throw new Error(`waited ${msMax} ms for ${what}`, { cause: last })
    await wait(LOOK_MS)
  }
}
