/**
 * What the store answers to a command: an event, or the exact error.
 *
 * Owns: the two shapes and how to tell them apart. Leaves to others: statuses and bodies (HTTP), which error when
 * (writes, comparisons, removals).
 */
import type { ErrorCode } from '../api.ts'
import type { Event } from './event.ts'

/** The answer is no. A value, for it is decided when an entry is applied, alike on every member. */
export interface Failure {
  readonly ok: false
  readonly code: ErrorCode
  /** Exactly as on the wire (API page, table 1.1); empty: not shown. */
  readonly cause: string
  /** The store index at that moment. */
  readonly storeIndex: number
}

/** The change was made. */
export interface Success {
  readonly ok: true
  readonly event: Event
}

export type Outcome = Success | Failure

/** Builds an error outcome. */
export function failure(code: ErrorCode, cause: string, storeIndex: number): Failure {
  return { ok: false, code, cause, storeIndex }
}

/** Tells a lookup's error from a node (or anything else that is no outcome). */
export function isFailure(found: object): found is Failure {
  return 'ok' in found && found.ok === false
}
