/**
 * Three real processes under a load of writes through all three: kill -9 of the leader, of a follower, of all at once.
 *
 * `E2E_ROUNDS` says how often (1 in `npm test`, 20 in CI). What is checked after each round: every acknowledged write is
 * there, with the index that it was acknowledged with; no write is there twice; all members agree; every watcher that
 * resumed by `waitIndex` saw every event once, in order.
 */
import { describe, expect, test } from 'vitest'
import { type Cluster, startCluster } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'
import type { MemberProcess } from '../support/member-process.ts'
import { ResumingWatcher, type WatchedEvent } from '../support/resuming-watcher.ts'
import { putOnce, type Write, WriteLoad } from '../support/write-load.ts'

const ROUNDS = Number(process.env['E2E_ROUNDS'] ?? 1)
const ROUND_MS_MAX = 120_000
/** Acknowledged writes between one blow and the next: enough that each falls into a busy moment. */
const WRITES_BETWEEN = 100

const DIRECTORY = '/load'
/** One writer's keys: few enough events for a watcher that asks for each by itself. */
const ONE_WRITER = `${DIRECTORY}/w0`

/** Waits until so many more writes through running members were acknowledged. */
async function untilBusy(cluster: Cluster, load: WriteLoad): Promise<void> {
  const urls = new Set(cluster.running.map((member) => member.url))
  const from = load.writes.length
  await eventually('acknowledged writes through every running member', () => {
    const since = load.writes.slice(from).filter((write) => write.fate === 'acknowledged')
    return since.length >= WRITES_BETWEEN && new Set(since.map((write) => write.url)).size === urls.size
  })
}

async function killAndRestart(cluster: Cluster, load: WriteLoad, member: MemberProcess): Promise<void> {
  await member.kill()
  await untilBusy(cluster, load)
  await member.start()
  await untilBusy(cluster, load)
}

function startWatchers(urls: readonly string[], fromIndex: number): readonly ResumingWatcher[] {
  const [first = '', second = '', third = ''] = urls
  return [
    // Three that stay with their member, whatever becomes of it, and two that go to the next one.
    ...urls.map((url) => new ResumingWatcher({ urls: [url], key: DIRECTORY, fromIndex, stream: true })),
    new ResumingWatcher({ urls: [third, first, second], key: DIRECTORY, fromIndex, stream: true }),
    new ResumingWatcher({ urls: [first, second, third], key: ONE_WRITER, fromIndex, stream: false }),
  ]
}

/** What is wrong with the fates of `writes`, given all events there were. */
function brokenPromises(writes: readonly Write[], events: readonly WatchedEvent[]): string[] {
  const problems: string[] = []
  const seen = new Map<string, WatchedEvent[]>()
  for (const event of events) {
    const id = `${event.key} ${event.value}`
    seen.set(id, [...(seen.get(id) ?? []), event])
  }
  for (const write of writes) {
    const id = `${write.key} ${write.value}`
    const found = seen.get(id) ?? []
    seen.delete(id)
    const indexes = found.map((event) => event.index)
    if (write.fate === 'wrong') problems.push(`${id} was answered with ${write.detail}`)
    if (write.fate === 'acknowledged' && found.length !== 1) problems.push(`${id} is there ${found.length} times`)
    if (write.fate === 'acknowledged' && indexes[0] !== write.index) {
      problems.push(`${id} was acknowledged with index ${write.index} and is at ${indexes}`)
    }
    if (write.fate === 'unknown' && found.length > 1) problems.push(`${id} of unknown fate is there at ${indexes}`)
    if (write.fate === 'refused' && found.length > 0) problems.push(`${id} was never sent and is there at ${indexes}`)
  }
  for (const id of seen.keys()) problems.push(`${id} is there and nobody wrote it`)
  return problems
}

/** Key, value and indexes of every file, from the events. */
function stateAfter(events: readonly WatchedEvent[]): ReadonlyMap<string, string> {
  return new Map(events.map((event) => [event.key, `${event.value} at ${event.index}`]))
}

async function stateOf(cluster: Cluster, member: MemberProcess): Promise<ReadonlyMap<string, string>> {
  const { body } = await cluster.client.get(member.url, DIRECTORY, { recursive: true })
  const writers = body?.node?.nodes ?? []
  const files = writers.flatMap((writer) => writer.nodes ?? [])
  return new Map(files.map((file) => [file.key ?? '', `${file.value} at ${file.modifiedIndex}`]))
}

