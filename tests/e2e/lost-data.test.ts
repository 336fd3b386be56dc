/** A member whose data are lost comes back under the same name and cluster id: whoever followed it notices. */
import { rm } from 'node:fs/promises'
import { expect, onTestFinished, test } from 'vitest'
import { MusterClient } from '../../src/entry/client.ts'
import { startCluster } from '../support/cluster.ts'
import type { MemberProcess } from '../support/member-process.ts'

test('followers of a store that came back without its data read everything again', async () => {
  const cluster = await startCluster({ members: 1 })
  const member = cluster.members[0] as MemberProcess
  const client = new MusterClient({ endpoints: [member.url] })
  onTestFinished(() => client.close())
  for (let n = 0; n < 50; n += 1) await client.set('/cfg/a', `old ${n}`)
  const { clusterId, index } = await client.get('/cfg/a')
  const views = client.follow('/cfg')
  expect((await views.next()).value).toMatchObject({ fresh: true, index })
  const watch = client.watch('/cfg/a', { after: { index, clusterId } })
  const candidate = client.election('/e').campaign('me')
  while ((await candidate.next()).value?.state !== 'leader');
  const leaders = client.election('/e').observe()
  expect((await leaders.next()).value).toMatchObject({ value: 'me' })
  const leaderless = leaders.next()
  const next = views.next()
  const seen = watch.next()

  await member.kill()
  await rm(member.spec.dataDir, { recursive: true })
  await member.start()
  const written = await client.set('/cfg/z', 'new')
  expect(written.clusterId).toBe(clusterId)
  expect(written.index).toBeLessThan(index)

  const view = (await next).value
  expect(view).toMatchObject({ fresh: true })
  expect((await seen).value).toMatchObject({ kind: 'resync' })
  expect(await leaderless).toEqual({ done: false, value: undefined })
  await leaders.return()
  await candidate.return()
  // What was written after the view was read comes as an event.
  while (!view?.nodes.has('/cfg/z')) await views.next()
  expect([...view.nodes.keys()].sort()).toEqual(['/cfg', '/cfg/z'])
  await views.return()
  await watch.return()
})
