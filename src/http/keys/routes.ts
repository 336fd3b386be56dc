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
import type { HttpLimits } from '../limits.ts'
import { bodyType } from '../media-type.ts'
import type { MemberPort, WriteAnswer } from '../ports.ts'
import { send, sendNotAllowed } from '../send.ts'
import { BodyBudget, type BodyFault, discardBody, readBody } from './body.ts'
import { renderEvent, renderNode } from './json.ts'
import { sendListing } from './listing.ts'
import {
  type Invalid,
  invalid,
  type KeysMethod,
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
import { Slices } from './slices.ts'
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
  #inFlight = 0
  #listings = 0
  #ending = false

  constructor(member: MemberPort, limits: HttpLimits, meter: RequestMeter) {
    this.#member = member
    this.#limits = limits
    this.#meter = meter
    this.#watches = new Watches(member, limits)
    this.#budget = new BodyBudget(limits.bodiesBytesMax)
    this.#slices = new Slices(limits.sliceMsMax)
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
      case 'DELETE':
        this.#serve(response, method, target, '', cors)
        return
      case 'PUT':
      case 'POST': {
        const coding = request.headers['transfer-encoding']
        if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
          // node:http finds out that it cannot read such a body only after it has announced the request.
          response.destroy()
          return
        }
        const type = bodyType(request.headers['content-type'] ?? '')
        if (type === 'form') {
          readBody(request, this.#limits.bodyBytesMax, this.#budget, (body) => {
            if (typeof body !== 'string') this.#refuseBody(response, body, cors)
            else this.#serve(response, method, target, body, cors)
          })
          return
        }
        discardBody(request, () => {
          if (type === 'other') this.#serve(response, method, target, '', cors)
          else this.#refuse(response, cors, invalid(ErrorCode.invalidForm, type.fault))
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
        this.#refuse(response, cors, request)
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
    store.countGet(true)
    const pairs = successPairs(member, store.storeIndex)
    if (found.dir) {
      this.#list(response, cors, request, found, pairs)
    } else {
      const node = renderNode(found, found.deadlineMs === 0 ? 0 : member.clockNowMs())
      send(response, 200, cors, pairs, `{"action":"get","node":${node}}\n`)
    }
    this.#meter.succeeded(method, performance.now() - startMs)
  }

  #list(response: ServerResponse, cors: HeaderPairs, request: ReadRequest, directory: Node, pairs: HeaderPairs): void {
    if (this.#listings >= this.#limits.listingsMax) {
      sendOverloaded(response, this.#member, cors, 'listingsMax')
      return
    }
    this.#listings += 1
    const { recursive, sorted } = request
    const clockMs = this.#member.clockNowMs()
    const listing = { directory, recursive, sorted, clockMs, cors, pairs }
    sendListing(response, listing, this.#slices, this.#limits.stallMsMax, () => {
      this.#listings -= 1
    })
  }

  #readWithQuorum(response: ServerResponse, cors: HeaderPairs, request: ReadRequest, startMs: number): void {
    if (!this.#admit(response, cors)) return
    this.#member.quorumRead((refusal) => {
      this.#inFlight -= 1
      if (refusal === undefined) {
        this.#read(response, cors, request, 'QGET', startMs)
        return
      }
      sendRefusal(response, this.#member, cors, refusal)
      this.#meter.failed('QGET', 500)
    })
  }

  #write(response: ServerResponse, cors: HeaderPairs, request: WriteRequest, method: string, startMs: number): void {
    if (!this.#admit(response, cors)) return
    this.#member.write(request.command, (answer) => {
      this.#inFlight -= 1
      if (this.#ending) response.shouldKeepAlive = false
      this.#answer(response, cors, request, answer)
      if (response.statusCode < 400) this.#meter.succeeded(method, performance.now() - startMs)
      else this.#meter.failed(method, response.statusCode)
    })
  }

  #answer(response: ServerResponse, cors: HeaderPairs, request: WriteRequest, answer: WriteAnswer): void {
    const member = this.#member
    if (answer.ok) {
      const { event } = answer
      const brief = request.noValueOnSuccess && event.action !== 'delete' && event.action !== 'compareAndDelete'
      const body = brief ? `{"action":"${event.action}"}\n` : renderEvent(event)
      send(response, event.created ? 201 : 200, cors, successPairs(member, event.index), body)
    } else if ('condition' in answer) {
      sendRefusal(response, member, cors, answer)
    } else {
      sendFailure(response, member, cors, answer)
    }
  }

  #admit(response: ServerResponse, cors: HeaderPairs): boolean {
    if (this.#inFlight >= this.#limits.inFlightMax) {
      sendOverloaded(response, this.#member, cors, 'inFlightMax')
      return false
    }
    this.#inFlight += 1
    return true
  }

  #refuse(response: ServerResponse, cors: HeaderPairs, request: Invalid): void {
    sendError(response, this.#member, cors, request.code, request.cause, 0)
  }

  #refuseBody(response: ServerResponse, fault: BodyFault, cors: HeaderPairs): void {
    const tooLarge = fault.limit === 'bodyBytesMax'
    const code = tooLarge ? ErrorCode.invalidForm : ErrorCode.raftInternal
    sendErrorEarly(response, this.#member, cors, code, tooLarge ? 'http: POST too large' : overloadCause(fault.limit))
  }
}