describe('a cluster that is killed in every way under load', () => {
  test(
    `loses no acknowledged write and no event, ${ROUNDS} rounds`,
    async () => {
      const cluster = await startCluster()
      const [anyUrl = ''] = cluster.urls
      const started = await putOnce(cluster.client, anyUrl, `${DIRECTORY}/start/k`, 'start')
      const watchers = startWatchers(cluster.urls, (started.index ?? 0) + 1)
      const all = watchers.slice(0, -1)
      /** State at the end of the last round: later rounds start from it. */
      let state = stateAfter([])

      for (let round = 1; round <= ROUNDS; round++) {
        const load = new WriteLoad({
          client: cluster.client,
          urls: cluster.urls,
          directory: DIRECTORY,
          writersPerMember: 2,
          keysPerWriter: 25,
          paceMs: 2,
        })
        await untilBusy(cluster, load)
        await killAndRestart(cluster, load, await cluster.leader())
        const [follower] = await cluster.followers()
        if (follower === undefined) throw new Error('three members have two followers')
        await killAndRestart(cluster, load, follower)
        await Promise.all(cluster.members.map((member) => member.kill()))
        await cluster.start()
        await untilBusy(cluster, load)
        await load.stop()
        const { writes } = load

        await cluster.untilEqual()
        const last = await putOnce(cluster.client, anyUrl, `${ONE_WRITER}/end`, `end of round ${round}`)
        expect(last).toMatchObject({ fate: 'acknowledged' })
        writes.push(last)
        await eventually('all watchers to see the end', () =>
          watchers.every(({ seenIndex }) => seenIndex === last.index),
        )

        const [events = []] = all.map((watcher) => watcher.events)
        for (const watcher of watchers) {
          expect(watcher.problems).toEqual([])
          const due = all.includes(watcher) ? events : events.filter(({ key }) => key.startsWith(`${ONE_WRITER}/`))
          expect(watcher.events.map(({ index, key, value }) => ({ index, key, value }))).toEqual(
            due.map(({ index, key, value }) => ({ index, key, value })),
          )
        }
        const indexes = events.map((event) => event.index)
        expect(indexes).toEqual([...new Set(indexes)].sort((a, b) => a - b))
        expect(brokenPromises(writes, events)).toEqual([])

        await cluster.untilEqual()
        state = new Map([...state, ...stateAfter(events)])
        for (const member of cluster.members) {
          const present = new Map(await stateOf(cluster, member))
          present.delete(`${DIRECTORY}/start/k`)
          expect(Object.fromEntries(present)).toEqual(Object.fromEntries(state))
        }
        // The blows must have been felt, or the round proves nothing.
        expect(load.of('acknowledged').length).toBeGreaterThan(5 * WRITES_BETWEEN)
        expect(load.of('unknown').length + load.of('refused').length).toBeGreaterThan(0)
        expect(watchers.every((watcher) => watcher.resumes > 0)).toBe(true)
        for (const watcher of watchers) watcher.events.length = 0
      }
      await Promise.all(watchers.map((watcher) => watcher.stop()))
    },
    ROUNDS * ROUND_MS_MAX,
  )
})

/** A body of exactly what the API takes; etcd 3.4 accepts it, and then its member cannot start again. */
const LARGE_VALUE = 'x'.repeat(10 * 1024 * 1024 - 'value='.length)

test('a value as large as there can be is on all three members, and they start again with it', async () => {
  const cluster = await startCluster()
  const [url = ''] = cluster.urls
  expect((await cluster.client.put(url, '/large', { value: LARGE_VALUE })).status).toBe(201)
  await cluster.untilEqual()
  await Promise.all(cluster.members.map((member) => member.kill()))
  await cluster.start()
  await cluster.untilEqual()
  for (const member of cluster.members) {
    const { body } = await cluster.client.get(member.url, '/large')
    // Not told by its text, which would be the message of a failure.
    expect(body?.node?.value === LARGE_VALUE, member.name).toBe(true)
  }
  // Again, from a log that begins with it on some and a member that has to be sent it.
  const [follower] = await cluster.followers()
  await follower?.kill()
  const [running] = cluster.running
  expect((await cluster.client.put(running?.url ?? '', '/larger', { value: LARGE_VALUE })).status).toBe(201)
  await cluster.start()
  await cluster.untilEqual()
  await Promise.all(cluster.members.map((member) => member.kill()))
  await cluster.start()
  await cluster.untilEqual()
}, 120_000)
