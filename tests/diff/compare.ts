/**
 * Whether two answers to one request are equal, byte for byte, but for dates, ids and the clock.
 *
 * Owns: what is masked, and what is checked of it all the same: a length is that of its body, times agree, a remaining time
 * is right by its own expiration. Leaves to others: differences that are meant (explained).
 */
import { expirationsOf, inOneOrder, withoutExpirations } from './json-text.ts'
import type { Pair, Side } from './pair.ts'
import type { Observation } from './run.ts'
import { type Answer, headerOf, type Received } from './wire.ts'

/** How far two servers may be apart when they fix an expiration: one of them may have been slow to get the request. */
const EXPIRATION_MS_MAX = 2_000
/** How far a clock that shows a remaining time may be from ours. */
const CLOCK_MS_MAX = 100
/** How long ago a change may have been made that a watcher is told of. */
const WATCHED_MS_MAX = 60_000
/** Longest body that etcd sends with its length. Bytes. */
const LENGTH_BYTES_MAX = 2048
/** What etcd sends in one piece is shorter. Bytes. */
const CUT_BYTES = 2000
/** By how much an expiration in nanoseconds can be longer or shorter than one in milliseconds. Bytes. */
const EXPIRATION_BYTES_MAX = 10

/** What the two showed, made comparable. */
export interface Shown {
  readonly etcd: string
  readonly muster: string
}

/** Both answers as text in which all that may differ is masked. Equal text: equal answers. */
export function show(pair: Pair, observation: Observation): Shown {
  const { etcd, muster } = observation
  const blur = isBlurred(observation)
  return {
    etcd: showOne(pair.etcd, etcd, observation, blur) + serves(observation.etcdServes),
    muster: showOne(pair.muster, muster, observation, blur) + serves(observation.musterServes),
  }
}

function serves(value: boolean | undefined): string {
  return value === undefined ? '' : value ? '\n(the connection goes on)' : '\n(the connection has ended)'
}

/** The two bodies differ in length only by how times are written, so that their framing may differ as well. */
function isBlurred({ step, etcd, muster }: Observation): boolean {
  if (etcd.kind !== 'answer' || muster.kind !== 'answer') return false
  const times = expirationsOf(etcd.body).length
  if (times > 0) return Math.abs(etcd.body.length - muster.body.length) <= times * EXPIRATION_BYTES_MAX
  if (step.kind !== 'ask' || step.method !== 'HEAD') return false
  // Nothing shows whether what was not sent holds times; lengths that differ by so little are those of times.
  const [theirs, ours] = [lengthOf(etcd), lengthOf(muster)]
  return theirs !== ours && Math.abs(theirs - ours) <= 8 * EXPIRATION_BYTES_MAX
}

/** What a HEAD tells; a body that is chunked is longer than those that are not. */
function lengthOf(answer: Answer): number {
  return Number(headerOf(answer, 'content-length') ?? LENGTH_BYTES_MAX + 1)
}

function showOne(side: Side, received: Received, observation: Observation, blur: boolean): string {
  if (received.kind !== 'answer') {
    // Half an answer is an answer that somebody could have taken for one.
    return received.received === '' ? `(${received.kind})` : `(${received.kind} after) ${received.received}`
  }
  const lines = [received.statusLine]
  for (const [name, value] of received.headers) {
    const masked = maskHeader(name, value, received, observation, blur)
    if (masked !== undefined) lines.push(masked)
  }
  lines.push('', maskBody(side, received, observation))
  if (!received.whole) lines.push('(and nothing more until now)')
  if (observation.step.kind === 'watch' && !isChunkedByEvent(received)) lines.push('(chunks and events do not agree)')
  return lines.join('\n')
}

/** Each event is one chunk: there are clients that take chunks for lines. Large ones are cut up by both. */
function isChunkedByEvent({ body, chunks }: Answer): boolean {
  if (chunks === undefined) return true
  const sizes = body.split(/(?<=\n)/).map(({ length }) => length)
  if (body === '' || sizes.some((size) => size >= CUT_BYTES)) return true
  return sizes.length === chunks.length && sizes.every((size, at) => size === chunks[at])
}

function maskHeader(
  name: string,
  value: string,
  answer: Answer,
  observation: Observation,
  blur: boolean,
): string | undefined {
  switch (name) {
    case 'Date':
      return `Date: ${Math.abs(Date.parse(value) - observation.sentMs) < 60_000 && /^\w{3}, .* GMT$/.test(value) ? '*' : value}`
    case 'X-Etcd-Cluster-Id':
      return `${name}: ${/^[1-9a-f][0-9a-f]{0,15}$/.test(value) ? '*' : value}`
    case 'X-Raft-Index':
    case 'X-Raft-Term':
      return `${name}: ${/^[1-9]\d*$/.test(value) ? '*' : value}`
    case 'Content-Length': {
      const isHead = observation.step.kind === 'ask' && observation.step.method === 'HEAD'
      if (!isHead && Number(value) !== answer.body.length) return `Content-Length: ${value}, but ${answer.body.length}`
      return blur || isMasked(observation) ? undefined : `Content-Length: ${value}`
    }
    case 'Transfer-Encoding':
      return (blur && answer.whole) || isMasked(observation) ? undefined : `${name}: ${value}`
    default:
      return `${name}: ${value}`
  }
}

