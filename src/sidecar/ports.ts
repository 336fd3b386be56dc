/**
 * What registering needs from outside: a store of keys, and somebody who listens.
 *
 * Owns: the two interfaces. `client-store.ts` gives the store over the client; tests give one that fails as they please.
 */

/** A key as read. */
export interface StoredKey {
  /** Empty for a directory. */
  readonly value: string
  readonly directory: boolean
  /** It has no TTL, or had none before a heartbeat gave it one: somebody wrote it by hand, for agents give TTLs. */
  readonly permanent: boolean
}

/** A key as a heartbeat finds it. */
export interface BeatenKey extends StoredKey {
  /** The heartbeat itself took the value away: an etcd before 2.3, to which it is a write of nothing. */
  readonly isEmptied: boolean
}

/** Keys with a TTL. Every method rejects with a `ClientError` when the store cannot be asked, and with the signal's reason. */
export interface KeyStore {
  /** What stands there by a linearizable read; undefined: nothing. */
  read(path: string, signal: AbortSignal): Promise<StoredKey | undefined>
  /** Writes a value, whatever was there. @param ttl whole seconds; undefined: permanent. */
  write(path: string, value: string, ttl: number | undefined, signal: AbortSignal): Promise<void>
  /** Writes a permanent value unless something is there. */
  add(path: string, value: string, signal: AbortSignal): Promise<void>
  /** Makes a directory with a TTL, or gives that TTL to the one that is there. */
  makeDirectory(path: string, ttl: number, signal: AbortSignal): Promise<void>
  /** Begins the TTL anew and wakes no watcher. What stands there; undefined: nothing does. */
  refresh(path: string, ttl: number, signal: AbortSignal): Promise<BeatenKey | undefined>
  /** Removes a key if it has this value: `other`: it has another and stays. */
  removeIf(path: string, value: string, signal: AbortSignal): Promise<'removed' | 'gone' | 'other'>
  /** Removes a directory with all that is in it, if it is there. */
  removeDirectory(path: string, signal: AbortSignal): Promise<void>
  /** Adds a key with a TTL; false: something is there. */
  claim(path: string, value: string, ttl: number, signal: AbortSignal): Promise<boolean>
  /**
   * Paths and values of what is below a directory, hidden names left out; a directory has undefined. Empty when it is not there. At
   * most `max`.
   */
  list(directory: string, max: number, signal: AbortSignal): Promise<ReadonlyMap<string, string | undefined>>
}

/** Where registering tells what it does. As pino's loggers. */
export interface RegisterLog {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

/** Tells nobody. */
export const SILENT: RegisterLog = { debug() {}, info() {}, warn() {} }
