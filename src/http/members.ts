/**
 * `/v2/members` and `/v2/machines`: who is in the cluster, and changing it (API page, 7.1 and 7.2).
 *
 * Owns: paths, methods, statuses and bodies. Leaves to others: who may (guard), what a body says (peer-urls), whether a change is
 * wise (the member).
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { MemberJson } from '../api.ts'
import type { User } from '../auth/records.ts'
import type { Cors, HeaderPairs } from './cors.ts'
import { guarded } from './failures.ts'
import type { Guard } from './guard.ts'
import { BodyBudget, readBody } from './keys/body.ts'
import { jsonString } from './keys/json.ts'
import { parsePeerUrls } from './peer-urls.ts'
import type { MemberChangeAnswer, MemberPort } from './ports.ts'
import { route } from './route.ts'
import { send, sendEarly, sendNotAllowed } from './send.ts'
import { decodeUtf8 } from './text.ts'

const ALLOW = 'GET,POST,DELETE,PUT'
const PREFIX = '/v2/members'
const JSON_TYPE = 'application/json'
/** Bytes of a body. A longer one is refused with 413; etcd reads any. */
const BODY_BYTES_MAX = 1024 * 1024
/** Bytes of all such bodies being received at a time. One more is refused with 503. */
const BODIES_BYTES_MAX = 4 * 1024 * 1024

export interface MemberRoutesOptions {
  readonly member: MemberPort
  readonly cors: Cors
  readonly guard: Guard
}

/** Registers the routes. */
export async function memberRoutes(app: FastifyInstance, { member, cors, guard }: MemberRoutesOptions): Promise<void> {
  const routes = new MemberRoutes(member, guard)
  for (const path of [PREFIX, `${PREFIX}/`, `${PREFIX}/*`]) {
    app.all(path, (request, reply) => {
      reply.hijack()
      const below = decodeURIComponent(request.url.split('?', 1)[0]?.slice(PREFIX.length + 1) ?? '')
      routes.handle({ request: request.raw, response: reply.raw, cors: cors.pairs(request.raw), below })
    })
  }
  route(app, '/v2/machines', 'GET,HEAD', cors, (response, pairs) => {
    const urls = member.members().flatMap(({ clientURLs }) => clientURLs)
    send(response, 200, pairs, [], [...urls].sort().join(', '), ['Content-Type', 'text/plain; charset=utf-8'])
  })
}

/** One request and what belongs to it. */
type MemberAddAnswer = Parameters<Parameters<MemberPort['memberChanges']['add']>[1]>[0]

interface Call {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly cors: HeaderPairs
  /** What follows `/v2/members/`. */
  readonly below: string
}

class MemberRoutes {
  readonly #member: MemberPort
  readonly #guard: Guard
  readonly #budget = new BodyBudget(BODIES_BYTES_MAX)
  readonly #pairs: HeaderPairs

  constructor(member: MemberPort, guard: Guard) {
    this.#member = member
    this.#guard = guard
    this.#pairs = ['X-Etcd-Cluster-Id', member.clusterId]
  }

  handle(call: Call): void {
    const { request, response, cors } = call
    switch (request.method) {
      case 'GET':
        this.#show(call)
        return
      case 'POST':
      case 'DELETE':
      case 'PUT':
        // The only way to a change.
        this.#guard.admitRoot(request, response, cors, (user) => this.#change(call, user))
        return
      default:
        sendNotAllowed(response, cors, ALLOW)
    }
  }