/** Bodies that hold ids, ports or measurements: their lengths are not compared. */
const MASKED = /^\/(v2\/(members|machines|stats)|metrics|debug\/vars)/

function isMasked({ step }: Observation): boolean {
  return step.kind === 'ask' && MASKED.test(step.target)
}

/** The first of that name counts. */
const SORTED = /^[^?]*\?(?:(?!sorted=)[^&]*&)*sorted=(?:1|t|T|TRUE|true|True)(?:&|$)/

function maskBody(side: Side, answer: Answer, observation: Observation): string {
  const { step } = observation
  const body = answer.body
  if (step.kind === 'raw' || answer.status >= 300) return maskTimes(body, answer, observation)
  if (!isMasked(observation)) {
    const listed = SORTED.test(step.target) ? body : inOneOrder(body)
    return maskTimes(listed, answer, observation)
  }
  if (step.target.startsWith('/metrics') || step.target.startsWith('/debug/vars')) return '*'
  if (step.target === '/v2/stats/store' && observation.bases !== undefined) {
    return sinceBase(body, observation.bases[side.name === 'etcd' ? 0 : 1])
  }
  return body
    .replaceAll(`:${side.port}`, ':CLIENT')
    .replaceAll(`:${side.peerPort}`, ':PEER')
    .replace(/"(id|leader)":"[0-9a-f]{1,16}"/g, '"$1":"*"')
    .replace(/"(startTime)":"[^"]*"/g, '"$1":"*"')
    .replace(/"uptime":"[0-9hms.µn]*"/g, '"uptime":"*"')
    .replace(/"(recv|send)AppendRequestCnt":\d+/g, '"$1AppendRequestCnt":*')
    .replace(/,"(recv|send)(Pkg|Bandwidth)Rate":[0-9.e+-]+/g, '')
}

/** Counters as what was added to them. Watchers come and go when connections do, which takes its time. */
function sinceBase(body: string, base: string): string {
  const before = new Map([...base.matchAll(/"(\w+)":(\d+)/g)].map(([, name = '', count]) => [name, Number(count)]))
  return body.replace(/"(\w+)":(\d+)/g, (_, name: string, count: string) => {
    return `"${name}":${name === 'watchers' ? '*' : Number(count) - (before.get(name) ?? 0)}`
  })
}

/** Masks times that are right. One that is not stays, and shows. */
function maskTimes(body: string, answer: Answer, observation: Observation): string {
  const own = expirationsOf(body)
  if (own.length === 0) return body
  const others = [observation.etcd, observation.muster].map((received) => {
    return received.kind === 'answer' ? expirationsOf(received.body) : []
  })
  const [theirs = [], ours = []] = others
  if (theirs.length !== ours.length) return body
  // Listings may be in another order; then the multisets are compared.
  const key = (text: string): number => Date.parse(text)
  const sortedTheirs = theirs.map(({ text }) => key(text)).sort((a, b) => a - b)
  const sortedOurs = ours.map(({ text }) => key(text)).sort((a, b) => a - b)
  const near = sortedTheirs.every((ms, at) => Math.abs(ms - (sortedOurs[at] ?? Number.NaN)) <= EXPIRATION_MS_MAX)
  if (!near || !own.every(({ text }) => isWellWritten(text))) return body
  const right = own.every((expiration) => isRight(expiration.text, expiration.ttl, answer, observation))
  return right ? withoutExpirations(body) : body
}

function isWellWritten(text: string): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z$/.test(text)
}

/** The remaining time, rounded up, of the moment in which it was made; towards zero and hidden once it is over. */
function isRight(text: string, ttl: number | undefined, answer: Answer, observation: Observation): boolean {
  // A watcher gets what was true when the change was made.
  const watched = observation.step.kind === 'watch' || !answer.whole
  const expirationMs = Date.parse(text)
  const untilMs = (watched ? Date.now() : observation.doneMs) + CLOCK_MS_MAX
  const sinceMs = observation.sentMs - (watched ? WATCHED_MS_MAX : CLOCK_MS_MAX)
  const most = remaining(expirationMs - sinceMs)
  const least = remaining(expirationMs - untilMs)
  return (ttl ?? 0) <= most && (ttl ?? 0) >= least && ttl !== 0
}

function remaining(ms: number): number {
  return ms > 0 ? Math.ceil(ms / 1000) : Math.trunc(ms / 1000)
}
