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
  readonly endpoints: Pick<Endpoints, 'ledOrNot'>
  /** Whether a server knows of a leader; true when it does not say. Rejects when it does not answer. */
  hasLeader(endpoint: string): Promise<boolean>
  /** Another server is to be asked from now on. */
  leave(endpoint: string, error: ClientError): void
}

interface Place {
  readonly waiting: Set<(error: ClientError) => void>
  timer: NodeJS.Timeout | undefined
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

  /**
   * A poll waits at a server.
   *
   * @param left Called at most once, when the server is to be left.
   * @returns to be called when the poll is over.
   */
  begin(endpoint: string, left: (error: ClientError) => void): () => void {
    if (this.#lookMs === 0) return () => {}
    const place = this.#places.get(endpoint) ?? { waiting: new Set(), timer: undefined, without: 0 }
    if (place.waiting.size === 0) {
      this.#places.set(endpoint, place)
      this.#lookIn(endpoint, place, this.#lookMs)
    }
    place.waiting.add(left)
    return () => {
      if (!place.waiting.delete(left) || place.waiting.size > 0) return
      clearTimeout(place.timer)
      this.#places.delete(endpoint)
    }
  }

  #lookIn(endpoint: string, place: Place, ms: number): void {
    place.timer = setTimeout(() => void this.#look(endpoint, place), ms * (1 - JITTER * Math.random()))
  }

  async #look(endpoint: string, place: Place): Promise<void> {
    try {
      const has = await this.#http.hasLeader(endpoint)
      place.without = has ? 0 : place.without + 1
      if (has) this.#http.endpoints.ledOrNot(endpoint, true)
    } catch {
      // A server that is gone breaks its polls too, and one that is slow is looked at again.
    }
    if (place.waiting.size === 0) return
    if (place.without < LOOKS_MIN) {
      this.#lookIn(endpoint, place, place.without === 0 ? this.#lookMs : this.#lookMs * AGAIN)
      return
    }
    this.#http.endpoints.ledOrNot(endpoint, false)
    const error = leaderless(endpoint)
    this.#http.leave(endpoint, error)
    const waiting = [...place.waiting]
    place.waiting.clear()
    this.#places.delete(endpoint)
    for (const left of waiting) left(error)
  }
}

function leaderless(endpoint: string): ClientError {
  return new ClientError('MUSTER_CLIENT_NO_LEADER', `${endpoint} knows of no leader: what it says may be old`, {
    definite: true,
    retriable: true,
  })
}
