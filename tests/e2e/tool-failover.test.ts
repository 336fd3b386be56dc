/** The tool on three members of which some die: `watch --forever` goes on with another and misses nothing. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { NODE, ROOT } from '../support/child.ts'
import { startCluster } from '../support/cluster.ts'
import { startChild } from '../support/scratch.ts'

test('watch --forever goes on with another member when the one that it asks is killed', async () => {
  const cluster = await startCluster({ members: 3 })
  const first = await cluster.client.put(cluster.urls[0] as string, '/w/before', { value: '0' })
  const written: string[] = []
  const words = ['--endpoints', cluster.urls.join(), '--debug', 'watch', '--forever', '--recursive', '--after-index']
  const child = startChild(NODE, [join(ROOT, 'bin', 'muster.ts'), ...words, `${first.etcdIndex}`, '/w'])
  for (let round = 0; round < 2; round += 1) {
    const through = cluster.running[0]?.url ?? ''
    for (let n = 0; n < 3; n += 1) {
      const value = `${round}-${n}`
      expect((await cluster.client.put(through, `/w/${n}`, { value })).status).toBeLessThan(300)
      written.push(value)
    }
    await child.untilOutput(new RegExp(`^${round}-2$`, 'm'))
    if (round > 0) break
    // The one whose poll waits now.
    const polls = [...child.stderr.matchAll(/curl -X GET (http:\/\/[^/]+)\/v2\/keys\/w\?/g)]
    const asked = cluster.members.find(({ url }) => url === polls.at(-1)?.[1])
    await asked?.kill()
    expect(asked).toBeDefined()
    await cluster.leader()
  }
  const values = child.stdout.split('\n').filter((line) => /^\d-\d$/.test(line))
  expect(values).toEqual(written)
  child.kill('SIGINT')
  expect(await child.exited).toEqual({ code: 0, signal: null })
  expect(child.stderr).not.toContain('resync')
})
