/**
 * Users and roles: what a record holds, and reading them.
 *
 * Owns: the shapes, the two names that mean something by themselves, records as text in the store, remembering what was read
 * until something changes. Leaves to others: what a user may (access), what a request makes of a record (users, roles).
 */
import type { AuthPut } from '../store/command.ts'
import { PatternSet } from './patterns.ts'
import type { AuthSource } from './ports.ts'

/** The user that must exist before auth is enabled, and the role that may everything. */
export const ROOT = 'root'
/** The role of requests without credentials. */
export const GUEST = 'guest'

/** Patterns of keys. Null: never given; clients see the difference from an empty list. */
export type Patterns = readonly string[] | null

/** What a role may, as JSON shows it. */
export interface Permissions {
  readonly kv: { readonly read: Patterns; readonly write: Patterns }
}

/** A role, as JSON shows it. */
export interface Role {
  readonly role: string
  readonly permissions: Permissions
  /** Empty ones that came with its creation: etcd keeps them, and shows them. */
  readonly grant?: Permissions
  readonly revoke?: Permissions
}

/** What a role may, made ready for being asked about. */
export interface Rules {
  readonly read: PatternSet
  readonly write: PatternSet
}

/** A user. */
export interface User {
  readonly user: string
  /** As `password.ts` writes it; never shown. */
  readonly hash: string
  /** In the order given at creation, sorted once changed; may name roles that do not exist. Null: never given. */
  readonly roles: readonly string[] | null
}

const SURROGATE = /[\ud800-\udfff]/

const EVERYTHING: Permissions = { kv: { read: ['/*'], write: ['/*'] } }

/** Built in: cannot be made, changed or deleted. */
const ROOT_ROLE: Role = { role: ROOT, permissions: EVERYTHING }
/** What enabling makes of the guest role when there is none. */
export const GUEST_ROLE: Role = { role: GUEST, permissions: EVERYTHING }

/** The put that keeps a user. */
export function putUser(user: User): AuthPut {
  return { key: `users/${user.user}`, value: JSON.stringify(user) }
}

/** The put that keeps a role. */
export function putRole(role: Role): AuthPut {
  return { key: `roles/${role.role}`, value: JSON.stringify(role) }
}

/** By the bytes of their UTF-8, as etcd sorts names and patterns. A new array. */
export function sortedNames(names: Iterable<string>): string[] {
  const sorted = [...names].sort()
  // The order of UTF-16 is that of UTF-8 but for what takes two units.
  if (!sorted.some((name) => SURROGATE.test(name))) return sorted
  const keyed = sorted.map((name) => ({ name, bytes: Buffer.from(name) }))
  return keyed.sort((a, b) => Buffer.compare(a.bytes, b.bytes)).map(({ name }) => name)
}

/** Reads records, each once until something changes. */
export class AuthRecords {
  readonly #source: () => AuthSource
  #index = 0
  readonly #users = new Map<string, User | undefined>()
  readonly #roles = new Map<string, Role | undefined>()
  readonly #rules = new Map<string, Rules | undefined>()

  /** @param source What counts now; it may be another one after a snapshot was installed. */
  constructor(source: () => AuthSource) {
    this.#source = source
  }

  get enabled(): boolean {
    return this.#source().enabled
  }

  /** Store index of the state that is shown. */
  get index(): number {
    return this.#source().index
  }

  /** A user. The one named root always has the role root. */
  user(name: string): User | undefined {
    return this.#read(this.#users, 'users', name, readUser)
  }

  role(name: string): Role | undefined {
    return name === ROOT ? ROOT_ROLE : this.#read(this.#roles, 'roles', name, readRole)
  }

  /** What a role that is not built in may. */
  rules(name: string): Rules | undefined {
    return this.#read(this.#rules, 'roles', name, readRules)
  }

  /** Sorted. */
  userNames(): readonly string[] {
    return sortedNames(this.#source().names('users'))
  }

  /** Sorted, the built-in one among them. */
  roleNames(): readonly string[] {
    return sortedNames([ROOT, ...this.#source().names('roles')])
  }

  count(section: 'users' | 'roles'): number {
    return this.#source().count(section)
  }

  #read<T>(
    seen: Map<string, T | undefined>,
    section: 'users' | 'roles',
    name: string,
    parse: (text: string) => T,
  ): T | undefined {
    const source = this.#source()
    if (source.index !== this.#index) {
      this.#users.clear()
      this.#roles.clear()
      this.#rules.clear()
      this.#index = source.index
    }
    const known = seen.get(name)
    if (known !== undefined) return known
    const text = source.get(section, name)
    // What does not exist is not remembered: anybody may ask for any name.
    if (text === undefined) return undefined
    const record = parse(text)
    seen.set(name, record)
    return record
  }
}

function readUser(text: string): User {
  const user = JSON.parse(text) as User
  if (user.user !== ROOT || user.roles?.includes(ROOT) === true) return user
  return { ...user, roles: [...(user.roles ?? []), ROOT] }
}

function readRole(text: string): Role {
  return JSON.parse(text) as Role
}

function readRules(text: string): Rules {
  const { kv } = readRole(text).permissions
  return { read: new PatternSet(kv.read), write: new PatternSet(kv.write) }
}
