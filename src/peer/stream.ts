/**
 * One open connection between two members: frames, keep-alives, closing.
 *
 * Owns: the upgraded socket and the timer that watches it. Leaves to others: how it came to be (`dial.ts`,
 * `accept.ts`), what frames hold (`codec.ts`), what follows from its end.
 *
 * Each end says every `keepAliveMs` that it is there; the acceptor also answers each keep-alive of the dialler at once,
 * which measures the round trip. Silence is counted in ticks rather than read from a clock: a process that was itself
 * asleep misses one tick, and does not blame the other end for it.
 */
import type { Duplex } from 'node:stream'
import type { Clock } from '../replica/ports.ts'
import { PeerError } from './errors.ts'
import { FrameDecoder, KEEP_ALIVE_FRAME } from './frame.ts'
import type { PeerLimits } from './options.ts'

/** Frames up to this size are joined into one buffer: the copy costs less than handing over several. */
const JOINED_BYTES_MAX = 16 * 1024

/** What a stream tells its owner. */
export interface StreamEvents {
  /** The content of a frame that is not a keep-alive. May call `close`. */
  frame(content: Buffer): void
  /** The socket is closed; nothing follows. `cause` says why, `MUSTER_PEER_CLOSED` when the other end closed it. */
  closed(cause: Error): void
}

export class Stream {
  /** Smoothed time from a keep-alive to its answer, milliseconds; 0 until measured. Only at the dialler. */
  roundTripMs = 0
  /** When anything was last heard, monotonic milliseconds. */
  lastHeardMs: number
  readonly #socket: Duplex
  readonly #events: StreamEvents
  readonly #clock: Clock
  readonly #decoder: FrameDecoder
  readonly #answersKeepAlive: boolean
  readonly #silentTicksMax: number
  readonly #closeMs: number
  readonly #ticker: NodeJS.Timeout
  #silentTicks = 0
  /** Acceptor: a keep-alive left in answer since the last tick, so that none need leave unasked. */
  #hasAnswered = false
  /** When the keep-alive that is not yet answered left; undefined when none is out. */
  #askedMs: number | undefined
  #cause: Error | undefined
  #isClosed = false
  #deadline: NodeJS.Timeout | undefined

  /** Takes over a socket whose handshake is done. `role` is ours: the dialler asks, the acceptor answers. */
  constructor(socket: Duplex, role: 'dialler' | 'acceptor', limits: PeerLimits, clock: Clock, events: StreamEvents) {
    this.#socket = socket
    this.#events = events
    this.#clock = clock
    this.#decoder = new FrameDecoder(role === 'acceptor' ? limits.frameBytesMax : 0)
    this.#answersKeepAlive = role === 'acceptor'
    this.#silentTicksMax = Math.ceil(limits.keepAliveTimeoutMs / limits.keepAliveMs)
    this.#closeMs = limits.closeMs
    this.lastHeardMs = clock.monotonicMs()
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    // Who half-closes has said all it had to say, and reads no more.
    socket.on('end', () => socket.destroy())
    socket.on('error', (error) => {
      this.#cause ??= new PeerError('MUSTER_PEER_CLOSED', `the stream broke: ${error.message}`, error)
    })
    socket.on('close', () => this.#onClose())
    this.#ticker = setInterval(() => this.#onTick(), limits.keepAliveMs)
    if (role === 'dialler') this.#ask()
  }

  /** Bytes handed over that the kernel has not taken yet. */
  get queuedBytes(): number {
    return this.#socket.writableLength
  }

  /** Sends a frame, given in parts. Never blocks; the caller watches `queuedBytes`. False once closing: nothing of it was taken. */
  write(parts: readonly Buffer[]): boolean {
    if (!this.#socket.writable) return false
    if (parts.length === 1) {
      this.#socket.write(parts[0] as Buffer)
      return true
    }
    let bytes = 0
    for (const part of parts) bytes += part.length
    if (bytes <= JOINED_BYTES_MAX) {
      this.#socket.write(Buffer.concat(parts, bytes))
      return true
    }
    this.#socket.cork()
    for (const part of parts) this.#socket.write(part)
    this.#socket.uncork()
    return true
  }

  /**
   * Ends the stream once the other end has read what is queued, or after `closeMs`. `closed` follows with `cause`.
   * Not destroyed when flushed: unread keep-alives would turn that into a reset, which may overtake our last frame.
   */
  end(cause: Error): void {
    this.#cause ??= cause
    if (this.#isClosed || this.#deadline !== undefined) return
    this.#deadline = setTimeout(() => this.#socket.destroy(), this.#closeMs)
    this.#socket.end()
  }

  /** Closes at once; what is queued is lost. `closed` follows with `cause`. */
  close(cause: Error): void {
    this.#cause ??= cause
    this.#socket.destroy()
  }

  #onData(chunk: Buffer): void {
    if (this.#cause !== undefined) return
    this.#silentTicks = 0
    this.lastHeardMs = this.#clock.monotonicMs()
    try {
      this.#decoder.push(chunk, this.#onFrame)
    } catch (error) {
      if (!(error instanceof PeerError)) throw error
      this.close(error)
    }
  }

  readonly #onFrame = (content: Buffer): boolean => {
    if (content.length > 0) this.#events.frame(content)
    else if (!this.#answersKeepAlive) this.#onAnswer()
    else this.#hasAnswered = this.#say()
    return this.#cause === undefined
  }

  #onAnswer(): void {
    if (this.#askedMs === undefined) return
    const tripMs = this.#clock.monotonicMs() - this.#askedMs
    this.#askedMs = undefined
    this.roundTripMs = this.roundTripMs === 0 ? tripMs : this.roundTripMs * 0.875 + tripMs * 0.125
  }

  #onTick(): void {
    this.#silentTicks++
    if (this.#silentTicks > this.#silentTicksMax) {
      this.close(new PeerError('MUSTER_PEER_SILENT', 'nothing was heard for too long'))
    } else if (!this.#answersKeepAlive) {
      this.#ask()
    } else if (!this.#hasAnswered) {
      this.#say()
    }
    this.#hasAnswered = false
  }

  #ask(): void {
    if (this.#say()) this.#askedMs ??= this.#clock.monotonicMs()
  }

  /** Behind a queue a keep-alive would come late and only add to it; the queue itself says that we are there. */
  #say(): boolean {
    if (!this.#socket.writable || this.#socket.writableLength > 0) return false
    this.#socket.write(KEEP_ALIVE_FRAME)
    return true
  }

  #onClose(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    clearInterval(this.#ticker)
    clearTimeout(this.#deadline)
    this.#cause ??= new PeerError('MUSTER_PEER_CLOSED', 'the other end closed the stream')
    this.#events.closed(this.#cause)
  }
}
