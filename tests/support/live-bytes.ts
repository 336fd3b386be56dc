/**
 * Memory that is in use once all garbage is collected: what a leak adds to, and what the collector's pace says nothing about.
 *
 * Resident memory is no such measure: on an unloaded heap it rises for dozens of rounds of equal work, and swings by 50 MiB after.
 */
import { Session } from 'node:inspector/promises'
import type { Child } from './child.ts'

/** Of the answers of V8's inspector (`Runtime.getHeapUsage`): bytes of objects, of what is tied to them, and of buffers. */
interface HeapUsage {
  readonly usedSize: number
  readonly embedderHeapUsedSize?: number
  readonly backingStorageSize?: number
}

/** How a process is started whose memory is to be asked for: its inspector listens on a free port of loopback. */
export const INSPECTED = '--inspect=127.0.0.1:0'

/** Answers that do not come in this time never will. */
const ANSWER_MS_MAX = 30_000

/** Bytes in use of this thread. */
export async function liveBytes(): Promise<number> {
  const session = new Session()
  session.connect()
  try {
    return await collected((method) => session.post(method))
  } finally {
    session.disconnect()
  }
}

/** Bytes in use of a process that was started with `INSPECTED`. Rejects when it was not, or does not answer. */
export async function liveBytesOf(child: Child): Promise<number> {
  const [, url] = await child.untilOutput(/^Debugger listening on (ws:\S+)$/m)
  const inspector = new WebSocket(url as string)
  try {
    await new Promise((done, failed) => {
      inspector.addEventListener('open', done)
      inspector.addEventListener('error', () => failed(new Error(`the inspector at ${url} lets nobody in`)))
    })
    return await collected((method) => ask(inspector, method))
  } finally {
    inspector.close()
  }
}

async function collected(post: (method: string) => Promise<unknown>): Promise<number> {
  await post('HeapProfiler.collectGarbage')
  const {
    usedSize,
    embedderHeapUsedSize = 0,
    backingStorageSize = 0,
  } = (await post('Runtime.getHeapUsage')) as HeapUsage
  return usedSize + embedderHeapUsedSize + backingStorageSize
}

/** One question at a time: the next answer is its own. */
function ask(inspector: WebSocket, method: string): Promise<unknown> {
  return new Promise((done, failed) => {
    const signal = AbortSignal.timeout(ANSWER_MS_MAX)
    signal.addEventListener('abort', () => failed(new Error(`the inspector does not answer to ${method}`)))
    const hear = ({ data }: MessageEvent): void => {
      const answer = JSON.parse(String(data)) as { result?: unknown; error?: { message: string } }
      if (answer.error === undefined) done(answer.result)
      else failed(new Error(`the inspector refuses ${method}: ${answer.error.message}`))
    }
    inspector.addEventListener('message', hear, { once: true })
    inspector.send(JSON.stringify({ id: 1, method }))
  })
}
