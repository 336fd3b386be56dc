/**
 * The loop around a replica: wake, poll, await the disk, written. The only place with `await` on the write path.
 *
 * Owns: turns as they meet the disk, the ticker, and the end of the process's trust in itself when the disk fails. Leaves
 * to `snapshots.ts` the two slow paths that touch the disk beside the turns.
 */
import type { InstallSnapshot } from '../raft/message.ts'
import type { Disk } from '../store/disk.ts'
import type { StoreOptions } from '../store/options.ts'
import { keyAfter } from '../store/rows.ts'
import type { Log } from './ports.ts'
import { RAFT_ROWS_FROM, RAFT_ROWS_TO, type RaftState, readRaftRows } from './raft-rows.ts'
import type { Replica } from './replica.ts'
import { clearGeneration, type OutgoingSnapshot, openOutgoing, stageIncoming } from './snapshots.ts'

export interface DriverOptions {
  readonly disk: Disk
  readonly tickMs: number
  readonly log: Log
  readonly storeOptions: StoreOptions
  /** Called once when a turn failed: the disk refused, or an invariant broke. The process must end. */
  readonly onFatal: (error: Error) => void
}

/** How long followers may not know that an entry is committed when nothing follows it. A watcher there waits for it. */
const LATER_MS = 2

/** Entries read from the disk in one go while restoring. */
const READ_BATCH = 1000

/** Reads what the raft rows say, or undefined for a fresh data directory. Fails when rows are damaged. */
export async function readRaftState(disk: Disk): Promise<RaftState | undefined> {
  const view = disk.view()
  const rows: (readonly [Buffer, Buffer])[] = []
  try {
    let from: Buffer = RAFT_ROWS_FROM
    for (;;) {
      const batch = await view.entries(from, RAFT_ROWS_TO, { limit: READ_BATCH })
      const last = batch.at(-1)
      if (last === undefined) break
      rows.push(...batch)
      from = keyAfter(last[0])
    }
  } finally {
    await view.close()
  }
  return readRaftRows(rows)
}

export class Driver {
  readonly #options: DriverOptions
  #replica: Replica | undefined
  #ticker: NodeJS.Timeout | undefined
  #laterTimer: NodeJS.Timeout | undefined
  /** Who waits for a flush; let go when it cannot come any more. */
  readonly #awaiting = new Set<() => void>()
  #scheduled = false
  #running = false
  /** Woken during a turn: a client that was answered may at once have asked again. */
  #wanted = false
  #stopping = false
  #failed = false
  #turnEnd: Promise<void> = Promise.resolve()
  #nextGeneration = 0

  constructor(options: DriverOptions) {
    this.#options = options
  }

  /** What the replica calls when there is something to do. Everything that arrives in this pass of the loop shares a turn. */
  readonly wake = (): void => {
    if (this.#running) this.#wanted = true
    if (this.#scheduled || this.#running) return
    this.#scheduled = true
    setImmediate(this.#begin)
  }

  /** What the replica calls when followers may hear of a commit in a moment. The next entries usually carry it before. */
  readonly later = (): void => {
    this.#laterTimer ??= setTimeout(this.#tellCommit, LATER_MS)
  }

  start(replica: Replica): void {
    this.#replica = replica
    this.#nextGeneration = replica.generation + 1
    this.#ticker = setInterval(() => replica.tick(), this.#options.tickMs)
    this.wake()
  }

  /** Puts all that was applied on disk, then ends the loop. Nothing is polled afterwards. */
  async stop(): Promise<void> {
    if (this.#stopping) return
    await this.#flushed()
    this.#stopping = true
    clearInterval(this.#ticker)
    clearTimeout(this.#laterTimer)
    await this.#turnEnd
  }

  /**
   * Opens what this member can send as a snapshot: at least as new as everything applied when it was called. Undefined: the term of
   * the offer is over.
   */
  async openSnapshot(offer: InstallSnapshot): Promise<OutgoingSnapshot | undefined> {
    await this.#flushed()
    return openOutgoing(this.#options.disk, offer)
  }

  /**
   * Stages a snapshot that is being received and offers it to the core.
   *
   * @returns whether the core took it. Rejects when the stream is damaged or cut short; nothing is left of it then.
   */
  async stage(message: InstallSnapshot, chunks: AsyncIterable<Buffer>): Promise<boolean> {
    const replica = this.#replica
    if (replica === undefined || this.#stopping) return false
    const { disk, storeOptions } = this.#options
    return stageIncoming(replica, disk, this.#nextGeneration++, message, chunks, storeOptions)
  }

  /** Resolves when the rows of all that was applied so far are on disk; at once when no turn can run any more. */
  async #flushed(): Promise<void> {
    const replica = this.#replica
    if (replica === undefined || this.#failed || this.#stopping) return
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#awaiting.delete(done)
        resolve()
      }
      this.#awaiting.add(done)
      replica.requestFlush(done)
    })
  }

  readonly #tellCommit = (): void => {
    this.#laterTimer = undefined
    this.#replica?.tellCommit()
  }

  readonly #begin = (): void => {
    this.#scheduled = false
    this.#running = true
    this.#turnEnd = this.#turns()
  }

  async #turns(): Promise<void> {
    const replica = this.#replica
    try {
      while (replica !== undefined && !this.#stopping && !this.#failed) {
        this.#wanted = false
        const write = replica.poll()
        if (write === undefined) {
          replica.answer()
          if (this.#wanted) continue
          break
        }
        // A flush without rows of its own still waits for those of earlier turns that were not synced.
        const writing =
          write.rows.length > 0 || write.sync ? this.#options.disk.write(write.rows, write.sync) : undefined
        replica.answer()
        if (writing !== undefined) await writing
        replica.written()
        if (write.retiredGeneration !== undefined) void this.#clear(write.retiredGeneration)
      }
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#running = false
    }
  }

  async #clear(generation: number): Promise<void> {
    try {
      await clearGeneration(this.#options.disk, generation)
    } catch (error) {
      // Rows that nobody refers to: the next start clears them.
      this.#options.log.warn({ err: error, generation }, 'could not clear the rows of a retired generation')
    }
  }

  #fail(error: unknown): void {
    if (this.#failed) return
    this.#failed = true
    clearInterval(this.#ticker)
    clearTimeout(this.#laterTimer)
    for (const done of [...this.#awaiting]) done()
    this.#options.onFatal(error instanceof Error ? error : new Error(String(error)))
  }
}
