/**
 * What PUT and DELETE make of a role. Pure.
 *
 * Owns: the tables of section 10.4 of the API page, in etcd's order of checks. Leaves to others: JSON, replication.
 */
import { change, type Decision, RECORDS_MAX, type Refused, refuse, refuseAnother, refuseLate } from './decision.ts'
import { type AuthRecords, type Patterns, type Permissions, putRole, ROOT, type Role, sortedNames } from './records.ts'

/** The body of a PUT, decoded. Undefined: not given. */
export interface RoleInput {
  readonly role: string
  readonly permissions: Permissions
  readonly grant: Permissions | undefined
  readonly revoke: Permissions | undefined
}

/** PUT `/v2/auth/roles/NAME`. @param name Of the URL. */
export function decideRolePut(records: AuthRecords, name: string, input: RoleInput): Decision {
  if (input.role !== name) return refuse(400, 'Role JSON name does not match the name in the URL')
  const creates = isEmpty(input.grant) && isEmpty(input.revoke)
  if (!creates && !isEmpty(input.permissions)) {
    return refuse(400, 'Role JSON contains both permissions and grant/revoke')
  }
  if (name === ROOT) return refuseRoot()
  const old = records.role(name)
  if (!creates) return old === undefined ? refuse(404, `auth: Role ${name} does not exist.`) : update(old, input)
  if (old !== undefined) return refuseLate(409, `auth: Role ${name} already exists.`)
  if (records.count('roles') >= RECORDS_MAX) return refuseAnother('roles')
  const role: Role = {
    role: name,
    permissions: input.permissions,
    ...(input.grant === undefined ? {} : { grant: input.grant }),
    ...(input.revoke === undefined ? {} : { revoke: input.revoke }),
  }
  return change(201, [putRole(role)], { role })
}

/** DELETE `/v2/auth/roles/NAME`. */
export function decideRoleDelete(records: AuthRecords, name: string): Decision {
  if (name === ROOT) return refuseRoot()
  if (records.role(name) === undefined) return refuseLate(404, `auth: Role ${name} doesn't exist.`)
  return change(200, [{ key: `roles/${name}`, value: undefined }], undefined)
}

function refuseRoot(): Refused {
  return refuse(403, `auth: Cannot modify role ${ROOT}: is root role.`)
}

/** All grants, then all revokes, or none. */
function update(old: Role, input: RoleInput): Decision {
  let { read, write } = old.permissions.kv
  if (input.grant !== undefined) {
    const { kv } = input.grant
    const readers = granted(read, kv.read)
    if (typeof readers === 'string') return refuse(409, `auth: Granting duplicate read permission ${readers}`)
    const writers = granted(write, kv.write)
    if (typeof writers === 'string') return refuse(409, `auth: Granting duplicate write permission ${writers}`)
    read = readers
    write = writers
  }
  if (input.revoke !== undefined) {
    read = revoked(read, input.revoke.kv.read)
    write = revoked(write, input.revoke.kv.write)
  }
  const role: Role = { role: old.role, permissions: { kv: { read, write } } }
  if (JSON.stringify(role) === JSON.stringify(old)) {
    return refuse(400, 'auth: Role not updated. Use grant/revoke to update the role.')
  }
  return change(200, [putRole(role)], { role })
}

/** The list with more in it, sorted; or the pattern that it holds already. */
function granted(list: Patterns, more: Patterns): readonly string[] | string {
  const patterns = new Set(list)
  for (const pattern of more ?? []) {
    if (patterns.has(pattern)) return pattern
    patterns.add(pattern)
  }
  return sortedNames(patterns)
}

/** The list with less in it, sorted. What it does not hold cannot be taken, and that is all right. */
function revoked(list: Patterns, less: Patterns): readonly string[] {
  const patterns = new Set(list)
  for (const pattern of less ?? []) patterns.delete(pattern)
  return sortedNames(patterns)
}

function isEmpty(permissions: Permissions | undefined): boolean {
  if (permissions === undefined) return true
  const { read, write } = permissions.kv
  return (read?.length ?? 0) === 0 && (write?.length ?? 0) === 0
}
