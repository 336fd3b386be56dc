/**
 * Frames: where one message batch ends and the next begins.
 *
 * Owns: the length prefix (u32, little endian, counts what follows it), its limit, incremental decoding. Leaves to
 * others: what is inside (`codec.ts`). An empty frame is a keep-alive.
 */
import { PeerError } from './errors.ts'

/** Bytes before the content. */
export const FRAME_PREFIX_BYTES = 4

/** The frame that says only "I am here". Never written to. */
export const KEEP_ALIVE_FRAME: Buffer = Buffer.alloc(FRAME_PREFIX_BYTES)

/**
 * Cuts a stream of chunks into frames.
 *
 * A frame that lies within one chunk is handed out as a view of it; one that spans several is copied once, into a
 * buffer of exactly its size. Neither is written to again, so contents may be kept.
 */
export class FrameDecoder {
  readonly #frameBytesMax: number
  /** The prefix as far as it is known when a chunk ends inside it. */
  readonly #prefix = Buffer.alloc(FRAME_PREFIX_BYTES)
  #prefixBytes = 0
  /** The frame being gathered; undefined between frames. */
  #frame: Buffer | undefined
  #frameBytes = 0

  constructor(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax
  }

  /**
   * Takes the next chunk and calls `onFrame` with each frame that it completes, in order, until `onFrame` answers
   * false. Throws a PeerError `MUSTER_PEER_BAD_FRAME` when a frame announces more than the limit; the decoder is of no
   * use after either.
   */
  push(chunk: Buffer, onFrame: (content: Buffer) => boolean): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#frame !== undefined) {
        const taken = chunk.copy(this.#frame, this.#frameBytes, at)
        this.#frameBytes += taken
        at += taken
        if (this.#frameBytes < this.#frame.length) return
        const frame = this.#frame
        this.#frame = undefined
        if (!onFrame(frame)) return
        continue
      }
      let length: number
      if (this.#prefixBytes === 0 && chunk.length - at >= FRAME_PREFIX_BYTES) {
        length = chunk.readUInt32LE(at)
        at += FRAME_PREFIX_BYTES
      } else {
        const taken = chunk.copy(this.#prefix, this.#prefixBytes, at)
        this.#prefixBytes += taken
        at += taken
        if (this.#prefixBytes < FRAME_PREFIX_BYTES) return
        length = this.#prefix.readUInt32LE(0)
        this.#prefixBytes = 0
      }
      if (length > this.#frameBytesMax) {
        throw new PeerError(
          'MUSTER_PEER_BAD_FRAME',
          `cannot take a frame of ${length} bytes: want at most ${this.#frameBytesMax}`,
        )
      }
      if (chunk.length - at >= length) {
        const content = chunk.subarray(at, at + length)
        at += length
        if (!onFrame(content)) return
      } else {
        // Not pooled: the pages of a frame that never comes are never touched, so an announced length costs nothing.
        this.#frame = Buffer.allocUnsafeSlow(length)
        this.#frameBytes = 0
      }
    }
  }
}
