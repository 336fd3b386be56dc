/**
 * Making a change of users, roles or the flag.
 *
 * Owns: the way from a decision to the replicated state: read what is true now, decide, hash, write, and decide again when somebody
 * else was faster. Leaves to others: deciding (users, roles, flag), replication (the member behind the port).
 */
import type { AuthCommand } from '../store/command.ts'
import type { Change, Decision, Refused } from './decision.ts'
import type { AuthRecords } from './records.ts'

/** How often a change is computed anew because another one came first; then it is given up. */
const TRIES_MAX = 16

/** What a change needs from the member. */
export interface AuthWriter {
  /** `done` gets the store's answer; `condition` is there when the world got in the way. */
  write(command: AuthCommand, done: (answer: { readonly ok: boolean; readonly condition?: string }) => void): void
  /** `done` gets undefined once what this member knows is as new as anybody's. */
  quorumRead(done: (refusal: object | undefined) => void): void
}

export interface ChangeRequest {
  /** Decides from the records of this moment. May be called several times. @param hash Of the password, once it was made. */
  readonly decide: (hash: string) => Decision
  /** Asked for when there is a change, once. Undefined: the change needs no password. `done` gets undefined when it is refused. */
  readonly hash: ((done: (hash: string | undefined) => void) => void) | undefined
}

/** `failed`: not done as far as this member knows. `busy`: too many passwords wait to be hashed, nothing was done. */
export type Ended = Refused | Change | 'failed' | 'busy'

/** Carries a change out. @param done Called once. */
export function makeChange(
  records: AuthRecords,
  member: AuthWriter,
  { decide, hash }: ChangeRequest,
  done: (end: Ended) => void,
): void {
  let tries = 0
  const attempt = (made: string): void => {
    const decision = decide(made)
    const isChange = decision.kind === 'change'
    if (isChange && hash !== undefined && made === '') {
      hash((fresh) => (fresh === undefined ? done('busy') : attempt(fresh)))
      return
    }
    const prevAuthIndex = records.index
    if (!isChange && !(decision.lays && prevAuthIndex === 0)) {
      done(decision)
      return
    }
    tries += 1
    const puts = isChange ? decision.puts : []
    member.write({ kind: 'auth', prevAuthIndex, puts }, (answer) => {
      if (answer.ok) done(decision)
      else if (answer.condition === undefined && tries < TRIES_MAX) attempt(made)
      else done('failed')
    })
  }
  member.quorumRead((refusal) => (refusal === undefined ? attempt('') : done('failed')))
}
