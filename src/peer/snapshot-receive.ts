/**
 * A snapshot on its way in: the body of one POST, handed to the sink chunk by chunk.
 *
 * Owns: one at a time per sender, the limit on standing still, the answer. Leaves to others: the handshake (`accept.ts`),
 * keeping the rows and telling the core (`SnapshotSink`). The sink sets the pace: the body is read when it asks.
 */
import type { Readable } from 'node:stream'
import type { MemberId } from '../raft/types.ts'
import { decodeInstallSnapshot } from './codec.ts'
import { PeerError } from './errors.ts'
import type { Refusal } from './handshake.ts'
import type { SnapshotSink } from './options.ts'

export class SnapshotReceiver {
  readonly #sink: SnapshotSink
  readonly #self: MemberId
  readonly #idleMs: number
  readonly #senders = new Map<MemberId, Promise<unknown>>()

  constructor(sink: SnapshotSink, self: MemberId, idleMs: number) {
    this.#sink = sink
    this.#self = self
    this.#idleMs = idleMs
  }

  /** Takes a snapshot from `from`. Undefined when it was staged, else why not. `header` is the encoded message. */
  async receive(from: MemberId, header: string | undefined, body: Readable): Promise<Refusal | undefined> {
    if (this.#senders.has(from)) {
      const message = `a snapshot from member ${from} is already on its way`
      return { status: 409, code: 'MUSTER_PEER_SNAPSHOT_BUSY', message }
    }
    const staging = this.#stage(from, header ?? '', body)
    this.#senders.set(from, staging)
    try {
      if (await staging) return undefined
      return { status: 422, code: 'MUSTER_PEER_SNAPSHOT_REFUSED', message: 'the snapshot was not kept' }
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      if (error instanceof PeerError) return { status: 400, code: error.code, message }
      return { status: 422, code: 'MUSTER_PEER_SNAPSHOT_REFUSED', message }
    } finally {
      this.#senders.delete(from)
    }
  }

  /** Resolves when the sink has let go of every snapshot. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#senders.values())
  }

  async #stage(from: MemberId, header: string, body: Readable): Promise<boolean> {
    const message = decodeInstallSnapshot(Buffer.from(header, 'base64'), from, this.#self)
    return this.#sink.stage(from, message, watched(body, this.#idleMs))
  }
}

/**
 * The chunks of a body. Throws when the body breaks off, or when the next chunk does not come for `idleMs`; the time that
 * the reader spends with a chunk does not count.
 */
async function* watched(body: Readable, idleMs: number): AsyncGenerator<Uint8Array> {
  let isWaiting = true
  const watch = setTimeout(() => {
    if (isWaiting) body.destroy(new PeerError('MUSTER_PEER_SILENT', `no chunk came for ${idleMs} ms`))
  }, idleMs)
  try {
    // The answer goes over the same socket: a reader that leaves early must not destroy it.
    for await (const chunk of body.iterator({ destroyOnReturn: false })) {
      isWaiting = false
      yield chunk as Buffer
      isWaiting = true
      watch.refresh()
    }
  } finally {
    clearTimeout(watch)
  }
}
