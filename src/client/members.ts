/**
 * Members of the cluster: who they are, adding and removing them.
 *
 * Owns: `/v2/members`, and `/v2/machines` of servers that have no other; waiting for a vote. Leaves to others: requests and fail-over (http).
 */
import type { MemberJson } from '../api.ts'
import { encodeJson, type JsonAnswer, parseJson } from './answer-json.ts'
import { ApiError, ClientError } from './errors.ts'
import { errorOf } from './failures.ts'
import type { Http } from './http.ts'
import type { CallOptions } from './keys.ts'
import { delayAfter, pause } from './pause.ts'
import { statusOf } from './status.ts'

/** Time between two looks at whether a member votes, growing. Milliseconds. */
const PROMOTION_MS_MIN = 50
const PROMOTION_MS_MAX = 1_000

/** A member as the cluster tells of it. */
export type Member = MemberJson

/** `client.members`. */
export class Members {
  readonly #http: Http

  constructor(http: Http) {
    this.#http = http
  }

  /** All members; one that was added and has not started has neither name nor client URLs. @throws ClientError. */
  async list(options: CallOptions = {}): Promise<readonly Member[]> {
    return (await this.#list(options)).members
  }

  /** The member that leads; undefined: there is none at the moment. @throws ClientError. */
  async leader(options: CallOptions = {}): Promise<Member | undefined> {
    const ask = { ...options, method: 'GET', target: '/v2/members/leader', anyStatus: true } as const
    const answer = await this.#http.ask(ask)
    if (answer.status === 503) return undefined
    if (answer.status !== 200) throw errorOf(answer)
    return memberOf(parseJson(answer))
  }

  /** Adds a member, to be started with these peer URLs. @throws ApiError 409 when one has them; ClientError. */
  async add(peerURLs: readonly string[], options: CallOptions = {}): Promise<Member> {
    return memberOf(await this.#change('POST', '', { peerURLs }, options))
  }

  /** Removes a member, for good. @throws ApiError 404 when there is none, 410 when it was removed before; ClientError. */
  async remove(id: string, options: CallOptions = {}): Promise<void> {
    await this.#change('DELETE', `/${encodeURIComponent(id)}`, undefined, options)
  }

  /**
   * Waits until a member votes. Nobody has to give it a vote: muster's members get theirs as soon as they have been started and have
   * caught up, etcd's have it at once. It waits for as long as that takes: give it a `signal`.
   * @throws ApiError 404 when there is no such member; ClientError; the signal's reason.
   */
  async promote(id: string, options: Omit<CallOptions, 'endpoint'> = {}): Promise<void> {
    for (let looks = 1; ; looks += 1) {
      const { endpoint, members } = await this.#list(options)
      if (!members.some((member) => member.id === id)) throw noSuchMember(id)
      // The same server: another may not have heard of the member yet, and would list it nowhere.
      const { learners } = await statusOf(this.#http, { ...options, endpoint })
      if (!learners.includes(id)) return
      await pause(delayAfter(looks, PROMOTION_MS_MIN, PROMOTION_MS_MAX), options.signal, this.#http.over)
      const interruption = this.#http.interruption(options.signal)
      if (interruption !== undefined) throw interruption.reason
    }
  }

  /** Gives a member other peer URLs. @throws ApiError 404, 409; ClientError. */
  async update(id: string, peerURLs: readonly string[], options: CallOptions = {}): Promise<void> {
    await this.#change('PUT', `/${encodeURIComponent(id)}`, { peerURLs }, options)
  }

  /** Client URLs of all members, by whichever list the server has. @throws ClientError. */
  async clientUrls(options: CallOptions = {}): Promise<readonly string[]> {
    try {
      return (await this.list(options)).flatMap(({ clientURLs }) => clientURLs)
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error
    }
    const answer = await this.#http.ask({ ...options, method: 'GET', target: '/v2/machines' })
    if (answer.status !== 200) throw errorOf(answer)
    return answer.text
      .split(',')
      .map((text) => text.trim())
      .filter((text) => text !== '')
  }

  /** Who told it, too. */
  async #list(options: CallOptions): Promise<{ readonly endpoint: string; readonly members: readonly Member[] }> {
    const answer = await this.#http.ask({ ...options, method: 'GET', target: '/v2/members' })
    if (answer.status !== 200) throw errorOf(answer)
    const { members } = parseJson(answer)
    if (Array.isArray(members)) return { endpoint: answer.endpoint, members: members.map(memberOf) }
    throw new ClientError('MUSTER_CLIENT_BAD_ANSWER', 'the answer to /v2/members is no list', {
      definite: true,
      retriable: false,
    })
  }

  async #change(
    method: 'POST' | 'PUT' | 'DELETE',
    below: string,
    body: object | undefined,
    options: CallOptions,
  ): Promise<JsonAnswer> {
    const sent = encodeJson(body)
    const target = `/v2/members${below}`
    const answer = await this.#http.ask({ ...options, ...sent, method, target })
    if (answer.status >= 300) throw errorOf(answer)
    return answer.text.trim() === '' ? {} : parseJson(answer)
  }
}

/** As the API words it. */
function noSuchMember(id: string): ApiError {
  return new ApiError(404, 0, `No such member: ${id}`, '', 0, undefined, true)
}

function memberOf(body: JsonAnswer): Member {
  const { id, name, peerURLs, clientURLs } = body
  return { id: String(id ?? ''), name: String(name ?? ''), peerURLs: texts(peerURLs), clientURLs: texts(clientURLs) }
}

function texts(list: unknown): readonly string[] {
  return Array.isArray(list) ? list.map(String) : []
}
