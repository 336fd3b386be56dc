/**
 * A watch that goes on for ever.
 *
 * Owns: where it stands in the history, resuming, telling when events were lost, which events are its own. Leaves to others:
 * one poll (poll), servers and fail-over (http).
 *
 * It never passes over an event in silence: it begins at an index even when it begins now, and an answer moves it on only as far
 * as the server says that it has looked.
 */
import { posix } from 'node:path'
import { ApiError, ClientError } from './errors.ts'
import { errorOf } from './failures.ts'
import { type Position, type Verdict, WatchedHistory } from './history.ts'
import type { Http } from './http.ts'
import type { EventJson } from './node.ts'
import { checkMs } from './options.ts'
import { Pace } from './pace.ts'
import { POLL_MS_DEFAULT, type PolledThere, pollOnce } from './poll.ts'
import type { Prefix } from './prefix.ts'
import { keyTarget } from './target.ts'

export interface WatchOptions {
  /** Also what is below. Hidden keys below are left out, as servers do for those who wait. */
  readonly recursive?: boolean
  /** The first index wanted: one more than that of what you have read. 0 or none: what happens from now on. */
  readonly from?: number | undefined
  /**
   * What you have read, instead of `from`: an answer of this client. Then it is noticed as well when that history is gone though
   * nobody says so: the store came back without its data, or another cluster answers.
   */
  readonly after?: Position | undefined
  /**
   * A poll is begun anew after this long at most, sooner on a busy server: one that is silently gone is noticed then.
   * Milliseconds; 30 s by default.
   */
  readonly pollMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  /**
   * Called with each failure that is got over, and with undefined whenever a server answers: for those who say that what they
   * show may be old. Should be quick and never throw.
   */
  readonly onContact?: ((failure: ClientError | undefined) => void) | undefined
}

/** What a watch yields. */
export type Watched =
  | { readonly kind: 'event'; readonly event: EventJson; readonly index: number }
  /**
   * Events were lost: the history no longer reaches back, the store has lost its data, or another cluster answers under these
   * addresses. What follows comes after `index`: read everything again, with `quorum`, so that what you read is not older.
   */
  | { readonly kind: 'resync'; readonly index: number }

/** See `Keys.watch`. */
export async function* watchKey(
  http: Http,
  prefix: Prefix,
  path: string,
  options: WatchOptions,
): AsyncGenerator<Watched, void, void> {
  const { recursive = false, pollMs: pollMsMax = POLL_MS_DEFAULT, after, signal, onContact } = options
  checkMs('pollMs', pollMsMax)
  const pace = new Pace(pollMsMax)
  const full = cleaned(prefix.full(path))
  const isOver = (): boolean => signal?.aborted === true || http.over.aborted
  const history = new WatchedHistory(after ?? { index: 0, clusterId: '' })
  let next = after === undefined ? (options.from ?? 0) : after.index + 1
  /** The server at which is waited is behind, and was found to lag only. */
  let lags = false
  let failures = 0
  const onWaiting = onContact === undefined ? undefined : (): void => onContact(undefined)
  while (!isOver()) {
    let polled: PolledThere
    let verdict: Verdict
    const beganMs = performance.now()
    try {
      if (next === 0) {
        const now = await positionNow(http, full, signal)
        history.note(now)
        next = now.index + 1
      }
      const knownIndex = lags ? 0 : history.index
      const asked = { recursive, waitIndex: next, pollMs: pace.pollMs, knownIndex, signal, onWaiting }
      polled = await pollOnce(http, full, asked)
      verdict = await history.judge(polled, http, full, signal)
      lags = verdict.kind === 'lags'
      pace.polled(polled.index, beganMs)
    } catch (error) {
      if (isOver()) return
      if (!(error instanceof ClientError)) throw error
      const isLost = error instanceof ApiError && error.code === 401
      if (!isLost && !error.retriable) throw error
      if (isLost) {
        next = error.index + 1
        history.restart({ index: error.index, clusterId: '' })
      } else onContact?.(error)
      failures += 1
      // A history that is lost twice in a row may be lost all the time: that must not become a tight loop.
      if (!isLost || failures > 1)
        await http.rest({ method: 'GET', target: keyTarget(full, { wait: true }), signal }, failures, error)
      if (isLost && !isOver()) yield { kind: 'resync', index: error.index }
      continue
    }
    if (verdict.kind === 'gone') {
      history.restart(verdict.now)
      next = verdict.now.index + 1
      yield { kind: 'resync', index: verdict.now.index }
      continue
    }
    history.note({ index: polled.event?.node.modifiedIndex ?? polled.index, clusterId: polled.clusterId })
    if (polled.closed) {
      failures += 1
      await http.rest({ method: 'GET', target: keyTarget(full, { wait: true }), signal }, failures, ended())
    } else failures = 0
    const { event } = polled
    // From an idle answer the index moves on with the server's, so that the history never runs away from it.
    if (event === undefined) {
      next = Math.max(next, polled.index + 1)
      continue
    }
    const index = event.node.modifiedIndex ?? 0
    next = Math.max(next, index) + 1
    if (http.settings.hooks.watchLag !== undefined) {
      http.tell('watchLag', { path, index, behind: Math.max(0, polled.index - index) })
    }
    if (isAbout(full, recursive, event.node.key)) yield { kind: 'event', event: prefix.event(event), index }
  }
}

/** Where the store stands now, from whoever may read the key. */
async function positionNow(http: Http, path: string, signal: AbortSignal | undefined): Promise<Position> {
  const answer = await http.ask({ method: 'HEAD', target: keyTarget(path, {}), signal })
  const { status, index } = answer
  if (status !== 200 && status !== 404 && index === 0) throw errorOf(answer)
  return answer
}

/**
 * Whether an event concerns what is watched. The history of etcd knows hidden keys, which live watchers do not see, and 2.x
 * takes the removal of `/a` for one of all keys that begin with `/a`.
 */
function isAbout(path: string, recursive: boolean, key: string | undefined): boolean {
  if (key === undefined || key === path || key === '/' || path.startsWith(`${key}/`)) return true
  if (!recursive) return false
  const below = path === '/' ? key : key.startsWith(`${path}/`) ? key.slice(path.length) : undefined
  return below !== undefined && !below.includes('/_')
}

/** The path as servers see it. */
export function cleaned(path: string): string {
  const clean = posix.normalize(path.toWellFormed())
  return clean === '/' ? clean : clean.replace(/\/$/, '')
}

function ended(): ClientError {
  return new ClientError('MUSTER_CLIENT_ANSWER_CUT', 'the server ended the watch without an event', {
    definite: true,
    retriable: true,
  })
}
