/**
 * Requests to one of several servers.
 *
 * Owns: fail-over, retries and their budget, time limits, bounds of answers and of what is under way, hooks. Leaves to others:
 * connections (wire), which server is next (endpoints), paths and what answers mean (keys, watch).
 *
 * A request is sent again when it surely was not applied, or when `repeatable` says that a second time does no harm. Nothing
 * else is ever sent twice.
 */
import { Endpoints } from './endpoints.ts'
import { ApiError, ClientError } from './errors.ts'
import { asClientError, closedError, errorOf } from './failures.ts'
import { LeaderLook } from './leader-look.ts'
import { type ClientOptions, checkMs, type Settings, settingsOf } from './options.ts'
import { delayAfter, pause } from './pause.ts'
import { type OpenAnswer, readAll, Wire } from './wire.ts'

export interface Ask {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'
  /** Path and query. */
  readonly target: string
  /** A form, encoded; or the body of the type that `contentType` names. */
  readonly form?: string | undefined
  readonly contentType?: string
  readonly signal?: AbortSignal | undefined
  /** Instead of the client's. */
  readonly timeoutMs?: number | undefined
  /** For the body alone, likewise; 0: no limit, the caller has one. */
  readonly bodyTimeoutMs?: number
  /** May be sent again though it may have been applied. Reads always may. */
  readonly repeatable?: boolean
  /** Instead of the client's `retry.attemptsMax`. */
  readonly attemptsMax?: number | undefined
  /** Ask this server and no other. */
  readonly endpoint?: string | undefined
  /** On a connection of its own, apart from those for short requests. */
  readonly waits?: boolean
  /** An answer of 5xx is an answer like any other. */
  readonly anyStatus?: boolean
}

export interface Answer {
  readonly status: number
  /** `X-Etcd-Index`; 0 when the server sent none. */
  readonly index: number
  /** `X-Raft-Index` and `X-Raft-Term`, likewise. */
  readonly raftIndex: number
  readonly raftTerm: number
  /** `X-Etcd-Cluster-Id`; empty when the server sent none, as etcd 0.4. */
  readonly clusterId: string
  /** Which server answered. */
  readonly endpoint: string
  readonly text: string
  /** The request changes nothing. */
  readonly reads: boolean
  /** An earlier request of this call failed without saying whether it was applied. */
  readonly earlier: ClientError | undefined
}

/** All requests of one client. */
export class Http {
  readonly endpoints: Endpoints
  readonly settings: Settings
  /** Where polls wait. */
  readonly leaderLook: LeaderLook
  readonly #wire: Wire
  readonly #over = new AbortController()
  #requests = 0
  #polls = 0

  /** @throws RangeError on options that make no sense. */
  constructor(options: ClientOptions) {
    this.endpoints = new Endpoints(options.endpoints, options.order ?? 'random')
    this.settings = settingsOf(options)
    this.leaderLook = new LeaderLook(this, this.settings.leaderLookMs)
    this.#wire = new Wire(this.settings)
  }

  /** Aborted when the client is closed. */
  get over(): AbortSignal {
    return this.#over.signal
  }

