/**
 * Every replicated command.
 *
 * Owns: what a log entry can ask of the store. Leaves to others: the bytes (`command-codec.ts`). A new command is a
 * variant here, a case in `state-machine.ts` and a code in `command-codec.ts`.
 */

/**
 * A time to live as the receiving member understood it (API page, 4.10).
 * `ms` may be 0 or negative: such a node is due at once.
 */
export interface Ttl {
  /** Added to the replicated clock when the command is applied. Whole milliseconds. */
  readonly ms: number
  /** Wall time of expiry shown to clients, milliseconds since 1970, fixed by the member that received the request. */
  readonly expirationMs: number
}

/**
 * An index condition. A number when it is a safe integer, a bigint above that (it can then never match, but its digits
 * appear in the cause of error 101).
 */
export type PrevIndex = number | bigint

/** PUT without conditions: create or replace. With `refresh`, only the TTL changes and the key must exist. */
export interface SetCommand {
  readonly kind: 'set'
  readonly path: string
  readonly value: string
  readonly dir: boolean
  readonly ttl: Ttl | undefined
  readonly refresh: boolean
}

/** PUT with prevExist=false, or POST when `inOrder`: then `path` is the parent and the child is named by its index. */
export interface CreateCommand {
  readonly kind: 'create'
  readonly path: string
  readonly value: string
  readonly dir: boolean
  readonly ttl: Ttl | undefined
  readonly inOrder: boolean
}

/** PUT with prevExist=true. */
export interface UpdateCommand {
  readonly kind: 'update'
  readonly path: string
  readonly value: string
  readonly ttl: Ttl | undefined
  readonly refresh: boolean
}

/** PUT with prevIndex (0: not given) or prevValue (empty: not given). */
export interface CompareAndSwapCommand {
  readonly kind: 'compareAndSwap'
  readonly path: string
  readonly value: string
  readonly ttl: Ttl | undefined
  readonly refresh: boolean
  readonly prevIndex: PrevIndex
  readonly prevValue: string
}

export interface DeleteCommand {
  readonly kind: 'delete'
  readonly path: string
  /** An empty directory may go. */
  readonly dir: boolean
  /** A directory goes with all that is in it. */
  readonly recursive: boolean
}

/** DELETE with prevIndex (0: not given) or prevValue (empty: not given). */
export interface CompareAndDeleteCommand {
  readonly kind: 'compareAndDelete'
  readonly path: string
  readonly prevIndex: PrevIndex
  readonly prevValue: string
}

/**
 * Most nodes that one expire command removes; the rest stays due, and the next command takes it. Bounds what applying
 * one entry costs. All members must agree on it: another number needs another command code.
 */
export const EXPIRED_COUNT_MAX = 1000

/**
 * Removes the keys whose deadline is not after the stamp of the entry that holds this command, soonest first, at most
 * `EXPIRED_COUNT_MAX`. Changes nothing when that entry's term is not `term`: a deposed leader expires nothing.
 */
export interface ExpireCommand {
  readonly kind: 'expire'
  readonly term: number
}

/** Notes a member's attributes in the reserved subtree (API page, 7). `undefined` fields stay as they are. */
export interface PutMemberCommand {
  readonly kind: 'putMember'
  readonly id: string
  readonly peerUrls: readonly string[] | undefined
  readonly name: string | undefined
  readonly clientUrls: readonly string[] | undefined
}

/** Removes a member from the reserved subtree and remembers that its id was removed. */
export interface RemoveMemberCommand {
  readonly kind: 'removeMember'
  readonly id: string
}

/** Most puts that one auth command may hold: enabling needs two. */
export const AUTH_PUTS_MAX = 8

/** One record of the auth subtree: `users/NAME`, `roles/NAME` or `enabled`. Undefined takes it away. */
export interface AuthPut {
  readonly key: string
  readonly value: string | undefined
}

/**
 * Changes users, roles or the auth flag (API page, 10), all puts or none. Carried out only if the last change of auth is still the
 * one that the sender saw; else the outcome is error 101 and the sender computes its change anew.
 */
export interface AuthCommand {
  readonly kind: 'auth'
  /** Store index of that change; 0: there was none yet. */
  readonly prevAuthIndex: number
  /** At most `AUTH_PUTS_MAX`. Empty: only what the very first change brings with it. */
  readonly puts: readonly AuthPut[]
}

/**
 * Takes the store index to `to`, if it is not there yet, and begins the history anew behind it: whoever looks back to an index
 * up to that is told that it is gone. For keys that came from another cluster, with clients that still count as that one did.
 * No event.
 */
export interface AdvanceIndexCommand {
  readonly kind: 'advanceIndex'
  /** A whole number from 0 to `ADVANCED_INDEX_MAX`. */
  readonly to: number
}

export type Command =
  | SetCommand
  | CreateCommand
  | UpdateCommand
  | CompareAndSwapCommand
  | DeleteCommand
  | CompareAndDeleteCommand
  | ExpireCommand
  | PutMemberCommand
  | RemoveMemberCommand
  | AuthCommand
  | AdvanceIndexCommand
