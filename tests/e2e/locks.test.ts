/** The locks of etcd 0.4 on three members: whoever asks where, one holds it, and it goes on when its holder or the leader dies. */
import { expect, test } from 'vitest'
import { startCluster } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'

const LOCK = '/mod/v2/lock/job'

async function ask(url: string, method: string, parameters: string, signal?: AbortSignal): Promise<string> {
  const response = await fetch(`${url}${LOCK}?${parameters}`, { method, ...(signal === undefined ? {} : { signal }) })
  return `${response.status} ${await response.text()}`
}

test('a lock has one holder, through every member and through the loss of the leader', async () => {
  const cluster = await startCluster({ args: ['--legacy-endpoints'] })
  const leader = await cluster.leader()
  const [one, two] = await cluster.followers()
  if (one === undefined || two === undefined) throw new Error('three members have two followers')
  const places = async (): Promise<number> => {
    const queue = await cluster.client.get(one.url, `/_etcd/mod${LOCK.slice('/mod/v2'.length)}`, { quorum: true })
    return queue.body?.node?.nodes?.length ?? 0
  }

  expect(await ask(leader.url, 'POST', 'value=a&ttl=2')).toMatch(/^200 \d+$/)
  const b = ask(one.url, 'POST', 'value=b&ttl=60')
  await eventually('b to wait', async () => (await places()) === 2)
  const client = new AbortController()
  const c = ask(two.url, 'POST', 'value=c&ttl=60', client.signal).catch(() => 'gone')
  await eventually('c to wait', async () => (await places()) === 3)

  // The leader goes, and the holder says nothing more: its time ends, but not before the next leader counts it.
  await leader.kill()
  expect(await b).toMatch(/^200 \d+$/)
  expect(await ask(two.url, 'GET', '')).toBe('200 b')

  client.abort()
  expect(await c).toBe('gone')
  await eventually('the place of a client that went to be free', async () => (await places()) === 1)
  const d = ask(two.url, 'POST', 'value=d&ttl=60')
  await eventually('d to wait', async () => (await places()) === 2)
  expect(await ask(one.url, 'DELETE', 'value=b')).toBe('200 ')
  expect(await d).toMatch(/^200 \d+$/)
  expect(await ask(one.url, 'GET', 'field=value')).toBe('200 d')
})

test('members tell how much goes between them', async () => {
  const cluster = await startCluster()
  const leader = await cluster.leader()
  const [follower] = await cluster.followers()
  let writes = 0
  const rates = async (url: string): Promise<Record<string, number>> => {
    await cluster.client.put(leader.url, '/rate', { value: `${++writes}` })
    return (await cluster.client.json(url, '/v2/stats/self')) as Record<string, number>
  }
  await eventually('a rate of what is sent', async () => {
    const { sendPkgRate = 0, sendBandwidthRate = 0 } = await rates(leader.url)
    return sendPkgRate > 1 && sendBandwidthRate > sendPkgRate
  })
  await eventually('a rate of what is received', async () => {
    const { recvPkgRate = 0, recvBandwidthRate = 0 } = await rates(follower?.url ?? '')
    return recvPkgRate > 1 && recvBandwidthRate > recvPkgRate
  })
  const metrics = await (await fetch(`${leader.url}/metrics`)).text()
  expect(metrics).toMatch(/^etcd_network_peer_sent_bytes_total\{To="[0-9a-f]+"\} [1-9]/m)
  expect(metrics).toMatch(/^etcd_network_active_peers\{Local="[0-9a-f]+",Remote="[0-9a-f]+"\} 1$/m)
  expect(metrics).toMatch(/^etcd_server_leader_changes_seen_total 1$/m)
})
