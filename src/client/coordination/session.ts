/**
 * A session: a sign of life in the store, and everything that this process holds by it.
 *
 * Owns: the session's own key, opening. Leaves to others: the keys that live and end with it (keeper), heartbeats (kept-key), what
 * the keys mean (queue).
 */
import { randomBytes } from 'node:crypto'
import { ErrorCode } from '../../api.ts'
import { ApiError } from '../errors.ts'
import type { Keys } from '../keys.ts'
import { CoordinationError } from './errors.ts'
import { Keeper, type KeeperClient, type KeeperOptions } from './keeper.ts'
import { KeptKey } from './kept-key.ts'
import { wakingNowMs } from './waking-clock.ts'

const DIRECTORY = '/_sessions'

export interface SessionOptions extends KeeperOptions {
  /** Ends the opening, and later the session: as `close` does. */
  readonly signal?: AbortSignal | undefined
}

/** What sessions ask of a client. */
export type SessionClient = KeeperClient & Pick<Keys, 'add'>

/** A session that is open until it is lost or closed. */
export class Session extends Keeper {
  /** 32 hex digits. */
  readonly id = randomBytes(16).toString('hex')
  /** Its key in the store, hidden. */
  readonly key = `${DIRECTORY}/${this.id}`
  readonly #client: SessionClient
  #own: KeptKey | undefined

  /** Open one with `openSession`. @throws RangeError on a TTL that is none. */
  constructor(client: SessionClient, options: KeeperOptions) {
    super(client, options)
    this.#client = client
  }

  /** For how long from now the session surely lasts, without any further heartbeat. Milliseconds; 0: it is over. */
  get remainingMs(): number {
    return this.#own?.remainingMs ?? 0
  }

  /** Makes its key, and keeps it. Once. @throws ClientError; the signal's reason. */
  async open(opening: AbortSignal | undefined): Promise<void> {
    const sentAtMs = wakingNowMs()
    try {
      await this.#client.add(this.key, this.name, { ttl: this.ttl, signal: opening })
    } catch (error) {
      // Nobody else knows the name: an earlier attempt of the same call has made it.
      if (!(error instanceof ApiError) || error.code !== ErrorCode.keyExists) {
        this.end(new CoordinationError('MUSTER_SESSION_CLOSED', 'the session was never opened', error))
        throw error
      }
    }
    const own = new KeptKey(this.#client, this.key, this.ttl, sentAtMs, (_key, _loss, error) => this.lose(error))
    this.#own = own
    if (this.signal.aborted) own.end(this.signal.reason)
    else this.signal.addEventListener('abort', () => own.end(this.signal.reason), { once: true })
  }

  protected override ownPaths(): readonly string[] {
    return [this.key]
  }
}

/**
 * Opens a session.
 *
 * @throws RangeError on a TTL that is none; ClientError; the signal's reason.
 */
export async function openSession(client: SessionClient, options: SessionOptions = {}): Promise<Session> {
  const { signal } = options
  const session = new Session(client, options)
  await session.open(signal)
  const close = (): void => void session.close()
  if (signal?.aborted === true) close()
  signal?.addEventListener('abort', close, { once: true })
  session.signal.addEventListener('abort', () => signal?.removeEventListener('abort', close), { once: true })
  return session
}
