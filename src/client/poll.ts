/**
 * One long poll.
 *
 * Owns: its limit of time, and what it says of the history. Leaves to others: servers and fail-over (http), going on (watch).
 *
 * Long polls, not streams: etcd's streams end without a word when they fall behind, and one from the past delivers a single
 * event.
 */
import type { ClientError } from './errors.ts'
import { asClientError } from './failures.ts'
import { isShort } from './history.ts'
import type { Http } from './http.ts'
import { badAnswer, type EventJson, parseEvent } from './node.ts'
import { checkMs } from './options.ts'
import { keyTarget } from './target.ts'
import { ANSWER_BYTES_MAX } from './wire.ts'

/** A poll is begun anew after this long: a server that is gone is noticed, and the index moves on. Milliseconds. */
export const POLL_MS_DEFAULT = 30_000

export interface PollOptions {
  readonly recursive?: boolean
  /** The first index of interest; 0: what happens from now on. */
  readonly waitIndex: number
  /** How long to wait. Milliseconds; 30 s by default. */
  readonly pollMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** A server that has not come so far does not wait at all: whether it lags, or has lost its history, is to be found out. */
  readonly knownIndex?: number | undefined
  /** Called when a server has begun to wait that hears of changes, as far as is known; later for one that does so again. */
  readonly onWaiting?: (() => void) | undefined
}

/** What one poll found. */
export interface Polled {
  /** Store index when the server began to wait. No event that matches lies between `waitIndex` and this one but `event`. */
  readonly index: number
  /** Undefined: none in time, or the server ended the answer. */
  readonly event: EventJson | undefined
  /** The server ended the answer without an event, as one does that stops. */
  readonly closed: boolean
}

/** The same, and which cluster it was. */
export interface PolledThere extends Polled {
  /** Empty when the server does not tell. */
  readonly clusterId: string
}

/** Waits for one event. @param path as the cluster names it. @throws ApiError; ClientError; the signal's reason. */
export async function pollOnce(http: Http, path: string, options: PollOptions): Promise<PolledThere> {
  const { recursive, waitIndex, pollMs = POLL_MS_DEFAULT, knownIndex = 0, signal, onWaiting } = options
  signal?.throwIfAborted()
  checkMs('pollMs', pollMs)
  const endPoll = http.beginPoll()
  const over = new AbortController()
  const end = (): void => over.abort()
  signal?.addEventListener('abort', end, { once: true })
  let timer: NodeJS.Timeout | undefined
  let endLook = (): void => {}
  let left: ClientError | undefined
  try {
    const target = keyTarget(path, { wait: true, recursive, waitIndex: waitIndex === 0 ? undefined : waitIndex })
    const ask = { method: 'GET', target, signal: over.signal, bodyTimeoutMs: 0, waits: true } as const
    const { index, clusterId, body, endpoint } = await http.open(ask)
    if (isShort(index, knownIndex)) {
      body.on('error', () => {}).destroy()
      return { index, event: undefined, closed: false, clusterId }
    }
    endLook = http.leaderLook.begin(endpoint, {
      left: (error) => {
        left = error
        end()
      },
      led: () => onWaiting?.(),
    })
    if (!http.endpoints.isLeaderless(endpoint)) onWaiting?.()
    let text = ''
    try {
      timer = setTimeout(end, pollMs)
      body.setEncoding('utf8')
      for await (const piece of body) {
        text += String(piece)
        if (text.length > ANSWER_BYTES_MAX) throw badAnswer('no event: it is too large')
      }
    } catch (error) {
      signal?.throwIfAborted()
      if (left !== undefined) throw left
      if (over.signal.aborted) return { index, event: undefined, closed: false, clusterId }
      const cut = asClientError(error, endpoint, true)
      http.leave(endpoint, cut)
      throw cut
    }
    const closed = text.trim() === ''
    return { index, event: closed ? undefined : parseEvent(text, true), closed, clusterId }
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  } finally {
    endPoll()
    endLook()
    clearTimeout(timer)
    signal?.removeEventListener('abort', end)
  }
}
