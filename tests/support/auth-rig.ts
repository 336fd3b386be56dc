/**
 * Users, roles and the flag of a true store, without a server.
 *
 * Owns: short forms of records, and carrying decisions out at once. Asserts nothing.
 */
import type { Decision } from '../../src/auth/decision.ts'
import { AuthRecords, type Permissions, putRole, putUser } from '../../src/auth/records.ts'
import type { RoleInput } from '../../src/auth/roles.ts'
import type { UserInput } from '../../src/auth/users.ts'
import type { AuthPut } from '../../src/store/command.ts'
import { StoreRig } from './store-rig.ts'

/** What a role may. */
export function rights(read: readonly string[] | null, write: readonly string[] | null = null): Permissions {
  return { kv: { read, write } }
}

/** The body of a PUT of a user. */
export function userInput(user: string, more: Partial<UserInput> = {}): UserInput {
  return { user, password: '', roles: null, grant: null, revoke: null, ...more }
}

/** The body of a PUT of a role. */
export function roleInput(role: string, more: Partial<RoleInput> = {}): RoleInput {
  return { role, permissions: rights(null), grant: undefined, revoke: undefined, ...more }
}

export class AuthRig {
  readonly rig = new StoreRig()
  readonly records = new AuthRecords(() => this.rig.store.auth)

  /** Writes records as they are. */
  put(...puts: readonly AuthPut[]): void {
    this.rig.apply({ kind: 'auth', prevAuthIndex: this.records.index, puts })
  }

  /** A user whose hash is `hash of NAME`. */
  user(user: string, roles: readonly string[] | null = null, hash = `hash of ${user}`): void {
    this.put(putUser({ user, hash, roles }))
  }

  role(role: string, permissions: Permissions): void {
    this.put(putRole({ role, permissions }))
  }

  enable(): void {
    this.put({ key: 'enabled', value: 'true' })
  }

  /** Carries a decision out, if it is a change. What it was: `STATUS MESSAGE`, or the status alone. */
  do(decision: Decision): string {
    if (decision.kind === 'refused') return `${decision.status} ${decision.message}`
    this.put(...decision.puts)
    return `${decision.status}`
  }
}
