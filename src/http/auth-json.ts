/**
 * Users and roles as JSON: bodies that come in, answers that go out.
 *
 * Owns: how Go decodes a body (names of fields in any case, null for nothing, what follows the first value is not looked at), and
 * the order of fields going out. Leaves to others: what is done with them (auth/).
 */
import type { AuthRecords, Patterns, Permissions, Role, User } from '../auth/records.ts'
import type { RoleInput } from '../auth/roles.ts'
import type { UserInput } from '../auth/users.ts'
import { jsonString } from './keys/json.ts'
import type { Pieces } from './keys/pieces.ts'

/** Takes the value of a field. False: it is of the wrong kind. */
type Take = (value: unknown) => boolean

/** The body of a PUT of a user. Undefined: it is not that. */
export function decodeUser(text: string): UserInput | undefined {
  const input = { user: '', password: '', roles: null as Patterns, grant: null as Patterns, revoke: null as Patterns }
  const taken = decodeFirst(text, {
    user: takeString((value) => (input.user = value)),
    password: takeString((value) => (input.password = value)),
    roles: takeList((value) => (input.roles = value)),
    grant: takeList((value) => (input.grant = value)),
    revoke: takeList((value) => (input.revoke = value)),
  })
  return taken ? input : undefined
}

/** The body of a PUT of a role. Undefined: it is not that. */
export function decodeRole(text: string): RoleInput | undefined {
  const input = {
    role: '',
    permissions: NOTHING,
    grant: undefined as Permissions | undefined,
    revoke: undefined as Permissions | undefined,
  }
  const taken = decodeFirst(text, {
    role: takeString((value) => (input.role = value)),
    permissions: takePermissions((value) => (input.permissions = value ?? NOTHING)),
    grant: takePermissions((value) => (input.grant = value)),
    revoke: takePermissions((value) => (input.revoke = value)),
  })
  return taken ? input : undefined
}

const NOTHING: Permissions = { kv: { read: null, write: null } }

function decodeFirst(text: string, fields: Readonly<Record<string, Take>>): boolean {
  const first = firstValue(text)
  if (first === undefined) return false
  try {
    return takeFields(JSON.parse(first), fields)
  } catch {
    return false
  }
}

/** The text of the first JSON value, when it is an object or null: no other is of use. Its end may be missing. */
function firstValue(text: string): string | undefined {
  const start = /[^ \t\r\n]/.exec(text)?.index ?? text.length
  if (text.startsWith('null', start)) return 'null'
  if (text[start] !== '{') return undefined
  const marks = /["{}]|\\./g
  marks.lastIndex = start
  let depth = 0
  let quoted = false
  for (let mark = marks.exec(text); mark !== null; mark = marks.exec(text)) {
    if (mark[0] === '"') quoted = !quoted
    else if (quoted) continue
    else if (mark[0] === '{') depth += 1
    else if (mark[0] === '}') depth -= 1
    if (depth === 0) return text.slice(start, marks.lastIndex)
  }
  return undefined
}

function takeFields(value: unknown, fields: Readonly<Record<string, Take>>): boolean {
  if (value === null) return true
  if (typeof value !== 'object' || Array.isArray(value)) return false
  for (const [name, each] of Object.entries(value)) {
    const folded = name.toLowerCase()
    const take = Object.hasOwn(fields, folded) ? fields[folded] : undefined
    if (take !== undefined && !take(each)) return false
  }
  return true
}

function takeString(set: (value: string) => void): Take {
  return (value) => {
    if (typeof value === 'string') set(value.toWellFormed())
    return value === null || typeof value === 'string'
  }
}

function takeList(set: (value: Patterns) => void): Take {
  return (value) => {
    if (value === null) {
      set(null)
      return true
    }
    if (!Array.isArray(value) || value.some((each) => each !== null && typeof each !== 'string')) return false
    set(value.map((each: string | null) => each?.toWellFormed() ?? ''))
    return true
  }
}

function takePermissions(set: (value: Permissions | undefined) => void): Take {
  return (value) => {
    if (value === null) {
      set(undefined)
      return true
    }
    const kv = { read: null as Patterns, write: null as Patterns }
    const lists = { read: takeList((list) => (kv.read = list)), write: takeList((list) => (kv.write = list)) }
    const taken = takeFields(value, { kv: (each) => takeFields(each, lists) })
    if (taken) set({ kv })
    return taken
  }
}

/** A user with the names of its roles: the answer to a change. */
export function renderUser({ user, roles }: User): string {
  return `{"user":${jsonString(user)},"roles":${renderList(roles)}}`
}

/** A user with its roles in full: the answer to a question. @param roles Those that exist. */
export function* userPieces(user: User, roles: readonly Role[]): Pieces {
  const start = `{"user":${jsonString(user.user)}`
  if (roles.length === 0) return `${start}}`
  yield `${start},"roles":[`
  for (const [at, role] of roles.entries()) yield at === 0 ? renderRole(role) : `,${renderRole(role)}`
  return ']}'
}

/** All users, each as it is when its turn comes; roles that do not exist are left out. */
export function* usersPieces(records: AuthRecords): Pieces {
  const names = records.userNames()
  if (names.length === 0) return '{"users":null}\n'
  yield '{"users":['
  let separator = ''
  for (const name of names) {
    const user = records.user(name)
    if (user === undefined) continue
    const roles = (user.roles ?? []).map((role) => records.role(role)).filter((role) => role !== undefined)
    yield separator
    yield yield* userPieces(user, roles)
    separator = ','
  }
  return ']}\n'
}

/** All roles, each as it is when its turn comes. */
export function* rolesPieces(records: AuthRecords): Pieces {
  yield '{"roles":['
  let separator = ''
  for (const name of records.roleNames()) {
    const role = records.role(name)
    if (role === undefined) continue
    yield `${separator}${renderRole(role)}`
    separator = ','
  }
  return ']}\n'
}

/** A role. */
export function renderRole({ role, permissions, grant, revoke }: Role): string {
  let text = `{"role":${jsonString(role)},"permissions":${renderPermissions(permissions)}`
  if (grant !== undefined) text += `,"grant":${renderPermissions(grant)}`
  if (revoke !== undefined) text += `,"revoke":${renderPermissions(revoke)}`
  return `${text}}`
}

function renderPermissions({ kv }: Permissions): string {
  return `{"kv":{"read":${renderList(kv.read)},"write":${renderList(kv.write)}}}`
}

function renderList(list: Patterns): string {
  return list === null ? 'null' : `[${list.map(jsonString).join(',')}]`
}
