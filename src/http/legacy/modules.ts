/**
 * `/mod/v2/lock/KEY` and `/mod/v2/leader/KEY` of etcd 0.4 (API page, 17).
 *
 * Owns: parameters and answers. A leader is who holds the lock of that key, by its name. Leaves to others: locks (`locks.ts`).
 */
import type { ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { ErrorCode } from '../../api.ts'
import { cleanPath } from '../../store/path.ts'
import type { Cors, HeaderPairs } from '../cors.ts'
import { failRequest, guarded } from '../failures.ts'
import type { Guard, Verdict } from '../guard.ts'
import { BodyBudget, readBody } from '../keys/body.ts'
import { exceededKeyLimit } from '../keys/key-limits.ts'
import { sendError, sendFailure, sendOverloaded, sendRefusal } from '../keys/reply.ts'
import type { HttpLimits } from '../limits.ts'
import { bodyType } from '../media-type.ts'
import type { MemberPort } from '../ports.ts'
import { send, sendNotAllowed, sendNotFound } from '../send.ts'
import { parseTarget } from '../target.ts'
import { decodeUtf8 } from '../text.ts'
import { LOCKS, type LockAnswer, Locks } from './locks.ts'

const TEXT: HeaderPairs = ['Content-Type', 'text/plain; charset=utf-8']
/** Bytes of a form: a value and some numbers. */
const FORM_BYTES_MAX = 1024 * 1024

export interface ModuleRoutesOptions {
  readonly member: MemberPort
  readonly cors: Cors
  readonly guard: Guard
  readonly limits: HttpLimits
  /** Aborted when the member stops. */
  readonly closing: AbortSignal
}

/** One request that is being served. */
interface Call {
  readonly directory: string
  readonly form: URLSearchParams
  readonly gone: AbortSignal
}

/** A parameter is wrong. */
interface Wrong {
  readonly code: ErrorCode
  readonly cause: string
}

type Serve = (call: Call) => Promise<LockAnswer> | Wrong

/** Registers the routes. */
export async function moduleRoutes(app: FastifyInstance, options: ModuleRoutesOptions): Promise<void> {
  const { member, limits } = options
  const locks = new Locks(member, limits.locksMax)
  module(app, '/mod/v2/lock', options, {
    GET: ({ directory, form }) => {
      const field = form.get('field') || 'value'
      if (field !== 'index' && field !== 'value') return { code: ErrorCode.invalidField, cause: 'Get' }
      return locks.holder(directory, field)
    },
    POST: (call) => acquire(locks, call, call.form.get('value') ?? ''),
    PUT: ({ directory, form }) => {
      const ttlSeconds = wholeNumber(form.get('ttl'))
      if (ttlSeconds === undefined) return { code: ErrorCode.ttlNotNumber, cause: 'Renew' }
      const { index, value } = placeOf(form)
      if (index === '' && value === '') return { code: ErrorCode.indexOrValueRequired, cause: 'Renew' }
      return locks.renew(directory, index, value, ttlSeconds)
    },
    DELETE: ({ directory, form }) => {
      const { index, value } = placeOf(form)
      if (index === '' && value === '') return { code: ErrorCode.indexOrValueRequired, cause: 'Release' }
      if (index !== '' && value !== '') return { code: ErrorCode.indexAndValue, cause: 'Release' }
      return locks.release(directory, index, value)
    },
  })
  module(app, '/mod/v2/leader', options, {
    GET: ({ directory }) => locks.holder(directory, 'value'),
    PUT: (call) => {
      const name = call.form.get('name') ?? ''
      return name === '' ? { code: ErrorCode.nameRequired, cause: 'Set' } : acquire(locks, call, name)
    },
    DELETE: ({ directory, form }) => {
      const name = form.get('name') ?? ''
      return name === '' ? { code: ErrorCode.nameRequired, cause: 'Delete' } : locks.release(directory, '', name)
    },
  })
}

function acquire(locks: Locks, { directory, form, gone }: Call, value: string): Promise<LockAnswer> | Wrong {
  const timeout = form.get('timeout') ?? ''
  const timeoutSeconds = wholeNumber(timeout)
  if (timeout !== '' && timeoutSeconds === undefined) return { code: ErrorCode.timeoutNotNumber, cause: 'Acquire' }
  const ttlSeconds = wholeNumber(form.get('ttl'))
  if (ttlSeconds === undefined) return { code: ErrorCode.ttlNotNumber, cause: 'Acquire' }
  const waitMsMax = timeoutSeconds === undefined ? undefined : timeoutSeconds * 1000
  return locks.acquire({ directory, value, ttlSeconds, waitMsMax, gone })
}

function module(
  app: FastifyInstance,
  prefix: string,
  { member, cors, guard, limits, closing }: ModuleRoutesOptions,
  methods: Readonly<Record<string, Serve>>,
): void {
  const budget = new BodyBudget(limits.bodiesBytesMax)
  app.all(`${prefix}/*`, (request, reply) => {
    reply.hijack()
    const response = reply.raw
    const pairs = cors.pairs(request.raw)
    const serve = methods[request.method]
    const target = parseTarget(request.raw.url ?? '/')
    if (serve === undefined) {
      sendNotAllowed(response, pairs, Object.keys(methods).join(','))
      return
    }
    const key = target.kind === 'path' ? cleanPath(target.path.slice(prefix.length)) : '/'
    if (target.kind !== 'path' || key === '/') {
      sendNotFound(response, pairs)
      return
    }
    const directory = LOCKS + key
    const limit = exceededKeyLimit('POST', directory, limits)
    if (limit !== undefined) {
      sendOverloaded(response, member, pairs, limit)
      return
    }
    const go = (form: URLSearchParams): void => {
      const client = new AbortController()
      response.on('close', () => client.abort())
      const answer = serve({ directory, form, gone: AbortSignal.any([client.signal, closing]) })
      if ('code' in answer) sendError(response, member, pairs, answer.code, answer.cause, 0)
      else {
        const told = guarded(response, (done: LockAnswer) => sendAnswer(response, member, pairs, done))
        answer.then(told).catch((error: unknown) => failRequest(response, error))
      }
    }
    // Who may is asked when the form is there: it may come slowly, and rights may be lost meanwhile.
    readForm(response, target.query, budget, (form) => {
      if (!guard.enabled) {
        go(form)
        return
      }
      // A lock is keys like others: whoever may not write them may not take it.
      const question = { key: directory, write: request.method !== 'GET', recursive: false }
      const judged = guarded(response, (verdict: Verdict) => {
        if (verdict === 'granted') go(form)
        else if (verdict === 'busy') sendOverloaded(response, member, pairs, 'passwordsWaitingMax')
        else sendError(response, member, pairs, ErrorCode.unauthorized, 'Insufficient credentials', 0)
      })
      guard.judgeKey(request.raw, question, judged)
    })
  })
}

/** The parameters of body and query; the body's first. A body that is no form, or too long for one, counts for nothing. */
function readForm(
  response: ServerResponse,
  query: string,
  budget: BodyBudget,
  done: (form: URLSearchParams) => void,
): void {
  const { req } = response
  readBody(response, FORM_BYTES_MAX, budget, (body) => {
    const isForm = typeof body === 'string' && bodyType(req.headers['content-type'] ?? '') === 'form'
    done(new URLSearchParams(isForm ? `${decodeUtf8(body)}&${query}` : query))
  })
}

function sendAnswer(response: ServerResponse, member: MemberPort, cors: HeaderPairs, answer: LockAnswer): void {
  switch (answer.kind) {
    case 'done':
      send(response, 200, cors, [], answer.text, TEXT)
      return
    case 'lost':
      send(response, 500, cors, TEXT, `${answer.why}\n`)
      return
    case 'full':
      sendOverloaded(response, member, cors, answer.limit)
      return
    case 'failed':
      if ('condition' in answer.answer) sendRefusal(response, member, cors, answer.answer)
      else sendFailure(response, member, cors, answer.answer)
  }
}

function placeOf(form: URLSearchParams): { readonly index: string; readonly value: string } {
  return { index: form.get('index') ?? '', value: form.get('value') ?? '' }
}

/** Seconds, of which none are meant to be more than some thirty years. */
function wholeNumber(text: string | null): number | undefined {
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : undefined
}
