/**
 * What a request to change users, roles or the flag comes to.
 *
 * Owns: the shapes, and the bounds of what is kept. Leaves to others: deciding (users, roles, flag), doing it (administration).
 */
import type { AuthPut } from '../store/command.ts'
import type { Role, User } from './records.ts'

/** The answer is no, or there is nothing to do. */
export interface Refused {
  readonly kind: 'refused'
  readonly status: number
  /** Exactly as on the wire. */
  readonly message: string
  /** etcd has by then asked its store to change something, and so made its directories if they were missing. */
  readonly lays: boolean
}

/** Done once these puts are. */
export interface Change {
  readonly kind: 'change'
  readonly status: 200 | 201
  readonly puts: readonly AuthPut[]
  /** What the body shows; undefined: it is empty. */
  readonly shown: { readonly user: User } | { readonly role: Role } | undefined
}

export type Decision = Refused | Change

/** Users, and roles, that may exist. One more is refused. */
export const RECORDS_MAX = 10_000
/** Characters that the record of a user or role may have. A change that leads to more is refused. */
export const RECORD_LENGTH_MAX = 256 * 1024

/** Refuses before the store was asked for anything. */
export function refuse(status: number, message: string): Refused {
  return { kind: 'refused', status, message, lays: false }
}

/** Refuses as a store would that was asked to make the change. */
export function refuseLate(status: number, message: string): Refused {
  return { kind: 'refused', status, message, lays: true }
}

/** A change, unless it would go beyond a bound. */
export function change(status: 200 | 201, puts: readonly AuthPut[], shown: Change['shown']): Decision {
  if (puts.some(({ value }) => (value?.length ?? 0) > RECORD_LENGTH_MAX))
    return refuse(413, 'auth: The record is too large')
  return { kind: 'change', status, puts, shown }
}

/** The refusal of one record too many. */
export function refuseAnother(what: 'users' | 'roles'): Refused {
  return refuse(403, `auth: There are as many ${what} as there may be`)
}
