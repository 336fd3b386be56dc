/**
 * What a replica needs from outside, and the conditions that stop it.
 *
 * Owns: the ports (transport, clock, random, log). The disk's port is `store/disk.ts`. Each method says what it promises
 * about order, blocking and failure; the simulator's fakes keep the same promises.
 */
import type { Message, Propose } from '../raft/message.ts'
import type { MemberId } from '../raft/types.ts'

/** Sends messages to other members. Never blocks, never throws; may drop, and then says so through `PeerEvents`. */
export interface Transport {
  /** Messages to one remote arrive in order while its stream lasts. Those to an unknown or unreachable one are dropped. */
  send(messages: readonly Message[]): void
  /** The members to talk to, by id, each with its peer URLs. Streams to others are closed. Idempotent. */
  setRemotes(remotes: ReadonlyMap<MemberId, readonly string[]>): void
  /** Starts sending a snapshot of the present state to `to`; ends in `PeerEvents.snapshotSent`. */
  sendSnapshot(to: MemberId, message: Message): void
}

/** What the transport tells the replica. Calls may come at any time between turns, never inside `Transport` methods. */
export interface PeerEvents {
  /** Decoded and shape-checked messages of one frame, in order. */
  receive(messages: readonly Message[]): void
  /**
   * Messages to `id` were dropped, or the stream broke.
   *
   * @param unsent proposals among them that were never handed to a socket. What broke on its way is not among them.
   */
  unreachable(id: MemberId, unsent: readonly Propose[]): void
  /** The stream to `id` was closed by its end and a redial was refused: nobody listens there any more. */
  gone(id: MemberId): void
  /** The snapshot to `id` arrived and was staged there, or did not. */
  snapshotSent(id: MemberId, ok: boolean): void
}

/** Time as the replica may know it. */
export interface Clock {
  /** Monotonic milliseconds since some moment. Never goes back, does not follow the wall clock. */
  monotonicMs(): number
  /** Wall time, milliseconds since 1970. Shown to clients, never used to decide. */
  wallMs(): number
  /** What a test let pass for keys alone since this was asked last, milliseconds. Missing where time only passes by itself. */
  skippedMs?(): number
}

/** A log of structured lines; pino fits. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Codes of the conditions that a waiting client may meet. Stable; the wording is not. */
export type ConditionCode =
  /** There was no leader when it was asked. Nothing was applied. */
  | 'MUSTER_NO_LEADER'
  /** Time ran out. A write may still be applied: its fate is unknown. */
  | 'MUSTER_TIMEOUT'
  /** Time ran out and the leader had changed meanwhile. Fate unknown. */
  | 'MUSTER_TIMEOUT_LEADER_LOST'
  /** Time ran out and no contact with leader or quorum was had meanwhile. Fate unknown. */
  | 'MUSTER_TIMEOUT_CONNECTION_LOST'
  /** A queue with a bound is full. Nothing was applied. */
  | 'MUSTER_OVERLOADED'
  /** This member is shutting down. A write handed over before may still be applied. */
  | 'MUSTER_STOPPED'

/** The world got in the way of a request. A value, not thrown: it is on the hot path. */
export interface Condition {
  readonly ok: false
  readonly condition: ConditionCode
}
