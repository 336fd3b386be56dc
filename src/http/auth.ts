/**
 * `/v2/auth`: users, roles, and turning auth on and off (API page, 10).
 *
 * Owns: paths, methods, statuses and headers. Leaves to others: who may (guard), bodies (auth-json), what a change comes to (auth/).
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { type ChangeRequest, type Ended, makeChange } from '../auth/administration.ts'
import { type Decision, refuse } from '../auth/decision.ts'
import { decideDisable, decideEnable } from '../auth/flag.ts'
import type { Role, User } from '../auth/records.ts'
import { decideRoleDelete, decideRolePut } from '../auth/roles.ts'
import { decideUserDelete, decideUserPut } from '../auth/users.ts'
import { decodeRole, decodeUser, renderRole, renderUser, rolesPieces, userPieces, usersPieces } from './auth-json.ts'
import type { Cors, HeaderPairs } from './cors.ts'
import { guarded } from './failures.ts'
import { emptyForm, readPairs } from './form.ts'
import { type Guard, sendBusy } from './guard.ts'
import { BodyBudget, readBody } from './keys/body.ts'
import { jsonString } from './keys/json.ts'
import { type Pieces, sendPieces } from './keys/pieces.ts'
import type { Slices } from './keys/slices.ts'
import type { HttpLimits } from './limits.ts'
import type { MemberPort } from './ports.ts'
import { send, sendEarly, sendMessage, sendNotAllowed } from './send.ts'
import { parseTarget } from './target.ts'
import { decodeUtf8 } from './text.ts'

const PREFIX = '/v2/auth'
const PATHS = ['/enable', '/users', '/users/*', '/roles', '/roles/*'] as const

/** Bytes of a body. A longer one is refused with 413; etcd reads any. */
const BODY_BYTES_MAX = 1024 * 1024
/** Bytes of all such bodies being received at a time. One more is refused with 503. */
const BODIES_BYTES_MAX = 16 * 1024 * 1024
/** Users and roles with all that they hold may make long answers. So many of them at a time; one more is refused with 503. */
const LISTINGS_MAX = 16

export interface AuthRoutesOptions {
  readonly member: MemberPort
  readonly cors: Cors
  readonly guard: Guard
  /** Where long answers are made. */
  readonly slices: Slices
  readonly limits: HttpLimits
}

/** Registers the routes. */
export async function authRoutes(app: FastifyInstance, options: AuthRoutesOptions): Promise<void> {
  const { cors } = options
  const routes = new AuthRoutes(options)
  for (const path of PATHS) {
    app.all(`${PREFIX}${path}`, (request, reply) => {
      reply.hijack()
      const target = parseTarget(request.raw.url ?? '/')
      const { path: decoded, query } = target.kind === 'path' ? target : { path: PREFIX, query: '' }
      routes.handle({ request: request.raw, response: reply.raw, cors: cors.pairs(request.raw), query }, decoded)
    })
  }
}

/** One request and what belongs to it. */
interface Call {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly cors: HeaderPairs
  /** Raw, without `?`. */
  readonly query: string
}

/** Makes a change of what a body holds. Undefined: the body is not what it should be. */
type Reader = (text: string) => ChangeRequest | undefined

class AuthRoutes {
  readonly #member: MemberPort
  readonly #guard: Guard
  readonly #slices: Slices
  readonly #stallMsMax: number
  readonly #budget = new BodyBudget(BODIES_BYTES_MAX)
  #listings = 0

  constructor({ member, guard, slices, limits }: AuthRoutesOptions) {
    this.#member = member
    this.#guard = guard
    this.#slices = slices
    this.#stallMsMax = limits.stallMsMax
  }

  /** @param path Decoded and clean; a slash at its end says nothing. */
  handle(call: Call, path: string): void {
    const [, section, name, ...deeper] = path.slice(PREFIX.length).replace(/\/$/, '').split('/')
    if (section === 'enable') this.#flag(call)
    else if (deeper.length > 0) send(call.response, 400, call.cors, TYPE, '{"message":"Invalid path"}')
    else if (section === 'users') name === undefined ? this.#users(call) : this.#user(call, name)
    else name === undefined ? this.#roles(call) : this.#role(call, name)
  }

