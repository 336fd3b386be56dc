/**
 * What can go wrong for a client, as errors with a stable `code`.
 *
 * Owns: the classes, and what each says about the fate of a request. Leaves to others: telling which one it is (failures).
 */

/** Codes of conditions between this process and the servers. Those that servers answer with are numbers (`ErrorCode`). */
export type ClientErrorCode =
  | 'MUSTER_CLIENT_UNREACHABLE'
  | 'MUSTER_CLIENT_TIMEOUT'
  | 'MUSTER_CLIENT_ANSWER_CUT'
  | 'MUSTER_CLIENT_ANSWER_TOO_LARGE'
  | 'MUSTER_CLIENT_BAD_ANSWER'
  | 'MUSTER_CLIENT_BAD_VALUE'
  | 'MUSTER_CLIENT_BUSY'
  | 'MUSTER_CLIENT_CLOSED'
  | 'MUSTER_CLIENT_NO_LEADER'

/** What an error says about the request. */
export interface Fate {
  /** The request was surely not applied. */
  readonly definite: boolean
  /** The same request may succeed later. */
  readonly retriable: boolean
  readonly cause?: unknown
}

/** Any failure of a request. */
export class ClientError extends Error {
  override readonly name: string = 'ClientError'
  /** A condition's name, or the number of an error of the v2 API. */
  readonly code: ClientErrorCode | number
  /** True: the request was surely not applied. False: nobody knows; it may still be. */
  readonly definite: boolean
  /** Whether the same request may succeed later. Repeat a write blindly only when it does no harm twice, or `definite`. */
  readonly retriable: boolean
  /** Store index at which it was decided. 0: not said, or no server decided. */
  readonly index: number = 0

  constructor(code: ClientErrorCode | number, message: string, fate: Fate) {
    super(message, fate.cause === undefined ? undefined : { cause: fate.cause })
    this.code = code
    this.definite = fate.definite
    this.retriable = fate.retriable
  }
}

/** The server answered no. `code` is the API's number; 0 where the answer carried none (401 of a proxy, say). */
export class ApiError extends ClientError {
  override readonly name = 'ApiError'
  override readonly code: number
  /** HTTP status. */
  readonly status: number
  override readonly index: number
  /** The API's `cause`: commonly the key, or what was compared. Empty: none. */
  readonly reason: string

  /**
   * @param earlier The same call was sent before, with a fate that nobody knows: then neither is this one's.
   * @param reads The request changes nothing, so it was surely not applied.
   */
  constructor(
    status: number,
    code: number,
    message: string,
    reason: string,
    index: number,
    earlier?: ClientError,
    reads = false,
  ) {
    const shown = code === 0 ? `status ${status}: ${message}` : `${code} ${message}`
    const passes = code === 300 || code === 301 || (code === 0 && status >= 500)
    super(code, reason === '' ? shown : `${shown} (${reason})`, {
      // 300 and 301 speak of a proposal that may yet be applied, unless a limit refused it at once.
      definite: reads || (earlier === undefined && (!passes || isLimit(reason))),
      retriable: passes && keyLimitOf(reason) === undefined,
      cause: earlier,
    })
    this.code = code
    this.status = status
    this.index = index
    this.reason = reason
  }

  /** The name of the server's limit that refused this for good: the same request will be refused again. */
  get keyLimit(): string | undefined {
    return keyLimitOf(this.reason)
  }
}

function isLimit(reason: string): boolean {
  return reason.startsWith('etcdserver: too many requests')
}

function keyLimitOf(reason: string): string | undefined {
  return /\((key\w+Max) reached\)/.exec(reason)?.[1]
}
