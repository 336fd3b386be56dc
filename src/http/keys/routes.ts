/**
 * `/v2/keys`: GET, HEAD, PUT, POST, DELETE.
 *
 * Owns: the way of a request from its target to its answer, and how many are under way. Leaves to others: parameters
 * (parse), answers (reply, listing, watch), bodies (body), what is done (the member behind the port).
 *
 * This is the hot path: a GET makes no promise and no listener, a PUT two listeners and one closure.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { ErrorCode } from '../../api.ts'
import type { RequestMeter } from '../../metrics.ts'
import type { Node } from '../../store/node.ts'
import { cleanPath } from '../../store/path.ts'
import type { HeaderPairs } from '../cors.ts'
import { failRequest, guarded } from '../failures.ts'
import type { Guard, Verdict } from '../guard.ts'
import type { HttpLimits } from '../limits.ts'
import { bodyType } from '../media-type.ts'
import type { MemberPort, Refusal, WriteAnswer } from '../ports.ts'
import { send, sendNotAllowed } from '../send.ts'
import { BodyBudget, type BodyFault, discardBody, readBody } from './body.ts'
import { renderEvent, renderNode } from './json.ts'
import { exceededKeyLimit } from './key-limits.ts'
import { isSmallListing, sendListing } from './listing.ts'
import {
  type Invalid,
  invalid,
  type KeysMethod,
  type KeysRequest,
  parseKeysRequest,
  type ReadRequest,
  type WriteRequest,
} from './parse.ts'
import {
  overloadCause,
  sendError,
  sendErrorEarly,
  sendFailure,
  sendOverloaded,
  sendRefusal,
  successPairs,
} from './reply.ts'
import type { Slices } from './slices.ts'
import { Watches } from './watch.ts'

const ALLOW = 'HEAD,GET,PUT,POST,DELETE'

/** What follows `/v2/keys` in a request. */
export interface KeysTarget {
  /** Decoded and clean: empty, or begins with `/`; one trailing slash may be there. */
  readonly path: string
  /** Raw, without `?`. */
  readonly query: string
}

/** Serves the key space of one member. */
export class KeysRoutes {
  readonly #watches: Watches
  readonly #member: MemberPort
  readonly #limits: HttpLimits
  readonly #meter: RequestMeter
  readonly #budget: BodyBudget
  readonly #slices: Slices
  readonly #guard: Guard
  #inFlight = 0
  #listings = 0
  #ending = false

  /** @param slices Where listings are rendered. */
  constructor(member: MemberPort, limits: HttpLimits, meter: RequestMeter, slices: Slices, guard: Guard) {
    this.#member = member
    this.#limits = limits
    this.#meter = meter
    this.#watches = new Watches(member, limits)
    this.#budget = new BodyBudget(limits.bodiesBytesMax)
    this.#slices = slices
    this.#guard = guard
  }

  /** How many watches are waiting or streaming. */
  get watchCount(): number {
    return this.#watches.count
  }

  /** Ends all watches; connections of writes that still wait for their answer end with it. */
  end(): void {
    this.#ending = true
    this.#watches.closeAll()
  }

