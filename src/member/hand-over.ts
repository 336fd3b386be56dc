/**
 * Giving leadership away before a member stops, so that a rolling restart costs no election.
 *
 * Owns: how long to wait for it. Which follower gets it is the replica's choice.
 */
import { setTimeout as wait } from 'node:timers/promises'
import type { Replica } from '../replica/replica.ts'

const LOOK_MS = 5

/**
 * Hands over, if this member leads and somebody can take over, and waits until another leads, so that writes waiting here
 * reach it. Resolves at the latest after `msMax`.
 */
export async function untilLedByAnother(replica: Replica, msMax: number): Promise<void> {
  if (!replica.handOver()) return
  const deadlineMs = performance.now() + msMax
  while (performance.now() < deadlineMs) {
    const { leader } = replica.roleView
    if (leader !== undefined && leader !== replica.id) return
    await wait(LOOK_MS)
  }
}
