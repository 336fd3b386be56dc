/**
 * What a watch knows of the history that it follows, and whether a server still has that one.
 *
 * Owns: the furthest index that any answer has told, and whose cluster it was. Leaves to others: polling (poll), where to go on
 * (watch).
 *
 * A store whose data were lost may come back under the same name: its cluster id follows from names, URLs and tokens, and is the
 * same again, but its index begins anew. A watch that waits for an index in its future would hear nothing for as long as that takes. A server that
 * only lags shows a lower index as well; so whoever shows one is asked for a linearizable read, which is never older than anything that
 * was ever acknowledged.
 */
import { ClientError } from './errors.ts'
import type { Http } from './http.ts'
import type { PolledThere } from './poll.ts'
import { keyTarget } from './target.ts'

/** Where a cluster stands. */
export interface Position {
  /** Store index. */
  readonly index: number
  /** Empty when the server does not tell. */
  readonly clusterId: string
}

/** Whether a server has the history that a watch follows. */
export type Verdict =
  | { readonly kind: 'same' }
  /** It will have, as far as anybody can tell. */
  | { readonly kind: 'lags' }
  /** Nobody has it any more: the store has lost its data, or it is another cluster. `now` is where that stands. */
  | { readonly kind: 'gone'; readonly now: Position }

/** The history of one watch. */
export class WatchedHistory {
  #index: number
  #clusterId: string

  constructor({ index, clusterId }: Position) {
    this.#index = index
    this.#clusterId = clusterId
  }

  /** The furthest index that is known. */
  get index(): number {
    return this.#index
  }

  /** Takes in what an answer told. An answer without an index, or without a cluster, says nothing of it. */
  note({ index, clusterId }: Position): void {
    this.#index = Math.max(this.#index, index)
    if (clusterId !== '') this.#clusterId = clusterId
  }

  /** From here on this is the history. */
  restart({ index, clusterId }: Position): void {
    this.#index = index
    if (clusterId !== '') this.#clusterId = clusterId
  }

  /**
   * What a poll that has ended says of this history. A server that has not come so far is not believed: a majority is asked.
   *
   * @throws ClientError that asking again may change: a majority does not answer; the signal's reason.
   */
  async judge(polled: PolledThere, http: Http, path: string, signal: AbortSignal | undefined): Promise<Verdict> {
    if (this.#isOther(polled)) return { kind: 'gone', now: polled }
    if (polled.event !== undefined || !isShort(polled.index, this.#index)) return { kind: 'same' }
    try {
      const now = await http.ask({ method: 'GET', target: keyTarget(path, { quorum: true }), signal })
      return this.#isOther(now) || isShort(now.index, this.#index) ? { kind: 'gone', now } : { kind: 'lags' }
    } catch (error) {
      // Who may not read it cannot tell.
      if (error instanceof ClientError && !error.retriable) return { kind: 'lags' }
      throw error
    }
  }

  #isOther({ clusterId }: Position): boolean {
    return this.#clusterId !== '' && clusterId !== '' && clusterId !== this.#clusterId
  }
}

/** Whether an answer's index is below the one that is known. 0: the answer has none. */
export function isShort(index: number, knownIndex: number): boolean {
  return index > 0 && index < knownIndex
}
