/**
 * Registering from a program: one call, and what it gives back.
 *
 * Owns: the library's surface. Leaves to others: everything it does (announcement).
 */
import { Announcement, type AnnouncementStatus } from './announcement.ts'
import { clientStore, type KeysClient, requestTimeoutMs } from './client-store.ts'
import { Gate } from './gate.ts'
import { type RegisterLog, SILENT } from './ports.ts'
import { Reach } from './reach.ts'
import { type ServiceOptions, settleService } from './service.ts'
import { type AnnounceOptions, settleAnnouncing } from './settings.ts'

export interface RegisterOptions extends ServiceOptions, AnnounceOptions {
  /** Gives up while the first announcement is under way; has no meaning afterwards. */
  readonly signal?: AbortSignal
  /** As pino's; silent when missing. */
  readonly logger?: RegisterLog
}

/** A service that is announced until it is closed. */
export interface Registered {
  /** What is known now, whether or not the store can be asked. */
  readonly status: AnnouncementStatus
  /** No new connections from now on; resolves when the store says so. */
  drain(): Promise<void>
  /** Takes a drain back; resolves when the store says so. */
  undrain(): Promise<void>
  /** Compares with the store soon, not only when it is time. */
  resync(): void
  /** Ends the announcement and removes it; true when nothing of it is left in the store. Never rejects. */
  close(options?: CloseOptions): Promise<boolean>
  [Symbol.asyncDispose](): Promise<void>
}

export interface CloseOptions {
  /** False leaves what is announced to its TTL, for a successor that takes over. */
  readonly deregister?: boolean
  /** How long removing may take. Milliseconds; 5 s. */
  readonly timeoutMs?: number
}

const CLOSE_MS_MAX = 5_000

/**
 * Announces a service and keeps it announced, through failures of the store, until it is closed. Resolves when the store has it for
 * the first time, with a check also as critical, and waits for ever while the store is away: give a `signal` to bound that.
 *
 * ```ts
 * const registered = await register(client, { name: 'web', port: 8080, check: '/health' })
 * await registered.close()
 * ```
 *
 * @throws RegisterError on names, addresses and times that make no sense; the signal's reason.
 */
export async function register(client: KeysClient, options: RegisterOptions): Promise<Registered> {
  const settings = settleAnnouncing(options)
  const { signal, logger = SILENT } = options
  signal?.throwIfAborted()
  const announcement = new Announcement(settleService(options, settings.ttl), {
    store: clientStore(client, requestTimeoutMs(settings.refreshMs)),
    settings,
    storeGate: new Gate(1),
    checkGate: new Gate(1),
    reach: new Reach(logger),
    log: logger,
  })
  const registered: Registered = {
    get status() {
      return announcement.status
    },
    drain: () => announcement.drain(),
    undrain: () => announcement.undrain(),
    resync: () => announcement.resync(),
    close: ({ deregister = true, timeoutMs = CLOSE_MS_MAX } = {}) => announcement.close(deregister, timeoutMs),
    [Symbol.asyncDispose]: async () => void (await announcement.close(true, CLOSE_MS_MAX)),
  }
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => aborted.reject(signal?.reason)
  signal?.addEventListener('abort', abort, { once: true })
  try {
    await Promise.race([announcement.settled(), aborted.promise])
    return registered
  } catch (error) {
    await registered.close()
    throw error
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}
