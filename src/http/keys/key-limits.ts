/**
 * How long and how deep a key may be.
 *
 * Owns: finding out, at next to no cost for keys of common size. Leaves to others: the numbers (limits), the refusal (routes).
 */
import type { HttpLimits } from '../limits.ts'

/** What a POST adds to the key: a slash and 20 digits. */
const IN_ORDER_BYTES = 21

/**
 * Names the limit that a request goes beyond; undefined when there is none.
 * @param path What followed `/v2/keys`, decoded and clean; one trailing slash may be there, and does not count.
 */
export function exceededKeyLimit(
  method: string,
  path: string,
  limits: HttpLimits,
): 'keyBytesMax' | 'keySegmentsMax' | undefined {
  const addsName = method === 'POST'
  const end = path.charCodeAt(path.length - 1) === 47 ? path.length - 1 : path.length
  const bytesLeft = limits.keyBytesMax - (addsName ? IN_ORDER_BYTES : 0)
  // A character takes three bytes at most, two of a pair four.
  if (end * 3 > bytesLeft && Buffer.byteLength(path) - (path.length - end) > bytesLeft) return 'keyBytesMax'
  const segmentsLeft = limits.keySegmentsMax - (addsName ? 1 : 0)
  // A name takes two characters at least, its slash included.
  if (end <= segmentsLeft * 2) return undefined
  let segments = 0
  for (let at = path.indexOf('/'); at >= 0 && at < end; at = path.indexOf('/', at + 1)) segments += 1
  return segments > segmentsLeft ? 'keySegmentsMax' : undefined
}
