/**
 * What the port of a member tells, as metrics.
 *
 * Owns: which of etcd's names it has under (all of these are read when somebody scrapes). Leaves to others: counting.
 */
import type { Metrics } from '../metrics.ts'
import type { MemberPort } from './ports.ts'

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
