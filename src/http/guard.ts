/**
 * Who is asking, and may they.
 *
 * Owns: which credentials count for which request (API page, 10.5 and 11), the answer of administration to those who may not.
 * Leaves to others: users, roles and passwords (auth/), the answer of the key space (keys/routes.ts).
 *
 * With auth off a request costs one look at a flag. With it on, one whose login is remembered is judged at once, without a promise.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { isRoot, type KeyQuestion, mayGuest, mayUser } from '../auth/access.ts'
import { LOGIN_LIMITS, Logins } from '../auth/logins.ts'
import { AuthRecords, type User } from '../auth/records.ts'
import { verifiedCommonName } from './client-certificate.ts'
import type { HeaderPairs } from './cors.ts'
import { guarded } from './failures.ts'
import type { HttpLimits } from './limits.ts'
import type { HttpLog, MemberPort } from './ports.ts'
import { sendMessage } from './send.ts'

/** `busy`: so many logins wait to be checked that this one was not. */
export type Verdict = 'granted' | 'refused' | 'busy'

export interface GuardOptions {
  readonly member: Pick<MemberPort, 'store'>
  readonly log: HttpLog
  /** Whether the common name of a verified client certificate names a user. */
  readonly clientCertAuth: boolean
  readonly limits: HttpLimits
}

/** Judges the requests of one member. */
export class Guard {
  readonly records: AuthRecords
  readonly logins: Logins
  readonly #member: Pick<MemberPort, 'store'>
  readonly #log: HttpLog
  readonly #clientCertAuth: boolean

  constructor({ member, log, clientCertAuth, limits }: GuardOptions) {
    this.#member = member
    this.#log = log
    this.#clientCertAuth = clientCertAuth
    this.records = new AuthRecords(() => member.store.auth)
    this.logins = new Logins(this.records, { ...LOGIN_LIMITS, waitingMax: limits.passwordsWaitingMax })
  }

  /** Whether there is anything to judge. */
  get enabled(): boolean {
    return this.#member.store.auth.enabled
  }

  /** Judges a request to the key space. @param done Called once, maybe at once; never when the client goes away before. */
  judgeKey(request: IncomingMessage, question: KeyQuestion, done: (verdict: Verdict) => void): void {
    const header = request.headers.authorization
    if (header === undefined || header === '') {
      const user = this.#userOfCertificate(request)
      const may = user === undefined ? mayGuest(this.records, question) : mayUser(this.records, user, question)
      done(may ? 'granted' : 'refused')
      return
    }
    this.#login(request, header, (user) => {
      if (user === 'busy') done('busy')
      else done(user !== undefined && mayUser(this.records, user, question) ? 'granted' : 'refused')
    })
  }

  /**
   * Lets administrators through, and anybody while auth is off; answers the others.
   *
   * @param then Called at most once, maybe at once, with the administrator; undefined while auth is off.
   */
  admitRoot(
    request: IncomingMessage,
    response: ServerResponse,
    cors: HeaderPairs,
    then: (user: User | undefined) => void,
  ): void {
    if (!this.enabled) {
      then(undefined)
      return
    }
    const settle = (user: User | undefined | 'busy'): void => {
      if (user === 'busy') sendBusy(response, cors)
      else if (user === undefined || !isRoot(user)) sendNoAuth(response, cors)
      else then(user)
    }
    const header = request.headers.authorization
    if (header === undefined || header === '') settle(this.#userOfCertificate(request))
    else this.#login(request, header, guarded(response, settle))
  }

  /**
   * Judges once more, when time has passed since `admitRoot`: its administrator may be none any more. Whoever came while auth was off,
   * as far as this member had heard, says now who they are.
   *
   * @param user What `admitRoot` found.
   * @param then As there.
   */
  confirmRoot(
    user: User | undefined,
    request: IncomingMessage,
    response: ServerResponse,
    cors: HeaderPairs,
    then: (user: User | undefined) => void,
  ): void {
    if (this.isStillAdmitted(user)) then(user)
    else if (user === undefined) this.admitRoot(request, response, cors, then)
    else sendNoAuth(response, cors)
  }

  /** Whether what `admitRoot` found still holds. */
  isStillAdmitted(user: User | undefined): boolean {
    if (!this.enabled) return true
    const now = user === undefined ? undefined : this.records.user(user.user)
    return now !== undefined && now.hash === user?.hash && isRoot(now)
  }

  #login(request: IncomingMessage, header: string, done: (user: User | undefined | 'busy') => void): void {
    const { socket } = request
    const address = socket.remoteAddress ?? ''
    this.logins.find(
      header,
      address,
      () => socket.destroyed,
      (login) => {
        if (login === 'wrong') this.#log.debug({ address }, 'credentials were refused')
        done(login === 'wrong' ? undefined : login)
      },
    )
  }

  #userOfCertificate(request: IncomingMessage): User | undefined {
    const name = this.#clientCertAuth ? verifiedCommonName(request.socket) : undefined
    return name === undefined ? undefined : this.records.user(name)
  }
}

/** Administration to somebody who may not. */
function sendNoAuth(response: ServerResponse, cors: HeaderPairs): void {
  sendMessage(response, 401, cors, [], 'Insufficient credentials')
}

/** Administration to somebody whose credentials could not be looked at, or whose password not hashed. */
export function sendBusy(response: ServerResponse, cors: HeaderPairs): void {
  sendMessage(response, 503, cors, [], 'too many passwords wait to be hashed')
}
