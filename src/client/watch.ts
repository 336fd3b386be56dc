/**
 * Watches by long poll.
 *
 * Owns: one poll, its limit of time, what it says of the history; the loop that resumes, and its pauses after failures.
 * Leaves to others: servers and fail-over (http), matching events to anything (callers).
 *
 * Long polls, not streams: etcd's streams end without a word when they fall behind, and one from the past delivers a single
 * event.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { ApiError, ClientError } from './errors.ts'
import { ANSWER_BYTES_MAX, asClientError, type Http } from './http.ts'
import { badAnswer, type EventJson, parseEvent } from './node.ts'
import { keyTarget } from './target.ts'

/** A poll is begun anew after this long: a server that is gone is noticed, and the index moves on. Milliseconds. */
const POLL_MS_DEFAULT = 30_000
const PAUSE_MS_MIN = 50
const PAUSE_MS_MAX = 5_000

export interface PollOptions {
  readonly recursive?: boolean
  /** The first index of interest; 0: what happens from now on. */
  readonly waitIndex: number
  /** How long to wait. Milliseconds; 30 s by default. */
  readonly pollMs?: number
  readonly signal?: AbortSignal | undefined
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

export interface WatchOptions {
  readonly recursive?: boolean
  /** The first index wanted; 0 or none: what happens from now on. */
  readonly waitIndex?: number
  readonly pollMs?: number
  readonly signal?: AbortSignal
}

/** What a watch yields. */
export type Watched =
  | { readonly kind: 'event'; readonly event: EventJson; readonly index: number }
  /** Events were lost: the history no longer reaches back. What follows comes after `index`. */
  | { readonly kind: 'resync'; readonly index: number }

/** Waits for one event. @throws ApiError; ClientError; the signal's reason. */
export async function pollOnce(http: Http, path: string, options: PollOptions): Promise<Polled> {
  const { recursive, waitIndex, pollMs = POLL_MS_DEFAULT, signal } = options
  signal?.throwIfAborted()
  const over = new AbortController()
  const end = (): void => over.abort()
  signal?.addEventListener('abort', end, { once: true })
  let timer: NodeJS.Timeout | undefined
  try {
    const target = keyTarget(path, { wait: true, recursive, waitIndex: waitIndex === 0 ? undefined : waitIndex })
    const { index, body, endpoint } = await http.open({ method: 'GET', target, signal: over.signal, bodyTimeoutMs: 0 })
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
      if (over.signal.aborted) return { index, event: undefined, closed: false }
      throw asClientError(error, endpoint, true)
    }
    const closed = text.trim() === ''
    return { index, event: closed ? undefined : parseEvent(text), closed }
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', end)
  }
}

/** See `MusterClient.watch`. @throws ApiError that asking again will not change; ClientError likewise. */
export async function* watchKey(http: Http, path: string, options: WatchOptions): AsyncGenerator<Watched, void, void> {
  const { recursive = false, pollMs, signal } = options
  let waitIndex = options.waitIndex ?? 0
  let pauseMs = PAUSE_MS_MIN
  while (!isAborted(signal)) {
    try {
      const polled = await pollOnce(http, path, {
        recursive,
        waitIndex,
        signal,
        ...(pollMs === undefined ? {} : { pollMs }),
      })
      if (polled.closed) await pause(pauseMs, signal)
      pauseMs = PAUSE_MS_MIN
      // From an idle answer the index moves on with the server's, so that the history never runs away from it.
      if (polled.event === undefined) {
        waitIndex = Math.max(waitIndex, polled.index + 1)
        continue
      }
      const index = polled.event.node.modifiedIndex ?? 0
      waitIndex = index + 1
      yield { kind: 'event', event: polled.event, index }
    } catch (error) {
      if (isAborted(signal)) return
      if (error instanceof ApiError && error.code === 401) {
        waitIndex = error.index + 1
        yield { kind: 'resync', index: error.index }
        continue
      }
      if (!(error instanceof ClientError) || !error.retriable) throw error
      await pause(pauseMs * (0.5 + Math.random()), signal)
      pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX)
    }
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true
}

/** Waits; returns at once when the signal aborts. */
async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await wait(ms, undefined, signal === undefined ? {} : { signal })
  } catch (error) {
    if (!isAborted(signal)) throw error
  }
}
