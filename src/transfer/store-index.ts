/**
 * The target's store index, taken to where the source's is.
 *
 * Names that POST made are indexes: where the target's lies behind them, the next POST makes a name that sorts before those that
 * were copied. Queues would lose their order, a lock could be taken past its holder, and once the index reached a copied name
 * POST would find it taken. And clients that come along still wait for indexes of the source.
 *
 * Owns: asking a muster to take its index further and to begin its history anew, which it does in one step; what is done where
 * that cannot be had: writes of a key of our own, as far as they go. Nothing is asked of a target that is there already, since each new
 * history sends all its clients through 401. Leaves to others: which names POST made (in-order).
 */
import { ErrorCode } from '../api.ts'
import { ApiError } from '../client/errors.ts'
import { Lanes } from './lanes.ts'
import type { Counts } from './progress.ts'
import type { Target } from './target.ts'

/** Writes that lift the index; a gap that is wider stays, and is told. */
const LIFT_WRITES_MAX = 100_000
/** A write that is silently done again, or somebody else's, makes another look worth while. */
const LIFT_ROUNDS_MAX = 3
/** The key that is written goes by itself, should it not be taken away. Seconds. */
const LIFT_TTL_S = 60
const LIFT_KEY = '/_muster_lift'
/** For an answer that the history is gone, which comes at once or not at all. Milliseconds. */
const PAST_MS = 100

/** What became of the indexes. */
export interface MovedIndex {
  /** The largest name that POST made among what was copied, as the index it stands for; 0: there was none. */
  readonly inOrder: number
  /** Where the source's index stood. */
  readonly source: number
  /** Where the target's index stands. Less than `inOrder`: the next names of POST sort before those that were copied. */
  readonly target: number
  /** Whether the target answers indexes of the source with 401. Otherwise they may lead to events of its own numbering. */
  readonly isBegunAnew: boolean
}

export interface MoveIndexOptions {
  readonly target: Target
  readonly inOrder: number
  readonly source: number
  readonly concurrency: number
  readonly counts: Counts
  readonly signal: AbortSignal
  /** Writes that may be made; `LIFT_WRITES_MAX` by default. */
  readonly writesMax?: number
  /** What was copied is the target's own, and nothing had to be written: its history may stay. Default false. */
  readonly isOwn?: boolean
}

/** Takes the target's index as far as it can be taken. @throws ClientError; TransferError; the signal's reason. */
export async function moveIndex(options: MoveIndexOptions): Promise<MovedIndex> {
  const { target, inOrder, source, counts, isOwn = false } = options
  const goal = Math.max(inOrder, source)
  const { index: present } = await target.patience.ask((signal) => target.client.position({ signal }))
  if (present >= goal) {
    // An event right behind the goal would be of the copying, where an earlier run was cut off.
    const isBegunAnew = await isForgotten(target, Math.min(goal + 1, present))
    if (isBegunAnew || isOwn) return { inOrder, source, target: present, isBegunAnew }
  }
  const advanced = await advanceIndex(target, goal, counts)
  const index = advanced ?? (await lift(options))
  return { inOrder, source, target: index, isBegunAnew: advanced !== undefined }
}

/** Takes the index of a muster to `to` at least; undefined: it is none, or we may not. @throws as `moveIndex`. */
export async function advanceIndex(target: Target, to: number, counts: Counts): Promise<number | undefined> {
  counts.advanced += 1
  try {
    return await target.patience.ask((signal) => target.client.advanceIndex(to, { signal }))
  } catch (error) {
    if (error instanceof ApiError && error.status < 500) {
      counts.advanced -= 1
      return undefined
    }
    throw error
  }
}

/** Whether the target answers a wait for `index`, which it has reached, with 401. @throws as `moveIndex`. */
async function isForgotten({ client, patience }: Target, index: number): Promise<boolean> {
  try {
    // Of a key that nobody else writes: what happened since is not wanted.
    await patience.ask((signal) => client.poll(LIFT_KEY, { waitIndex: index, pollMs: PAST_MS, signal }))
    return false
  } catch (error) {
    if (error instanceof ApiError && error.status < 500) return error.code === ErrorCode.eventIndexCleared
    throw error
  }
}

/** With writes of a hidden key of our own; where the index stands then. */
async function lift(options: MoveIndexOptions): Promise<number> {
  const { target, inOrder, concurrency, counts, signal, writesMax = LIFT_WRITES_MAX } = options
  const { client, patience } = target
  const position = async (): Promise<number> =>
    (await patience.ask((asked) => client.position({ signal: asked }))).index
  let index = await position()
  try {
    for (let rounds = 0; rounds < LIFT_ROUNDS_MAX && index < inOrder; rounds += 1) {
      if (inOrder - index > writesMax) break
      counts.advanced += 1
      const lanes = new Lanes(concurrency)
      try {
        for (let left = inOrder - index; left > 0; left -= 1) {
          signal.throwIfAborted()
          await lanes.add(async () => {
            const options = { ttl: LIFT_TTL_S, brief: true }
            const written = await patience.ask(() => client.set(LIFT_KEY, '', options))
            index = Math.max(index, written.index)
          })
        }
        await lanes.drain()
      } finally {
        await lanes.settle()
      }
      await target.remove(LIFT_KEY, { dir: false })
      index = Math.max(index, await position())
    }
  } catch (error) {
    // It lets us write elsewhere only.
    if (!(error instanceof ApiError)) throw error
  }
  return index
}
