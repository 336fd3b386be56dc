/**
 * One other member, as our transport sees it: its stream, its queue, and how to get the stream back.
 *
 * Owns: when to dial which URL, back-off, the bound of the queue, what is reported of it. Leaves to others: one attempt
 * (`dial.ts`), one connection (`stream.ts`).
 *
 * A *round* tries each URL once, beginning with the one that answered last. Rounds follow each other with back-off; only
 * the round after the end of a settled stream starts at once.
 */
import type { Message, Propose } from '../raft/message.ts'
import type { MemberId } from '../raft/types.ts'
import type { Frame, FrameEncoder } from './codec.ts'
import type { TrafficCounters } from './counters.ts'
import { type DialAnswer, dial } from './dial.ts'
import { PeerError, type PeerErrorCode } from './errors.ts'
import type { PeerTransportOptions } from './options.ts'
import type { QuietLog } from './quiet-log.ts'
import { Stream } from './stream.ts'

/** A remote as statistics and operators see it. */
export interface RemoteStatus {
  readonly id: MemberId
  readonly urls: readonly string[]
  /** Monotonic milliseconds since when our stream to it stands; undefined while there is none. */
  readonly connectedSinceMs: number | undefined
  /** When it was last heard on our stream, monotonic milliseconds; undefined while there is none. */
  readonly lastHeardMs: number | undefined
  /** Smoothed, milliseconds; 0 until measured. */
  readonly roundTripMs: number
  /** Bytes that wait for its socket. */
  readonly queuedBytes: number
  /** Why the last stream ended or the last attempt failed; undefined while all is well. */
  readonly lastFailure: { readonly code: PeerErrorCode; readonly message: string } | undefined
  readonly traffic: Readonly<TrafficCounters>
}

export class Remote {
  readonly id: MemberId
  readonly #options: PeerTransportOptions
  readonly #log: QuietLog
  readonly #traffic: TrafficCounters
  readonly #total: TrafficCounters
  #urls: readonly string[]
  #batch: Message[] = []
  #stream: Stream | undefined
  #connectedSinceMs = 0
  /** Where in `#urls` the present or next attempt goes. */
  #urlAt = 0
  /** Attempts left in this round. */
  #triesLeft = 0
  /** Whether every attempt of this round was refused by the machine. */
  #isRoundRefused = false
  /** Rounds that failed since a stream last settled. */
  #failedRounds = 0
  /** What the back-off is for: failed attempts, or else a stream that broke too soon. */
  #couldNotDial = false
  /** A stream stood since `gone` was last reported: its end may mean that the process ended. */
  #mayBeGone = false
  #giveUp: (() => void) | undefined
  #timer: NodeJS.Timeout | undefined
  #isClosing = false
  #onClosed: (() => void) | undefined
  #reportsUnreachable = false
  /** Proposals that were dropped, and not reported yet. */
  #unsent: Propose[] = []
  #lastFailure: { readonly code: PeerErrorCode; readonly message: string } | undefined

  constructor(
    id: MemberId,
    urls: readonly string[],
    options: PeerTransportOptions,
    log: QuietLog,
    traffic: TrafficCounters,
    total: TrafficCounters,
  ) {
    this.id = id
    this.#urls = urls
    this.#options = options
    this.#log = log
    this.#traffic = traffic
    this.#total = total
    this.#startRound()
  }

  /** The URL that answered last, or the one that is tried. */
  get url(): string {
    return this.#urls[this.#urlAt] as string
  }

  /** Adds a message to the frame that `flush` sends. True when it is the first. */
  add(message: Message): boolean {
    return this.#batch.push(message) === 1
  }

  /** Sends what was added, as one frame where it fits; or drops it, and reports that soon. */
  flush(encoder: FrameEncoder): void {
    const messages = this.#batch
    this.#batch = []
    if (this.#stream === undefined || this.#stream.queuedBytes >= this.#options.limits.sendQueueBytesMax) {
      this.#drop(messages)
      return
    }
    this.#sendOrSplit(messages, encoder)
  }

  /** New URLs; the stream that stands is kept. */
  setUrls(urls: readonly string[]): void {
    if (urls.length === this.#urls.length && urls.every((url, i) => url === this.#urls[i])) return
    this.#urls = urls
    this.#urlAt = 0
    this.#couldNotDial = true
    this.dialNow()
  }

  /**
   * It was heard from elsewhere (it dialled us): do not wait out the back-off of failed attempts. The back-off of streams
   * that broke soon after they opened stands, or two members that cannot agree would redial each other without a pause.
   */
  dialNow(): void {
    if (this.#timer === undefined || !this.#couldNotDial) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#startRound()
  }

  status(): RemoteStatus {
    const stream = this.#stream
    return {
      id: this.id,
      urls: this.#urls,
      connectedSinceMs: stream === undefined ? undefined : this.#connectedSinceMs,
      lastHeardMs: stream?.lastHeardMs,
      roundTripMs: stream?.roundTripMs ?? 0,
      queuedBytes: stream?.queuedBytes ?? 0,
      lastFailure: this.#lastFailure,
      traffic: this.#traffic,
    }
  }

  /** Sends what is queued, if it leaves soon, and ends. Nothing is reported any more. Calls `done` once it is over. */
  close(done: () => void): void {
    this.#isClosing = true
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#giveUp?.()
    this.#giveUp = undefined
    if (this.#stream === undefined) {
      done()
      return
    }
    this.#onClosed = done
    this.#stream.end(new PeerError('MUSTER_PEER_CLOSED', 'we closed the stream'))
  }

  #sendOrSplit(messages: readonly Message[], encoder: FrameEncoder): void {
    const { frameBytesMax } = this.#options.limits
    const frame = encoder.encode(messages)
    if (frame.bytes <= frameBytesMax) {
      this.#send(frame, messages)
    } else if (messages.length > 1) {
      for (const message of messages) this.#sendOrSplit([message], encoder)
    } else {
      this.#log.warn(
        this.id,
        'frame too long',
        { remote: this.id, kind: messages[0]?.kind, bytes: frame.bytes, bytesMax: frameBytesMax },
        'cannot send a message to another member: it is longer than a frame may be',
      )
      // It would be too long again: nobody is told to send it once more.
      this.#count(1)
    }
  }

