/**
 * Conditions that keep a member from starting, or end it.
 *
 * Owns: the codes, which are API, and the class that carries them. Messages are one sentence for the user.
 */

/** Every code of a MemberError. Never reused. */
export type MemberErrorCode =
  /** A listener could not be had. */
  | 'MUSTER_LISTEN_FAILED'
  /** This process may have too few files open to serve anybody. */
  | 'MUSTER_FEW_OPEN_FILES'
  /** The cluster to be joined does not answer, or is not the one of the options. */
  | 'MUSTER_JOIN_FAILED'
  /** This member has been part of the cluster before, and its data are gone. */
  | 'MUSTER_ALREADY_BOOTSTRAPPED'
  /** A new cluster was to be made of a member that has no data. */
  | 'MUSTER_NOTHING_TO_KEEP'
  /** The cluster removed this member; its data is of no use any more. */
  | 'MUSTER_MEMBER_REMOVED'

export class MemberError extends Error {
  override readonly name = 'MemberError'
  readonly code: MemberErrorCode

  constructor(code: MemberErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.code = code
  }
}
