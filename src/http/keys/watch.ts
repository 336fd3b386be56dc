/**
 * Long polls and streams.
 *
 * Owns: what a watch answers and when, ends from either side, the number of watches. Leaves to others: looking back and
 * matching (store), bytes (fan-out).
 */
import type { ServerResponse } from 'node:http'
import { ErrorCode } from '../../api.ts'
import type { Watcher } from '../../store/watch.ts'
import type { HeaderPairs } from '../cors.ts'
import { failRequest } from '../failures.ts'
import type { HttpLimits } from '../limits.ts'
import type { MemberPort } from '../ports.ts'
import { sendHead } from '../send.ts'
import { FanOut, StreamSink } from './fan-out.ts'
import { renderEvent } from './json.ts'
import type { WatchKeyRequest } from './parse.ts'
import { sendError, sendOverloaded, successPairs } from './reply.ts'

/** The watches of one server. */
export class Watches {
  readonly #member: MemberPort
  readonly #watchersMax: number
  readonly #fanOut: FanOut
  readonly #open = new Set<ServerResponse>()

  constructor(member: MemberPort, limits: HttpLimits) {
    this.#member = member
    this.#watchersMax = limits.watchersMax
    this.#fanOut = new FanOut(limits.streamBufferBytesMax, limits.stallMsMax)
  }

  /** How many are waiting or streaming. */
  get count(): number {
    return this.#open.size
  }

  /** Answers a watch: at once with an error or a past event, else with headers now and events as they come. */
  start(response: ServerResponse, cors: HeaderPairs, request: WatchKeyRequest): void {
    const member = this.#member
    if (this.#open.size >= this.#watchersMax) {
      sendOverloaded(response, member, cors, 'watchersMax')
      return
    }
    const sink = new StreamSink(response)
    const answer = member.store.watchers.watch({
      path: request.path,
      recursive: request.recursive,
      stream: request.stream,
      since: request.since,
      deliver: (event) => {
        try {
          if (request.stream) return this.#fanOut.stream(sink, event)
          this.#fanOut.finish(response, event)
        } catch (error) {
          failRequest(response, error)
        }
        return true
      },
      closed: () => response.destroy(),
      ready: () => this.#fanOut.ready(sink),
    })
    switch (answer.kind) {
      case 'cleared': {
        const cause = `the requested history has been cleared [${answer.oldest}/${answer.requested}]`
        sendError(response, member, cors, ErrorCode.eventIndexCleared, cause, answer.storeIndex)
        return
      }
      case 'full':
        sendOverloaded(response, member, cors, 'watchersMax')
        return
      case 'found':
        sendHead(response, 200, cors, successPairs(member, answer.index))
        response.end(renderEvent(answer.event))
        return
      case 'registered':
        sendHead(response, 200, cors, successPairs(member, answer.index))
        response.flushHeaders()
        this.#attend(response, answer.watcher)
    }
  }

  /** Closes the connections of all watches. Clients take that for "ask again". */
  closeAll(): void {
    for (const response of this.#open) response.destroy()
  }

  #attend(response: ServerResponse, watcher: Watcher): void {
    this.#open.add(response)
    // A body means nothing here. Left unread, it would stop the reading of the connection, and its end would never be seen.
    response.req.resume()
    response.on('close', () => {
      this.#open.delete(response)
      watcher.cancel()
    })
  }
}
