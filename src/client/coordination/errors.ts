/**
 * What ends a session, a lock or a leadership, as errors with a stable `code`.
 *
 * They are the `reason` of signals, and what waiting calls reject with.
 */

export type CoordinationErrorCode =
  | 'MUSTER_SESSION_LOST'
  | 'MUSTER_SESSION_CLOSED'
  | 'MUSTER_SESSION_FULL'
  | 'MUSTER_LOCK_LOST'
  | 'MUSTER_LOCK_RELEASED'

/** Whoever gets one holds nothing any more, as far as this process can tell. */
export class CoordinationError extends Error {
  override readonly name = 'CoordinationError'
  readonly code: CoordinationErrorCode

  constructor(code: CoordinationErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}
