/**
 * Registering from a program: one call, and what it gives back.
 *
 * Owns: the library's surface, what waiting calls end by. Leaves to others: everything it does (announcement).
 */
import { ApiError } from '../client/errors.ts'
import { closedError } from '../client/failures.ts'
import type { Keys } from '../client/keys.ts'
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
  /** No new connections from now on; resolves when the store says so. @throws ClientError; the signal's reason. */
  drain(options?: WaitOptions): Promise<void>
  /** Takes a drain back; resolves when the store says so. @throws ClientError; the signal's reason. */
  undrain(options?: WaitOptions): Promise<void>
  /** Compares with the store soon, not only when it is time. */
  resync(): void
  /** Ends the announcement and removes it; true when nothing of it is left in the store. Never rejects. */
  close(options?: CloseOptions): Promise<boolean>
  [Symbol.asyncDispose](): Promise<void>
}

export interface WaitOptions {
  /** Ends the waiting alone: what was asked for is done all the same, once the store can be asked. */
  readonly signal?: AbortSignal | undefined
}

export interface CloseOptions {
  /** False leaves what is announced to its TTL, for a successor that takes over. */
  readonly deregister?: boolean
  /** How long removing may take. Milliseconds; 5 s. */
  readonly timeoutMs?: number
}

/** What registering asks of a client. */
export type RegisterClient = KeysClient & Pick<Keys, 'closed'>

const CLOSE_MS_MAX = 5_000
/** The same where the store refuses us: it will hardly let us remove what little it let us write. */
const REFUSED_CLOSE_MS_MAX = 1_000

/**
 * Announces a service and keeps it announced, through failures of the store, until it is closed. Resolves when the store has it for
 * the first time, with a check also as critical, and waits for ever while the store is away: give a `signal` to bound that. When the
 * client is closed the announcement ends: nothing is removed, the TTL does that.
 *
 * ```ts
 * const registered = await register(client, { name: 'web', port: 8080, check: '/health' })
 * await registered.close()
 * ```
 *
 * @throws RegisterError on names, addresses and times that make no sense; ApiError when the store refuses the login or the user has no
 * right to write there; ClientError `MUSTER_CLIENT_CLOSED`; the signal's reason.
 */
export async function register(client: RegisterClient, options: RegisterOptions): Promise<Registered> {
  const settings = settleAnnouncing(options)
  const { signal, logger = SILENT } = options
  signal?.throwIfAborted()
  const reach = new WatchedReach(logger)
  const announcement = new Announcement(settleService(options, settings.ttl), {
    store: clientStore(client, requestTimeoutMs(settings.refreshMs)),
    settings,
    storeGate: new Gate(1),
    checkGate: new Gate(1),
    reach,
    log: logger,
  })
  // Nothing can be asked any more, and timers that try would hold the process for ever.
  const end = (): void => void announcement.close(false, CLOSE_MS_MAX)
  const close = (deregister: boolean, timeoutMs: number): Promise<boolean> => {
    client.closed.removeEventListener('abort', end)
    return announcement.close(deregister, timeoutMs)
  }
  if (client.closed.aborted) end()
  else client.closed.addEventListener('abort', end, { once: true })
  const registered: Registered = {
    get status() {
      return announcement.status
    },
    drain: (wait) => untilEnded(client, () => announcement.drain(), wait?.signal),
    undrain: (wait) => untilEnded(client, () => announcement.undrain(), wait?.signal),
    resync: () => announcement.resync(),
    close: ({ deregister = true, timeoutMs = CLOSE_MS_MAX } = {}) => close(deregister, timeoutMs),
    [Symbol.asyncDispose]: async () => void (await close(true, CLOSE_MS_MAX)),
  }
  try {
    await untilEnded(client, () => Promise.race([announcement.settled(), reach.refused]), signal)
    return registered
  } catch (error) {
    await close(true, isUnauthorized(error) ? REFUSED_CLOSE_MS_MAX : CLOSE_MS_MAX)
    throw error
  }
}

/** What the work gives, unless the signal aborts or the client is closed before. */
async function untilEnded(
  client: RegisterClient,
  work: () => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const ended = Promise.withResolvers<never>()
  const end = (): void => ended.reject(signal?.aborted === true ? signal.reason : closedError(false))
  const signals = [client.closed, ...(signal === undefined ? [] : [signal])]
  try {
    if (signals.some(({ aborted }) => aborted)) end()
    for (const each of signals) each.addEventListener('abort', end, { once: true })
    await Promise.race([ended.promise, work()])
  } finally {
    for (const each of signals) each.removeEventListener('abort', end)
  }
}

/** Hears of the first request that is refused for who we are: waiting does not cure that. */
class WatchedReach extends Reach {
  readonly #refused = Promise.withResolvers<never>()

  constructor(log: RegisterLog) {
    super(log)
    // Once announced it is waited through like any failure, and nobody listens.
    this.#refused.promise.catch(() => undefined)
  }

  /** Rejects with that refusal. */
  get refused(): Promise<never> {
    return this.#refused.promise
  }

  override failed(error: Error): void {
    super.failed(error)
    if (isUnauthorized(error)) this.#refused.reject(error)
  }

  override keyRefused(path: string, error: ApiError): void {
    super.keyRefused(path, error)
    if (isUnauthorized(error)) this.#refused.reject(error)
  }
}

/** Whether the store refuses the login, or has no right for the user: both are error 110, with this status. */
function isUnauthorized(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401
}
