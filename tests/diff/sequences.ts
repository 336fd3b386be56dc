/**
 * Random sequences of requests over all of `/v2`.
 *
 * Owns: which requests, with which odds. Names and values are few, so that requests meet each other. Leaves to others: odd
 * paths and values (odd), bytes on the wire (steps).
 */
import fc from 'fast-check'
import { BOOLEANS, elsewhere, jsonRequest, NOISE, oddPath, raw, TTLS, UINTS, VALUES } from './odd.ts'
import { type Ask, FORM, type Step } from './steps.ts'

const KEYS = '/v2/keys/{p}'

const segment = fc.constantFrom('a', 'a', 'b', 'b', 'ab', 'c', '_h')

/** A path below the try's own directory, now and then that itself. */
const plainPath: fc.Arbitrary<string> = fc
  .array(segment, { minLength: 0, maxLength: 3, size: 'max' })
  .map((segments) => [KEYS, ...segments].join('/'))

const path: fc.Arbitrary<string> = fc.oneof(
  { weight: 30, arbitrary: plainPath },
  { weight: 2, arbitrary: plainPath.map((text) => `${text}/`) },
  { weight: 2, arbitrary: oddPath.map((text) => KEYS + text) },
)

const value = fc.constantFrom('x', 'x', 'y', 'y', '', ...VALUES)
const aBoolean = fc.constantFrom('true', 'true', 'false')
/** An index near the present one, where those of the keys of a sequence are. */
const nearIndex = fc.nat({ max: 8 }).map((back) => `{C-${back}}`)
const anIndex = fc.oneof(
  { weight: 8, arbitrary: nearIndex },
  { weight: 1, arbitrary: fc.constantFrom('{C+1}', '{C+5}', '0', '1', ...UINTS) },
)
/** Times to live that run out long after the sequence, or are none. */
const longTtl = fc.constantFrom('100', '100', '100', '', '30', '3153600000', '+5', '-1', '1.5', '0x10', 'abc', ' 1')

/** One pair of a query or form, as it is written. */
type Pairs = readonly string[]

function pairs(...some: readonly (string | undefined)[]): Pairs {
  return some.filter((one) => one !== undefined)
}

function maybe<T>(arbitrary: fc.Arbitrary<T>, freq = 3): fc.Arbitrary<T | undefined> {
  return fc.option(arbitrary, { nil: undefined, freq: 1, ...(freq > 0 ? { freq } : {}) })
}

/** Mostly not there. */
function seldom<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 7, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })
}

const flag = (name: string) => aBoolean.map((text) => `${name}=${text}`)
const ttlPair = longTtl.map((text) => `ttl=${text}`)
const valuePair = value.map((text) => `value=${text}`)
const prevValuePair = fc.constantFrom('x', 'y', ...VALUES, '').map((text) => `prevValue=${text}`)
const prevIndexPair = anIndex.map((text) => `prevIndex=${text}`)

interface Operation {
  readonly method: string
  readonly pairs: Pairs
}

function operation(method: string, ...some: readonly fc.Arbitrary<string | undefined>[]): fc.Arbitrary<Operation> {
  return fc.tuple(...some).map((all) => ({ method, pairs: pairs(...all) }))
}

const comparison = fc.oneof(prevValuePair, prevIndexPair)

