/**
 * 300 instances with heartbeats stay registered while the leader is killed and a member is cut off. The times are a third of the
 * defaults; `registered-crowd.long.test.ts` has those.
 */
import { expect, test } from 'vitest'
import type { MusterClient } from '../../src/client/client.ts'
import { eventually } from '../support/eventually.ts'
import { startCrowd } from '../support/registered-crowd.ts'

const COUNT = 300
const TTL_S = 9

test('no instance disappears while the leader is killed and a member is cut off; at the end all do', async () => {
  const crowd = await startCrowd(COUNT, TTL_S)
  await crowd.sufferFaults()
  expect(crowd.removals).toEqual([])
  expect(await crowd.count()).toBe(COUNT)
  const usualMs = await timeOfWrites(crowd.client, COUNT)
  const beganMs = performance.now()
  crowd.agent.kill('SIGTERM')
  await eventually('the last address is gone', () => crowd.removals.length === COUNT)
  // A second, which is what is promised of a machine with nothing else to do; here so much more as the machine is busy.
  expect(performance.now() - beganMs).toBeLessThan(Math.max(1_000, 10 * usualMs))
  expect((await crowd.agent.exited).code).toBe(0)
  expect(await crowd.count()).toBe(0)
})

/** How long so many writes side by side take now. Milliseconds. */
async function timeOfWrites(client: MusterClient, count: number): Promise<number> {
  const beganMs = performance.now()
  await Promise.all(Array.from({ length: count }, (_, at) => client.set(`/usual/${at}`, 'x', { ttl: 60 })))
  return performance.now() - beganMs
}
