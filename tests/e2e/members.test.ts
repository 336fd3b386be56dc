/** A cluster whose members change while it serves, as real processes. */
import { spawnSync } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { MusterClient } from '../../src/entry/client.ts'
import { ChangingCluster } from '../support/changing-cluster.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { MemberProcess, type MemberSpec } from '../support/member-process.ts'
import { type Write, WriteLoad } from '../support/write-load.ts'

const V2 = { ...process.env, ETCDCTL_API: '2' }
const hasEtcdctl = spawnSync('etcdctl', ['--version'], { env: V2 }).status === 0

/** Changes need not wait for connections to have stood for 5 s. */
const HASTY = ['--strict-reconfig-check=false']
/** Acknowledged writes through a member before something happens to it. */
const WRITES_BEFORE = 50

function loadOn(cluster: ChangingCluster, member: MemberProcess): WriteLoad {
  const { client } = cluster
  const directory = `/load/${member.name}`
  return new WriteLoad({ client, urls: [member.url], directory, writersPerMember: 4, keysPerWriter: 5, paceMs: 2 })
}

/** What each key must hold at least: the number of the last write that was acknowledged. */
function acknowledgedByKey(writes: readonly Write[]): ReadonlyMap<string, number> {
  const numbers = new Map<string, number>()
  for (const { key, value, fate } of writes) if (fate === 'acknowledged') numbers.set(key, numberOf(value))
  return numbers
}

function numberOf(value: string | undefined): number {
  return Number(value?.split('-')[1])
}