/** What is asked of a key, without the ways in which it can be written. */
const keysOperation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 8, arbitrary: operation('PUT', maybe(valuePair), seldom(ttlPair), seldom(flag('dir'))) },
  { weight: 3, arbitrary: operation('PUT', fc.constant('dir=true'), seldom(ttlPair), seldom(flag('prevExist'))) },
  { weight: 3, arbitrary: operation('PUT', fc.constant('prevExist=false'), maybe(valuePair), seldom(ttlPair)) },
  { weight: 4, arbitrary: operation('PUT', fc.constant('prevExist=true'), maybe(valuePair), seldom(ttlPair)) },
  {
    weight: 4,
    arbitrary: operation(
      'PUT',
      comparison,
      seldom(comparison),
      maybe(valuePair),
      seldom(flag('prevExist')),
      seldom(ttlPair),
    ),
  },
  {
    weight: 2,
    arbitrary: operation(
      'PUT',
      fc.constant('refresh=true'),
      maybe(fc.constant('ttl=100'), 6),
      seldom(flag('prevExist')),
      seldom(comparison),
      seldom(valuePair),
    ),
  },
  {
    weight: 4,
    arbitrary: operation('POST', maybe(valuePair), seldom(ttlPair), seldom(flag('dir')), seldom(flag('prevExist'))),
  },
  { weight: 4, arbitrary: operation('DELETE', maybe(flag('dir')), maybe(flag('recursive'))) },
  {
    weight: 3,
    arbitrary: operation('DELETE', comparison, seldom(comparison), seldom(flag('recursive')), seldom(flag('dir'))),
  },
  { weight: 8, arbitrary: operation('GET', maybe(flag('recursive')), maybe(flag('sorted')), seldom(flag('quorum'))) },
  {
    weight: 1,
    arbitrary: operation(
      'GET',
      fc.constant('wait=true'),
      fc.constant('quorum=true'),
      seldom(anIndex.map((text) => `waitIndex=${text}`)),
    ),
  },
  { weight: 2, arbitrary: operation('HEAD', maybe(flag('recursive')), seldom(flag('quorum')), seldom(flag('wait'))) },
  { weight: 1, arbitrary: operation('OPTIONS') },
  { weight: 1, arbitrary: fc.constantFrom('PATCH', 'TRACE', 'PROPFIND').map((method) => ({ method, pairs: [] })) },
)

const badPair = fc.oneof(
  fc.constantFrom(...NOISE),
  fc
    .tuple(
      fc.constantFrom('recursive', 'sorted', 'dir', 'quorum', 'stream', 'refresh', 'noValueOnSuccess', 'prevExist'),
      fc.constantFrom(...BOOLEANS),
    )
    .map(([name, text]) => `${name}=${text}`),
  fc
    .tuple(fc.constantFrom('prevIndex', 'waitIndex'), fc.constantFrom(...UINTS))
    .map(([name, text]) => `${name}=${text}`),
  fc.constantFrom(...TTLS).map((text) => `ttl=${text}`),
)

const contentType = fc.oneof(
  { weight: 25, arbitrary: fc.constant(FORM) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      ...[
        'application/x-www-form-urlencoded; charset=utf-8',
        'application/x-www-form-urlencoded; param=value',
        'APPLICATION/X-WWW-Form-Urlencoded',
        'application/json',
        'text/plain',
        '',
        ';;',
        'a/b; c',
      ],
      ...[
        'application/x-www-form-urlencoded;',
        'multipart/form-data; boundary=x',
        'application',
        'application/',
        'a b/c',
        'a/b; c="d',
        'a/b; c=d; c=e',
        'a/b; C=d; c=d',
        '/',
        'application/x-www-form-urlencoded, a/b',
        'application/x-www-form-urlencoded; a*0=b',
      ],
    ),
  },
)

const headers = fc.oneof(
  { weight: 12, arbitrary: fc.constant<readonly string[]>([]) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<readonly string[]>(
      ...[
        ['Origin: http://a.example:8080'],
        ['Origin: http://b.example:80'],
        ['Accept: text/html', 'User-Agent: x'],
        ['Accept-Encoding: gzip'],
      ],
      ...[
        ['Authorization: Basic eDp5'],
        ['Authorization: nonsense'],
        ['If-None-Match: *'],
        ['Range: bytes=0-1'],
        ['X-HTTP-Method-Override: DELETE'],
        ['Cookie: a=b'],
      ],
    ),
  },
)

/** A request to the key space, its pairs in the query, in a body, or some in each. */
const keysRequest: fc.Arbitrary<Ask> = fc
  .record({
    operation: keysOperation,
    path,
    noise: seldom(badPair),
    again: seldom(fc.oneof(valuePair, flag('dir'), flag('recursive'), comparison)),
    inBody: fc.oneof(
      { weight: 3, arbitrary: fc.constant('all') },
      { weight: 1, arbitrary: fc.constantFrom('none', 'some') },
    ),
    contentType,
    headers,
    chunkBytes: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(1, 7) }),
  })
  .map(({ operation: { method, pairs }, path, noise, again, inBody, contentType, headers, chunkBytes }) => {
    const all = [...pairs, ...(noise === undefined ? [] : [noise]), ...(again === undefined ? [] : [again])]
    const hasBody = method === 'PUT' || method === 'POST' || inBody === 'some'
    const cut = !hasBody || inBody === 'none' ? 0 : inBody === 'all' ? all.length : Math.ceil(all.length / 2)
    const query = all.slice(cut).join('&')
    return {
      kind: 'ask',
      method,
      target: query === '' ? path : `${path}?${query}`,
      headers,
      body: hasBody && inBody !== 'none' ? all.slice(0, cut).join('&') : undefined,
      contentType: hasBody && inBody !== 'none' ? contentType : '',
      chunkBytes,
    }
  })

