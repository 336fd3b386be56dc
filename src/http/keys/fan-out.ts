/**
 * Events on their way to the sockets of watchers.
 *
 * Owns: rendering an event once with its chunk framing, gathering what one pass of the loop brings for each stream into
 * one write, closing streams that do not drain. Leaves to others: who watches what (store), requests (watch).
 *
 * All streams share one log of the pass. A stream notes which stretch of it is its own; a thousand streams that saw the same
 * events write the same bytes.
 */
import type { ServerResponse } from 'node:http'
import type { Event } from '../../store/event.ts'
import { renderEvent } from './json.ts'

/** One stream whose headers have been sent. */
export class StreamSink {
  readonly response: ServerResponse
  /** The stretch of the log that is to be written, `from` to before `to`; none when equal. Owned by `FanOut`. */
  from = 0
  to = 0
  /** What came before that stretch and does not touch it. Owned by `FanOut`. */
  earlier: Buffer[] = []
  /** Bytes of both. Owned by `FanOut`. */
  bytes = 0

  constructor(response: ServerResponse) {
    this.response = response
  }
}

/** All streams of one server. */
export class FanOut {
  readonly #bufferBytesMax: number
  #log: Buffer[] = []
  #events: Event[] = []
  #dirty: StreamSink[] = []
  #ended: { readonly response: ServerResponse; readonly event: Event }[] = []
  #scheduled = false

  /** @param bufferBytesMax Bytes that may wait in this process for one stream. */
  constructor(bufferBytesMax: number) {
    this.#bufferBytesMax = bufferBytesMax
  }

  /** Takes an event for a stream. False: too much waits for that client already. */
  stream(sink: StreamSink, event: Event): boolean {
    const { socket } = sink.response
    // Its turn on the connection has not come: earlier requests are still being answered.
    if (socket === null) return this.write(sink.response, event)
    const position = this.#note(event)
    const size = (this.#log[position] as Buffer).length
    if (sink.bytes + size + socket.writableLength > this.#bufferBytesMax && sink.bytes + socket.writableLength > 0)
      return false
    if (sink.bytes === 0) {
      this.#dirty.push(sink)
      sink.from = position
    } else if (sink.to !== position) {
      sink.earlier.push(this.#stretch(sink.from, sink.to))
      sink.from = position
    }
    sink.to = position + 1
    sink.bytes += size
    return true
  }

  /** Takes an event for a stream that writes through its response, in the framing of that. False: as above. */
  write(response: ServerResponse, event: Event): boolean {
    response.write(renderEvent(event))
    return response.writableLength <= this.#bufferBytesMax
  }

  /** Ends a long poll with its event. */
  finish(response: ServerResponse, event: Event): void {
    this.#ended.push({ response, event })
    this.#schedule()
  }

  /** Place of the event in the log of this pass. */
  #note(event: Event): number {
    const last = this.#events.length - 1
    if (last >= 0 && this.#events[last] === event) return last
    const buffer = (event.rendered as Buffer | undefined) ?? frame(event)
    event.rendered = buffer
    this.#events.push(event)
    this.#log.push(buffer)
    this.#schedule()
    return last + 1
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.#flush())
  }

  #flush(): void {
    this.#scheduled = false
    const dirty = this.#dirty
    this.#dirty = []
    let from = -1
    let to = -1
    let bytes: Buffer | undefined
    for (const sink of dirty) {
      if (bytes === undefined || sink.from !== from || sink.to !== to) {
        from = sink.from
        to = sink.to
        bytes = this.#stretch(from, to)
      }
      const socket = sink.response.socket
      if (socket !== null && !socket.destroyed) {
        for (const earlier of sink.earlier) socket.write(earlier)
        socket.write(bytes)
      }
      if (sink.earlier.length > 0) sink.earlier = []
      sink.bytes = 0
    }
    // The history keeps events for a long time; their bytes are wanted now and hardly ever again.
    for (const event of this.#events) event.rendered = undefined
    this.#events = []
    this.#log = []
    const ended = this.#ended
    this.#ended = []
    let text = ''
    let shown: Event | undefined
    for (const { response, event } of ended) {
      if (event !== shown) {
        text = renderEvent(event)
        shown = event
      }
      response.end(text)
    }
  }

  #stretch(from: number, to: number): Buffer {
    return to - from === 1 ? (this.#log[from] as Buffer) : Buffer.concat(this.#log.slice(from, to))
  }
}

function frame(event: Event): Buffer {
  const text = renderEvent(event)
  return Buffer.from(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`)
}
