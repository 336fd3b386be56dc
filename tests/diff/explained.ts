/**
 * Differences that are meant: each cites the entry of COMPATIBILITY.md that gives its reason, by its words, and explains
 * as little as it can.
 *
 * Owns: the table, and how often each row was needed. Leaves to others: what is equal anyhow (compare).
 */
import type { Shown } from './compare.ts'
import type { Observation } from './run.ts'
import { isReplaceable } from './steps.ts'
import { dropsHidden, dropsNamesakes, endsAfterOne, tellsTwice } from './watched.ts'

export interface Explanation {
  /** The first cell of the row in COMPATIBILITY.md, as it stands there. */
  readonly entry: string
  /** Whether this is why the two differ. */
  explains(observation: Observation, shown: Shown): boolean
  /** From there on the two hold different things, and what follows cannot be compared. */
  readonly parts: boolean
}

function row(entry: string, explains: Explanation['explains'], parts = false): Explanation {
  return { entry, explains, parts }
}

/** Bytes on a connection of their own that match; muster refuses them all. */
function refused(entry: string, text: RegExp, status = 400): Explanation {
  return row(
    entry,
    ({ step }, { muster }) => {
      return step.kind === 'raw' && text.test(step.text) && muster.startsWith(`HTTP/1.1 ${status} `)
    },
    true,
  )
}

const HTTP_1_0 = / HTTP\/1\.0\r\n/
/** How either may write U+FFFD in JSON. */
const TRUE_CHARACTER = '\xef\xbf\xbd'
const REPLACED = '\\ufffd'
const OLDEST = /cleared \[(\d+)\/\d+\]/

/** Looked at before all others, which then see both texts as if this one did not differ. */
const SHOWS_CHARACTER = row('shows a true U+FFFD as it is', (_, shown) => {
  const same = alike(shown)
  return same !== shown && same.etcd === same.muster
})

