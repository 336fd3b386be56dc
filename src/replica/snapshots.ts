/**
 * Snapshots beside the turns: a view of the disk to be sent, and rows that are received.
 *
 * Owns: which state of this member a snapshot shows, under which offer a received one is handed to the core, and that
 * nothing is left of one that was not taken. Leaves to others: the bytes (store/snapshot.ts), carrying them (peer/), the
 * switch itself (replica.ts, in one turn's batch).
 */
import type { InstallSnapshot } from '../raft/message.ts'
import type { Disk, DiskView } from '../store/disk.ts'
import type { StoreOptions } from '../store/options.ts'
import { generationRanges, keyAfter } from '../store/rows.ts'
import { openSnapshot, stageSnapshot } from '../store/snapshot.ts'
import { MEMBERSHIP_KEY, readMembershipRow } from './raft-rows.ts'
import type { Replica } from './replica.ts'

/** A snapshot of this member as it can be sent: the message that names what it shows, and the bytes. */
export interface OutgoingSnapshot {
  readonly offer: InstallSnapshot
  /** To be read once. Ends the view that it reads from. */
  readonly chunks: AsyncIterable<Buffer>
}

/**
 * Opens what the disk holds: as new as the last flush (`Replica.requestFlush`).
 *
 * @param offer What the core asked for, some time ago.
 * @returns undefined when a later term has reached the disk since: no leader of the offer's term may speak of it, and whoever leads
 * now makes an offer of its own.
 */
export async function openOutgoing(disk: Disk, offer: InstallSnapshot): Promise<OutgoingSnapshot | undefined> {
  const view = disk.view()
  try {
    const membership = readMembershipRow(await readOne(view, MEMBERSHIP_KEY))
    const snapshot = await openSnapshot(view)
    const { appliedIndex, appliedTerm, stampMs } = snapshot.marks
    if (appliedTerm > offer.term) {
      await view.close()
      return undefined
    }
    const meta = { index: appliedIndex, term: appliedTerm, stampMs, membership }
    return { offer: { ...offer, snapshot: meta }, chunks: closing(snapshot.chunks(), view) }
  } catch (error) {
    await view.close()
    throw error
  }
}

/**
 * Stages rows under `generation`, where nothing may be yet, and offers them to the core.
 *
 * @returns whether the core took them. Rejects when the stream is damaged or cut short. Of what was not taken nothing is left.
 */
export async function stageIncoming(
  replica: Replica,
  disk: Disk,
  generation: number,
  message: InstallSnapshot,
  chunks: AsyncIterable<Buffer>,
  options: StoreOptions,
): Promise<boolean> {
  const staged = await stageSnapshot(disk, generation, chunks, options)
  const { appliedIndex, appliedTerm, stampMs } = staged.marks
  const { index, term, stampMs: offeredMs } = message.snapshot
  const accepted =
    appliedIndex === index &&
    appliedTerm === term &&
    stampMs === offeredMs &&
    (await new Promise<boolean>((resolve) => {
      replica.installStaged(message, { generation, store: staged.stateMachine }, resolve)
    }))
  if (!accepted) await clearGeneration(disk, generation)
  return accepted
}

/** Deletes the rows of a generation that nobody refers to. */
export async function clearGeneration(disk: Disk, generation: number): Promise<void> {
  for (const { gte, lt } of generationRanges(generation)) await disk.clearRange(gte, lt)
}

async function readOne(view: DiskView, key: Buffer): Promise<Buffer> {
  const [found] = await view.entries(key, keyAfter(key), { limit: 1 })
  if (found === undefined) throw new Error('cannot make a snapshot: the membership row is missing')
  return found[1]
}

async function* closing(chunks: AsyncIterable<Buffer>, view: DiskView): AsyncIterable<Buffer> {
  try {
    yield* chunks
  } finally {
    await view.close()
  }
}
