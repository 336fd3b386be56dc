/**
 * The last second of a member that was removed from its cluster.
 *
 * Owns: its order. Clients are sent away at once, and what they asked for is answered: the cluster goes on sending the log for
 * a few seconds (`farewellMs`). Leaves to others: stopping (`musterd.ts`).
 */
import { setTimeout as wait } from 'node:timers/promises'
import type { Replica } from '../replica/replica.ts'

/** A removed member is there for so long: others may still lack its vote or its log to hear of what they decided. Milliseconds. */
const LEAVE_MS_MIN = 1000
/** Longer only while nobody else leads. */
const LEAVE_MS_MAX = 4000
const LOOK_MS = 50

/** Resolves when the member may stop. `closeClients` sends clients away, and resolves when they are gone. */
export async function takeLeave(
  replica: Pick<Replica, 'roleView' | 'id'>,
  closeClients: () => Promise<void>,
): Promise<void> {
  const startedMs = performance.now()
  const closing = closeClients()
  await wait(LEAVE_MS_MIN)
  while (performance.now() - startedMs < LEAVE_MS_MAX) {
    const { leader } = replica.roleView
    if (leader !== undefined && leader !== replica.id) break
    await wait(LOOK_MS)
  }
  await closing
}
