/**
 * Sends an answer that is made in pieces: in slices of the loop, and no faster than its client reads.
 *
 * Owns: gathering pieces, head and chunks, giving way to other work, to the socket and to clients that have gone. Leaves to others:
 * the text, and how many such answers there may be.
 */
import type { ServerResponse } from 'node:http'
import type { HeaderPairs } from '../cors.ts'
import { failRequest } from '../failures.ts'
import { closeIfUnread, LENGTH_BYTES_MAX, send, sendHead } from '../send.ts'
import type { Slices } from './slices.ts'

/** Characters gathered before they are handed to the socket. */
const PIECE_CHARS = 256 * 1024

/** Yields text, and now and then nothing, which only gives way; returns the last of the text. */
export type Pieces = Generator<string, string, void>

export interface PiecesOptions {
  readonly cors: HeaderPairs
  readonly pairs: HeaderPairs
  readonly slices: Slices
  /** For how long the client may leave what it got unread. Milliseconds. */
  readonly stallMsMax: number
  /** Whether a first slice may be made before this returns. */
  readonly isSmall: boolean
}

/** Answers 200. `done` is called once, when nothing is left to do. */
export function sendPieces(response: ServerResponse, pieces: Pieces, options: PiecesOptions, done: () => void): void {
  const { cors, pairs, slices, stallMsMax, isSmall } = options
  const isHead = response.req.method === 'HEAD'
  let started = false
  let waiting = false
  /** Not sent yet. */
  let text = ''

  const write = (last: boolean): boolean => {
    const piece = text
    text = ''
    if (!started && (last || isHead)) {
      if (last) send(response, 200, cors, pairs, piece, [], stallMsMax)
      else {
        sendHead(response, 200, cors, pairs)
        response.end()
      }
      started = true
      return true
    }
    if (!started) sendHead(response, 200, cors, pairs)
    started = true
    const drained = response.write(Buffer.from(piece))
    if (last) {
      response.end()
      closeIfUnread(response, stallMsMax)
    }
    return drained
  }

  const work = (pause: () => boolean): boolean => {
    for (;;) {
      if (response.destroyed) {
        done()
        return true
      }
      const next = pieces.next()
      if (next.done === true) {
        text += next.value
        write(true)
        done()
        return true
      }
      text += next.value
      if (isHead && text.length > LENGTH_BYTES_MAX) {
        write(false)
        done()
        return true
      }
      if (text.length < PIECE_CHARS && !pause()) continue
      // Whether an answer has a length or chunks depends on its size alone, not on how busy this member is.
      if (text === '' || (!started && text.length <= LENGTH_BYTES_MAX)) return false
      if (write(false)) return false
      waiting = true
      return true
    }
  }

  /** Goes on once the client has read; one that does not read is let go. */
  const proceed = (): void => {
    if (!waiting) {
      slices.add(run)
      return
    }
    waiting = false
    const timer = setTimeout(() => response.destroy(), stallMsMax)
    const settle = (): void => {
      clearTimeout(timer)
      response.off('drain', settle)
      response.off('close', settle)
      slices.add(run)
    }
    response.on('drain', settle)
    response.on('close', settle)
  }

  const run = (pause: () => boolean): boolean => {
    try {
      const over = work(pause)
      if (over && waiting) proceed()
      return over
    } catch (error) {
      done()
      failRequest(response, error)
      return true
    }
  }

  if (!isSmall || !slices.first(work)) slices.add(run)
  else if (waiting) proceed()
}
