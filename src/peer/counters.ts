/**
 * What went over the wire, per remote and in total, as plain numbers.
 *
 * Owns: the records. Leaves to others: rendering them (`metrics.ts`, `/v2/stats`).
 */
import type { MemberId } from '../raft/types.ts'

/** Counts since the process started. Mutable: `remote.ts` and `accept.ts` add to it. */
export interface TrafficCounters {
  sentMessages: number
  sentBytes: number
  /** Messages that were never handed to a socket: no stream, queue full, frame too long. */
  droppedMessages: number
  sentAppends: number
  receivedMessages: number
  receivedBytes: number
  receivedAppends: number
}

/** The records of all remotes. */
export class PeerCounters {
  readonly total: TrafficCounters = noTraffic()
  readonly #byId = new Map<MemberId, TrafficCounters>()

  /** The record of `id`, made when missing. For members and guests only, until they are forgotten: nothing else bounds the map. */
  of(id: MemberId): TrafficCounters {
    let found = this.#byId.get(id)
    if (found === undefined) {
      found = noTraffic()
      this.#byId.set(id, found)
    }
    return found
  }

  /** Forgets one remote. */
  forget(id: MemberId): void {
    this.#byId.delete(id)
  }

  /** Forgets remotes that are members no more. */
  keepOnly(ids: { has(id: MemberId): boolean }): void {
    for (const id of this.#byId.keys()) if (!ids.has(id)) this.#byId.delete(id)
  }
}

function noTraffic(): TrafficCounters {
  return {
    sentMessages: 0,
    sentBytes: 0,
    droppedMessages: 0,
    sentAppends: 0,
    receivedMessages: 0,
    receivedBytes: 0,
    receivedAppends: 0,
  }
}
