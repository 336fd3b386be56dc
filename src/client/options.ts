/**
 * What a client is made with.
 *
 * Owns: the options, their defaults and bounds. Leaves to others: living by them (http, endpoints, watch).
 */
import type { Duplex } from 'node:stream'

/** A server that has no connection for us after this long is left for the next. Milliseconds. */
export const CONNECT_MS_MAX = 3_000
/** Longer than a member lets any request wait (7 s by default). Milliseconds. */
const TIMEOUT_MS_DEFAULT = 10_000
const LEADER_LOOK_MS_DEFAULT = 5_000
const CONNECTIONS_DEFAULT = 64
const REQUESTS_MAX_DEFAULT = 10_000
const WATCHES_MAX_DEFAULT = 1_000
/** Timers of Node.js that are longer run out at once. */
export const TIMER_MS_MAX = 2 ** 31 - 1
const RETRY_DEFAULT: Retry = { attemptsMax: 6, delayMsMin: 50, delayMsMax: 2_000 }

/** PEM texts. */
export interface ClientTls {
  /** Authorities that may have signed the servers' certificates, instead of those that Node.js knows. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  /** The name that the servers' certificates must bear, instead of the host of the endpoint. */
  readonly servername?: string
}

/**
 * A new connection to a server.
 * @param origin The server's URL: scheme, host and port unless it is the scheme's own.
 * @returns bytes in both directions, with TLS done if there is to be any; undefined: go there in the usual way.
 * @throws Error: the server cannot be reached.
 */
export type Connect = (origin: string) => Duplex | undefined

/** How often a call is sent, and how long it rests in between. */
export interface Retry {
  /** Requests sent for one call, the first included; one to each server in any case, unless it is 1. 6 by default. */
  readonly attemptsMax: number
  /** The first pause; each further one is twice as long, and all are shortened by up to a half at random. Milliseconds; 50. */
  readonly delayMsMin: number
  /** The longest pause. Milliseconds; 2,000. */
  readonly delayMsMax: number
}

/** What pino and `console` have. */
export interface ClientLogger {
  debug(fields: object, message: string): void
  warn(fields: object, message: string): void
}

/** One request that was sent, and what came of it. */
export interface RequestSeen {
  readonly method: string
  /** Path and query. */
  readonly target: string
  readonly endpoint: string
  /** HTTP status; 0: no answer came. */
  readonly status: number
  /** Until the answer was here; of a listing or a watch, its head. */
  readonly durationMs: number
  /** 1 for the first of a call. */
  readonly attempt: number
  readonly error: Error | undefined
}

/** A call, or the next request of a watch, is sent again after a pause. */
export interface RetrySeen {
  readonly method: string
  readonly target: string
  readonly endpoint: string
  readonly delayMs: number
  /** How often it has failed in a row. */
  readonly attempt: number
  readonly error: Error
}

/** Another server is asked from now on. */
export interface FailoverSeen {
  readonly from: string
  readonly to: string
  readonly error: Error
}

/** How far a watch is behind the server, told with each event. */
export interface WatchLagSeen {
  readonly path: string
  /** Index of the event. */
  readonly index: number
  /** Indexes of the store between the event and the server's newest when it answered; most concern other keys. */
  readonly behind: number
}

/** Called as things happen, for metrics and traces. They should be quick; what they throw is logged and otherwise ignored. */
export interface ClientHooks {
  readonly request?: (seen: RequestSeen) => void
  readonly retry?: (seen: RetrySeen) => void
  readonly failover?: (seen: FailoverSeen) => void
  readonly watchLag?: (seen: WatchLagSeen) => void
}

