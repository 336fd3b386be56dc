/**
 * Receives the body of a request before any member is asked, as etcd's proxy does: so that a member that is gone costs the
 * client nothing.
 *
 * Owns: the bounds, of one body and of all that are held.
 */
import type { IncomingMessage } from 'node:http'
import type { BodyBudget } from '../http/keys/body.ts'

/** `too large`: longer than one may be. `too many`: all together are as large as they may be. */
export type BodyAnswer = { readonly body: Buffer | undefined } | { readonly fault: 'too large' | 'too many' }

/**
 * Collects a body. What it took of `held` is the caller's to give back: the length of the body.
 *
 * @param done called once; never when the client leaves before the end.
 */
export function collectBody(
  request: IncomingMessage,
  bytesMax: number,
  held: BodyBudget,
  done: (answer: BodyAnswer) => void,
): void {
  const length = request.headers['content-length']
  if ((length === undefined || length === '0') && request.headers['transfer-encoding'] === undefined) {
    done({ body: undefined })
    return
  }
  const chunks: Buffer[] = []
  let bytes = 0
  let isOver = false
  const refuse = (fault: 'too large' | 'too many'): void => {
    isOver = true
    held.give(bytes)
    chunks.length = 0
    request.resume()
    done({ fault })
  }
  if (Number(length ?? 0) > bytesMax) {
    refuse('too large')
    return
  }
  request.on('data', (chunk: Buffer) => {
    if (isOver) return
    if (bytes + chunk.length > bytesMax) refuse('too large')
    else if (!held.take(chunk.length)) refuse('too many')
    else {
      bytes += chunk.length
      chunks.push(chunk)
    }
  })
  request.on('end', () => {
    if (isOver) return
    isOver = true
    done({ body: chunks.length === 1 ? chunks[0] : Buffer.concat(chunks) })
  })
  request.on('close', () => {
    if (isOver) return
    isOver = true
    held.give(bytes)
  })
}
