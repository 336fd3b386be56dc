/**
 * The clock of tests: keys with a TTL fall due when a test says so, not when it has waited for them.
 *
 * Owns: what programs see of it. Leaves to others: how members live by it (`member/skipped-time.ts`).
 */
import { SkippedTime } from '../member/skipped-time.ts'

/**
 * Time for keys, which goes on by itself and can be moved ahead. All servers of a cluster are given the same one. Clients keep to true
 * time: a session whose key fell due hears of it with its next heartbeat.
 */
export interface TestClock {
  /**
   * Lets time pass at once. Resolves when every server with this clock has seen it, and what fell due by then is gone.
   *
   * @param ms whole milliseconds, up to a hundred years.
   * @throws RangeError on another number; an Error when no server runs with this clock, or some do not follow a leader for half a
   * minute; the signal's reason.
   */
  advance(ms: number, options?: { readonly signal?: AbortSignal }): Promise<void>
}

/**
 * A clock for `startServer`.
 *
 * @example
 * const clock = testClock()
 * await using server = await startServer({ clock })
 * await server.client().set('/services/web/a', '10.0.0.1:80', { ttl: 30 })
 * await clock.advance(30_000)
 */
export function testClock(): TestClock {
  return new SkippedTime()
}

/** What a member is given for it. @throws RangeError on a clock of another make. */
export function timeOf(clock: TestClock | undefined): { readonly time?: SkippedTime } {
  if (clock === undefined) return {}
  if (!(clock instanceof SkippedTime)) throw new RangeError('"clock" is one that testClock() made')
  return { time: clock }
}
