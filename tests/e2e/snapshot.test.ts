/** A member that was away for longer than the log remembers: it comes back by snapshot, while writes go on. */
import { describe, expect, test } from 'vitest'
import { startCluster } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'
import { ResumingWatcher } from '../support/resuming-watcher.ts'
import { putOnce, WriteLoad } from '../support/write-load.ts'

/** Entries that a member keeps for others (`--snapshot-count`). */
const LOG_ENTRIES = 100
/** Written while one is away. */
const WRITES_AWAY = 2_000
/** Written once it is back, before the load ends. */
const WRITES_AFTER = 500
const DIRECTORY = '/load'

describe('a member that was away while more was written than the log keeps', () => {
  test('comes back by snapshot under load, ends with an equal digest, and knows the events that it missed', async () => {
    const cluster = await startCluster({ args: ['--snapshot-count', String(LOG_ENTRIES)] })
    const { client } = cluster
    const [away] = await cluster.followers()
    if (away === undefined) throw new Error('three members have two followers')
    const [staysUrl = ''] = cluster.urls.filter((url) => url !== away.url)
    const before = await putOnce(client, staysUrl, `${DIRECTORY}/before/k`, 'before')
    await client.put(staysUrl, '/brief/k', { value: 'gone by then', ttl: 1 })
    await client.put(staysUrl, '/long/k', { value: 'still there', ttl: 1_000 })
    await away.kill()

    const urls = cluster.running.map((member) => member.url)
    const load = new WriteLoad({
      client,
      urls,
      directory: DIRECTORY,
      writersPerMember: 8,
      keysPerWriter: 100,
      paceMs: 0,
    })
    await eventually('writes that the member misses', () => load.of('acknowledged').length >= WRITES_AWAY)
    await away.start()
    await away.child.untilOutput(/installed a snapshot/)
    const back = load.of('acknowledged').length
    await eventually('writes after it is back', () => load.of('acknowledged').length >= back + WRITES_AFTER)
    await load.stop()
    expect(load.writes.filter((write) => write.fate !== 'acknowledged')).toEqual([])

    await cluster.untilEqual()
    const [atAway, atStays] = await Promise.all(
      [away.url, staysUrl].map(
        async (url) => (await client.get(url, '/', { recursive: true, sorted: true })).body?.node,
      ),
    )
    const strip = (node: object | undefined) =>
      JSON.stringify(node, (name, value) => (name === 'ttl' ? undefined : value))
    expect(strip(atAway)).toBe(strip(atStays))
    expect((await client.get(away.url, '/brief/k')).status).toBe(404)
    expect((await client.get(away.url, '/long/k')).body?.node?.ttl).toBeGreaterThan(900)

    const last = await putOnce(client, away.url, `${DIRECTORY}/after/k`, 'after')
    const fromIndex = (before.index ?? 0) + 1
    const watchers = [away.url, staysUrl].map(
      (url) => new ResumingWatcher({ urls: [url], key: DIRECTORY, fromIndex, stream: true }),
    )
    await eventually('all events since before', () => watchers.every(({ seenIndex }) => seenIndex === last.index))
    await Promise.all(watchers.map((watcher) => watcher.stop()))
    const [missed = [], kept = []] = watchers.map(({ events }) =>
      events.map(({ index, key, value }) => [index, key, value]),
    )
    expect(missed.length).toBe(load.writes.length + 1)
    expect(missed).toEqual(kept)

    await away.kill()
    await away.start()
    await cluster.untilEqual()
  })
})
