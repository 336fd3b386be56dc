/** Every parameter, every error and their order; which operation a request is. */
import { describe, expect, test } from 'vitest'
import { type KeysMethod, type KeysRequest, parseKeysRequest } from '../../../src/http/keys/parse.ts'

const NOW_MS = Date.UTC(2026, 10, 21)

function parse(method: KeysMethod, query: string, body = '', path = '/k'): KeysRequest {
  return parseKeysRequest(method, path, query, body, { wallNowMs: () => NOW_MS })
}

function command(method: KeysMethod, query: string, body = ''): unknown {
  const request = parse(method, query, body)
  return request.kind === 'write' ? request.command : request
}

const METHODS: readonly KeysMethod[] = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE']

/** In the order in which they are checked (API page, 4.2). */
const FAULTS: readonly (readonly [query: string, code: number, cause: string])[] = [
  ['x=%zz', 210, 'invalid URL escape "%zz"'],
  ['prevIndex=x', 203, 'invalid value for "prevIndex"'],
  ['waitIndex=x', 203, 'invalid value for "waitIndex"'],
  ['recursive=x', 209, 'invalid value for "recursive"'],
  ['sorted=x', 209, 'invalid value for "sorted"'],
  ['wait=x', 209, 'invalid value for "wait"'],
  ['dir=x', 209, 'invalid value for "dir"'],
  ['quorum=x', 209, 'invalid value for "quorum"'],
  ['stream=x', 209, 'invalid value for "stream"'],
  ['prevValue=', 201, '"prevValue" cannot be empty'],
  ['noValueOnSuccess=x', 209, 'invalid value for "noValueOnSuccess"'],
  ['ttl=x', 202, 'invalid value for "ttl"'],
  ['prevExist=x', 209, 'invalid value for prevExist'],
  ['refresh=x', 209, 'invalid value for refresh'],
]

describe('a wrong parameter', () => {
  test.each(FAULTS)('%s is refused on every method', (query, code, cause) => {
    for (const method of METHODS) expect(parse(method, query)).toEqual({ kind: 'invalid', code, cause })
    expect(parse('PUT', '', query)).toEqual({ kind: 'invalid', code, cause })
  })

  test('the first in the order of the page is the one that is told', () => {
    for (let first = 0; first < FAULTS.length; first++) {
      const later = FAULTS.slice(first).reverse()
      const expected = FAULTS[first]
      expect(parse('GET', later.map(([query]) => query).join('&'))).toMatchObject({
        code: expected?.[1],
        cause: expected?.[2],
      })
    }
  })

  test('wait is for GET only, and that is told after flags and before prevValue', () => {
    const fault = { kind: 'invalid', code: 209, cause: '"wait" can only be used with GET requests' }
    for (const method of METHODS.filter((each) => each !== 'GET')) {
      expect(parse(method, 'wait=true')).toEqual(fault)
      expect(parse(method, 'wait=true&prevValue=')).toEqual(fault)
      expect(parse(method, 'wait=true&stream=x')).toMatchObject({ cause: 'invalid value for "stream"' })
    }
  })

  test('a refresh wants a ttl and no value, on every method', () => {
    for (const method of METHODS) {
      expect(parse(method, 'refresh=true&ttl=1&value=x')).toMatchObject({ code: 211 })
      expect(parse(method, 'refresh=true&value=x')).toMatchObject({ code: 211 })
      expect(parse(method, 'refresh=true')).toMatchObject({ code: 212 })
      expect(parse(method, 'refresh=true&ttl=')).toMatchObject({ code: 212 })
      expect(parse(method, 'refresh=true&ttl=1&value=').kind).not.toBe('invalid')
      expect(parse(method, 'refresh=false&value=x').kind).not.toBe('invalid')
    }
  })

  test('flags are exactly the words that Go knows', () => {
    for (const yes of ['1', 't', 'T', 'TRUE', 'true', 'True']) {
      expect(parse('GET', `recursive=${yes}`)).toMatchObject({ recursive: true })
    }
    for (const no of ['0', 'f', 'F', 'FALSE', 'false', 'False']) {
      expect(parse('GET', `recursive=${no}`)).toMatchObject({ recursive: false })
    }
    for (const neither of ['', 'yes', 'tRuE', 'on', '2', ' true']) {
      expect(parse('GET', `recursive=${neither}`)).toMatchObject({ code: 209 })
    }
  })

  test('numbers are digits of 64 bits', () => {
    for (const bad of ['', '+1', '-1', '1.5', '0x10', '%201', '18446744073709551616', 'Infinity', '1e3']) {
      expect(parse('GET', `waitIndex=${bad}`)).toMatchObject({ code: 203 })
      if (bad !== '') expect(parse('PUT', `ttl=${bad}`)).toMatchObject({ code: 202 })
    }
    expect(parse('GET', 'wait=true&waitIndex=0018')).toMatchObject({ since: 18 })
    expect(parse('GET', 'wait=true&waitIndex=9007199254740991')).toMatchObject({ since: 9007199254740991 })
    expect(parse('GET', 'wait=true&waitIndex=18446744073709551615')).toMatchObject({ since: 18446744073709551615n })
  })
})

