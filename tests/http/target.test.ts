/** Section 2.4 of the API page, row by row. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseTarget } from '../../src/http/target.ts'

describe('a path that is written cleanly is served', () => {
  test.each([
    ['/v2/keys/foo', '/v2/keys/foo'],
    ['/v2/keys/foo/', '/v2/keys/foo/'],
    ['/v2/keys', '/v2/keys'],
    ['/v2/keys/', '/v2/keys/'],
    ['/v2/keys/d%2Fe', '/v2/keys/d/e'],
    ['/v2/keys/a%252Fb', '/v2/keys/a%2Fb'],
    ['/v2/keys/q%3Fm%23h', '/v2/keys/q?m#h'],
    ['/v2/keys/sp%20ace+plus', '/v2/keys/sp ace+plus'],
    ['/v2/keys/...', '/v2/keys/...'],
    ['/v2/keys/.hidden', '/v2/keys/.hidden'],
    ['/v2/keys/%00x', '/v2/keys/\0x'],
    ['/v2/keys/%ff', '/v2/keys/\ufffd'],
    ['/v2/keys/%c3%a9', '/v2/keys/é'],
    ['/v2/keys/a#b', '/v2/keys/a#b'],
    ['http://x.y:1/v2/keys/foo', '/v2/keys/foo'],
  ])('%s', (target, path) => {
    expect(parseTarget(target)).toEqual({ kind: 'path', path, query: '' })
  })

  test('the query is what follows the first question mark, untouched', () => {
    expect(parseTarget('/v2/keys/a?b=%20?//../&c')).toEqual({
      kind: 'path',
      path: '/v2/keys/a',
      query: 'b=%20?//../&c',
    })
  })
})

describe('a path that cleaning changes is redirected', () => {
  test.each([
    ['/v2/keys//foo', '/v2/keys/foo'],
    ['//v2/keys/foo', '/v2/keys/foo'],
    ['/v2/keys/./foo', '/v2/keys/foo'],
    ['/v2/keys/a/../foo', '/v2/keys/foo'],
    ['/v2/keys/%2Ffoo', '/v2/keys/foo'],
    ['/v2/keys/..', '/v2'],
    ['/v2/keys/%2e%2e/foo', '/v2/foo'],
    ['/v2/keys/.', '/v2/keys'],
    ['/v2/keys/../..', '/'],
    ['/v2/keys/foo/./', '/v2/keys/foo/'],
    ['/v2/keys/foo//', '/v2/keys/foo/'],
    ['/v2/keys/foo/../', '/v2/keys/'],
    ['/..', '/'],
    ['http://x.y', '/'],
    ['http://x.y?a', '/?a'],
    ['/a/../', '/'],
    ['//a?x=%2f//', '/a?x=%2f//'],
    ['//a?', '/a'],
    ['//%ff%00%c3%a9', '/%FF%00%C3%A9'],
    [`/v2/keys//a%20b%3F%23!~*'()[]"<>^\`{|}`, '/v2/keys/a%20b%3F%23%21~%2A%27%28%29%5B%5D%22%3C%3E%5E%60%7B%7C%7D'],
  ])('%s', (target, location) => {
    expect(parseTarget(target)).toMatchObject({ kind: 'moved', location })
  })

  test('its page is safe to show', () => {
    expect(parseTarget(`//a?b=<"'&>`)).toMatchObject({ html: '/a?b=&lt;&#34;&#39;&amp;&gt;' })
  })
})

describe('a target that is none is refused', () => {
  test.each(['/v2/keys/%zz', '/%', '/%4', 'v2/keys', '', '*', '/a\x01b', '/a b', '/a?b\x7f'])('%j', (target) => {
    expect(parseTarget(target)).toEqual({ kind: 'bad' })
  })
})

test('a redirect leads to a path that is served, in one step', () => {
  const piece = fc.constantFrom('/', '.', '..', 'a', '%2e', '%2F', '%41', '%20', '?', 'é', '+', '%ff')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const target = parseTarget(`/${Buffer.from(pieces.join('')).toString('latin1')}`)
      if (target.kind === 'moved') expect(parseTarget(target.location).kind).toBe('path')
    }),
  )
})
