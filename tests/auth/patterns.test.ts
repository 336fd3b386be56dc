/** What patterns of keys cover, one and many. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PatternSet } from '../../src/auth/patterns.ts'

describe('a pattern', () => {
  test.each([
    ['/foo', '/foo', true],
    ['/foo', '/foo/', false],
    ['/foo', '/foobar', false],
    ['/foo*', '/foo', true],
    ['/foo*', '/foobar', true],
    ['/foo*', '/foo/bar', true],
    ['/foo/*', '/foo', false],
    ['/foo/*', '/foo/', true],
    ['/*', '/', true],
    ['/*', '', false],
    ['*', '', true],
    ['*', '/any/thing', true],
    ['/a*b', '/a*b', true],
    ['/a*b', '/axb', false],
    ['/a**', '/a*x', true],
    ['/a**', '/ax', false],
    ['', '', false],
    ['', '/', false],
    ['/ä*', '/äö', true],
  ])('%j against %j: %s', (pattern, key, expected) => {
    expect(new PatternSet([pattern]).covers(key)).toBe(expected)
  })

  test.each([
    ['/dd', '/dd', false],
    ['/dd/*', '/dd', false],
    ['/dd/*', '/dd/', true],
    ['/dd*', '/dd', true],
    ['*', '', true],
    ['', '', false],
  ])('%j against all below %j: %s', (pattern, key, expected) => {
    expect(new PatternSet([pattern]).coversBelow(key)).toBe(expected)
  })
})

test('many patterns cover what any of them covers', () => {
  const text = fc.string({ unit: fc.constantFrom('/', 'a', 'b', '*', '\u{1d400}', '\uffff'), maxLength: 5 })
  fc.assert(
    fc.property(fc.array(text, { maxLength: 12 }), text, (patterns, key) => {
      const many = new PatternSet(patterns)
      const each = patterns.map((pattern) => new PatternSet([pattern]))
      expect(many.covers(key)).toBe(each.some((one) => one.covers(key)))
      expect(many.coversBelow(key)).toBe(each.some((one) => one.coversBelow(key)))
    }),
    { numRuns: 1000 },
  )
})

test('no list covers nothing', () => {
  const none = new PatternSet(null)
  expect([none.covers('/a'), none.covers(''), none.coversBelow('')]).toEqual([false, false, false])
})
