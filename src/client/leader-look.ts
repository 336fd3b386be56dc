/**
 * Whether the server at which polls wait still belongs to a cluster that works.
 *
 * Owns: asking now and then, for as long as somebody waits there, and telling all who do. Leaves to others: the request, which server
 * is next (http).
 *
 * A member that is cut off from the others goes on answering reads and polls, of what it knew: whoever waits there would hear of
 * nothing, and of no failure either, for as long as the cut lasts.
 */
import type { Endpoints } from './endpoints.ts'
import { ClientError } from './errors.ts'

/** How often a server is found without a leader, in a row, before it is left: elections pass. */
const LOOKS_MIN = 2
/** The part of the time between looks after which a server without a leader is looked at again. */
const AGAIN = 0.4
/** Many clients that began together ask at different times. */
const JITTER = 0.2

/** What is asked of the client. */
export interface LookingHttp {
  readonly endpoints: Pick<Endpoints, 'isLeaderless' | 'ledOrNot'>
  /** Whether a server knows of a leader; true when it does not say. Rejects when it does not answer. */
  hasLeader(endpoint: string): Promise<boolean>
  /** Another server is to be asked from now on. */
  leave(endpoint: string, error: ClientError): void
}

/** A poll that waits. */
export interface Waiter {
  /** The server is to be left. Called at most once, and nothing after it. */
  readonly left: (error: ClientError) => void
  /** The server had no leader, and has one again. */
  readonly led: () => void
}

/** Servers at which nobody waits any more, but did lately. */
const PLACES_MAX = 200

interface Place {
  readonly waiting: Set<Waiter>
  timer: NodeJS.Timeout | undefined
  /** When it is to be looked at next: also polls that follow each other closely must not put that off for ever. `performance.now()`. */
  dueMs: number
  /** Looks in a row that found no leader. */
  without: number
}

/** Looks at servers for all polls of one client. */
export class LeaderLook {
  readonly #http: LookingHttp
  readonly #lookMs: number
  readonly #places = new Map<string, Place>()

  /** @param lookMs Between two looks; 0: never. */
  constructor(http: LookingHttp, lookMs: number) {
    this.#http = http
    this.#lookMs = lookMs
  }

  /** A poll waits at a server. @returns to be called when it is over. */
  begin(endpoint: string, waiter: Waiter): () => void {
    if (this.#lookMs === 0) return () => {}
    const place = this.#placeOf(endpoint)
    place.waiting.add(waiter)
    if (place.waiting.size === 1) this.#schedule(endpoint, place)
    return () => {
      if (place.waiting.delete(waiter) && place.waiting.size === 0) clearTimeout(place.timer)
    }
  }

  #placeOf(endpoint: string): Place {
    const known = this.#places.get(endpoint)
    if (known !== undefined) return known
    for (const [other, { waiting }] of this.#places) {
      if (this.#places.size < PLACES_MAX) break
      if (waiting.size === 0) this.#places.delete(other)
    }
    const place = { waiting: new Set<Waiter>(), timer: undefined, dueMs: this.#dueIn(this.#lookMs), without: 0 }
    this.#places.set(endpoint, place)
    return place
  }

  #dueIn(ms: number): number {
    return performance.now() + ms * (1 - JITTER * Math.random())
  }

  #schedule(endpoint: string, place: Place): void {
    clearTimeout(place.timer)
    place.timer = setTimeout(() => void this.#look(endpoint, place), Math.max(0, place.dueMs - performance.now()))
  }

  async #look(endpoint: string, place: Place): Promise<void> {
    const { endpoints } = this.#http
    // While the answer is awaited, others may begin to wait, and would look too.
    place.dueMs = this.#dueIn(this.#lookMs)
    try {
      const has = await this.#http.hasLeader(endpoint)
      place.without = has ? 0 : place.without + 1
      if (has && endpoints.isLeaderless(endpoint)) {
        endpoints.ledOrNot(endpoint, true)
        for (const { led } of place.waiting) led()
      }
    } catch {
      // A server that is gone breaks its polls too, and one that is slow is looked at again.
    }
    if (place.without > 0) place.dueMs = this.#dueIn(this.#lookMs * AGAIN)
    if (place.without >= LOOKS_MIN) {
      place.without = 0
      endpoints.ledOrNot(endpoint, false)
      const error = leaderless(endpoint)
      this.#http.leave(endpoint, error)
      const waiting = [...place.waiting]
      place.waiting.clear()
      for (const { left } of waiting) left(error)
    }
    if (place.waiting.size > 0) this.#schedule(endpoint, place)
  }
}

function leaderless(endpoint: string): ClientError {
  return new ClientError('MUSTER_CLIENT_NO_LEADER', `${endpoint} knows of no leader: what it says may be old`, {
    definite: true,
    retriable: true,
  })
}