  #flag(call: Call): void {
    if (!isAllowed(call, 'GET,PUT,DELETE')) return
    const { request } = call
    if (request.method === 'GET') {
      this.#show(call, 200, `{"enabled":${this.#guard.enabled}}\n`)
      return
    }
    const decide = request.method === 'PUT' ? decideEnable : decideDisable
    this.#admit(call, (user) => {
      this.#change(call, user, { decide: () => decide(this.#guard.records), hash: undefined })
    })
  }

  #users(call: Call): void {
    if (!isAllowed(call, 'GET')) return
    this.#admit(call, () => {
      if (this.#hasGoodQuery(call)) this.#list(call, usersPieces(this.#guard.records))
    })
  }

  #roles(call: Call): void {
    if (!isAllowed(call, 'GET')) return
    this.#admit(call, () => {
      if (this.#hasGoodQuery(call)) this.#list(call, rolesPieces(this.#guard.records))
    })
  }

  #user(call: Call, name: string): void {
    if (!isAllowed(call, 'GET,PUT,DELETE')) return
    const { records } = this.#guard
    this.#admit(call, (user) => {
      switch (call.request.method) {
        case 'GET':
          this.#showUser(call, name)
          return
        case 'DELETE':
          this.#change(call, user, { decide: () => decideUserDelete(records, name), hash: undefined })
          return
        default:
          this.#read(call, user, (text) => {
            const input = decodeUser(text)
            if (input === undefined) return undefined
            const { password } = input
            const address = call.request.socket.remoteAddress ?? ''
            return {
              decide: (hash) => decideUserPut(records, name, input, hash),
              hash: password === '' ? undefined : (done) => this.#guard.logins.hash(password, address, done),
            }
          })
      }
    })
  }

  #role(call: Call, name: string): void {
    if (!isAllowed(call, 'GET,PUT,DELETE')) return
    const { records } = this.#guard
    this.#admit(call, (user) => {
      switch (call.request.method) {
        case 'GET': {
          const role = records.role(name)
          if (role === undefined) this.#refuse(call, 404, `auth: Role ${name} does not exist.`)
          else this.#show(call, 200, `${renderRole(role)}\n`)
          return
        }
        case 'DELETE':
          this.#change(call, user, { decide: () => decideRoleDelete(records, name), hash: undefined })
          return
        default:
          this.#read(call, user, (text) => {
            const input = decodeRole(text)
            if (input === undefined) return undefined
            return { decide: () => decideRolePut(records, name, input), hash: undefined }
          })
      }
    })
  }

  #showUser(call: Call, name: string): void {
    const { records } = this.#guard
    const user = records.user(name)
    if (user === undefined) {
      this.#refuse(call, 404, `auth: User ${name} does not exist.`)
      return
    }
    if (!this.#hasGoodQuery(call)) return
    const roles: Role[] = []
    for (const roleName of user.roles ?? []) {
      const role = records.role(roleName)
      if (role === undefined) {
        this.#refuse(call, 404, `auth: Role ${roleName} does not exist.`)
        return
      }
      roles.push(role)
    }
    this.#list(call, lineOf(userPieces(user, roles)))
  }

  #admit({ request, response, cors }: Call, then: (user: User | undefined) => void): void {
    this.#guard.admitRoot(request, response, cors, then)
  }

  #read(call: Call, user: User | undefined, reader: Reader): void {
    readBody(call.response, BODY_BYTES_MAX, this.#budget, (body) => {
      if (typeof body !== 'string') {
        const [status, why] =
          body.limit === 'bodyBytesMax'
            ? [413, 'The request body is too large']
            : [503, 'Too many request bodies at a time']
        sendEarly(call.response, status, call.cors, this.#pairs(), `{"message":"auth: ${why}"}`)
        return
      }
      const change = reader(decodeUtf8(body))
      if (change === undefined) this.#refuse(call, 400, 'Invalid JSON in request body.')
      else this.#change(call, user, change)
    })
  }

  /** @param user Who asks for it. Whoever is no administrator any more when it is decided is refused. */
  #change(call: Call, user: User | undefined, change: ChangeRequest): void {
    const { request, response, cors } = call
    let isAdmitted = true
    const decide = (made: string): Decision => {
      isAdmitted = this.#guard.isStillAdmitted(user)
      return isAdmitted ? change.decide(made) : refuse(401, 'Insufficient credentials')
    }
    const ended = guarded(response, (end: Ended) => {
      if (isAdmitted) this.#end(call, end)
      else this.#guard.confirmRoot(user, request, response, cors, (now) => this.#change(call, now, change))
    })
    makeChange(this.#guard.records, this.#member, { decide, hash: change.hash }, ended)
  }

  #end(call: Call, end: Ended): void {
    if (end === 'busy') sendBusy(call.response, call.cors)
    else if (end === 'failed') this.#refuse(call, 500, 'Internal Server Error')
    else if (end.kind === 'refused') this.#refuse(call, end.status, end.message)
    else if (end.shown === undefined) this.#show(call, end.status, '')
    else
      this.#show(call, end.status, `${'user' in end.shown ? renderUser(end.shown.user) : renderRole(end.shown.role)}\n`)
  }

  /** etcd reads the query when it lists, needs nothing of it, and gives up where it cannot. */
  #hasGoodQuery(call: Call): boolean {
    if (call.query === '' || readPairs(call.query, emptyForm()) === undefined) return true
    this.#refuse(call, 500, 'Internal Server Error')
    return false
  }

  #refuse({ response, cors }: Call, status: number, message: string): void {
    send(response, status, cors, this.#pairs(), `{"message":${jsonString(message)}}`)
  }

  #show({ response, cors }: Call, status: number, body: string): void {
    send(response, status, cors, this.#pairs(), body)
  }

  /** Answers with what may be long, a slice at a time. */
  #list({ response, cors }: Call, pieces: Pieces): void {
    if (this.#listings >= LISTINGS_MAX) {
      sendMessage(response, 503, cors, [], 'too many listings of users and roles at a time')
      return
    }
    this.#listings += 1
    const options = {
      cors,
      pairs: this.#pairs(),
      slices: this.#slices,
      stallMsMax: this.#stallMsMax,
      isSmall: false,
    }
    sendPieces(response, pieces, options, () => {
      this.#listings -= 1
    })
  }

  #pairs(): HeaderPairs {
    return [...TYPE, 'X-Etcd-Cluster-Id', this.#member.clusterId]
  }
}

const TYPE: HeaderPairs = ['Content-Type', 'application/json']

function* lineOf(pieces: Pieces): Pieces {
  return `${yield* pieces}\n`
}

function isAllowed({ request, response, cors }: Call, allow: string): boolean {
  if (allow.split(',').includes(request.method ?? '')) return true
  sendNotAllowed(response, cors, allow)
  return false
}
