/**
 * Who is asking: from an `Authorization` header to a user.
 *
 * Owns: remembering verified logins, so that a password is hashed once and not on every request; checking one login once however
 * many requests bring it; the bounds. Leaves to others: what the user may (access), which requests are judged (http/guard.ts).
 *
 * A login is remembered under a salted digest of the usual header for it, never the password itself, together with the hash it was
 * checked against: it counts as long as that is the user's hash. However a header spells it, it is one login; who spells it as all do
 * is found without a look at what it says.
 */
import { hash as digest, randomBytes } from 'node:crypto'
import { clientOf } from './address.ts'
import { type Credentials, formatBasic, parseBasic } from './basic.ts'
import { FairQueue, type FairQueueLimits } from './fair-queue.ts'
import { checkPassword, DECOY_HASH, hashPassword } from './password.ts'
import type { AuthRecords, User } from './records.ts'

/** Bounds of logins. */
export interface LoginLimits extends FairQueueLimits {
  /** Logins that are remembered. One more, and the oldest is forgotten: it is hashed again when it comes. */
  readonly rememberedMax: number
  /** Requests that wait for their login. One more is told that there are too many. */
  readonly requestsMax: number
  /** Those of one address. */
  readonly requestsPerAddressMax: number
}

export const LOGIN_LIMITS: LoginLimits = {
  runningMax: 2,
  waitingMax: 1000,
  waitingPerAddressMax: 100,
  rememberedMax: 4096,
  requestsMax: 20_000,
  requestsPerAddressMax: 256,
}

/** What a check came to. `busy`: it was not made, too many wait. */
export type Login = User | 'wrong' | 'busy'

interface Remembered {
  readonly user: string
  readonly hash: string
}

interface Waiting {
  readonly isGone: () => boolean
  readonly done: (login: Login) => void
}

/** Requests that wait for one check. */
interface Checking {
  readonly address: string
  readonly waiting: Waiting[]
}

/** How a password is compared with a hash; tests count. */
export type Check = (password: Buffer, hash: string, done: (right: boolean) => void) => void

/** The logins of one member. */
export class Logins {
  readonly #records: AuthRecords
  readonly #limits: LoginLimits
  readonly #check: Check
  readonly #queue: FairQueue
  readonly #salt = randomBytes(32).toString('latin1')
  /** By digest, the oldest first. */
  readonly #remembered = new Map<string, Remembered>()
  /** Requests whose login is being checked, by its digest. */
  readonly #checking = new Map<string, Checking>()
  #requests = 0
  /** By address; none is zero. */
  readonly #requestsOf = new Map<string, number>()

  constructor(records: AuthRecords, limits: LoginLimits = LOGIN_LIMITS, check: Check = checkPassword) {
    this.#records = records
    this.#limits = limits
    this.#check = check
    this.#queue = new FairQueue(limits)
  }

  /** Logins that are remembered. */
  get rememberedCount(): number {
    return this.#remembered.size
  }

  /**
   * Finds the user of a header that is there.
   *
   * @param address Of the client: one check at a time for each.
   * @param isGone Whether nobody waits for the answer any more.
   * @param done Called once: before this returns when the login is remembered or cannot be one, else later; not when all who
   * brought this login are gone.
   */
  find(header: string, address: string, isGone: () => boolean, done: (login: Login) => void): void {
    const known = this.#recall(this.#keyOf(header))
    if (known !== undefined) {
      done(known)
      return
    }
    const credentials = parseBasic(header)
    if (credentials === undefined) {
      done('wrong')
      return
    }
    const usual = formatBasic(credentials)
    const key = this.#keyOf(usual)
    const same = usual === header ? undefined : this.#recall(key)
    if (same !== undefined) done(same)
    else this.#enqueue(key, credentials, clientOf(address), { isGone, done })
  }

  /** Hashes a new password in its turn. @param done Gets undefined when too many wait, or when it cannot be made. */
  hash(password: string, address: string, done: (hash: string | undefined) => void): void {
    const bytes = Buffer.from(password)
    const hashing = (finished: () => void): void => {
      hashPassword(bytes, (error, hash) => {
        finished()
        done(error === null ? hash : undefined)
      })
    }
    if (!this.#queue.add(clientOf(address), hashing, () => done(undefined))) done(undefined)
  }

  #keyOf(header: string): string {
    return digest('sha256', this.#salt + header, 'latin1')
  }

  /** The user of a remembered login, while it counts. */
  #recall(key: string): User | undefined {
    const remembered = this.#remembered.get(key)
    if (remembered === undefined) return undefined
    const user = this.#records.user(remembered.user)
    if (user !== undefined && user.hash === remembered.hash) return user
    this.#remembered.delete(key)
    return undefined
  }

  #enqueue(key: string, { user, password }: Credentials, address: string, waiting: Waiting): void {
    const ofAddress = this.#requestsOf.get(address) ?? 0
    if (this.#requests >= this.#limits.requestsMax || ofAddress >= this.#limits.requestsPerAddressMax) {
      waiting.done('busy')
      return
    }
    // The same login from another address is another wait: who is slow to be served shall not slow down others.
    const place = `${key} ${address}`
    const others = this.#checking.get(place)
    if (others !== undefined) {
      this.#count(address, 1)
      others.waiting.push(waiting)
      return
    }
    this.#checking.set(place, { address, waiting: [waiting] })
    this.#count(address, 1)
    const verify = (finished: () => void): void => this.#verify(key, place, user, password, finished)
    const refuse = (): void => this.#answer(place, 'busy')
    if (!this.#queue.add(address, verify, refuse)) refuse()
  }

  #verify(key: string, place: string, name: string, password: Buffer, finished: () => void): void {
    if (this.#checking.get(place)?.waiting.every(({ isGone }) => isGone()) !== false) {
      this.#answer(place, 'wrong')
      setImmediate(finished)
      return
    }
    const hash = this.#records.user(name)?.hash ?? DECOY_HASH
    this.#check(password, hash, (right) => {
      const user = this.#records.user(name)
      // The password changed meanwhile: this answer is about one that counts no more.
      if (user !== undefined && user.hash !== hash) {
        this.#verify(key, place, name, password, finished)
        return
      }
      finished()
      if (right && user !== undefined) this.#remember(key, { user: name, hash })
      this.#answer(place, right && user !== undefined ? user : 'wrong')
    })
  }

  #remember(key: string, login: Remembered): void {
    const oldest =
      this.#remembered.size >= this.#limits.rememberedMax ? this.#remembered.keys().next().value : undefined
    if (oldest !== undefined) this.#remembered.delete(oldest)
    this.#remembered.set(key, login)
  }

  #answer(place: string, login: Login): void {
    const checking = this.#checking.get(place)
    if (checking === undefined) return
    const { address, waiting } = checking
    this.#checking.delete(place)
    this.#count(address, -waiting.length)
    for (const { isGone, done } of waiting) if (!isGone()) done(login)
  }

  #count(address: string, change: number): void {
    this.#requests += change
    const now = (this.#requestsOf.get(address) ?? 0) + change
    if (now === 0) this.#requestsOf.delete(address)
    else this.#requestsOf.set(address, now)
  }
}
