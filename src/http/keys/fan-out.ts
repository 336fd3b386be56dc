/**
 * Events on their way to the sockets of watchers.
 *
 * Owns: rendering an event once with its chunk framing, gathering what one pass of the loop brings for each stream into
 * one write, when a stream has room, closing those that do not drain. Leaves to others: who watches what (store), requests
 * (watch).
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
  /** Whether the answer is chunked: HTTP/1.0 has none of that. */
  readonly framed: boolean
  /** The stretch of the log that is to be written, `from` to before `to`; none when equal. Owned by `FanOut`. */
  from = 0
  to = 0
  /** What came before that stretch and does not touch it. Owned by `FanOut`. */
  earlier: Buffer[] = []
  /** Bytes of both. Owned by `FanOut`. */
  bytes = 0

  constructor(response: ServerResponse) {
    this.response = response
    this.framed = response.req.httpVersionMinor === 1
  }
}

/** All streams of one server. */
export class FanOut {
  readonly #bufferBytesMax: number
  readonly #stallMsMax: number
  #log: Buffer[] = []
  #events: Event[] = []
  #dirty: StreamSink[] = []
  #ended: { readonly response: ServerResponse; readonly event: Event }[] = []
  #scheduled = false

  /** See `HttpLimits`: `streamBufferBytesMax`, `stallMsMax`. */
  constructor(bufferBytesMax: number, stallMsMax: number) {
    this.#bufferBytesMax = bufferBytesMax
    this.#stallMsMax = stallMsMax
  }

  /**
   * Takes an event for a stream. False: too much waits for that client already. A stream that is ready takes any event,
   * however large.
   */
  stream(sink: StreamSink, event: Event): boolean {
    const { response } = sink
    const { socket } = response
    // Without a socket its turn on the connection has not come: earlier requests are still being answered.
    if (socket === null || !sink.framed) return this.#write(response, event)
    const waiting = sink.bytes + socket.writableLength
    if (waiting > this.#bufferBytesMax) return false
    const position = this.#note(event)
    const size = (this.#log[position] as Buffer).length
    if (waiting + size > this.#bufferBytesMax && waiting > socket.writableHighWaterMark) return false
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

  /**
   * Undefined when a stream can take an event, else a promise for that moment. A client that reads too little for that to
   * come within the time it has loses its connection.
   */
  ready(sink: StreamSink): Promise<void> | undefined {
    if (sink.bytes === 0) return untilDrained(sink, this.#stallMsMax)
    // What was gathered goes to the socket in this pass; only then is it known whether the client reads.
    const flushed = new Promise((resolve) => setImmediate(resolve))
    return flushed.then(() => untilDrained(sink, this.#stallMsMax))
  }

  /** Ends a long poll with its event. */
  finish(response: ServerResponse, event: Event): void {
    this.#ended.push({ response, event })
    this.#schedule()
  }

  /** Takes an event for a stream that writes through its response, in the framing of that. False: as above. */
  #write(response: ServerResponse, event: Event): boolean {
    const waiting = response.writableLength
    const text = renderEvent(event)
    if (waiting + text.length > this.#bufferBytesMax && waiting > response.writableHighWaterMark) return false
    response.write(text)
    return true
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

/** Undefined when next to nothing waits for the client, else a promise for when nothing does, or its connection closed. */
function untilDrained({ response, framed }: StreamSink, stallMsMax: number): Promise<void> | undefined {
  const { socket } = response
  const channel = framed && socket !== null ? socket : response
  if (!channel.writableNeedDrain) return undefined
  return new Promise((resolve) => {
    const timer = setTimeout(() => response.destroy(), stallMsMax)
    const settle = (): void => {
      clearTimeout(timer)
      channel.off('drain', settle)
      response.off('close', settle)
      resolve()
    }
    channel.on('drain', settle)
    response.on('close', settle)
  })
}
