/**
 * `POST /muster/v1/index` with `{"to":1229}`: takes the store index to that of the cluster that the keys came from. Ours.
 *
 * Owns: who may (root, where users are on), what a body may say, the answer. Leaves to others: what it means (the store).
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { ADVANCED_INDEX_MAX } from '../api.ts'
import type { User } from '../auth/records.ts'
import type { Cors, HeaderPairs } from './cors.ts'
import { guarded } from './failures.ts'
import type { Guard } from './guard.ts'
import { BodyBudget, readBody } from './keys/body.ts'
import { sendFailure, sendRefusal, successPairs } from './keys/reply.ts'
import type { MemberPort, WriteAnswer } from './ports.ts'
import { route } from './route.ts'
import { send, sendEarly, sendMessage } from './send.ts'

/** Bytes of a body. A longer one is refused with 413. */
const BODY_BYTES_MAX = 1024
/** Bytes of all such bodies being received at a time. One body is too short to be counted against it (`keys/body.ts`). */
const BODIES_BYTES_MAX = 64 * 1024

export interface StoreIndexRoutesOptions {
  readonly member: MemberPort
  readonly cors: Cors
  readonly guard: Guard
}

/** Registers the route. */
export async function storeIndexRoutes(app: FastifyInstance, options: StoreIndexRoutesOptions): Promise<void> {
  const { member, cors, guard } = options
  const budget = new BodyBudget(BODIES_BYTES_MAX)
  const advance = (response: ServerResponse, pairs: HeaderPairs, to: number): void => {
    const told = guarded(response, (answer: WriteAnswer) => {
      if (answer.ok) {
        const { index } = answer.event
        send(response, 200, pairs, successPairs(member, index), `{"index":${index}}\n`)
      } else if ('condition' in answer) sendRefusal(response, member, pairs, answer)
      else sendFailure(response, member, pairs, answer)
    })
    member.write({ kind: 'advanceIndex', to }, told)
  }
  const read = (
    request: IncomingMessage,
    response: ServerResponse,
    pairs: HeaderPairs,
    user: User | undefined,
  ): void => {
    readBody(response, BODY_BYTES_MAX, budget, (body) => {
      if (typeof body !== 'string') {
        sendEarly(
          response,
          413,
          pairs,
          ['Content-Type', 'application/json'],
          '{"message":"the request body is too large"}',
        )
        return
      }
      const to = readIndex(body)
      if (to === undefined)
        sendMessage(response, 400, pairs, [], `to must be a whole number up to ${ADVANCED_INDEX_MAX}`)
      else guard.confirmRoot(user, request, response, pairs, () => advance(response, pairs, to))
    })
  }
  route(app, '/muster/v1/index', 'POST', cors, (response, pairs, request) => {
    guard.admitRoot(request.raw, response, pairs, (user) => {
      if (isJson(request.raw)) read(request.raw, response, pairs, user)
      else sendMessage(response, 415, pairs, [], 'the body must be application/json')
    })
  })
}

/** A page of another site can send forms and plain text to a member, but not JSON unasked. */
function isJson(request: IncomingMessage): boolean {
  return request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() === 'application/json'
}

/** `to` of the body; undefined when it is none that may be asked for. */
function readIndex(text: string): number | undefined {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return undefined
  }
  const to = typeof body === 'object' && body !== null && 'to' in body ? body.to : undefined
  const isIndex = typeof to === 'number' && Number.isSafeInteger(to) && to >= 0 && to <= ADVANCED_INDEX_MAX
  return isIndex ? to : undefined
}
