/**
 * Hard state, log start, membership and identity as rows; and everything the raft rows say, read together.
 *
 * Owns: their keys and bytes in section `r`, but for the log's pages (`log-pages.ts`). Every value is checked when it is read: a row that fails its checksum stops
 * the member, it is never guessed at. Reading from the disk is the driver's; `readRaftRows` only decodes.
 */
import assert from 'node:assert'
import { crc32 } from 'node:zlib'
import { pack, unpack } from 'msgpackr'
import {
  type Entry,
  type HardState,
  type Index,
  type MemberId,
  type Membership,
  memberId,
  type SnapshotMeta,
} from '../raft/types.ts'
import type { Row } from '../store/rows.ts'
import { decodePage, entriesOf, type LogPage, PAGE_KIND, PAGE_SECTION } from './log-pages.ts'

/** Who this data directory belongs to. Written once, with the first rows. */
export interface Identity {
  readonly clusterId: string
  readonly memberId: MemberId
}

/** What the raft rows of a data directory say. */
export interface RaftState {
  readonly identity: Identity
  readonly hardState: HardState
  /** Where the log starts: everything up to `index` is in the tree only. */
  readonly logStart: SnapshotMeta
  /** As of the applied index. */
  readonly membership: Membership
  readonly entries: readonly Entry[]
  /** First indexes of the pages on disk that hold them, ascending. */
  readonly pageStarts: readonly Index[]
}

const SECTION = PAGE_SECTION
const IDENTITY = Buffer.from([SECTION, 0x69])
const HARD_STATE = Buffer.from([SECTION, 0x68])
const LOG_START = Buffer.from([SECTION, 0x73])
const MEMBERSHIP = Buffer.from([SECTION, 0x6d])
const TRAILER_BYTES = 4

/** All raft rows: from here, */
export const RAFT_ROWS_FROM = Buffer.from([SECTION])
/** up to and not including here. */
export const RAFT_ROWS_TO = Buffer.from([SECTION + 1])

function checkedRow(key: Buffer, content: unknown): Row {
  const body = pack(content)
  const value = Buffer.allocUnsafe(body.length + TRAILER_BYTES)
  body.copy(value)
  value.writeUInt32BE(crc32(body), body.length)
  return { type: 'put', key, value }
}

function uncheck(key: Buffer, value: Buffer): unknown {
  const end = value.length - TRAILER_BYTES
  const body = value.subarray(0, Math.max(end, 0))
  assert(
    end > 0 && value.readUInt32BE(end) === crc32(body),
    `raft row "${String.fromCharCode(key[1] ?? 0)}" is damaged: its checksum does not match; replace the member`,
  )
  return unpack(body)
}

/** The member's term, vote and commit index as a row. */
export function hardStateRow(state: HardState): Row {
  return checkedRow(HARD_STATE, [state.term, state.vote ?? '', state.commitIndex])
}

/** Where the log starts, as a row. */
export function logStartRow(start: SnapshotMeta): Row {
  const { voters, learners } = start.membership
  return checkedRow(LOG_START, [start.index, start.term, start.stampMs, voters, learners])
}

/** The membership as of the applied index, as a row. */
export function membershipRow(membership: Membership): Row {
  return checkedRow(MEMBERSHIP, [membership.voters, membership.learners])
}

/** Whose data this is, as a row. */
function identityRow(identity: Identity): Row {
  return checkedRow(IDENTITY, [identity.clusterId, identity.memberId])
}

/** The first rows of a data directory. */
export function initialRows(state: RaftState): Row[] {
  const { identity, hardState, logStart, membership } = state
  return [identityRow(identity), hardStateRow(hardState), logStartRow(logStart), membershipRow(membership)]
}

function readMembership(voters: unknown, learners: unknown): Membership {
  assert(Array.isArray(voters) && Array.isArray(learners), 'a membership row holds two lists')
  return { voters: voters.map((id) => memberId(String(id))), learners: learners.map((id) => memberId(String(id))) }
}

/** The membership in a view of the disk, for a snapshot's metadata. Fails when the row is missing. */
export function readMembershipRow(value: Buffer): Membership {
  const [voters, learners] = uncheck(MEMBERSHIP, value) as unknown[]
  return readMembership(voters, learners)
}

/** Key of the membership row, for reading it in a view. */
export const MEMBERSHIP_KEY = MEMBERSHIP

/**
 * Decodes all rows of section `r`, in key order.
 *
 * @returns the raft state, or undefined when there are no rows: a fresh data directory.
 * Fails when a row is damaged or the log has a hole.
 */
export function readRaftRows(rows: Iterable<readonly [Buffer, Buffer]>): RaftState | undefined {
  const fixed = new Map<number, unknown[]>()
  const pages: LogPage[] = []
  for (const [key, value] of rows) {
    const kind = key[1] ?? 0
    if (kind === PAGE_KIND) pages.push(decodePage(key, value))
    else fixed.set(kind, uncheck(key, value) as unknown[])
  }
  if (fixed.size === 0 && pages.length === 0) return undefined

  const identity = fixed.get(IDENTITY[1] ?? 0)
  const hard = fixed.get(HARD_STATE[1] ?? 0)
  const start = fixed.get(LOG_START[1] ?? 0)
  const members = fixed.get(MEMBERSHIP[1] ?? 0)
  assert(
    identity !== undefined && hard !== undefined && start !== undefined && members !== undefined,
    'the data directory lacks raft rows that were written together with the first; it was not written by muster',
  )
  const [startIndex, startTerm, startStampMs, voters, learners] = start
  const logStart: SnapshotMeta = {
    index: Number(startIndex),
    term: Number(startTerm),
    stampMs: Number(startStampMs),
    membership: readMembership(voters, learners),
  }
  return {
    identity: { clusterId: String(identity[0]), memberId: memberId(String(identity[1])) },
    hardState: {
      term: Number(hard[0]),
      vote: hard[1] ? memberId(String(hard[1])) : undefined,
      commitIndex: Number(hard[2]),
    },
    logStart,
    membership: readMembership(members[0], members[1]),
    entries: entriesOf(pages, logStart.index),
    pageStarts: pages.map((page) => page.firstIndex),
  }
}
