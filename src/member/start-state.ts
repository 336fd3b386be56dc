/**
 * What a member starts from: the data directory's own rows, or a new cluster.
 *
 * Owns: the choice, and the first rows of a new data directory. Leaves to others: what rows mean (`replica/`, `store/`), the
 * ids and state of a new cluster (`replica/bootstrap.ts`).
 */
import { checkBootstrap } from '../config/bootstrap.ts'
import type { Config } from '../config/config.ts'
import { bootstrap } from '../replica/bootstrap.ts'
import { readRaftState } from '../replica/driver.ts'
import { initialRows, type RaftState } from '../replica/raft-rows.ts'
import type { Disk } from '../store/disk.ts'
import type { StoreOptions } from '../store/options.ts'
import { restoreStore } from '../store/restore.ts'
import { currentGenerationRow, FIRST_GENERATION } from '../store/rows.ts'
import type { StateMachine } from '../store/state-machine.ts'
import { MemberError } from './member-error.ts'

/** Everything a member's parts start from. */
export interface StartState {
  readonly raft: RaftState
  readonly store: StateMachine
  readonly generation: number
}

/**
 * Restores what `disk` holds, or founds the cluster of `config` and writes its first rows.
 *
 * @throws MemberError MUSTER_CLUSTER_UNCLEAR, BootstrapError or StoreError, each with one sentence for the user.
 */
export async function startState(disk: Disk, config: Config, options: StoreOptions): Promise<StartState> {
  const raft = await readRaftState(disk)
  if (raft !== undefined) {
    const { stateMachine, generation } = await restoreStore(disk, options)
    return { raft, store: stateMachine, generation }
  }
  checkBootstrap(config)
  if (config.initialClusterState === 'existing') {
    throw new MemberError(
      'MUSTER_CLUSTER_UNCLEAR',
      'joining an existing cluster is not supported by this version: start with --initial-cluster-state new',
    )
  }
  const members = config.initialCluster.map(({ name, peerUrls }) => ({
    name,
    peerUrls: peerUrls.map((url) => url.href),
  }))
  const fresh = bootstrap(members, config.name, config.initialClusterToken, options)
  const rows = [...initialRows(fresh.raft), ...fresh.store.drainRows(), currentGenerationRow(FIRST_GENERATION)]
  await disk.write(rows, true)
  return { ...fresh, generation: FIRST_GENERATION }
}