describe('where parameters come from', () => {
  test('a body wins over the query, and the first of a name wins', () => {
    expect(command('PUT', 'value=query&ttl=1', 'value=body&value=later')).toMatchObject({
      value: 'body',
      ttl: { ms: 1000 },
    })
    expect(command('PUT', 'value=a&value=b')).toMatchObject({ value: 'a' })
    expect(command('PUT', 'dir=true', 'dir=false')).toMatchObject({ dir: false })
  })

  test('names know case, unknown ones are ignored, a name alone is empty', () => {
    expect(command('PUT', 'VALUE=x&other=y')).toMatchObject({ value: '' })
    expect(command('PUT', 'value')).toMatchObject({ value: '' })
    expect(command('PUT', '&&value=x&=&')).toMatchObject({ value: 'x' })
  })

  test('plus is a space, escapes are UTF-8, other bytes are replaced one by one', () => {
    expect(command('PUT', '', 'value=a+b%2Bc%20d')).toMatchObject({ value: 'a b+c d' })
    expect(command('PUT', '', 'value=%C3%A9\xc3\xa9')).toMatchObject({ value: 'éé' })
    expect(command('PUT', '', 'value=%e2%82%ff')).toMatchObject({ value: '\ufffd\ufffd\ufffd' })
    expect(command('PUT', '', 'v%61lue=x%3D%26')).toMatchObject({ value: 'x=&' })
  })

  test('a fault of the body is told before one of the query, a semicolon before a bad escape', () => {
    expect(parse('PUT', 'a=%qq', 'b=%zz')).toMatchObject({ cause: 'invalid URL escape "%zz"' })
    expect(parse('PUT', 'a=%qq&b=;')).toMatchObject({ cause: 'invalid semicolon separator in query' })
    expect(parse('PUT', 'a=%4')).toMatchObject({ cause: 'invalid URL escape "%4"' })
    expect(parse('PUT', 'a=%"\x80')).toMatchObject({ cause: 'invalid URL escape "%\\"\\x80"' })
  })
})

