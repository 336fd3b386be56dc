/** Headers that pass through a proxy, and those that do not. */
import { expect, test } from 'vitest'
import { requestHeaders, responseHeaders } from '../../src/proxy/headers.ts'

test('a request keeps its headers in order and spelling, but for those of its connection', () => {
  const raw = [
    'Host',
    'a',
    'connection',
    'close, X-Hop',
    'X-Hop',
    '1',
    'AUTHORIZATION',
    'Basic x',
    'Content-Length',
    '9',
  ]
  expect(requestHeaders([...raw, 'Expect', '100-continue', 'TE', 'trailers'], '10.0.0.9', 3)).toEqual([
    ...['Host', 'a', 'AUTHORIZATION', 'Basic x'],
    ...['X-Forwarded-For', '10.0.0.9', 'Content-Length', '3'],
  ])
})

test('X-Forwarded-For grows by the client', () => {
  expect(requestHeaders(['x-forwarded-for', '1.1.1.1', 'X-Forwarded-For', '2.2.2.2'], '3.3.3.3', 0)).toEqual([
    'X-Forwarded-For',
    '1.1.1.1, 2.2.2.2, 3.3.3.3',
  ])
  expect(requestHeaders(['x-forwarded-for', '1.1.1.1'], undefined, 0)).toEqual(['X-Forwarded-For', '1.1.1.1'])
})

test('an answer keeps its headers but for those of its connection', () => {
  const raw = ['X-Etcd-Index', '7', 'Transfer-Encoding', 'chunked', 'Connection', 'close'].map((text) =>
    Buffer.from(text),
  )
  expect(responseHeaders([...raw, 'Date', 'now'])).toEqual(['X-Etcd-Index', '7', 'Date', 'now'])
})
