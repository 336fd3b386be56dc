/** As `registered-crowd.test.ts`, with the TTL and heartbeats that are the defaults. */
import { expect, test } from 'vitest'
import { startCrowd } from '../support/registered-crowd.ts'

const COUNT = 300
const TTL_S = 30

test('with the default times no instance disappears while the leader is killed and a member is cut off', async () => {
  const crowd = await startCrowd(COUNT, TTL_S)
  await crowd.sufferFaults()
  expect(crowd.removals).toEqual([])
  expect(await crowd.count()).toBe(COUNT)
})
