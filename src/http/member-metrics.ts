/**
 * What the port of a member tells, as metrics.
 *
 * Owns: which of etcd's names it has under (all of these are read when somebody scrapes). Leaves to others: counting.
 */
import type { Metrics } from '../metrics.ts'
import { ETCD_VERSION } from './health.ts'
import type { MemberPort, PeerTraffic } from './ports.ts'

/** Registers the metrics of a member. @param watches How many watches are waiting or streaming. */
export function registerMemberMetrics(metrics: Metrics, member: MemberPort, watches: () => number): void {
  metrics.gauge('etcd_server_has_leader', 'Whether this member knows a leader.', () =>
    member.leader() === undefined ? 0 : 1,
  )
  metrics.gauge('etcd_server_is_leader', 'Whether this member leads.', () =>
    member.leader() === member.memberId ? 1 : 0,
  )
  metrics.gauge(
    'etcd_server_proposals_committed_total',
    'Index up to which the log is committed.',
    () => member.raftIndex,
  )
  metrics.gauge(
    'etcd_server_proposals_applied_total',
    'Index up to which the log is applied.',
    () => member.appliedIndex,
  )
  metrics.gauge(
    'etcd_server_proposals_pending',
    'Writes and quorum reads that wait for their answer.',
    () => member.waiting,
  )
  metrics.counter(
    'etcd_server_leader_changes_seen_total',
    'How often a leader became known.',
    () => member.leaderChanges,
  )
  metrics.labelledGauge('etcd_server_id', 'This member.', ['server_id'], () => [[{ server_id: member.memberId }, 1]])
  metrics.labelledGauge('etcd_server_version', 'The version of etcd whose API is served.', ['server_version'], () => [
    [{ server_version: ETCD_VERSION.server }, 1],
  ])
  metrics.labelledGauge('etcd_cluster_version', 'The same for the cluster.', ['cluster_version'], () => [
    [{ cluster_version: ETCD_VERSION.cluster.replace(/\.\d+$/, '') }, 1],
  ])
  registerPeerMetrics(metrics, member)
  metrics.gauge(
    'etcd_mvcc_db_total_size_in_bytes',
    'Bytes of the data directory on disk.',
    () => member.dataBytes ?? Number.NaN,
  )
  metrics.gauge('etcd_debugging_store_watchers', 'Watches that wait or stream.', watches)
  metrics.gauge('muster_raft_term', 'The present term.', () => member.raftTerm)
  metrics.gauge('muster_store_index', 'What clients see as X-Etcd-Index.', () => member.store.storeIndex)
  metrics.counter('etcd_debugging_store_expires_total', 'Keys that expired.', () => member.storeStats().expireCount)
  metrics.labelledCounter('etcd_debugging_store_reads_total', 'Reads that succeeded.', 'action', () => {
    return [['get', member.storeStats().getsSuccess]]
  })
  metrics.labelledCounter(
    'etcd_debugging_store_writes_total',
    'Writes that were applied and succeeded.',
    'action',
    () => {
      const stats = member.storeStats()
      return [
        ['set', stats.setsSuccess],
        ['create', stats.createSuccess],
        ['update', stats.updateSuccess],
        ['delete', stats.deleteSuccess],
        ['compareAndSwap', stats.compareAndSwapSuccess],
        ['compareAndDelete', stats.compareAndDeleteSuccess],
      ]
    },
  )
}

function registerPeerMetrics(metrics: Metrics, member: MemberPort): void {
  const byPeer =
    (value: (peer: PeerTraffic) => number): (() => (readonly [string, number])[]) =>
    () =>
      member.peerTraffic().map((peer) => [peer.id, value(peer)] as const)
  metrics.labelledCounter(
    'etcd_network_peer_sent_bytes_total',
    'Bytes that were sent to another member.',
    'To',
    byPeer(({ sentBytes }) => sentBytes),
  )
  metrics.labelledCounter(
    'etcd_network_peer_received_bytes_total',
    'Bytes that came from another member.',
    'From',
    byPeer(({ receivedBytes }) => receivedBytes),
  )
  metrics.labelledCounter(
    'etcd_network_peer_sent_failures_total',
    'Messages to another member that were dropped.',
    'To',
    byPeer(({ droppedMessages }) => droppedMessages),
  )
  metrics.labelledGauge('etcd_network_active_peers', 'Whether a stream to it stands.', ['Local', 'Remote'], () =>
    member.peerTraffic().map(({ id, active }) => [{ Local: member.memberId, Remote: id }, active ? 1 : 0] as const),
  )
}