  /** Serves one request. */
  handle(request: IncomingMessage, response: ServerResponse, target: KeysTarget, cors: HeaderPairs): void {
    const method = request.method
    switch (method) {
      case 'GET':
      case 'HEAD':
      case 'DELETE': {
        const limit = exceededKeyLimit(method, target.path, this.#limits)
        if (limit === undefined) this.#serve(response, method, target, '', cors)
        else this.#refuseOverloaded(response, method, cors, limit)
        return
      }
      case 'PUT':
      case 'POST': {
        const limit = exceededKeyLimit(method, target.path, this.#limits)
        if (limit !== undefined) {
          discardBody(response, () => this.#refuseOverloaded(response, method, cors, limit))
          return
        }
        const type = bodyType(request.headers['content-type'] ?? '')
        if (type === 'form') {
          readBody(response, this.#limits.bodyBytesMax, this.#budget, (body) => {
            if (typeof body !== 'string') this.#refuseBody(response, method, cors, body)
            else this.#serve(response, method, target, body, cors)
          })
          return
        }
        discardBody(response, () => {
          if (type === 'other') this.#serve(response, method, target, '', cors)
          else this.#refuse(response, method, cors, invalid(ErrorCode.invalidForm, type.fault))
        })
        return
      }
      default:
        sendNotAllowed(response, cors, ALLOW)
    }
  }

  #serve(response: ServerResponse, method: KeysMethod, target: KeysTarget, body: string, cors: HeaderPairs): void {
    const startMs = performance.now()
    const path = target.path === '' ? '/' : cleanPath(target.path)
    const request = parseKeysRequest(method, path, target.query, body, this.#member)
    if (this.#guard.enabled && request.kind !== 'invalid') {
      this.#judge(response, method, target, cors, request, startMs)
      return
    }
    this.#carryOut(response, method, cors, request, startMs)
  }

  /** Goes on with a request that its user, or a guest, may make. */
  #judge(
    response: ServerResponse,
    method: KeysMethod,
    target: KeysTarget,
    cors: HeaderPairs,
    request: Exclude<KeysRequest, Invalid>,
    startMs: number,
  ): void {
    const write = method !== 'GET' && method !== 'HEAD'
    const question = { key: target.path, write, recursive: request.recursive }
    const judged = guarded(response, (verdict: Verdict) => {
      // Who was judged while the server began to end comes too late to be told to end.
      if (this.#ending && request.kind === 'watch') response.destroy()
      else if (verdict === 'granted') this.#carryOut(response, method, cors, request, startMs)
      else if (verdict === 'busy') this.#refuseOverloaded(response, method, cors, 'passwordsWaitingMax')
      else this.#refuse(response, method, cors, invalid(ErrorCode.unauthorized, 'Insufficient credentials'))
    })
    this.#guard.judgeKey(response.req, question, judged)
  }

  #carryOut(
    response: ServerResponse,
    method: KeysMethod,
    cors: HeaderPairs,
    request: KeysRequest,
    startMs: number,
  ): void {
    switch (request.kind) {
      case 'read':
        if (request.quorum) this.#readWithQuorum(response, cors, request, startMs)
        else this.#read(response, cors, request, method, startMs)
        return
      case 'write':
        this.#write(response, cors, request, method, startMs)
        return
      case 'watch':
        this.#meter.watched()
        this.#watches.start(response, cors, request)
        return
      case 'invalid':
        this.#refuse(response, method, cors, request)
    }
  }

  #read(response: ServerResponse, cors: HeaderPairs, request: ReadRequest, method: string, startMs: number): void {
    const member = this.#member
    const { store } = member
    const found = store.tree.get(request.path)
    if ('ok' in found) {
      store.countGet(false)
      sendFailure(response, member, cors, found)
      this.#meter.failed(method, response.statusCode)
      return
    }
    if (found.dir) {
      if (isSmallListing(found, request.recursive)) this.#list(response, cors, request, found, method, startMs)
      else this.#listInTurn(response, cors, request, method, startMs)
      return
    }
    store.countGet(true)
    const node = renderNode(found, found.deadlineMs === 0 ? 0 : member.clockNowMs())
    send(response, 200, cors, successPairs(member, store.storeIndex), `{"action":"get","node":${node}}\n`)
    this.#meter.succeeded(method, performance.now() - startMs)
  }

