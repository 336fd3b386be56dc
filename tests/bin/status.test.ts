/** `muster status` against three members: well and alive, and with everything that it takes for an alarm. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { NODE, ROOT } from '../support/child.ts'
import { startCluster } from '../support/cluster.ts'
import { startOdd } from '../support/odd-server.ts'
import { startChild } from '../support/scratch.ts'

interface Told {
  readonly version: string
  readonly clusterId: string
  readonly leader: string | null
  readonly learners: readonly string[]
  readonly raftIndex: number
}

async function status(
  endpoints: readonly string[],
): Promise<{ readonly code: number | null; readonly stdout: string }> {
  const words = [join(ROOT, 'bin', 'muster.ts'), '--endpoints', endpoints.join(), 'status']
  const child = startChild(NODE, words)
  const { code } = await child.exited
  expect(child.stderr).toBe('')
  return { code, stdout: child.stdout }
}

test('three members that are well: the leader, no lag, sizes, status 0', async () => {
  const cluster = await startCluster({ members: 3 })
  const leader = await cluster.leader()
  const { code, stdout } = await status(cluster.urls)
  expect(code).toBe(0)
  expect(stdout).toMatch(
    new RegExp(`^cluster [0-9a-f]+, leader ${leader.name}, term \\d+, index [\\d,]+, healthy$`, 'm'),
  )
  for (const { name } of cluster.members) {
    const role = name === leader.name ? 'leader' : 'follower'
    expect(stdout).toMatch(new RegExp(`^${name} +[0-9a-f]+ +${role} +\\d+ +\\d+ +\\d+ +\\d+M +\\d+M$`, 'm'))
  }
  expect(stdout).not.toContain('!')
})

describe('three members of which one', () => {
  const WELL: Told = { version: '1.0.0', clusterId: 'c1', leader: 'a1', learners: [], raftIndex: 100_000 }

  /** Three servers that tell what a member would; the third one tells something else. */
  async function crowd(other: Partial<Told>): Promise<readonly string[]> {
    const urls: string[] = []
    for (const [at, id] of ['a1', 'b1', 'c1'].entries()) {
      const told = at === 2 ? { ...WELL, ...other } : { ...WELL, learners: other.learners ?? [] }
      const own = { member: { id, name: `m${at}` }, role: id === 'a1' ? 'leader' : 'follower', term: 3, storeIndex: 7 }
      const odd = await startOdd((request, response) => {
        if (request.url === '/v2/members') {
          const members = ['a1', 'b1', 'c1'].map((each, n) => {
            return { id: each, name: `m${n}`, peerURLs: [], clientURLs: [urls[n]] }
          })
          response.end(JSON.stringify({ members }))
        } else if (request.url === '/muster/v1/status') response.end(JSON.stringify({ ...told, ...own }))
        else if (request.url === '/health') response.end('{"health":"true"}')
        else response.writeHead(404).end()
      })
      urls.push(odd.url)
    }
    return urls
  }

  test.each<readonly [string, Partial<Told>, RegExp]>([
    ['is behind', { raftIndex: 94_000 }, /^! member m2 is 6000 entries behind$/m],
    ['follows another leader', { leader: 'b1' }, /^! members follow different leaders, or none$/m],
    ['knows no leader', { leader: null }, /^! members follow different leaders, or none$/m],
    ['runs another version', { version: '1.1.0' }, /^! members run different versions$/m],
    ['is of another cluster', { clusterId: 'c2' }, /^! members of different clusters answer: look at their URLs$/m],
  ])('%s: an alarm that says so, and status 5', async (_, other, alarm) => {
    const { code, stdout } = await status(await crowd(other))
    expect(code).toBe(5)
    expect(stdout).toContain('NOT WELL')
    expect(stdout.match(/^!/gm)).toHaveLength(1)
    expect(stdout).toMatch(alarm)
  })

  test('does not vote yet: it is shown as a learner, which is no alarm', async () => {
    const { code, stdout } = await status(await crowd({ learners: ['c1'] }))
    expect(code).toBe(0)
    expect(stdout).toMatch(/^m2 +c1 +learner /m)
    expect(stdout).toMatch(/^m1 +b1 +follower /m)
  })
})
