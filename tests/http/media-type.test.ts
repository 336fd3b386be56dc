/** What a Content-Type makes of a body, and the words for what is wrong with it. */
import { describe, expect, test } from 'vitest'
import { bodyType } from '../../src/http/media-type.ts'

describe('a form', () => {
  test.each([
    'application/x-www-form-urlencoded',
    'APPLICATION/X-WWW-Form-UrlEncoded',
    'application/x-www-form-urlencoded; charset=utf-8',
    'application/x-www-form-urlencoded; param=value',
    'application/x-www-form-urlencoded;',
    'application/x-www-form-urlencoded ; a="b;c"; d=e',
    'application/x-www-form-urlencoded; a*=x',
  ])('is %s', (header) => {
    expect(bodyType(header)).toBe('form')
  })
})

describe('something else', () => {
  test.each(['', 'application/json', 'text/plain; charset=utf-8', 'text', 'multipart/form-data; boundary=x'])(
    'is %j',
    (header) => {
      expect(bodyType(header)).toBe('other')
    },
  )
})

describe('a fault', () => {
  test.each([
    [';;', 'mime: no media type'],
    ['/', 'mime: no media type'],
    ['foo bar', 'mime: expected slash after first token'],
    ['a/', 'mime: expected token after slash'],
    ['a/b/c', 'mime: unexpected content after media subtype'],
    ['a/b; x', 'mime: invalid media parameter'],
    ['a/b; x="y', 'mime: invalid media parameter'],
    ['a/b; x=', 'mime: invalid media parameter'],
    ['a/b; x=1; X=2', 'mime: duplicate parameter name'],
    ['application/x-www-form-urlencoded; a=1; a=1', 'mime: duplicate parameter name'],
  ])('%s', (header, fault) => {
    expect(bodyType(header)).toEqual({ fault })
  })
})