export interface ClientOptions {
  /** Client URLs of one cluster, or `host:port`, which means http. */
  readonly endpoints: readonly string[]
  /** In which order they are tried; at random by default, so that many clients spread over the members. */
  readonly order?: 'random' | 'given'
  /** Whom to log in as; a text is `USER:PASSWORD`. */
  readonly auth?: string | { readonly username: string; readonly password: string }
  readonly tls?: ClientTls
  /** Other ways to servers than over TCP. */
  readonly connect?: Connect
  /** For how long an answer, or its next byte, is waited for. Milliseconds; 10 s by default. */
  readonly timeoutMs?: number
  readonly retry?: Partial<Retry>
  /** Ask the cluster for its members so often, and use their URLs too. Milliseconds; 0, the default: only by `sync()`. */
  readonly syncMs?: number
  /**
   * Ask the server at which watches wait so often whether it knows of a leader, and wait at another if it does not: one that is cut off
   * from the others hears of no change. Milliseconds; 5 s by default; 0: never.
   */
  readonly leaderLookMs?: number
  /** Connections to each server for everything but watches; further requests wait for one. 64 by default. */
  readonly connectionsMax?: number
  /** Calls under way; one more is refused with `MUSTER_CLIENT_BUSY`. 10,000 by default. */
  readonly requestsMax?: number
  /** Polls of watches under way, each on a connection of its own; one more is refused likewise. 1,000 by default. */
  readonly watchesMax?: number
  readonly logger?: ClientLogger
  readonly hooks?: ClientHooks
}

/** The same with everything decided. */
export interface Settings {
  readonly authorization: string | undefined
  readonly tls: ClientTls
  readonly connect: Connect
  readonly timeoutMs: number
  readonly retry: Retry
  readonly syncMs: number
  readonly leaderLookMs: number
  readonly connectionsMax: number
  readonly requestsMax: number
  readonly watchesMax: number
  readonly logger: ClientLogger | undefined
  readonly hooks: ClientHooks
}

/** Takes the options, but for the endpoints. @throws RangeError on what makes no sense. */
export function settingsOf(options: ClientOptions): Settings {
  const { auth, tls = {}, retry, logger, hooks = {} } = options
  // A name ends at the first colon, so this one would log in as somebody else.
  if (typeof auth === 'object' && auth.username.includes(':')) throw new RangeError('a user name has no colon')
  const words = typeof auth === 'object' ? `${auth.username}:${auth.password}` : auth
  return {
    authorization: words === undefined ? undefined : `Basic ${Buffer.from(words).toString('base64')}`,
    tls,
    connect: options.connect ?? (() => undefined),
    timeoutMs: whole('timeoutMs', options.timeoutMs, TIMEOUT_MS_DEFAULT, 1, TIMER_MS_MAX),
    retry: {
      attemptsMax: whole('retry.attemptsMax', retry?.attemptsMax, RETRY_DEFAULT.attemptsMax, 1),
      delayMsMin: whole('retry.delayMsMin', retry?.delayMsMin, RETRY_DEFAULT.delayMsMin, 1, TIMER_MS_MAX),
      delayMsMax: whole('retry.delayMsMax', retry?.delayMsMax, RETRY_DEFAULT.delayMsMax, 1, TIMER_MS_MAX),
    },
    syncMs: whole('syncMs', options.syncMs, 0, 0, TIMER_MS_MAX),
    leaderLookMs: whole('leaderLookMs', options.leaderLookMs, LEADER_LOOK_MS_DEFAULT, 0, TIMER_MS_MAX),
    connectionsMax: whole('connectionsMax', options.connectionsMax, CONNECTIONS_DEFAULT, 1),
    requestsMax: whole('requestsMax', options.requestsMax, REQUESTS_MAX_DEFAULT, 1),
    watchesMax: whole('watchesMax', options.watchesMax, WATCHES_MAX_DEFAULT, 1),
    logger,
    hooks,
  }
}

/** @throws RangeError when it is no time that a timer can run for: it would end at once instead. */
export function checkMs(name: string, ms: number): void {
  if (!(ms > 0 && ms <= TIMER_MS_MAX))
    throw new RangeError(`${name} is ${ms}: expected up to ${TIMER_MS_MAX}, more than 0`)
}

function whole(name: string, given: number | undefined, standard: number, min: number, max = Infinity): number {
  const number = given ?? standard
  if (Number.isSafeInteger(number) && number >= min && number <= max) return number
  const bounds = max === Infinity ? `from ${min} on` : `from ${min} to ${max}`
  throw new RangeError(`${name} is ${number}: expected a whole number ${bounds}`)
}