  /**
   * Sends a request and takes the whole answer, whatever its status below 500.
   * @throws ApiError on 5xx, but for `anyStatus`; ClientError; RangeError on a limit of time that is none; the signal's reason.
   */
  ask(ask: Ask): Promise<Answer> {
    return this.#run(ask, async (endpoint, attempt, earlier) => {
      const open = await this.#send(endpoint, ask, attempt)
      const text = await readAll(open, ask)
      const { status, index, raftIndex, raftTerm, clusterId } = open
      const reads = isRead(ask)
      const answer = { status, index, raftIndex, raftTerm, clusterId, endpoint, text, reads, earlier }
      if (status >= 500 && ask.anyStatus !== true) throw errorOf(answer)
      return answer
    })
  }

  /**
   * Sends a GET and returns once the head of the answer is here; the body is the caller's to read or `destroy`.
   * @throws ApiError when the status is not 200; ClientError; the signal's reason.
   */
  open(ask: Ask): Promise<OpenAnswer> {
    return this.#run(ask, async (endpoint, attempt) => {
      const answer = await this.#send(endpoint, ask, attempt)
      if (answer.status === 200) return answer
      const { status, index } = answer
      throw errorOf({ status, text: await readAll(answer, ask), index, reads: true, earlier: undefined })
    })
  }

  /** Rests before a retry, and tells the hook. Ends early when the signal aborts or the client is closed. */
  async rest(ask: Pick<Ask, 'method' | 'target' | 'signal'>, failures: number, error: ClientError): Promise<void> {
    const { retry, hooks } = this.settings
    const delayMs = delayAfter(failures, retry.delayMsMin, retry.delayMsMax)
    const { method, target } = ask
    const { current } = this.endpoints
    if (hooks.retry !== undefined) {
      this.tell('retry', { method, target, endpoint: current, delayMs, attempt: failures, error })
    }
    await pause(delayMs, ask.signal, this.over)
  }

  /** Calls a hook. What it throws, or rejects with where it is async, is logged and nothing else. */
  tell<Name extends keyof Settings['hooks']>(
    name: Name,
    seen: Parameters<NonNullable<Settings['hooks'][Name]>>[0],
  ): void {
    const { hooks, logger } = this.settings
    const failed = (error: unknown): void => logger?.warn({ err: error }, `the hook ${name} of a client has thrown`)
    try {
      const hook = hooks[name] as ((told: typeof seen) => unknown) | undefined
      Promise.resolve(hook?.(seen)).catch(failed)
    } catch (error) {
      failed(error)
    }
  }

  /** Whether whoever waits should go on: what to throw, if the signal has aborted or the client is closed. */
  interruption(signal: AbortSignal | undefined): { readonly reason: unknown } | undefined {
    if (signal?.aborted === true) return { reason: signal.reason }
    return this.#over.signal.aborted ? { reason: closedError(true) } : undefined
  }

  /** A poll begins; call what this returns when it is over. @throws ClientError `MUSTER_CLIENT_BUSY`. */
  beginPoll(): () => void {
    if (this.#polls >= this.settings.watchesMax) throw busy('watches', 'watchesMax')
    this.#polls += 1
    return () => {
      this.#polls -= 1
    }
  }

  /** See `LookingHttp`. Servers before 2.0 do not say. */
  async hasLeader(endpoint: string): Promise<boolean> {
    const { status } = await this.ask({
      ...{ method: 'GET', target: '/v2/members/leader', endpoint },
      ...{ anyStatus: true, attemptsMax: 1, signal: this.over },
    })
    return status !== 503
  }

  /** That server failed: another is asked from now on, if there is one. */
  leave(endpoint: string, error: ClientError): void {
    const before = this.endpoints.current
    this.endpoints.failed(endpoint)
    const { current } = this.endpoints
    if (before === current) return
    this.settings.logger?.debug({ from: before, to: current, err: error }, 'asking another server')
    if (this.settings.hooks.failover !== undefined) this.tell('failover', { from: before, to: current, error })
  }

  /** Ends what is under way and closes all connections. */
  async close(): Promise<void> {
    this.#over.abort()
    await this.#wire.close()
  }

  async #run<T>(
    ask: Ask,
    attempt: (endpoint: string, number: number, earlier: ClientError | undefined) => Promise<T>,
  ): Promise<T> {
    if (ask.timeoutMs !== undefined) checkMs('timeoutMs', ask.timeoutMs)
    ask.signal?.throwIfAborted()
    if (this.#over.signal.aborted) throw closedError(true)
    // Polls have a bound of their own.
    if (this.#requests >= this.settings.requestsMax + this.#polls) throw busy('requests', 'requestsMax')
    this.#requests += 1
    try {
      return await this.#attempts(ask, attempt)
    } finally {
      this.#requests -= 1
    }
  }

  async #attempts<T>(
    ask: Ask,
    attempt: (endpoint: string, number: number, earlier: ClientError | undefined) => Promise<T>,
  ): Promise<T> {
    const reads = isRead(ask)
    const { retry, timeoutMs } = this.settings
    const attemptsMax = ask.attemptsMax ?? retry.attemptsMax
    const beganMs = performance.now()
    const tried: string[] = []
    let earlier: ClientError | undefined
    let rests = 0
    for (let number = 1; ; number += 1) {
      const endpoint = ask.endpoint ?? this.endpoints.pick(tried)
      try {
        const answer = await attempt(endpoint, number, earlier)
        this.endpoints.worked(endpoint, ask.endpoint !== undefined)
        return answer
      } catch (thrown) {
        ask.signal?.throwIfAborted()
        if (this.#over.signal.aborted) throw closedError(reads)
        const error = asClientError(thrown, endpoint, reads || this.#wire.isNeverSent(thrown), earlier)
        if (!isServersFault(error)) {
          if (error instanceof ApiError) this.endpoints.worked(endpoint, ask.endpoint !== undefined)
          throw error
        }
        this.leave(endpoint, error)
        const mayRepeat = error.definite || reads || ask.repeatable === true || this.#wire.isNeverSent(thrown)
        if (!mayRepeat || attemptsMax === 1) throw error
        if (!error.definite) earlier ??= error
        tried.push(endpoint)
        const isAllTried = ask.endpoint !== undefined || tried.length >= this.endpoints.count
        if (!isAllTried) continue
        if (number >= attemptsMax) throw error
        // Every server was asked: from here on the time is bounded too, or a call would take many times its limit.
        if (performance.now() - beganMs > (ask.timeoutMs ?? timeoutMs)) throw error
        rests += 1
        await this.rest(ask, rests, error)
        ask.signal?.throwIfAborted()
        if (this.#over.signal.aborted) throw closedError(earlier === undefined)
      }
    }
  }

  async #send(endpoint: string, ask: Ask, attempt: number): Promise<OpenAnswer> {
    const { hooks, timeoutMs } = this.settings
    if (hooks.request === undefined) return this.#wire.send(endpoint, ask, ask.timeoutMs ?? timeoutMs, this.endpoints)
    const { method, target } = ask
    const beganMs = performance.now()
    try {
      const answer = await this.#wire.send(endpoint, ask, ask.timeoutMs ?? timeoutMs, this.endpoints)
      const durationMs = performance.now() - beganMs
      this.tell('request', { method, target, endpoint, status: answer.status, durationMs, attempt, error: undefined })
      return answer
    } catch (thrown) {
      const durationMs = performance.now() - beganMs
      const error = thrown instanceof Error ? thrown : new Error(String(thrown))
      this.tell('request', { method, target, endpoint, status: 0, durationMs, attempt, error })
      throw thrown
    }
  }
}

function isRead({ method }: Ask): boolean {
  return method === 'GET' || method === 'HEAD'
}

/** Whether another server, or the same one later, may answer better. */
function isServersFault(error: ClientError): boolean {
  return error.retriable && !(error instanceof ApiError && error.status < 500)
}

function busy(what: string, limit: string): ClientError {
  return new ClientError('MUSTER_CLIENT_BUSY', `too many ${what} are under way (${limit} reached)`, {
    definite: true,
    retriable: true,
  })
}
