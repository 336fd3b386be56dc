/** The metrics of a member in Prometheus text form. */
import { describe, expect, test } from 'vitest'
import { timedDisk } from '../src/member/timed-disk.ts'
import { Metrics, RequestMeter } from '../src/metrics.ts'
import { startHttp } from './support/http-member.ts'

describe('requests', () => {
  test('are counted by method, code and duration', () => {
    const meter = new RequestMeter()
    meter.succeeded('GET', 0.4)
    meter.succeeded('GET', 3)
    meter.succeeded('GET', 5000)
    meter.failed('GET', 404)
    meter.failed('PUT', 412)
    meter.watched()
    const text = meter.text()
    for (const line of [
      'etcd_http_received_total{method="GET"} 4',
      'etcd_http_received_total{method="PUT"} 1',
      'etcd_http_failed_total{method="GET",code="404"} 1',
      'etcd_http_successful_duration_seconds_bucket{method="GET",le="0.0005"} 1',
      'etcd_http_successful_duration_seconds_bucket{method="GET",le="0.002"} 1',
      'etcd_http_successful_duration_seconds_bucket{method="GET",le="0.004"} 2',
      'etcd_http_successful_duration_seconds_bucket{method="GET",le="2.048"} 2',
      'etcd_http_successful_duration_seconds_bucket{method="GET",le="+Inf"} 3',
      'etcd_http_successful_duration_seconds_count{method="GET"} 3',
      'etcd_debugging_store_watch_requests_total 1',
    ]) {
      expect(text.split('\n')).toContain(line)
    }
    expect(text).toMatch(/_sum\{method="GET"\} 5\.0034/)
  })
})

test('writes to the disk are counted by how long they took, and only those that were waited for', async () => {
  const metrics = new Metrics()
  const calls: string[] = []
  const disk = timedDisk(
    {
      write: async (rows, sync) => {
        calls.push(`${rows.length} ${sync}`)
        if (rows.length > 1) throw new Error('full')
      },
      clearRange: async () => {},
      view: () => ({ entries: async () => [], close: async () => {} }),
      get: async () => Buffer.from('x'),
      close: async () => {},
    },
    (ms) => metrics.syncs.synced(ms + 5),
  )
  const row = { type: 'put', key: Buffer.from('k'), value: Buffer.from('v') } as const
  await disk.write([row], true)
  await disk.write([row], false)
  await expect(disk.write([row, row], true)).rejects.toThrow('full')
  expect(calls).toEqual(['1 true', '1 false', '2 true'])
  const lines = (await metrics.text()).split('\n')
  expect(lines).toContain('etcd_disk_wal_fsync_duration_seconds_count 1')
  expect(lines).toContain('etcd_disk_wal_fsync_duration_seconds_bucket{le="0.004"} 0')
  expect(lines).toContain('etcd_disk_wal_fsync_duration_seconds_bucket{le="8.192"} 1')
})

test('what is registered is read when it is asked for', async () => {
  const metrics = new Metrics()
  let value = 1
  metrics.gauge('a_gauge', 'A gauge.', () => value)
  metrics.counter('a_total', 'A count.', () => value)
  value = 7
  expect(await metrics.text()).toMatch(/\na_gauge 7\n[\s\S]*\na_total 7\n/)
  expect(await metrics.text()).toContain('\na_total 7\n')
  expect(await metrics.text()).toContain('process_cpu_seconds_total')
})

test('a server counts what it answers and shows what its member tells', async () => {
  const metrics = new Metrics()
  const http = await startHttp({ metrics })
  http.member.peers = [{ id: '2b', active: true, sentBytes: 5, receivedBytes: 6, droppedMessages: 7 }]
  try {
    await http.ask('PUT', '/v2/keys/k', 'value=x')
    await http.ask('GET', '/v2/keys/k')
    await http.ask('GET', '/v2/keys/k?quorum=true')
    await http.ask('GET', '/v2/keys/none')
    await http.ask('GET', '/v2/keys/k?wait=true&waitIndex=1')
    http.member.refusal = 'MUSTER_TIMEOUT'
    await http.ask('DELETE', '/v2/keys/k')
    const lines = (await metrics.text()).split('\n')
    for (const line of [
      'etcd_http_received_total{method="PUT"} 1',
      'etcd_http_received_total{method="GET"} 2',
      'etcd_http_received_total{method="QGET"} 1',
      'etcd_http_failed_total{method="GET",code="404"} 1',
      'etcd_debugging_store_watch_requests_total 1',
      'etcd_server_has_leader 1',
      'etcd_server_is_leader 1',
      'etcd_server_proposals_applied_total 4',
      'etcd_server_proposals_pending 0',
      'etcd_debugging_store_writes_total{action="set"} 1',
      'etcd_debugging_store_reads_total{action="get"} 2',
      'muster_store_index 2',
      'etcd_server_proposals_failed_total 1',
      'etcd_server_leader_changes_seen_total 1',
      `etcd_server_id{server_id="${http.member.memberId}"} 1`,
      'etcd_server_version{server_version="2.3.8"} 1',
      'etcd_cluster_version{cluster_version="2.3"} 1',
      'etcd_network_peer_sent_bytes_total{To="2b"} 5',
      'etcd_network_peer_received_bytes_total{From="2b"} 6',
      'etcd_network_peer_sent_failures_total{To="2b"} 7',
      `etcd_network_active_peers{Local="${http.member.memberId}",Remote="2b"} 1`,
    ]) {
      expect(lines).toContain(line)
    }
  } finally {
    await http.close()
  }
})