describe('members that change', () => {
  test('a cluster of three is rolled to entirely new members under load: no write is lost, and none fails but on its way to a member that goes', async () => {
    const cluster = await ChangingCluster.start(['m1', 'm2', 'm3'])
    const loads = new Map(cluster.members.map((member) => [member, loadOn(cluster, member)]))
    const gone: WriteLoad[] = []
    for (const name of ['m4', 'm5', 'm6']) {
      const [through] = cluster.running
      if (through === undefined) throw new Error('nobody runs')
      const newcomer = await cluster.add(name, through)
      await newcomer.start()
      const load = loadOn(cluster, newcomer)
      loads.set(newcomer, load)
      await eventually('writes through the new member', () => load.of('acknowledged').length >= WRITES_BEFORE)

      // The leader goes first, as long as it is one of the old ones.
      const old = cluster.running.filter((member) => /m[123]/.test(member.name))
      const leader = await cluster.leader()
      const leaver = old.includes(leader) ? leader : old[0]
      if (leaver === undefined) throw new Error('no old member is left')
      await cluster.remove(leaver, newcomer)
      expect(await leaver.child.exited).toEqual({ code: 0, signal: null })
      const left = loads.get(leaver)
      await left?.stop()
      if (left !== undefined) gone.push(left)
      loads.delete(leaver)
      expect(leaver.child.stderr).toMatch(/this member was removed from the cluster: remove its data directory/)
    }

    await Promise.all([...loads.values()].map((load) => load.stop()))
    expect([...loads.keys()].map(({ name }) => name)).toEqual(['m4', 'm5', 'm6'])
    for (const load of loads.values()) expect(load.writes.filter(({ fate }) => fate !== 'acknowledged')).toEqual([])
    for (const load of gone) {
      expect(load.writes.filter(({ answered, fate }) => answered && fate !== 'acknowledged')).toEqual([])
    }
    await cluster.untilEqual()
    const [first] = cluster.running
    const writes = [...loads.values(), ...gone].flatMap((load) => load.writes)
    const acknowledged = acknowledgedByKey(writes)
    expect(acknowledged.size).toBe(6 * 4 * 5)
    for (const [key, number] of acknowledged) {
      const { body } = await cluster.client.get(first?.url ?? '', key)
      expect(numberOf(body?.node?.value), key).toBeGreaterThanOrEqual(number)
    }
  })

  test('a member that was removed refuses to start again, and one that was down meanwhile learns of it from another', async () => {
    const cluster = await ChangingCluster.start(['m1', 'm2', 'm3', 'm4'], HASTY)
    const [m1, m2, m3] = cluster.members
    if (m1 === undefined || m2 === undefined || m3 === undefined) throw new Error('three members were planned')
    await cluster.remove(m2, m1)
    expect(await m2.child.exited).toEqual({ code: 0, signal: null })
    await m3.kill()
    await cluster.remove(m3, m1)
    for (const member of [m2, m3]) {
      member.spawn()
      expect(await member.child.exited).toEqual({ code: 1, signal: null })
      expect(member.child.stderr).toMatch(/^musterd: this member was removed from the cluster.*add it again$/m)
    }
    expect((await cluster.listed(m1)).map(({ name }) => name).sort()).toEqual(['m1', 'm4'])
    expect(await cluster.change(m1, 'DELETE', '/123')).toEqual({
      status: 404,
      body: '{"message":"No such member: 123"}',
    })
  })

  test('a member that was down while others came is found by them, though it knows none that could tell it who they are', async () => {
    const cluster = await ChangingCluster.start(['m1', 'm2', 'm3'], HASTY)
    const [m1, m2, m3] = cluster.members
    if (m1 === undefined || m2 === undefined || m3 === undefined) throw new Error('three members were planned')
    await m3.kill()
    const m4 = await cluster.add('m4', m2, HASTY)
    await m4.start()
    await cluster.remove(m1, m2)
    await m1.child.exited
    // The newcomer leads, and m3 has never heard of it.
    await eventually('the newcomer leads', async () => {
      if ((await cluster.leader()) === m4) return true
      await m2.terminate()
      await m2.start()
      return false
    })
    await m3.start()
    await cluster.client.put(m3.url, '/k', { value: 'through m3' })
    await cluster.untilEqual()
  })

  test('a member that was added is a learner until it has caught up, and promoting waits for that', async () => {
    const cluster = await ChangingCluster.start(['m1'], HASTY)
    const [m1] = cluster.members
    if (m1 === undefined) throw new Error('one member was planned')
    let requests = 0
    await using client = new MusterClient({ endpoints: [m1.url], hooks: { request: () => void requests++ } })
    expect((await client.status()).learners).toEqual([])
    await client.members.promote((await client.status()).member.id)
    const m2 = await cluster.add('m2', m1, HASTY)
    const id = (await client.members.list()).find(({ name }) => name === '')?.id ?? ''
    expect((await client.status()).learners).toEqual([id])
    let isVoting = false
    const voting = client.members.promote(id).then(() => {
      isVoting = true
    })
    const over = new AbortController()
    const given = expect(client.members.promote(id, { signal: over.signal })).rejects.toThrow('enough')
    const before = requests
    await eventually('several looks', () => requests >= before + 8)
    over.abort(new Error('enough'))
    await given
    expect(isVoting).toBe(false)
    await m2.start()
    await voting
    expect((await client.status()).learners).toEqual([])
    await expect(client.members.promote('123')).rejects.toMatchObject({ status: 404 })
    await eventually('the size of the data', async () => ((await client.status()).dataBytes ?? 0) > 0)
  })

  test('who joins with other members than the cluster has is told so', async () => {
    const cluster = await ChangingCluster.start(['m1'], HASTY)
    const [m1] = cluster.members
    if (m1 === undefined) throw new Error('one member was planned')
    const joiner = await cluster.add('m2', m1)
    const { spec } = joiner
    const peer = `http://127.0.0.1:${spec.peerPort}`
    const first = `http://127.0.0.1:${m1.spec.peerPort}`
    const elsewhere = `http://127.0.0.1:${await freePort()}`
    const otherPort = await freePort()
    const cases: readonly (readonly [Partial<MemberSpec>, RegExp])[] = [
      [
        { initialCluster: `m2=${peer},m1=${first},m3=${elsewhere}` },
        /error validating peerURLs \{ClusterID:\w+ Members:.*\}: member count is unequal/,
      ],
      [
        { initialCluster: `m2=http://127.0.0.1:${otherPort},m1=${first}`, peerPort: otherPort },
        /PeerURLs: no match found for existing member \(\w+, \[http/,
      ],
      [
        { initialCluster: `m2=${peer},m1=${elsewhere}` },
        /cannot fetch cluster info from peer urls: could not retrieve cluster information from the given URLs/,
      ],
    ]
    for (const [fields, said] of cases) {
      const wrong = new MemberProcess({ ...spec, ...fields })
      wrong.spawn()
      expect((await wrong.child.exited).code).toBe(1)
      expect(wrong.child.stderr).toMatch(said)
    }
    await joiner.start()
    await cluster.untilEqual()
  })

  test('a newcomer whose client port is taken costs the cluster nothing, and may come again with an empty data directory', async () => {
    const cluster = await ChangingCluster.start(['m1'], HASTY)
    const [m1] = cluster.members
    if (m1 === undefined) throw new Error('one member was planned')
    const joiner = await cluster.add('m2', m1)
    const wrong = new MemberProcess({ ...joiner.spec, clientPort: m1.spec.clientPort })
    wrong.spawn()
    expect((await wrong.child.exited).code).toBe(1)
    expect(wrong.child.stderr).toMatch(/cannot listen at/)
    await cluster.client.put(m1.url, '/k', { value: 'alone' })
    await rm(joiner.spec.dataDir, { recursive: true })
    await joiner.start()
    expect((await cluster.client.get(joiner.url, '/k', { quorum: true })).body?.node?.value).toBe('alone')
    await cluster.untilEqual()
  })

  test('a member whose data were lost cannot found the cluster again, nor join it under its old id', async () => {
    const cluster = await ChangingCluster.start(['m1', 'm2', 'm3'], HASTY)
    const [m1, m2] = cluster.members
    if (m1 === undefined || m2 === undefined) throw new Error('members were planned')
    await eventually('m2 is known by its name', async () =>
      (await cluster.listed(m1)).some(({ name }) => name === 'm2'),
    )
    await m2.kill()
    for (const args of [[], ['--initial-cluster-state', 'existing']]) {
      const empty = new MemberProcess({ ...m2.spec, dataDir: `${m2.spec.dataDir}-new`, args })
      empty.spawn()
      expect((await empty.child.exited).code).toBe(1)
      expect(empty.child.stderr).toMatch(/member [0-9a-f]+ has already been bootstrapped/)
    }
    await m2.start()
    await cluster.untilEqual()
  })

  test('one of a dead majority becomes a cluster of its own with all keys and indexes, and grows again', async () => {
    const cluster = await ChangingCluster.start(['m1', 'm2', 'm3'], HASTY)
    const [m1, m2, m3] = cluster.members
    if (m1 === undefined || m2 === undefined || m3 === undefined) throw new Error('members were planned')
    const indexes: number[] = []
    for (let i = 0; i < 20; i++) indexes.push((await cluster.client.put(m1.url, `/k/${i}`, { value: i })).etcdIndex)
    // A majority of two others may have had the last of them.
    await cluster.untilEqual()
    const before = await cluster.listed(m1)
    await Promise.all([m1.kill(), m2.kill(), m3.kill()])

    const alone = new MemberProcess({ ...m2.spec, args: ['--force-new-cluster'] })
    try {
      await alone.start()
      for (const [i, index] of indexes.entries()) {
        const { body } = await cluster.client.get(alone.url, `/k/${i}`, { quorum: true })
        expect(body?.node).toMatchObject({ value: String(i), modifiedIndex: index })
      }
      const [only, ...others] = await cluster.listed(alone)
      expect(others).toEqual([])
      expect(only).toMatchObject({ name: 'm2', peerURLs: [`http://127.0.0.1:${m2.spec.peerPort}`] })
      expect(before.map(({ id }) => id)).toContain(only?.id)

      const joiner = await cluster.add('m4', alone)
      await joiner.start()
      expect((await cluster.client.get(joiner.url, '/k/7', { quorum: true })).body?.node?.value).toBe('7')
    } finally {
      await alone.kill()
    }
  })

  test('a member that moves to another port is found there once its peer URLs are changed', async () => {
    const cluster = await ChangingCluster.start(['m1', 'm2', 'm3'], HASTY)
    const [m1, m2] = cluster.members
    if (m1 === undefined || m2 === undefined) throw new Error('members were planned')
    await m2.terminate()
    const peerPort = await freePort()
    const peerUrl = `http://127.0.0.1:${peerPort}`
    const id = await cluster.idOf('m2', m1)
    const taken = await cluster.change(m1, 'PUT', `/${id}`, [`http://127.0.0.1:${m1.spec.peerPort}`])
    expect(taken).toEqual({ status: 409, body: '{"message":"membership: peerURL exists"}' })
    expect((await cluster.change(m1, 'PUT', `/${id}`, [peerUrl])).status).toBe(204)

    const moved = new MemberProcess({ ...m2.spec, peerPort })
    try {
      await moved.start()
      await cluster.client.put(m1.url, '/after', { value: 'moved' })
      await eventually('the write at the member that moved', async () => {
        const { body } = await cluster.client.get(moved.url, '/after')
        return body?.node?.value === 'moved'
      })
      expect((await cluster.listed(moved)).find((member) => member.id === id)?.peerURLs).toEqual([peerUrl])
    } finally {
      await moved.kill()
    }
  })

  test.skipIf(!hasEtcdctl)(
    'etcdctl lists, adds, moves and removes members (skipped where etcdctl is missing)',
    async () => {
      const cluster = await ChangingCluster.start(['m1', 'm2', 'm3'], HASTY)
      const [m1] = cluster.members
      if (m1 === undefined) throw new Error('members were planned')
      const etcdctl = (...words: string[]) => {
        const all = ['--endpoints', m1.url, 'member', ...words]
        const { stdout, stderr, status } = spawnSync('etcdctl', all, { env: V2 })
        return { said: `${stdout}${stderr}`, status }
      }
      await eventually('all members are known by their names', async () => {
        return (await cluster.listed(m1)).every(({ name }) => name !== '')
      })
      const list = etcdctl('list')
      expect(list.said.trim().split('\n')).toHaveLength(3)
      expect(list.said).toMatch(/^[0-9a-f]+: name=m1 peerURLs=http:\S+ clientURLs=http:\S+ isLeader=(true|false)$/m)

      const peerUrl = `http://127.0.0.1:${await freePort()}`
      const added = etcdctl('add', 'm4', peerUrl)
      const id = /^Added member named m4 with ID ([0-9a-f]+) to cluster$/m.exec(added.said)?.[1] ?? ''
      expect(added.said).toMatch(/^ETCD_INITIAL_CLUSTER="(?=.*m1=)(?=.*m4=).*"$/m)
      expect(etcdctl('list').said).toContain(`${id}[unstarted]: peerURLs=${peerUrl}`)

      const movedUrl = `http://127.0.0.1:${await freePort()}`
      expect(etcdctl('update', id, movedUrl).said).toBe(`Updated member with ID ${id} in cluster\n`)
      expect(etcdctl('list').said).toContain(`${id}[unstarted]: peerURLs=${movedUrl}`)
      expect(etcdctl('update', '123', movedUrl).said).toContain('No such member: 123')

      expect(etcdctl('remove', id).said).toBe(`Removed member ${id} from cluster\n`)
      expect(etcdctl('list').said.trim().split('\n')).toHaveLength(3)
      expect(etcdctl('remove', id).said).toContain(`Couldn't find a member in the cluster with an ID of ${id}.`)
    },
  )
})
