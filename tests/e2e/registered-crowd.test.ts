/**
 * 300 instances with heartbeats stay registered while the leader is killed and a member is cut off. The times are a third of the
 * defaults; `registered-crowd.long.test.ts` has those.
 */
import { expect, test } from 'vitest'
import { startCrowd } from '../support/registered-crowd.ts'

const COUNT = 300
const TTL_S = 9

test('no instance disappears while the leader is killed and a member is cut off; at the end all do', async () => {
  const crowd = await startCrowd(COUNT, TTL_S)
  await crowd.sufferFaults()
  expect(crowd.removals).toEqual([])
  expect(await crowd.count()).toBe(COUNT)
  crowd.agent.kill('SIGTERM')
  expect((await crowd.agent.exited).code).toBe(0)
  expect(await crowd.count()).toBe(0)
})
