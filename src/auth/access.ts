/**
 * Who may do what: patterns, roles, users, guests. Pure.
 *
 * Owns: section 10.5 of the API page, from a known user to yes or no. Leaves to others: who is asking (logins), requests (http/guard.ts).
 */
import { type AuthRecords, GUEST, type Patterns, type Permissions, ROOT, type User } from './records.ts'

/** A request to the key space, as far as it matters here. */
export interface KeyQuestion {
  /** What follows `/v2/keys` in the path, decoded and otherwise as it came: empty, or begins with `/`. */
  readonly key: string
  readonly write: boolean
  /** The request said `recursive=true`, whatever its method. */
  readonly recursive: boolean
}

/**
 * Whether a pattern covers a key. One that ends in `*` covers what begins with the rest of it; a `*` elsewhere stands for itself;
 * any other covers just that key. An empty one covers nothing (etcd crashes on it).
 */
export function covers(pattern: string, key: string): boolean {
  return isPrefix(pattern) ? startsWithPrefix(pattern, key) : pattern === key && pattern !== ''
}

/** Whether a pattern covers a key with all that is below it: only one that ends in `*` can. */
export function coversBelow(pattern: string, key: string): boolean {
  return isPrefix(pattern) && startsWithPrefix(pattern, key)
}

function isPrefix(pattern: string): boolean {
  return pattern.charCodeAt(pattern.length - 1) === 42
}

function startsWithPrefix(pattern: string, key: string): boolean {
  return key.startsWith(pattern.slice(0, -1))
}

/** Whether any role of a user allows it. Roles that do not exist are skipped; guest's rights do not count. */
export function mayUser(records: AuthRecords, user: User, question: KeyQuestion): boolean {
  if (user.roles === null) return false
  const match = question.recursive ? coversBelow : covers
  for (const name of user.roles) {
    if (name === ROOT) return true
    const role = records.role(name)
    if (role !== undefined && any(patternsOf(role.permissions, question), question.key, match)) return true
  }
  return false
}

/** Whether a request without credentials may. As in etcd, `recursive` asks no more of guests than any request. */
export function mayGuest(records: AuthRecords, question: KeyQuestion): boolean {
  const role = records.role(GUEST)
  return role !== undefined && any(patternsOf(role.permissions, question), question.key, covers)
}

/** Whether a user is an administrator: may change users, roles, members and the flag. */
export function isRoot(user: User): boolean {
  return user.roles?.includes(ROOT) === true
}

function patternsOf({ kv }: Permissions, { write }: KeyQuestion): Patterns {
  return write ? kv.write : kv.read
}

function any(patterns: Patterns, key: string, match: (pattern: string, key: string) => boolean): boolean {
  if (patterns === null) return false
  for (const pattern of patterns) if (match(pattern, key)) return true
  return false
}