/** A long poll or stream, from anywhere in the past or future. */
const watch: fc.Arbitrary<Ask> = fc
  .record({
    path: fc.oneof(
      { weight: 12, arbitrary: plainPath },
      { weight: 1, arbitrary: fc.constantFrom('/v2/keys/', '/v2/keys') },
    ),
    since: fc.oneof(
      { weight: 4, arbitrary: fc.constant(undefined) },
      { weight: 4, arbitrary: nearIndex },
      { weight: 2, arbitrary: fc.nat({ max: 5 }).map((ahead) => `{C+${ahead + 1}}`) },
      { weight: 1, arbitrary: fc.constantFrom('0', '1', '{C-1500}', '{L}', ...UINTS) },
    ),
    recursive: seldom(fc.constant('recursive=true')),
    deep: fc.constantFrom('recursive=true', undefined),
    stream: fc.constantFrom('stream=true', undefined, undefined),
    headers,
  })
  .map(({ path, since, deep, stream, headers }) => {
    const query = pairs('wait=true', deep, stream, since === undefined ? undefined : `waitIndex=${since}`)
    return {
      kind: 'watch',
      method: 'GET',
      target: `${path}?${query.join('&')}`,
      headers,
      body: undefined,
      contentType: '',
      chunkBytes: 0,
    }
  })

/** Anything that needs no time. */
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 60, arbitrary: keysRequest },
  { weight: 6, arbitrary: watch },
  { weight: 5, arbitrary: elsewhere },
  { weight: 5, arbitrary: jsonRequest },
  { weight: 1, arbitrary: raw },
)

/** Sequences in which nothing expires. */
export const anySequence: fc.Arbitrary<readonly Step[]> = fc.array(anyStep, {
  minLength: 5,
  maxLength: 25,
  size: 'max',
})

/** Writes that set a time to live of a second: what follows within that second meets the key. */
const shortLived: fc.Arbitrary<Step> = fc
  .record({ path: plainPath, operation: fc.constantFrom('PUT', 'POST', 'dir', 'update', 'swap', 'refresh') })
  .map(({ path, operation }) => {
    const body = {
      PUT: 'value=x&ttl=1',
      POST: 'value=x&ttl=1',
      dir: 'dir=true&ttl=1',
      update: 'prevExist=true&ttl=1',
      swap: 'prevValue=x&value=y&ttl=1',
      refresh: 'refresh=true&ttl=1',
    }[operation]
    return plainAsk(operation === 'POST' ? 'POST' : 'PUT', path, body)
  })

/** The same that is due at once, or was before it was set; each is waited for at once. */
const stillborn: fc.Arbitrary<Step> = fc
  .record({
    path: plainPath,
    operation: fc.constantFrom('', 'dir=true&', 'prevExist=false&', 'prevExist=true&', 'prevValue=x&', 'refresh=true&'),
    ttl: fc.constantFrom(
      '0',
      '0',
      ...['18446744073709551615', '9223372036854775808', '18446744073', '9223372036', '9223372037'],
    ),
  })
  .map(({ path, operation, ttl }) => plainAsk('PUT', path, `${operation}ttl=${ttl}`))

function plainAsk(method: string, target: string, body: string): Ask {
  return { kind: 'ask', method, target, headers: [], body, contentType: FORM, chunkBytes: 0 }
}

/** Sequences in which keys and directories expire. They take a second or two each. */
export const anyExpirySequence: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: keysRequest },
    { weight: 4, arbitrary: shortLived },
    { weight: 3, arbitrary: watch },
    { weight: 1, arbitrary: stillborn },
    { weight: 1, arbitrary: fc.constant<Step>({ kind: 'settle' }) },
  ),
  { minLength: 5, maxLength: 16, size: 'max' },
)
