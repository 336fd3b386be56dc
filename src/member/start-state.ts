/**
 * What a member starts from: the data directory's own rows, a new cluster, or a place in one that runs.
 *
 * Owns: the choice, and the first rows of a new data directory. Leaves to others: what rows mean (`replica/`, `store/`), the
 * ids and state of a new cluster (`replica/bootstrap.ts`), joining one (`join.ts`).
 */
import { checkBootstrap } from '../config/bootstrap.ts'
import type { Config } from '../config/config.ts'
import { resolveInitialCluster } from '../discovery/resolve.ts'
import type { PeerTls } from '../peer/options.ts'
import { isMember } from '../raft/membership.ts'
import { EntryKind } from '../raft/types.ts'
import { type Bootstrap, bootstrap, initialMemberId } from '../replica/bootstrap.ts'
import { readRaftState } from '../replica/driver.ts'
import type { Log } from '../replica/ports.ts'
import { initialRows, type RaftState } from '../replica/raft-rows.ts'
import { refound } from '../replica/refound.ts'
import type { Disk } from '../store/disk.ts'
import type { StoreOptions } from '../store/options.ts'
import { restoreStore } from '../store/restore.ts'
import { currentGenerationRow, FIRST_GENERATION } from '../store/rows.ts'
import type { StateMachine } from '../store/state-machine.ts'
import { systemClock } from './clock.ts'
import { checkFirstStart, joinState } from './join.ts'
import { MemberError } from './member-error.ts'

const REMOVED = 'this member was removed from the cluster: remove its data directory and add it again'

/** Everything a member's parts start from. */
export interface StartState {
  readonly raft: RaftState
  readonly store: StateMachine
  readonly generation: number
}

/**
 * Restores what `disk` holds, or founds the cluster of `config` and writes its first rows.
 *
 * What a removed member holds is returned too, as long as its vote may be needed: it serves nobody with it.
 *
 * @throws MemberError, BootstrapError, DiscoveryError or StoreError, each with one sentence for the user.
 */
export async function startState(
  disk: Disk,
  given: Config,
  options: StoreOptions,
  log: Log,
  tls: PeerTls | undefined,
): Promise<StartState> {
  const raft = await readRaftState(disk)
  if (raft !== undefined) {
    if (given.discovery !== '' || given.discoverySrv !== '') {
      log.warn({}, 'discovery is ignored: the data directory says which cluster this member belongs to')
    }
    const { stateMachine: store, generation } = await restoreStore(disk, options)
    const state = { raft, store, generation }
    if (store.members.isRemoved(raft.identity.memberId)) return removedState(state, given)
    return given.forceNewCluster ? refounded(disk, state, given, log) : state
  }
  const ownPeerUrls = given.initialAdvertisePeerUrls.map((url) => url.href)
  const config = await resolveInitialCluster(given, (token) => initialMemberId(ownPeerUrls, token), { log })
  checkBootstrap(config)
  const fresh =
    config.initialClusterState === 'existing'
      ? await joinState(config, options, tls)
      : await newCluster(config, options, tls)
  const rows = [...initialRows(fresh.raft), ...fresh.store.drainRows(), currentGenerationRow(FIRST_GENERATION)]
  await disk.write(rows, true)
  return { ...fresh, generation: FIRST_GENERATION }
}

/** One that the cluster has let go starts no more; until then it may be needed for one more vote (`leave.ts`). */
function removedState(state: StartState, config: Config): StartState {
  const { membership, identity } = state.raft
  const isLetGo = !isMember(membership, identity.memberId)
  if (isLetGo || config.forceNewCluster) throw new MemberError('MUSTER_MEMBER_REMOVED', REMOVED)
  return state
}

async function newCluster(config: Config, options: StoreOptions, tls: PeerTls | undefined): Promise<Bootstrap> {
  const members = config.initialCluster.map(({ name, peerUrls }) => ({
    name,
    peerUrls: peerUrls.map((url) => url.href),
  }))
  const fresh = bootstrap(members, config.name, config.initialClusterToken, options)
  await checkFirstStart(config, fresh.raft.identity.memberId, tls)
  return fresh
}

/** Whether this member is all of its cluster already, also when what its log holds is applied. */
function isWhole({ raft, store }: StartState): boolean {
  const { membership, entries, identity } = raft
  const { voters, learners } = membership
  const isAlone = voters.length === 1 && voters[0] === identity.memberId && learners.length === 0
  return isAlone && !entries.some(({ kind, index }) => kind === EntryKind.membership && index > store.appliedIndex)
}

async function refounded(disk: Disk, state: StartState, config: Config, log: Log): Promise<StartState> {
  const { raft, store, generation } = state
  if (store.appliedIndex === 0) {
    const why = 'it joined a cluster and was never sent the data. Use the data directory of another member'
    throw new MemberError('MUSTER_NOTHING_TO_KEEP', `cannot make a new cluster of this member: ${why}`)
  }
  if (isWhole(state)) {
    log.warn({}, '--force-new-cluster changes nothing: this member is all of its cluster. Take the option away')
    return state
  }
  const peerUrls = config.initialAdvertisePeerUrls.map((url) => url.href)
  const { raft: alone, rows } = refound(raft, store, peerUrls, systemClock.wallMs())
  await disk.write(rows, true)
  log.warn(
    { clusterId: alone.identity.clusterId, peerUrls },
    'made a new cluster of this member alone, with all its keys. Take --force-new-cluster away, or the next start may do it again',
  )
  return { raft: alone, store, generation }
}
