/**
 * Conditions that keep an instance from being registered, or an agent from doing its work.
 *
 * Owns: the codes, which are API, and the class that carries them. Leaves to others: failures of the store (`ClientError`).
 */

/** Every code of a RegisterError. Never reused. */
export type RegisterErrorCode =
  /** Name, id, address or metadata of an instance cannot be written as they are. */
  | 'MUSTER_REGISTER_BAD_INSTANCE'
  /** The settings contradict each other, as a TTL of less than three heartbeats. */
  | 'MUSTER_REGISTER_BAD_SETTINGS'
  /** A file of services cannot be read, or says something that it must not. */
  | 'MUSTER_REGISTER_BAD_FILE'
  /** Another agent that is alive works under this host's name. */
  | 'MUSTER_REGISTER_DUPLICATE_AGENT'
  /** No agent of this machine has the instance, or none can be asked. */
  | 'MUSTER_REGISTER_NO_AGENT'
  /** The container engine cannot be asked. */
  | 'MUSTER_REGISTER_ENGINE'

export class RegisterError extends Error {
  override readonly name = 'RegisterError'
  readonly code: RegisterErrorCode

  constructor(code: RegisterErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}
