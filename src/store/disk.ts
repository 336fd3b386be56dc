/**
 * The disk as the rest of the server sees it. Types only.
 *
 * Owns: what a write, a view and a range promise. Leaves to others: LevelDB (database.ts), the fake of the simulator
 * (tests), which rows there are (rows.ts, and the replica's own).
 */
import type { Row } from './rows.ts'

/** A row as it was read. The buffers belong to the reader. */
export type DiskEntry = readonly [key: Buffer, value: Buffer]

export interface EntriesOptions {
  /** At most so many entries, 1 or more. */
  readonly limit: number
  /** Stop after the entry that reaches so many bytes of keys and values. Default 1 MiB. */
  readonly bytesMax?: number
  /** From the last key downwards. */
  readonly reverse?: boolean
}

/** The rows of one moment. Writes made later are not seen. Must be closed. */
export interface DiskView {
  /**
   * The first entries of the range `gte` ≤ key < `lt`, in byte order of the keys. An answer may be shorter than
   * `limit`; only an empty one means that the range is exhausted. To go on, ask again from behind the last key
   * (`keyAfter` in rows.ts).
   */
  entries(gte: Buffer, lt: Buffer, options: EntriesOptions): Promise<DiskEntry[]>
  close(): Promise<void>
}

/** One member's rows. */
export interface Disk {
  /**
   * Writes `rows` as one atomic batch, later rows winning over earlier ones for the same key. Batches take effect in
   * the order of the calls, and a crash loses a suffix of them only.
   *
   * @param sync When true, this batch and all before it survive a power cut once the promise resolves, and every view
   *   opened after that shows them. When false, the promise only says that the rows are in order behind the others.
   *   `write([], true)` is the way to make certain of everything before it.
   * @throws StoreError MUSTER_DISK_FAILED: nothing may be assumed about the batch, and the process should end.
   */
  write(rows: readonly Row[], sync: boolean): Promise<void>
  /** Deletes every row of `gte` ≤ key < `lt`. Not atomic, not synced: for rows that nobody refers to any more. */
  clearRange(gte: Buffer, lt: Buffer): Promise<void>
  /** A view of this moment; it shows at least every synced write. */
  view(): DiskView
  /** One row, or undefined. Sees at least every synced write. */
  get(key: Buffer): Promise<Buffer | undefined>
  /** Writes what is unsynced, then closes. No call may follow. */
  close(): Promise<void>
}
