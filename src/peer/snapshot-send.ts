/**
 * A snapshot on its way out: one POST whose body is the rows.
 *
 * Owns: the request, the pace (undici takes the next chunk when the socket has room), the limit on standing still, what
 * the answer means. Leaves to others: opening the view (`SnapshotSource`), one at a time per remote (`transport.ts`).
 */
import { Readable } from 'node:stream'
import type { InstallSnapshot } from '../raft/message.ts'
import { encodeInstallSnapshot } from './codec.ts'
import { connectError, openClient } from './dial.ts'
import { PeerError } from './errors.ts'
import { greetingHeaders, parseRefusal, SNAPSHOT_MESSAGE_HEADER, SNAPSHOT_PATH, SNAPSHOT_TYPE } from './handshake.ts'
import type { OutgoingSnapshot, PeerTls, PeerTransportOptions } from './options.ts'

/**
 * Sends a snapshot to `url`. `done` is called once, never before this returns: without error when the receiver staged
 * it. The returned function gives it up; `done` still follows.
 */
export function sendSnapshot(
  options: PeerTransportOptions,
  url: string,
  message: InstallSnapshot,
  done: (error: PeerError | undefined) => void,
): () => void {
  const sending = new AbortController()
  run(options, url, message, sending).then(
    () => done(undefined),
    (error: unknown) => done(asPeerError(url, sending.signal.aborted ? sending.signal.reason : error, options.tls)),
  )
  return () => sending.abort(new PeerError('MUSTER_PEER_CLOSED', 'the snapshot was given up'))
}

async function run(
  options: PeerTransportOptions,
  url: string,
  message: InstallSnapshot,
  sending: AbortController,
): Promise<void> {
  const { signal } = sending
  const { snapshotIdleMs } = options.limits
  const watch = setTimeout(() => {
    sending.abort(new PeerError('MUSTER_PEER_SILENT', `the snapshot did not move for ${snapshotIdleMs} ms`))
  }, snapshotIdleMs)
  try {
    const outgoing = await opened(options.snapshotSource.open(message), signal)
    if (outgoing === undefined)
      throw new PeerError('MUSTER_PEER_CLOSED', 'the term in which the snapshot was offered is over')
    const { offer, chunks } = outgoing
    const rest = chunks[Symbol.asyncIterator]()
    try {
      // Asked for before connecting: a generator that never ran would not let go of its view when returned from.
      const first = await unlessAborted(rest.next(), signal)
      await post(options, url, offer, paced(first, rest, watch), signal)
    } finally {
      letGo(rest)
    }
  } finally {
    clearTimeout(watch)
  }
}

/** Waits for the view; one that comes too late is let go of. */
async function opened(
  opening: Promise<OutgoingSnapshot | undefined>,
  signal: AbortSignal,
): Promise<OutgoingSnapshot | undefined> {
  try {
    return await unlessAborted(opening, signal)
  } catch (error) {
    opening.then(
      async (outgoing) => {
        if (outgoing === undefined) return
        const rest = outgoing.chunks[Symbol.asyncIterator]()
        await rest.next()
        letGo(rest)
      },
      () => {},
    )
    throw error
  }
}

/** Its failure is of no consequence: the snapshot is over. Not waited for: it follows a chunk that may never come. */
function letGo(chunks: AsyncIterator<Uint8Array>): void {
  chunks.return?.().then(
    () => {},
    () => {},
  )
}

async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop = (): void => {}
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason as Error)
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop)
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

async function post(
  options: PeerTransportOptions,
  url: string,
  message: InstallSnapshot,
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const client = openClient(url, options.tls)
  const stop = (): void => void client.destroy(signal.reason as Error).catch(() => {})
  signal.addEventListener('abort', stop)
  try {
    signal.throwIfAborted()
    const answer = await client.request({
      path: SNAPSHOT_PATH,
      method: 'POST',
      headers: {
        ...greetingHeaders(options.identity, message.to),
        [SNAPSHOT_MESSAGE_HEADER]: encodeInstallSnapshot(message).toString('base64'),
        'content-type': SNAPSHOT_TYPE,
      },
      body: Readable.from(body, { objectMode: false, highWaterMark: 0 }),
    })
    const text = await answer.body.text()
    if (answer.statusCode !== 200) {
      const refusal = parseRefusal(answer.statusCode, text)
      throw new PeerError(refusal.code, `${url} refused the snapshot: ${refusal.message}`)
    }
  } finally {
    signal.removeEventListener('abort', stop)
    await client.destroy().catch(() => {})
  }
}

/** Passes chunks on as they are asked for; each that is asked for proves progress. */
async function* paced(
  first: IteratorResult<Uint8Array>,
  rest: AsyncIterator<Uint8Array>,
  watch: NodeJS.Timeout,
): AsyncGenerator<Uint8Array> {
  for (let next = first; next.done !== true; next = await rest.next()) {
    yield next.value
    watch.refresh()
  }
}

function asPeerError(url: string, error: unknown, tls: PeerTls | undefined): PeerError {
  if (error instanceof PeerError) return error
  return connectError(url, error instanceof Error ? error : new Error(String(error)), tls)
}
