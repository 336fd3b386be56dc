/** The store index of three members is taken on: all agree, and neither a crash nor a new leader takes it back. */
import { expect, test } from 'vitest'
import { MusterClient } from '../../src/client/client.ts'
import { startCluster } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'

test('an index that a follower was asked to take on is that of all, and stays through crashes', async () => {
  const cluster = await startCluster()
  const [follower] = await cluster.followers()
  if (follower === undefined) throw new Error('three members have a follower')
  await using there = new MusterClient({ endpoints: [follower.url] })
  await using client = new MusterClient({ endpoints: [...cluster.urls] })
  for (let n = 0; n < 20; n++) await client.set(`/k${n}`, 'v')
  expect(await there.advanceIndex(5_000)).toBe(5_000)
  expect((await cluster.untilEqual()).storeIndex).toBe(5_000)
  await expect(client.poll('/', { recursive: true, waitIndex: 10, pollMs: 2_000 })).rejects.toMatchObject({ code: 401 })

  const leader = await cluster.leader()
  await leader.kill()
  await cluster.leader()
  const next = await eventually('a write without the old leader', () => client.create('/q', 'job', { attemptsMax: 1 }))
  expect(next.index).toBeGreaterThan(5_000)
  expect(next.node.key).toBe(`/q/${String(next.index).padStart(20, '0')}`)
  for (const member of cluster.running) await member.kill()
  await cluster.start()
  await cluster.leader()
  expect((await cluster.untilEqual()).storeIndex).toBeGreaterThanOrEqual(next.index)
  for (const url of cluster.urls) {
    await using member = new MusterClient({ endpoints: [url] })
    const past = member.poll('/', { recursive: true, waitIndex: 4_000, pollMs: 2_000 })
    await expect(past, url).rejects.toMatchObject({ code: 401 })
    const { event } = await member.poll('/q', { recursive: true, waitIndex: 5_001, pollMs: 2_000 })
    // It may be one whose answer was lost with the old leader.
    expect(Number(event?.node.key?.slice(-20))).toBeGreaterThan(5_000)
  }
}, 120_000)