  #send(frame: Frame, messages: readonly Message[]): void {
    const stream = this.#stream
    const hasRoom = stream !== undefined && stream.queuedBytes + frame.bytes <= this.#options.limits.sendQueueBytesMax
    if (!hasRoom || !stream.write(frame.parts)) {
      this.#drop(messages)
      return
    }
    for (const traffic of [this.#traffic, this.#total]) {
      traffic.sentMessages += messages.length
      traffic.sentBytes += frame.bytes
      traffic.sentAppends += frame.appends
    }
  }

  /** Messages that were never handed to the socket. */
  #drop(messages: readonly Message[]): void {
    for (const message of messages) if (message.kind === 'propose') this.#unsent.push(message)
    this.#count(messages.length)
  }

  #count(dropped: number): void {
    this.#traffic.droppedMessages += dropped
    this.#total.droppedMessages += dropped
    this.#reportUnreachable()
  }

  /** At most once per turn of the loop, and never inside `Transport` methods. */
  #reportUnreachable(): void {
    if (this.#reportsUnreachable) return
    this.#reportsUnreachable = true
    queueMicrotask(() => {
      const unsent = this.#unsent
      this.#reportsUnreachable = false
      this.#unsent = []
      if (!this.#isClosing) this.#options.events.unreachable(this.id, unsent)
    })
  }

  #startRound(): void {
    this.#triesLeft = this.#urls.length
    this.#isRoundRefused = true
    this.#dial()
  }

  #dial(): void {
    const { identity, limits, tls } = this.#options
    this.#giveUp = dial({ url: this.url, to: this.id, identity, timeoutMs: limits.dialTimeoutMs, tls }, (answer) => {
      this.#giveUp = undefined
      if ('socket' in answer) this.#opened(answer.socket)
      else this.#failed(answer.error)
    })
  }

  #opened(socket: Extract<DialAnswer, { socket: unknown }>['socket']): void {
    const { clock, limits, log } = this.#options
    const stream = new Stream(socket, 'dialler', limits, clock, {
      frame: () => {},
      closed: (cause) => this.#closed(cause),
    })
    this.#stream = stream
    this.#connectedSinceMs = clock.monotonicMs()
    this.#mayBeGone = true
    this.#lastFailure = undefined
    log.info({ remote: this.id, url: this.url }, 'connected to another member')
  }

  #closed(cause: Error): void {
    const { clock, limits } = this.#options
    this.#stream = undefined
    if (this.#isClosing) {
      this.#onClosed?.()
      return
    }
    this.#note(cause, 'lost the connection to another member')
    this.#reportUnreachable()
    if (clock.monotonicMs() - this.#connectedSinceMs >= limits.settledMs) {
      this.#failedRounds = 0
      this.#startRound()
    } else {
      this.#couldNotDial = false
      this.#waitForRound()
    }
  }

  #failed(error: PeerError): void {
    this.#note(error, 'cannot connect to another member')
    if (error.code !== 'MUSTER_PEER_REFUSED') this.#isRoundRefused = false
    if (error.code === 'MUSTER_PEER_REMOVED') this.#options.removed(this.id)
    if (this.#isClosing) return
    this.#urlAt = (this.#urlAt + 1) % this.#urls.length
    this.#triesLeft--
    if (this.#triesLeft > 0) {
      this.#dial()
      return
    }
    if (this.#isRoundRefused && this.#mayBeGone) {
      this.#mayBeGone = false
      this.#options.events.gone(this.id)
    }
    this.#couldNotDial = true
    this.#waitForRound()
  }

  #waitForRound(): void {
    const { limits, random } = this.#options
    const fullMs = Math.min(limits.backoffMsMax, limits.backoffMsMin * 2 ** Math.min(this.#failedRounds, 30))
    this.#failedRounds++
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        this.#startRound()
      },
      fullMs * (0.5 + random() / 2),
    )
  }

  #note(cause: Error, message: string): void {
    const code = cause instanceof PeerError ? cause.code : 'MUSTER_PEER_CLOSED'
    const isNews = this.#lastFailure?.code !== code
    this.#lastFailure = { code, message: cause.message }
    if (!isNews) return
    this.#log.warn(this.id, code, { remote: this.id, url: this.url, code, reason: cause.message }, message)
  }
}
