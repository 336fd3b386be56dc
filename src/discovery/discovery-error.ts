/**
 * Conditions that keep a member from learning who the first members are.
 *
 * Owns: the codes, which are API, and the class that carries them. Messages are one sentence for the user; where etcd has
 * one, it is part of ours, since people search for those.
 */
import type { InitialMember } from '../config/config.ts'

/** Every code of a DiscoveryError. Never reused. */
export type DiscoveryErrorCode =
  /** The cluster of the token has all its members, and this is none of them. */
  | 'MUSTER_DISCOVERY_FULL'
  /** This member stands in the registry of the token already. */
  | 'MUSTER_DISCOVERY_TAKEN'
  /** The token is of no use: no size, or entries that make no cluster. */
  | 'MUSTER_DISCOVERY_BAD_TOKEN'
  /** The SRV records of the domain make no cluster that this member is in. */
  | 'MUSTER_DISCOVERY_SRV'

export class DiscoveryError extends Error {
  override readonly name = 'DiscoveryError'
  readonly code: DiscoveryErrorCode
  /** The members of the cluster that is full; empty for other codes. */
  readonly members: readonly InitialMember[]

  constructor(code: DiscoveryErrorCode, message: string, members: readonly InitialMember[] = [], cause?: unknown) {
    super(message, { cause })
    this.code = code
    this.members = members
  }
}