const OTHERS: readonly Explanation[] = [
  row('`/version`', ({ step }, { etcd, muster }) => {
    const without = (text: string): string => text.replace(/\nContent-Length: \d+|\{"etcdserver":.*/g, '')
    return step.kind === 'ask' && step.target.includes('ersion') && without(etcd) === without(muster)
  }),
  row('a refresh takes a slot of the history', (_, { etcd, muster }) => {
    const [theirs, ours] = [Number(OLDEST.exec(etcd)?.[1]), Number(OLDEST.exec(muster)?.[1])]
    const without = (text: string): string => text.replace(OLDEST, '').replace(/\nContent-Length: \d+/, '')
    return ours < theirs && without(etcd) === without(muster)
  }),
  row('a stream from the past (`stream=true&waitIndex=N`) delivers one event and then nothing', endsAfterOne),
  row('a stream on a key that is deleted gets the event twice', tellsTwice),
  row('a recursive watch of the past sees hidden keys', dropsHidden),
  row('deleting `/pq` answers a past watch on `/pqfoo`', dropsNamesakes),
  row('a `ttl` that wraps around to a time before 2000, where it is not taken for none', (_, { etcd, muster }) => {
    return /"expiration":"1\d{3}-/.test(etcd + muster) && withoutTimes(etcd) === withoutTimes(muster)
  }),
  row('`/v2/stats/store`: each request also counts a read of the auth flag', ({ step }, { etcd, muster }) => {
    const without = (text: string): string => text.replace(/"gets(Success|Fail)":-?\d+/g, '')
    return step.kind === 'ask' && step.target === '/v2/stats/store' && without(etcd) === without(muster)
  }),
  row('`PUT /config/local/log` reads the first JSON value of a body of any length', ({ step }, { muster }) => {
    return (
      step.kind === 'ask' &&
      step.target === '/config/local/log' &&
      /^\{.*\} x$/.test(step.body ?? '') &&
      muster.includes('Invalid json body')
    )
  }),
  row(
    '`/v2/stats/store`: also counts what is done to the records of users and roles',
    (observation, { etcd, muster }) => {
      const without = (text: string): string => text.replace(/"\w+(Success|Fail)":-?\d+/g, '')
      const { step, asksAuth } = observation
      return asksAuth && step.kind === 'ask' && step.target === '/v2/stats/store' && without(etcd) === without(muster)
    },
  ),
  row('a login with an empty name crashes the request', ({ step }, { etcd, muster }) => {
    const isNameless = step.kind === 'ask' && step.headers.some((line) => /^Authorization: Basic (Og|On)/.test(line))
    return isNameless && etcd === '(closed)' && muster.startsWith('HTTP/1.1 401 ')
  }),
  row('HTTP/1.0', ({ step }, { etcd, muster }) => {
    const close = /\nConnection: close(?=\n)/
    return (
      step.kind === 'raw' &&
      HTTP_1_0.test(step.text) &&
      etcd.replace(/^HTTP\/1\.0/, 'HTTP/1.1') === muster.replace(close, '')
    )
  }),
  row('two `Host` headers', ({ step }) => step.kind === 'raw' && /Host: .*\r\nHost: /.test(step.text), true),
  row('an empty line before a request', ({ step }) => step.kind === 'raw' && step.text.startsWith('\r\n'), true),
  refused('HTTP/1.2 and later', / HTTP\/1\.[2-9]\r\n/),
  refused('a header that is malformed', /\r\n(B@d:|X : |: x|X: \x01)/),
  refused('`Content-Length` twice with one value', /Content-Length: (\d+)\r\nContent-Length: \1\r\n/),
  refused('an empty `Content-Length`', /Content-Length:\r\n/),
  refused('`Content-Length` and `Transfer-Encoding` together', /Transfer-Encoding: chunked\r\nContent-Length: /),
  refused('a header folded over two lines', /\r\n folded\r\n/),
  refused('lines that end in LF only', /^[^\r]*\n/),
  refused('a body with broken chunks', /Transfer-Encoding: chunked\r\n\r\n(zz\r\n|7\r\nvalue=xx)/),
  row('bytes above 0x7f in the target, where an answer shows them again', ({ step }, { etcd, muster }) => {
    const without = (text: string): string => {
      return text.replace(/<a href="[^"]*">|URL escape \\"%[^"]*"/, '').replace(/\nContent-Length: \d+/, '')
    }
    return step.kind === 'ask' && /[\x80-\xff]/.test(step.target) && without(etcd) === without(muster)
  }),
  // Last: whatever else differs beside such a character is explained by its own row.
  row(
    'keeps bytes of keys and values that are no UTF-8, and shows each as `\\ufffd`',
    ({ step, sendsBytes }, { etcd }) => sendsBytes && (isReplaceable(step) || etcd.includes(REPLACED)),
    true,
  ),
]

/** All of them. */
export const EXPLANATIONS: readonly Explanation[] = [SHOWS_CHARACTER, ...OTHERS]

function alike(shown: Shown): Shown {
  if (!shown.etcd.includes(TRUE_CHARACTER)) return shown
  // What is written longer may be too long to be sent with its length.
  const framing = /\n(?:Content-Length: \d+|Transfer-Encoding: chunked)/
  const same = (text: string): string => text.replaceAll(TRUE_CHARACTER, REPLACED).replace(framing, '')
  return { etcd: same(shown.etcd), muster: same(shown.muster) }
}

function withoutTimes(text: string): string {
  return text.replace(/"expiration":"[^"]*"(,"ttl":-?\d+)?/g, '').replace(/\nContent-Length: \d+/, '')
}

/** How often each explanation was needed. */
export class Uses {
  readonly #counts = new Map<string, number>()

  /** What explains the difference, which is counted; undefined when nothing does. */
  explain(observation: Observation, shown: Shown): Explanation | undefined {
    const found = SHOWS_CHARACTER.explains(observation, shown)
      ? SHOWS_CHARACTER
      : OTHERS.find((explanation) => explanation.explains(observation, alike(shown)))
    if (found !== undefined) this.#counts.set(found.entry, (this.#counts.get(found.entry) ?? 0) + 1)
    return found
  }

  /** A line an entry, most used first, those never used last: a row that long runs do not need should go. */
  toString(): string {
    const rows = EXPLANATIONS.map(({ entry }) => ({ entry, count: this.#counts.get(entry) ?? 0 }))
    rows.sort((a, b) => b.count - a.count)
    return rows.map(({ entry, count }) => `${String(count).padStart(7)}  ${entry}`).join('\n')
  }
}
