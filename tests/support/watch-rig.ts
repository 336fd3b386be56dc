/**
 * Watches that note what they hear.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { HISTORY_LIMITS_DEFAULT, type HistoryLimits } from '../../src/store/options.ts'
import type { WatchAnswer, WatchRequest } from '../../src/store/watch.ts'
import type { StoreRig } from './store-rig.ts'

/** A watch, and what it heard: one line for each event, and its end. */
export interface Recorded {
  readonly log: string[]
  readonly answer: WatchAnswer
}

/** Watches `path`: a stream of it alone from now on, unless `more` says otherwise. */
export function record(rig: StoreRig, path: string, more: Partial<WatchRequest> = {}): Recorded {
  const log: string[] = []
  const answer = rig.store.watchers.watch({
    path,
    recursive: false,
    stream: true,
    since: 0,
    deliver: (event) => {
      log.push(`${event.action} ${event.node.key} ${event.index}`)
      return true
    },
    closed: (reason) => log.push(`closed ${reason}`),
    ...more,
  })
  return { log, answer }
}

/** A history of the usual size but for what is given. */
export function limits(more: Partial<HistoryLimits>): HistoryLimits {
  return { ...HISTORY_LIMITS_DEFAULT, ...more }
}

/** Catching up is over: so many passes of the loop are more than these histories take. */
export async function settled(): Promise<void> {
  for (let pass = 0; pass < 12; pass += 1) await nextTurn()
}
