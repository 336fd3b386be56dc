/**
 * Who may do what: roles, users, guests. Pure.
 *
 * Owns: section 10.5 of the API page, from a known user to yes or no. Leaves to others: what a pattern covers
 * (patterns), who is asking (logins), requests (http/guard.ts).
 */
import { type AuthRecords, GUEST, ROOT, type User } from './records.ts'

/** A request to the key space, as far as it matters here. */
export interface KeyQuestion {
  /** What follows `/v2/keys` in the path, decoded and otherwise as it came: empty, or begins with `/`. */
  readonly key: string
  readonly write: boolean
  /** The request said `recursive=true`, whatever its method. */
  readonly recursive: boolean
}

/** Whether any role of a user allows it. Roles that do not exist are skipped; guest's rights do not count. */
export function mayUser(records: AuthRecords, user: User, { key, write, recursive }: KeyQuestion): boolean {
  if (user.roles === null) return false
  for (const name of user.roles) {
    if (name === ROOT) return true
    const rules = records.rules(name)
    if (rules === undefined) continue
    const patterns = write ? rules.write : rules.read
    if (recursive ? patterns.coversBelow(key) : patterns.covers(key)) return true
  }
  return false
}

/** Whether a request without credentials may. As in etcd, `recursive` asks no more of guests than any request. */
export function mayGuest(records: AuthRecords, { key, write }: KeyQuestion): boolean {
  const rules = records.rules(GUEST)
  return rules !== undefined && (write ? rules.write : rules.read).covers(key)
}

/** Whether a user is an administrator: may change users, roles, members and the flag. */
export function isRoot(user: User): boolean {
  return user.roles?.includes(ROOT) === true
}
