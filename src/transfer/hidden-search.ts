/**
 * Hidden places that the history of an etcd still shows.
 *
 * Owns: reading the history once, from its oldest event to where the source stands. Leaves to others: what comes afterwards
 * (feed), which places are known (hidden).
 */
import type { MusterClient } from '../client/client.ts'
import { ApiError } from '../client/errors.ts'
import { EventQueue } from './event-queue.ts'
import { Feed } from './feed.ts'
import type { HiddenPlaces } from './hidden.ts'
import type { Patience } from './patience.ts'
import type { Report } from './progress.ts'

/** For how long the history is searched. Milliseconds. */
const SEARCH_MS_MAX = 15_000
/** Longest wait for an event before the end is considered again. Milliseconds. */
const LOOK_MS = 100

export interface HiddenSearchOptions {
  readonly source: MusterClient
  /** Searched with all that is below it. */
  readonly path: string
  readonly patience: Patience
  /** Learns of what is found. */
  readonly hidden: HiddenPlaces
  readonly report: Report
  readonly signal: AbortSignal
  /** Instead of 15 s, for tests. */
  readonly searchMs?: number
}

/**
 * Reads what is left of the history, anew from its oldest event when a busy source has dropped that before it was read. Returns the
 * index from which on changes are to be followed.
 * @throws TransferError when the source is gone; ApiError when it does not let us in; the signal's reason.
 */
export async function searchHidden(options: HiddenSearchOptions): Promise<number> {
  const { source, patience, report, signal, searchMs = SEARCH_MS_MAX } = options
  const { index } = await patience.ask((asked) => source.position({ signal: asked }))
  const endMs = performance.now() + searchMs
  for (let wasLost = false; ; wasLost = true) {
    const { nextIndex, isLost } = await readHistory(options, index, endMs)
    signal.throwIfAborted()
    const isRead = nextIndex > index
    if (!isRead && isLost && performance.now() < endMs) continue
    if (!isRead || wasLost) {
      const why = isRead
        ? 'the source dropped changes before they were read'
        : `it took longer than ${searchMs / 1000} s`
      report.note(
        'hidden-bound',
        `the history was not searched to its end, hidden keys may be missing (--hidden): ${why}`,
      )
    }
    return Math.max(nextIndex, index + 1)
  }
}

/** Once, from the oldest event up to an index. */
async function readHistory(
  options: HiddenSearchOptions,
  index: number,
  endMs: number,
): Promise<{ readonly nextIndex: number; readonly isLost: boolean }> {
  const { source, path, patience, hidden, report, signal } = options
  const queue = new EventQueue()
  const onEvent = ({ node }: { readonly node: { readonly key?: string } }): void => {
    noteHidden(node.key ?? '/', hidden, report)
  }
  const feed = new Feed({ source, path, fromIndex: await oldestIndex(options), queue, patience, onEvent })
  const over = new AbortController()
  let failure: { readonly error: unknown } | undefined
  const feeding = feed.run(AbortSignal.any([signal, over.signal])).catch((error: unknown) => {
    failure = { error }
  })
  while (feed.nextIndex <= index && queue.lost === undefined && failure === undefined && performance.now() < endMs) {
    signal.throwIfAborted()
    await queue.changed(LOOK_MS)
    queue.take()
  }
  over.abort()
  await feeding
  if (failure !== undefined) throw failure.error
  return { nextIndex: feed.nextIndex, isLost: queue.lost !== undefined }
}

/** Takes note of the path of an event. True: it led to a hidden place that was not known. */
export function noteHidden(path: string, hidden: HiddenPlaces, report: Report): boolean {
  if (!hidden.see(path)) return false
  report.note('hidden', `hidden keys at ${hidden.all.at(-1)}, found in the history`)
  return true
}

/** The oldest index that the history reaches back to. */
async function oldestIndex({ source, path, patience }: HiddenSearchOptions): Promise<number> {
  try {
    await patience.ask((signal) => source.poll(path, { recursive: true, waitIndex: 1, pollMs: LOOK_MS, signal }))
    return 1
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 401) throw error
    return Number(/\[(\d+)\//.exec(error.reason)?.[1] ?? error.index)
  }
}
