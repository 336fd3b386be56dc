/**
 * The steps of a sequence: plain records of templates, which are filled in for each try.
 *
 * Owns: what a template may hold, the bytes of a request. Leaves to others: which steps there are (sequences), running them
 * (run).
 *
 * In any text `{p}` is the name of the try's own directory, `{C}` the index at that moment, `{C-3}` and `{C+1}` count
 * from it, and `{L}` is long ago, as far as both servers' histories are the same. What differs between the servers is masked in answers
 * and not sent.
 */

/** One request. All its texts are Latin-1 templates. */
export interface Ask {
  /** `watch`: it is a long poll or stream, goes on while other steps follow, and is looked at in the end. */
  readonly kind: 'ask' | 'watch'
  readonly method: string
  /** As in the request line: path and query. */
  readonly target: string
  /** Header lines; not `Host`, nor what goes with the body. */
  readonly headers: readonly string[]
  /** Undefined: none. */
  readonly body: string | undefined
  /** Of the body; empty: no such header. */
  readonly contentType: string
  /** Of the body: in chunks of so many bytes; 0: with its length. */
  readonly chunkBytes: number
}

/** Bytes that are no request, or an unusual one, on a connection of their own, which is then asked whether it still serves. */
export interface Raw {
  readonly kind: 'raw'
  readonly text: string
}

/** Everything that was given a short time to live is waited for, until both servers have let it expire. */
export interface Settle {
  readonly kind: 'settle'
}

export type Step = Ask | Raw | Settle

export const FORM = 'application/x-www-form-urlencoded'

/** How many indexes before the present `{L}` is: nearly as many as etcd has events. */
const LONG_AGO = 900

/** What templates are filled with. */
export interface Filling {
  readonly prefix: string
  readonly index: number
  /** From here on both have the same history. */
  readonly sharedIndex: number
}

/** Fills a template in. */
export function fill(template: string, { prefix, index, sharedIndex }: Filling): string {
  const longAgo = `${Math.max(sharedIndex, index - LONG_AGO, 0)}`
  return template
    .replaceAll('{p}', prefix)
    .replaceAll('{L}', longAgo)
    .replace(/\{C([+-]\d+)?\}/g, (_, offset: string | undefined) => {
      return `${BigInt(index) + BigInt(offset ?? 0)}`
    })
}

/** Whether its target or body holds U+FFFD, or bytes that are no UTF-8 and may become that, as they are or escaped. */
export function isReplaceable(step: Step): boolean {
  if (step.kind === 'settle') return false
  const text = step.kind === 'raw' ? step.text : `${step.target}\n${step.body ?? ''}`
  const bytes = text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1').toString('utf8').includes('\ufffd')
}

/** The bytes of a request. */
export function requestBytes(step: Ask | Raw, filling: Filling): string {
  if (step.kind === 'raw') return fill(step.text, filling)
  const lines = [`${step.method} ${fill(step.target, filling)} HTTP/1.1`, 'Host: a', ...step.headers]
  if (step.contentType !== '') lines.push(`Content-Type: ${step.contentType}`)
  if (step.body === undefined) return `${lines.join('\r\n')}\r\n\r\n`
  const body = fill(step.body, filling)
  if (step.chunkBytes === 0) return `${[...lines, `Content-Length: ${body.length}`].join('\r\n')}\r\n\r\n${body}`
  let chunks = ''
  for (let at = 0; at < body.length; at += step.chunkBytes) {
    const chunk = body.slice(at, at + step.chunkBytes)
    chunks += `${chunk.length.toString(16)}\r\n${chunk}\r\n`
  }
  return `${[...lines, 'Transfer-Encoding: chunked'].join('\r\n')}\r\n\r\n${chunks}0\r\n\r\n`
}

/** A step as a transcript of `tests/http/transcripts/` has it, templates and all. */
export function describeStep(step: Step): string {
  if (step.kind === 'settle') return 'settle'
  if (step.kind === 'raw') return `raw ${JSON.stringify(step.text).slice(1, -1)}`
  const lines = [`${step.kind === 'watch' ? 'watch ' : ''}${step.method} ${step.target}`, ...step.headers]
  if (step.contentType !== '' && step.contentType !== FORM) lines.push(`Content-Type: ${step.contentType}`)
  if (step.chunkBytes > 0) lines.push('Transfer-Encoding: chunked')
  if (step.body !== undefined) lines.push(`body: ${step.body}`)
  return lines.map((line) => JSON.stringify(line).slice(1, -1).replaceAll('\\"', '"')).join('\n')
}
