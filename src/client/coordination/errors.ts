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

/** What each says, as `ClientError` does. A session that is over does not come back; what hung on it can be had again by another. */
const FATES: Readonly<Record<CoordinationErrorCode, { readonly definite: boolean; readonly retriable: boolean }>> = {
  MUSTER_SESSION_LOST: { definite: false, retriable: false },
  MUSTER_SESSION_CLOSED: { definite: true, retriable: false },
  MUSTER_SESSION_FULL: { definite: true, retriable: true },
  MUSTER_LOCK_LOST: { definite: true, retriable: true },
  MUSTER_LOCK_RELEASED: { definite: true, retriable: true },
}

/** Whoever gets one holds nothing any more, as far as this process can tell. */
export class CoordinationError extends Error {
  override readonly name = 'CoordinationError'
  readonly code: CoordinationErrorCode
  /** False: the store may still keep for us what was held, until its TTL ends. True: a server said that it is gone, or we gave it up. */
  readonly definite: boolean
  /** Whether the same call, with the same session where one was given, may succeed later. */
  readonly retriable: boolean

  constructor(code: CoordinationErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.definite = FATES[code].definite
    this.retriable = FATES[code].retriable
  }
}
