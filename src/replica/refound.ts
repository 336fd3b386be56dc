/**
 * A cluster of one member, made of the data of a member whose cluster lost its majority (`--force-new-cluster`).
 *
 * Owns: what is kept (the tree, and all of the log: what was acknowledged may look uncommitted here) and what is not (the
 * other members, changes of the membership that were under way). Source: API page, 13.5. The result goes to the disk in one batch.
 */
import assert from 'node:assert'
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { EntryKind, type SnapshotMeta } from '../raft/types.ts'
import type { Command } from '../store/command.ts'
import { decodeCommand } from '../store/command-codec.ts'
import type { Row } from '../store/rows.ts'
import type { StateMachine } from '../store/state-machine.ts'
import { pageKey } from './log-pages.ts'
import { initialRows, type RaftState } from './raft-rows.ts'

/** The refounded cluster, and the rows that make it so. */
export interface Refounded {
  readonly raft: RaftState
  readonly rows: readonly Row[]
}

/**
 * Makes `store` the state of a cluster of which this member is all.
 *
 * The cluster gets an id of its own: members of the old one that come back are told that they belong to another.
 *
 * @param peerUrls where this member is to be reached from now on.
 * @param wallMs wall time; makes the new cluster's id differ when this is done twice.
 */
export function refound(raft: RaftState, store: StateMachine, peerUrls: readonly string[], wallMs: number): Refounded {
  const { clusterId: oldId, memberId: self } = raft.identity
  for (const entry of raft.entries) {
    if (entry.index <= store.appliedIndex) continue
    assert(entry.kind === EntryKind.noop || crc32(entry.data) === entry.checksum, `entry ${entry.index} is damaged`)
    store.apply(entry, entry.kind === EntryKind.command ? decodeCommand(entry.data) : undefined)
  }
  const others = store.members.list().filter(({ id }) => id !== self)
  for (const { id } of others) applyNext(store, { kind: 'removeMember', id })
  applyNext(store, { kind: 'putMember', id: self, peerUrls, name: undefined, clientUrls: undefined })

  const index = store.appliedIndex
  const membership = { voters: [self], learners: [] }
  const logStart: SnapshotMeta = { index, term: store.appliedTerm, stampMs: store.clockMs, membership }
  const refounded: RaftState = {
    identity: { clusterId: refoundedId(oldId, self, wallMs), memberId: self },
    hardState: { ...raft.hardState, commitIndex: index },
    logStart,
    membership,
    entries: [],
    pageStarts: [],
  }
  const gone: Row[] = raft.pageStarts.map((start) => ({ type: 'del', key: pageKey(start) }))
  return { raft: refounded, rows: [...gone, ...initialRows(refounded), ...store.drainRows()] }
}

function applyNext(store: StateMachine, command: Command): void {
  store.apply({ index: store.appliedIndex + 1, term: store.appliedTerm, stampMs: store.clockMs }, command)
}

function refoundedId(oldId: string, self: string, wallMs: number): string {
  const hash = createHash('sha1').update(`${oldId} ${self} ${wallMs}`)
  return hash.digest('hex').slice(0, 16).replace(/^0+/, '')
}
