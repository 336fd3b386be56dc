/**
 * What PUT and DELETE make of a user. Pure.
 *
 * Owns: the tables of section 10.3 of the API page, in etcd's order of checks. Leaves to others: JSON, hashing, replication.
 */
import { change, type Decision, RECORDS_MAX, refuse, refuseAnother, refuseLate } from './decision.ts'
import { type AuthRecords, putUser, ROOT, sortedNames, type User } from './records.ts'

/** The body of a PUT, decoded. Null lists were not given. */
export interface UserInput {
  readonly user: string
  readonly password: string
  readonly roles: readonly string[] | null
  readonly grant: readonly string[] | null
  readonly revoke: readonly string[] | null
}

/**
 * PUT `/v2/auth/users/NAME`.
 *
 * @param name Of the URL.
 * @param hash Of the password that the body holds. Any other text serves as well to learn whether there is a change.
 */
export function decideUserPut(records: AuthRecords, name: string, input: UserInput, hash: string): Decision {
  if (input.user !== name) return refuse(400, 'User JSON name does not match the name in the URL')
  const grants = isGiven(input.grant) || isGiven(input.revoke)
  if (grants && isGiven(input.roles)) return refuse(400, 'User JSON contains both roles and grant/revoke')
  const old = records.user(name)
  if (!grants && (isGiven(input.roles) || old === undefined)) return create(records, input, hash, old)
  return old === undefined ? refuse(404, `auth: User ${name} does not exist.`) : update(old, input, hash)
}

/** DELETE `/v2/auth/users/NAME`. */
export function decideUserDelete(records: AuthRecords, name: string): Decision {
  if (records.enabled && name === ROOT) return refuse(403, 'auth: Cannot delete root user while auth is enabled.')
  if (records.user(name) === undefined) return refuseLate(404, `auth: User ${name} does not exist`)
  return change(200, [{ key: `users/${name}`, value: undefined }], undefined)
}

function create(records: AuthRecords, input: UserInput, hash: string, old: User | undefined): Decision {
  const { user: name, password } = input
  if (password === '') return refuse(400, `auth: Cannot create user ${name} with an empty password`)
  if (old !== undefined) return refuseLate(409, `auth: User ${name} already exists.`)
  if (records.count('users') >= RECORDS_MAX) return refuseAnother('users')
  const given = input.roles ?? null
  const roles = name === ROOT && given?.includes(ROOT) !== true ? [...(given ?? []), ROOT] : given
  const user: User = { user: name, hash, roles }
  // Whoever names roles must mean a new user, and is told that it is there; whoever does not is told that it is new.
  return change(isGiven(given) ? 200 : 201, [putUser(user)], { user })
}

/** All grants, then all revokes, or none. */
function update(old: User, input: UserInput, hash: string): Decision {
  const roles = new Set(old.roles)
  for (const role of input.grant ?? []) {
    if (roles.has(role)) return refuse(409, `auth: Granting duplicate role ${role} for user ${old.user}`)
    roles.add(role)
  }
  for (const role of input.revoke ?? []) {
    if (!roles.delete(role)) return refuse(409, `auth: Revoking ungranted role ${role} for user ${old.user}`)
  }
  const user: User = { user: old.user, hash: input.password === '' ? old.hash : hash, roles: sortedNames(roles) }
  if (user.hash === old.hash && isSame(user.roles, old.roles)) {
    return refuse(400, 'auth: User not updated. Use grant/revoke/password to update the user.')
  }
  return change(200, [putUser(user)], { user })
}

function isGiven(list: readonly string[] | null): boolean {
  return list !== null && list.length > 0
}

/** Null is another list than an empty one, and order counts. */
function isSame(a: readonly string[] | null, b: readonly string[] | null): boolean {
  if (a === null || b === null) return a === b
  return a.length === b.length && a.every((name, at) => name === b[at])
}
