/**
 * Keys that POST named after the index at which they were made.
 *
 * Owns: knowing such names, and lifting the target's index past them. Otherwise the next POST there would make a name that
 * sorts before those that were copied: queues would lose their order, and a lock could be taken past its holder. Once the
 * index reached a copied name, POST would find it taken.
 */
import type { MusterClient } from '../client/client.ts'
import { ApiError } from '../client/errors.ts'
import { Lanes } from './lanes.ts'

/** Writes that lift the index; a gap that is wider stays, and is told. */
const LIFT_WRITES_MAX = 100_000
/** A write that is silently done again, or somebody else's, makes another look worth while. */
const LIFT_ROUNDS_MAX = 3
/** The key that is written goes by itself, should it not be taken away. Seconds. */
const LIFT_TTL_S = 60
const LIFT_KEY = '/_muster_lift'
const NAME_LENGTH = 20

/** The index of a name that POST made; 0: it is none. */
export function inOrderIndex(path: string): number {
  if (path.charAt(path.length - NAME_LENGTH - 1) !== '/') return 0
  const name = path.slice(-NAME_LENGTH)
  const index = /^\d+$/.test(name) ? Number(name) : 0
  return Number.isSafeInteger(index) ? index : 0
}

/** What became of the names that POST made. */
export interface InOrder {
  /** The largest that was copied; 0: there was none. */
  readonly index: number
  /** Where the target's index stands. */
  readonly targetIndex: number
}

export interface LiftOptions {
  readonly target: MusterClient
  /** The largest name that was copied; 0: there is none, and nothing is done. */
  readonly index: number
  readonly concurrency: number
  readonly signal: AbortSignal
  /** Writes that may be made; `LIFT_WRITES_MAX` by default. */
  readonly writesMax?: number
}

/**
 * Lifts the target's index to that of the largest name, with writes of a hidden key of our own.
 * Where that takes too many, or we may not, it stays: then `targetIndex` is less than `index`. @throws ClientError.
 */
export async function liftIndex(options: LiftOptions): Promise<InOrder> {
  const { target, index, concurrency, signal, writesMax = LIFT_WRITES_MAX } = options
  if (index === 0) return { index, targetIndex: 0 }
  let targetIndex = (await target.position({ signal })).index
  try {
    for (let rounds = 0; rounds < LIFT_ROUNDS_MAX && targetIndex < index; rounds += 1) {
      if (index - targetIndex > writesMax) break
      const lanes = new Lanes(concurrency)
      try {
        for (let left = index - targetIndex; left > 0; left -= 1) {
          signal.throwIfAborted()
          await lanes.add(async () => {
            const written = await target.set(LIFT_KEY, '', { ttl: LIFT_TTL_S, brief: true, signal })
            targetIndex = Math.max(targetIndex, written.index)
          })
        }
        await lanes.drain()
      } finally {
        await lanes.settle()
      }
      await target.delete(LIFT_KEY, { signal })
      targetIndex = Math.max(targetIndex, (await target.position({ signal })).index)
    }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
  }
  return { index, targetIndex }
}