  #show(call: Call): void {
    const { below } = call
    if (below === '') this.#answer(call, 200, `{"members":[${this.#member.members().map(renderMember).join(',')}]}\n`)
    else if (below === 'leader') {
      const leader = this.#member.members().find(({ id }) => id === this.#member.leader())
      if (leader === undefined) this.#say(call, 503, 'During election')
      else this.#answer(call, 200, `${renderMember(leader)}\n`)
    } else this.#say(call, 404, 'Not found')
  }

  /** @param user Who asks for it. Whoever is no administrator any more when the body has come is refused. */
  #change(call: Call, user: User | undefined): void {
    const { below, request } = call
    const { memberChanges } = this.#member
    if (request.method === 'POST') {
      this.#readUrls(call, user, (urls) => {
        const told = guarded(call.response, (answer: MemberAddAnswer) => {
          if (answer.ok) this.#answer(call, 201, `${renderMember(answer.member)}\n`)
          else if (answer.reason === 'peerUrlExists') this.#say(call, 409, 'membership: peerURL exists')
          else if (answer.reason === 'idExists') this.#say(call, 409, 'membership: ID exists')
          else this.#say(call, 500, 'Internal Server Error')
        })
        memberChanges.add(urls, told)
      })
      return
    }
    const id = canonicalId(below)
    const told = (answer: MemberChangeAnswer): void => this.#tell(call, id ?? '', answer, request.method === 'DELETE')
    if (below === '') sendNotAllowed(call.response, call.cors, '', this.#pairs)
    else if (id === undefined || id === '0') this.#say(call, 404, `No such member: ${id ?? below}`)
    else if (request.method === 'DELETE') memberChanges.remove(id, guarded(call.response, told))
    else this.#readUrls(call, user, (urls) => memberChanges.update(id, urls, guarded(call.response, told)))
  }

  /** @param saysRemoved An id that was removed before has an answer of its own. */
  #tell(call: Call, id: string, answer: MemberChangeAnswer, saysRemoved: boolean): void {
    if (answer.ok) send(call.response, 204, call.cors, this.#pairs, '')
    else if (answer.reason === 'idNotFound') this.#say(call, 404, `No such member: ${id}`)
    else if (answer.reason === 'peerUrlExists') this.#say(call, 409, 'membership: peerURL exists')
    else if (answer.reason === 'idRemoved' && saysRemoved) this.#say(call, 410, `Member permanently removed: ${id}`)
    else this.#say(call, 500, 'Internal Server Error')
  }

  #readUrls(call: Call, user: User | undefined, then: (urls: readonly string[]) => void): void {
    const { request, response, cors } = call
    const given = request.headers['content-type'] ?? ''
    const semicolon = given.indexOf(';')
    const type = semicolon < 0 ? given : given.slice(0, semicolon).toLowerCase().trim()
    if (type !== JSON_TYPE) {
      this.#say(call, 415, `Bad Content-Type ${type}, accept ${JSON_TYPE}`)
      return
    }
    readBody(response, BODY_BYTES_MAX, this.#budget, (body) => {
      if (typeof body !== 'string') {
        const pairs = ['Content-Type', JSON_TYPE, ...this.#pairs]
        if (body.limit === 'bodyBytesMax')
          sendEarly(response, 413, cors, pairs, '{"message":"the request body is too large"}')
        else sendEarly(response, 503, cors, pairs, '{"message":"too many request bodies at a time"}')
        return
      }
      const parsed = parsePeerUrls(decodeUtf8(body))
      if ('fault' in parsed) this.#say(call, 400, parsed.fault)
      else this.#guard.confirmRoot(user, request, response, cors, () => then(parsed.urls))
    })
  }

  #say(call: Call, status: number, message: string): void {
    this.#answer(call, status, `{"message":${jsonString(message)}}`)
  }

  #answer({ response, cors }: Call, status: number, body: string): void {
    send(response, status, cors, ['Content-Type', JSON_TYPE, ...this.#pairs], body)
  }
}

/** An id as it is printed, from one in any spelling of hex; undefined for what is none. */
function canonicalId(text: string): string | undefined {
  if (!/^[0-9a-fA-F]+$/.test(text)) return undefined
  const digits = text.toLowerCase().replace(/^0+/, '')
  return digits.length > 16 ? undefined : digits || '0'
}

function renderMember({ id, name, peerURLs, clientURLs }: MemberJson): string {
  return `{"id":"${id}","name":${jsonString(name)},"peerURLs":${renderUrls(peerURLs)},"clientURLs":${renderUrls(clientURLs)}}`
}

function renderUrls(urls: readonly string[]): string {
  return `[${urls.map(jsonString).join(',')}]`
}
