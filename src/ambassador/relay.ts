/**
 * One connection of a consumer, joined to one of an instance.
 *
 * Owns: making the second one, bytes both ways with each side's pace, ends and resets passed on as they are. Leaves to others: which
 * instance (`door.ts`).
 */
import { connect, type Socket } from 'node:net'
import type { ServiceInstance } from '../sidecar/record.ts'

/** Peers that are gone without a word are noticed. Milliseconds. */
const KEEP_ALIVE_MS = 30_000

/** Connects. @throws what connecting throws; an Error when it takes too long; the signal's reason. */
export function connectTo({ host, port }: ServiceInstance, msMax: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((done, failed) => {
    const socket = connect({ host, port, allowHalfOpen: true, noDelay: true })
    const end = (): void => {
      clearTimeout(timer)
      socket.off('error', fail)
      signal.removeEventListener('abort', abort)
    }
    const fail = (error: Error): void => {
      end()
      socket.on('error', () => {})
      socket.destroy()
      failed(error)
    }
    const abort = (): void => fail(signal.reason as Error)
    const timer = setTimeout(() => fail(new Error(`no connection to ${host}:${port} in ${msMax} ms`)), msMax)
    signal.addEventListener('abort', abort, { once: true })
    socket.once('error', fail)
    socket.once('connect', () => {
      end()
      socket.setKeepAlive(true, KEEP_ALIVE_MS)
      done(socket)
    })
    if (signal.aborted) abort()
  })
}

/** How a relay ended. */
export type RelayEnd =
  /** The instance broke it before a byte went either way: the consumer's connection is as it was. */
  | { readonly kind: 'untouched'; readonly error: Error }
  /** Both sides are closed. */
  | { readonly kind: 'closed' }

/** Bytes that went from the consumer to the instance, and back. */
export interface Carried {
  readonly up: number
  readonly down: number
}

export class Relay {
  /** Never rejects. */
  readonly ended: Promise<RelayEnd>
  readonly #consumer: Socket
  readonly #instance: Socket
  readonly #end: (end: RelayEnd) => void
  readonly #listeners: readonly [Socket, string, (error: Error) => void][]
  #open = 2

  /** @param consumer paused; its errors are heard by somebody at all times. */
  constructor(consumer: Socket, instance: Socket) {
    this.#consumer = consumer
    this.#instance = instance
    const { promise, resolve } = Promise.withResolvers<RelayEnd>()
    this.ended = promise
    this.#end = resolve
    const closed = (): void => this.#closed()
    this.#listeners = [
      [instance, 'error', (error) => this.#instanceFailed(error)],
      [consumer, 'error', () => instance.resetAndDestroy()],
      [instance, 'close', closed],
      [consumer, 'close', closed],
    ]
    for (const [socket, name, listener] of this.#listeners) socket.on(name, listener)
    if (consumer.destroyed) {
      instance.destroy()
      this.#open -= 1
      return
    }
    consumer.pipe(instance)
    instance.pipe(consumer)
  }

  get carried(): Carried {
    return { up: this.#instance.bytesWritten, down: this.#instance.bytesRead }
  }

  /** Breaks both sides. */
  reset(): void {
    this.#instance.resetAndDestroy()
    this.#consumer.resetAndDestroy()
  }

  #instanceFailed(error: Error): void {
    const { up, down } = this.carried
    const untouched = up === 0 && down === 0 && !this.#consumer.destroyed
    if (!untouched) {
      // Ended in order, a cut answer would look like a whole one.
      this.#consumer.resetAndDestroy()
      return
    }
    for (const [socket, name, listener] of this.#listeners) socket.off(name, listener)
    this.#instance.on('error', () => {})
    this.#consumer.unpipe(this.#instance)
    this.#instance.unpipe(this.#consumer)
    this.#consumer.pause()
    this.#instance.destroy()
    this.#end({ kind: 'untouched', error })
  }

  #closed(): void {
    this.#open -= 1
    if (this.#open === 0) this.#end({ kind: 'closed' })
    // Whoever is left alone without having been told an end is told one.
    else if (this.#instance.destroyed && !this.#consumer.writableEnded) this.#consumer.resetAndDestroy()
    else if (this.#consumer.destroyed && !this.#instance.writableEnded) this.#instance.resetAndDestroy()
  }
}
