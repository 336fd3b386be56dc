/**
 * Conditions of the store's surroundings: disk, data directory, snapshots, data of a newer release.
 *
 * Owns: the codes, which are API, and the class that carries them. Messages are for people and may change.
 */

/** Every code of a StoreError. Never reused. */
export type StoreErrorCode =
  /** Another process has the data directory open. */
  | 'MUSTER_DATA_DIR_LOCKED'
  /** The directory holds something that is not ours. */
  | 'MUSTER_DATA_DIR_FOREIGN'
  /** The directory cannot be made, read or written. */
  | 'MUSTER_DATA_DIR_UNUSABLE'
  /** A newer release wrote the data directory. */
  | 'MUSTER_DATA_FORMAT_NEWER'
  /** An entry or row is of a kind that only a newer release knows. */
  | 'MUSTER_COMMAND_UNKNOWN'
  /** The disk refused a read or a write. The process ends. */
  | 'MUSTER_DISK_FAILED'
  /** Rows on disk do not decode: damaged, or not ours. */
  | 'MUSTER_DATA_DAMAGED'
  /** A snapshot was cut short, damaged or abandoned. Nothing of it was kept. */
  | 'MUSTER_SNAPSHOT_BROKEN'

/** A condition: the world got in the way. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly code: StoreErrorCode

  constructor(code: StoreErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.code = code
  }
}