  /** Waits for a pass of the loop that has no other large listing to begin, and answers with what is there then. */
  #listInTurn(
    response: ServerResponse,
    cors: HeaderPairs,
    request: ReadRequest,
    method: string,
    startMs: number,
  ): void {
    if (!this.#admitListing(response, cors, method)) return
    const begin = guarded(response, () => {
      this.#listings -= 1
      if (response.destroyed) return
      const found = this.#member.store.tree.get(request.path)
      if (!('ok' in found) && found.dir) this.#list(response, cors, request, found, method, startMs)
      else this.#read(response, cors, request, method, startMs)
    })
    this.#slices.add(() => {
      begin()
      return true
    })
  }

  #list(
    response: ServerResponse,
    cors: HeaderPairs,
    request: ReadRequest,
    directory: Node,
    method: string,
    startMs: number,
  ): void {
    if (!this.#admitListing(response, cors, method)) return
    const member = this.#member
    member.store.countGet(true)
    const { recursive, sorted } = request
    const pairs = successPairs(member, member.store.storeIndex)
    const listing = { directory, recursive, sorted, clockMs: member.clockNowMs(), cors, pairs }
    sendListing(response, listing, this.#slices, this.#limits.stallMsMax, () => {
      this.#listings -= 1
      if (!response.destroyed) this.#meter.succeeded(method, performance.now() - startMs)
    })
  }

  /** Takes a place among the listings; false: there was none, and the request has been refused. */
  #admitListing(response: ServerResponse, cors: HeaderPairs, method: string): boolean {
    if (this.#listings >= this.#limits.listingsMax) {
      this.#refuseOverloaded(response, method, cors, 'listingsMax')
      return false
    }
    this.#listings += 1
    return true
  }

  #readWithQuorum(response: ServerResponse, cors: HeaderPairs, request: ReadRequest, startMs: number): void {
    if (!this.#admit(response, 'QGET', cors)) return
    const done = (refusal: Refusal | undefined): void => {
      this.#inFlight -= 1
      try {
        if (refusal === undefined) {
          this.#read(response, cors, request, 'QGET', startMs)
          return
        }
        sendRefusal(response, this.#member, cors, refusal)
        this.#meter.failed('QGET', 500)
      } catch (error) {
        failRequest(response, error)
      }
    }
    try {
      this.#member.quorumRead(done)
    } catch (error) {
      this.#inFlight -= 1
      throw error
    }
  }

  #write(response: ServerResponse, cors: HeaderPairs, request: WriteRequest, method: string, startMs: number): void {
    if (!this.#admit(response, method, cors)) return
    const done = (answer: WriteAnswer): void => {
      this.#inFlight -= 1
      if (this.#ending) response.shouldKeepAlive = false
      try {
        this.#answer(response, cors, request, answer)
      } catch (error) {
        failRequest(response, error)
      }
      if (response.statusCode < 400) this.#meter.succeeded(method, performance.now() - startMs)
      else this.#meter.failed(method, response.statusCode)
    }
    try {
      this.#member.write(request.command, done)
    } catch (error) {
      // Not taken, so nobody will answer it: its place is free. What `done` meets does not come here.
      this.#inFlight -= 1
      throw error
    }
  }

  #answer(response: ServerResponse, cors: HeaderPairs, request: WriteRequest, answer: WriteAnswer): void {
    const member = this.#member
    if (answer.ok) {
      const { event } = answer
      const brief = request.noValueOnSuccess && event.action !== 'delete' && event.action !== 'compareAndDelete'
      const body = brief ? `{"action":"${event.action}"}\n` : renderEvent(event)
      send(response, event.created ? 201 : 200, cors, successPairs(member, event.index), body)
    } else if ('condition' in answer) {
      this.#meter.proposalFailed()
      sendRefusal(response, member, cors, answer)
    } else {
      sendFailure(response, member, cors, answer)
    }
  }

  /** Takes a place among what waits for its answer; false: there was none, and the request has been refused. */
  #admit(response: ServerResponse, method: string, cors: HeaderPairs): boolean {
    if (this.#inFlight >= this.#limits.inFlightMax) {
      this.#refuseOverloaded(response, method, cors, 'inFlightMax')
      return false
    }
    this.#inFlight += 1
    return true
  }

  #refuse(response: ServerResponse, method: string, cors: HeaderPairs, request: Invalid): void {
    sendError(response, this.#member, cors, request.code, request.cause, 0)
    this.#meter.failed(method, response.statusCode)
  }

  #refuseOverloaded(response: ServerResponse, method: string, cors: HeaderPairs, limit: keyof HttpLimits): void {
    sendOverloaded(response, this.#member, cors, limit)
    this.#meter.failed(method, response.statusCode)
  }

  #refuseBody(response: ServerResponse, method: string, cors: HeaderPairs, fault: BodyFault): void {
    const tooLarge = fault.limit === 'bodyBytesMax'
    const code = tooLarge ? ErrorCode.invalidForm : ErrorCode.raftInternal
    sendErrorEarly(response, this.#member, cors, code, tooLarge ? 'http: POST too large' : overloadCause(fault.limit))
    this.#meter.failed(method, response.statusCode)
  }
}
