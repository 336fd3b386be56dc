/**
 * Members of the cluster: who they are, adding and removing them.
 *
 * Owns: `/v2/members`, and `/v2/machines` of servers that have no other. Leaves to others: requests and fail-over (http).
 */
import type { MemberJson } from '../api.ts'
import { encodeJson, type JsonAnswer, parseJson } from './answer-json.ts'
import { ApiError, ClientError } from './errors.ts'
import { errorOf } from './failures.ts'
import type { Http } from './http.ts'
import type { CallOptions } from './keys.ts'

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
    const body = await this.#read('/v2/members', options)
    if (Array.isArray(body['members'])) return body['members'].map(memberOf)
    throw new ClientError('MUSTER_CLIENT_BAD_ANSWER', 'the answer to /v2/members is no list', {
      definite: true,
      retriable: false,
    })
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

  async #read(target: string, options: CallOptions): Promise<JsonAnswer> {
    const answer = await this.#http.ask({ ...options, method: 'GET', target })
    if (answer.status !== 200) throw errorOf(answer)
    return parseJson(answer)
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

function memberOf(body: JsonAnswer): Member {
  const { id, name, peerURLs, clientURLs } = body
  return { id: String(id ?? ''), name: String(name ?? ''), peerURLs: texts(peerURLs), clientURLs: texts(clientURLs) }
}

function texts(list: unknown): readonly string[] {
  return Array.isArray(list) ? list.map(String) : []
}
