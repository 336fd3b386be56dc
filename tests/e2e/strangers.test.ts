/** Whoever does not belong at the peer port is refused with a clear log line, and the cluster goes on serving. */
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { greetingHeaders, STREAM_PATH, STREAM_PROTOCOL } from '../../src/peer/handshake.ts'
import { memberId } from '../../src/raft/types.ts'
import { type Cluster, clusterOfFile, startCluster } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { MemberProcess } from '../support/member-process.ts'
import { WriteLoad } from '../support/write-load.ts'

/** Writes that must succeed while a stranger knocks. */
const WRITES_MEANWHILE = 300
const GARBAGE_CONNECTIONS = 50

const clusterOf = clusterOfFile()

/** A load on all running members; `ended` says what it met. */
function startLoad(cluster: Cluster): WriteLoad {
  const urls = cluster.running.map((member) => member.url)
  const { client } = cluster
  return new WriteLoad({ client, urls, directory: '/load', writersPerMember: 2, keysPerWriter: 10, paceMs: 2 })
}

async function expectNoHarm(cluster: Cluster, load: WriteLoad, leader: MemberProcess): Promise<void> {
  const from = load.writes.length
  await eventually('writes meanwhile', () => load.writes.length >= from + WRITES_MEANWHILE)
  await load.stop()
  expect(load.writes.filter(({ fate }) => fate !== 'acknowledged')).toEqual([])
  expect((await cluster.leader()).name).toBe(leader.name)
  await cluster.untilEqual()
}

/** A member that found no majority shows clients nothing. */
async function expectUnserved(cluster: Cluster, member: MemberProcess): Promise<void> {
  expect(member.running).toBe(true)
  await expect(cluster.client.get(member.url, '/load')).rejects.toThrow(/ECONNREFUSED/)
}

/** A process that is gone when the running test is over. */
function stranger(spec: MemberProcess['spec']): MemberProcess {
  const member = new MemberProcess(spec)
  onTestFinished(async () => {
    if (member.running) await member.kill()
  })
  return member
}

/** Sends bytes and resolves when the other side has closed. */
function send(port: number, ...parts: readonly (Buffer | string)[]): Promise<string> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.on('data', (bytes: Buffer) => {
      answer += bytes.toString('latin1')
    })
    socket.on('error', () => {})
    socket.on('close', () => done(answer))
    for (const part of parts) socket.write(part)
  })
}

describe('strangers', () => {
  test('a fourth process with a wrong cluster id is refused by name, on both sides, and harms nothing', async () => {
    const cluster = clusterOf()
    const leader = await cluster.leader()
    const load = startLoad(cluster)
    const peerPort = await freePort()
    const fourth = stranger({
      name: 'm4',
      dataDir: join(cluster.folder, 'm4'),
      clientPort: await freePort(),
      peerPort,
      initialCluster: `${cluster.members[0]?.spec.initialCluster},m4=http://127.0.0.1:${peerPort}`,
      args: ['--initial-cluster-token', 'another'],
    })
    fourth.spawn()
    // Four ids for three URLs are all other ids: each member's word must name the thing that differs.
    await fourth.child.untilOutput(/MUSTER_PEER_CLUSTER.*cluster id/)
    for (const member of cluster.members) await member.child.untilOutput(/refused.*MUSTER_PEER_CLUSTER.*cluster id/)
    await expectNoHarm(cluster, load, leader)
    await expectUnserved(cluster, fourth)
  })

  test("a member with another cluster's data directory is refused, and its rightful data brings it back", async () => {
    // Of its own: a member does not repeat a refusal of the same address for 10 s.
    const cluster = await startCluster()
    const victim = (await cluster.followers())[0] as MemberProcess
    await victim.kill()
    const leader = await cluster.leader()
    const load = startLoad(cluster)

    const impostor = stranger({
      ...victim.spec,
      dataDir: join(cluster.folder, 'foreign'),
      args: ['--initial-cluster-token', 'another'],
    })
    impostor.spawn()
    await impostor.child.untilOutput(/MUSTER_PEER_CLUSTER/)
    await impostor.kill()
    const again = stranger({ ...impostor.spec, args: [] })
    again.spawn()
    await again.child.untilOutput(/MUSTER_PEER_CLUSTER/)
    for (const member of cluster.running) await member.child.untilOutput(/MUSTER_PEER_CLUSTER/)
    await expectNoHarm(cluster, load, leader)
    await expectUnserved(cluster, again)

    await again.kill()
    await victim.start()
    await cluster.untilEqual()
  })

  test('random bytes on the peer port close their connection with a log line, and harm nothing', async () => {
    const cluster = clusterOf()
    const leader = await cluster.leader()
    const load = startLoad(cluster)
    const { members } = (await cluster.client.json(leader.url, '/v2/members')) as {
      members: readonly { readonly id: string; readonly name: string }[]
    }
    const idOf = (name: string) => memberId(members.find((member) => member.name === name)?.id ?? '')
    const { headers } = await cluster.client.get(leader.url, '/')

    const target = cluster.members.find((member) => member !== leader) as MemberProcess
    const other = cluster.members.find((member) => member !== leader && member !== target) as MemberProcess
    const { peerPort } = target.spec
    const answers = await Promise.all(
      Array.from({ length: GARBAGE_CONNECTIONS }, (_, n) => send(peerPort, randomBytes(1 + n * 100))),
    )
    for (const answer of answers) expect(answer).toMatch(/^(HTTP\/1\.1 400 |$)/)
    await target.child.untilOutput(/refused a connection at the peer port: it does not speak HTTP/)

    expect(await send(peerPort, 'GET /v2/keys HTTP/1.1\r\nHost: x\r\n\r\n')).toMatch(/^HTTP\/1\.1 404 /)
    await target.child.untilOutput(/refused a request that has no place at the peer port/)

    // The worst: somebody who knows the handshake of a true member, and then sends garbage.
    const identity = {
      clusterId: String(headers['x-etcd-cluster-id']),
      memberId: idOf(other.name),
      heartbeatMs: 100,
      electionMs: 1_000,
    }
    const greeting = [
      `GET ${STREAM_PATH} HTTP/1.1`,
      'Host: x',
      'Connection: Upgrade',
      `Upgrade: ${STREAM_PROTOCOL}`,
      ...Object.entries(greetingHeaders(identity, idOf(target.name))).map(([name, value]) => `${name}: ${value}`),
    ]
    const head = `${greeting.join('\r\n')}\r\n\r\n`
    const small = Buffer.concat([Buffer.from([0, 0, 4, 0]), randomBytes(1024)])
    for (const garbage of [randomBytes(4096), Buffer.alloc(4096, 0xff), small]) {
      expect(await send(peerPort, head, garbage)).toMatch(/^HTTP\/1\.1 101 /)
    }
    await target.child.untilOutput(/closed the stream of a member.*MUSTER_PEER_BAD_(FRAME|MESSAGE)/)
    await expectNoHarm(cluster, load, leader)
    expect(cluster.running.length).toBe(3)
  })
})