describe('which operation a request is', () => {
  const SET = { kind: 'set', path: '/k', value: 'x', dir: false, ttl: undefined, refresh: false }
  const CAS = { kind: 'compareAndSwap', path: '/k', value: 'x', ttl: undefined, refresh: false }

  test.each([
    ['value=x', SET],
    ['value=x&prevIndex=0', SET],
    ['dir=true', { ...SET, value: '', dir: true }],
    ['value=x&prevExist=true', { kind: 'update', path: '/k', value: 'x', ttl: undefined, refresh: false }],
    ['value=x&prevExist=true&prevIndex=7', { ...CAS, prevIndex: 7, prevValue: '' }],
    ['value=x&prevIndex=7', { ...CAS, prevIndex: 7, prevValue: '' }],
    ['value=x&prevValue=y', { ...CAS, prevIndex: 0, prevValue: 'y' }],
    ['value=x&prevExist=false', { kind: 'create', path: '/k', value: 'x', dir: false, ttl: undefined, inOrder: false }],
    [
      'value=x&prevExist=false&prevIndex=7&prevValue=y',
      { kind: 'create', path: '/k', value: 'x', dir: false, ttl: undefined, inOrder: false },
    ],
  ])('PUT %s', (query, expected) => {
    expect(command('PUT', query)).toEqual(expected)
  })

  test('POST makes keys in order, whatever conditions it names', () => {
    const created = { kind: 'create', path: '/k', value: 'x', dir: false, ttl: undefined, inOrder: true }
    expect(command('POST', 'value=x&prevExist=true&prevIndex=3&prevValue=y')).toEqual(created)
    expect(command('POST', 'dir=1')).toEqual({ ...created, value: '', dir: true })
  })

  test('DELETE compares when it is given something to compare with', () => {
    expect(command('DELETE', 'dir=true')).toEqual({ kind: 'delete', path: '/k', dir: true, recursive: false })
    expect(command('DELETE', 'recursive=true&prevIndex=0&prevExist=true')).toEqual({
      kind: 'delete',
      path: '/k',
      dir: false,
      recursive: true,
    })
    expect(command('DELETE', 'prevIndex=18446744073709551615&recursive=true')).toEqual({
      kind: 'compareAndDelete',
      path: '/k',
      prevIndex: 18446744073709551615n,
      prevValue: '',
    })
  })

  test('GET waits, streams, or reads; a quorum read does not wait, and HEAD has no quorum', () => {
    expect(parse('GET', 'wait=true&recursive=true&stream=true&waitIndex=4')).toEqual({
      kind: 'watch',
      path: '/k',
      recursive: true,
      stream: true,
      since: 4,
    })
    const read = { kind: 'read', path: '/k', recursive: false, sorted: false, quorum: false }
    expect(parse('GET', 'stream=true')).toEqual(read)
    expect(parse('GET', 'wait=true&quorum=true')).toEqual({ ...read, quorum: true })
    expect(parse('HEAD', 'quorum=true')).toEqual(read)
  })

  test('only answers with a value can leave it out', () => {
    expect(parse('PUT', 'noValueOnSuccess=true')).toMatchObject({ noValueOnSuccess: true })
    expect(parse('POST', 'noValueOnSuccess=true')).toMatchObject({ noValueOnSuccess: true })
    expect(parse('DELETE', 'noValueOnSuccess=true')).toMatchObject({ noValueOnSuccess: false })
  })
})

describe('a ttl', () => {
  test('is seconds from now', () => {
    expect(command('PUT', 'ttl=30')).toMatchObject({ ttl: { ms: 30_000, expirationMs: NOW_MS + 30_000 } })
    expect(command('PUT', 'ttl=0')).toMatchObject({ ttl: { ms: 0, expirationMs: NOW_MS } })
    expect(command('PUT', 'ttl=3153600000')).toMatchObject({ ttl: { expirationMs: NOW_MS + 3_153_600_000_000 } })
    expect(command('PUT', 'ttl=')).toMatchObject({ ttl: undefined })
  })

  test('wraps as 64 bits of nanoseconds do', () => {
    expect(command('PUT', 'ttl=18446744073709551615')).toMatchObject({
      ttl: { ms: -1000, expirationMs: NOW_MS - 1000 },
    })
  })

  test('so large that it wraps into the last century is handed on as it is: the store decides what it means', () => {
    for (const query of ['ttl=9223372036', 'ttl=9223372036&prevExist=true']) {
      const { ttl } = command('PUT', query) as { ttl: { ms: number; expirationMs: number } }
      expect(ttl.expirationMs).toBe(NOW_MS + ttl.ms)
      expect(ttl.expirationMs).toBeLessThan(0)
    }
  })
})
