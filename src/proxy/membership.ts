/**
 * Keeping up with who is in the cluster.
 *
 * Owns: when to ask the members who they are, whom to ask, and handing on what they say. Leaves to others: the question
 * itself (`list`, a port), remembering it (`cluster-file.ts`).
 */

/** One member as the peers list it. */
export interface ListedMember {
  readonly peerURLs: readonly string[]
  readonly clientURLs: readonly string[]
}

export interface MembershipOptions {
  /** Where to begin: at least one. */
  readonly peerUrls: readonly string[]
  readonly refreshMs: number
  /** Asks at one peer URL. Rejects when there is no answer. */
  readonly list: (peerUrl: string) => Promise<readonly ListedMember[]>
  /** Called with what was learned, whenever it is news. */
  readonly learned: (clientUrls: readonly string[], peerUrls: readonly string[]) => void
  readonly log: {
    info(fields: object, message: string): void
    warn(fields: object, message: string): void
  }
}

/** How often the members are asked while no client URL is known, or when somebody could not reach them. Milliseconds. */
const HURRY_MS = 1000

export class Membership {
  readonly #options: MembershipOptions
  #peerUrls: readonly string[]
  #known = ''
  #hasClients = false
  #isSilent = false
  #isAsking = false
  #lastAskedMs = 0
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(options: MembershipOptions) {
    this.#options = options
    this.#peerUrls = options.peerUrls
  }

  /** Asks now, and from then on every so often. */
  start(): void {
    void this.#ask()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  /** No member could be reached: who is in the cluster may have changed. */
  hurry(): void {
    if (this.#stopped || this.#isAsking) return
    clearTimeout(this.#timer)
    this.#later(Math.max(0, this.#lastAskedMs + HURRY_MS - performance.now()))
  }

  #later(ms: number): void {
    this.#timer = setTimeout(() => void this.#ask(), ms)
  }

  async #ask(): Promise<void> {
    this.#isAsking = true
    this.#lastAskedMs = performance.now()
    const members = await this.#firstAnswer()
    this.#isAsking = false
    if (this.#stopped) return
    if (members !== undefined) this.#take(members)
    else if (!this.#isSilent) {
      this.#options.log.warn({ peerUrls: this.#peerUrls }, 'no member says who is in the cluster: asking again')
    }
    this.#isSilent = members === undefined
    this.#later(this.#hasClients ? this.#options.refreshMs : HURRY_MS)
  }

  async #firstAnswer(): Promise<readonly ListedMember[] | undefined> {
    for (const peerUrl of this.#peerUrls) {
      try {
        const members = await this.#options.list(peerUrl)
        if (members.length > 0) return members
      } catch {
        // The next one may answer; that none did is said once, above.
      }
      if (this.#stopped) return undefined
    }
    return undefined
  }

  #take(members: readonly ListedMember[]): void {
    const clientUrls = members.flatMap(({ clientURLs }) => clientURLs)
    const peerUrls = members.flatMap(({ peerURLs }) => peerURLs)
    if (peerUrls.length > 0) this.#peerUrls = peerUrls
    this.#hasClients = clientUrls.length > 0
    const known = JSON.stringify([clientUrls, peerUrls])
    if (known === this.#known) return
    this.#known = known
    this.#options.log.info({ clientUrls }, 'the members are reached at')
    this.#options.learned(clientUrls, peerUrls)
  }
}
