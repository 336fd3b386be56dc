/**
 * Conditions that keep a member from starting, or end it.
 *
 * Owns: the codes, which are API, and the class that carries them. Messages are one sentence for the user.
 */

/** Every code of a MemberError. Never reused. */
export type MemberErrorCode =
  /** The options do not say which cluster this member belongs to. */
  | 'MUSTER_CLUSTER_UNCLEAR'
  /** A listener could not be had. */
  | 'MUSTER_LISTEN_FAILED'
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
