/**
 * The true clocks behind the `Clock` port.
 *
 * Owns: nothing but the two calls. Everything pure is handed this port or a fake.
 */
import type { Clock } from '../replica/ports.ts'

/** Monotonic time from the process's own counter, wall time from the system. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
}
