/** Paths: cleaning as HTTP needs it, prefixes by whole segments, the hidden rule. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { childPath, cleanPath, isBelow, isClean, isHiddenBelow, ownString, parentPath } from '../../src/store/path.ts'

describe('cleanPath', () => {
  test.each([
    ['', '/'],
    ['/', '/'],
    ['//', '/'],
    ['/foo', '/foo'],
    ['foo', '/foo'],
    ['/foo/', '/foo'],
    ['/a//b', '/a/b'],
    ['/a/./b', '/a/b'],
    ['/a/../b', '/b'],
    ['/../../b', '/b'],
    ['/.', '/'],
    ['/..', '/'],
    ['/...', '/...'],
    ['/.hidden', '/.hidden'],
    ['/a/..b', '/a/..b'],
    ['/a/b..', '/a/b..'],
    ['0/members', '/0/members'],
  ])('%j is %j', (given, wanted) => {
    expect(cleanPath(given)).toBe(wanted)
  })

  test('is idempotent, and what it gives is clean', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'bc', '.', '..', '', '...', '_h')), (segments) => {
        const clean = cleanPath(`/${segments.join('/')}`)
        expect(cleanPath(clean)).toBe(clean)
        expect(isClean(clean)).toBe(true)
      }),
    )
  })
})

test('the parent of a top key is the root, and the root is its own parent', () => {
  expect([parentPath('/a/b'), parentPath('/a'), parentPath('/'), parentPath('0/members'), parentPath('0')]).toEqual([
    '/a',
    '/',
    '/',
    '0',
    '0',
  ])
})

test('a child of the root has one slash', () => {
  expect([childPath('/', 'a'), childPath('/a', 'b')]).toEqual(['/a', '/a/b'])
})

test.each([
  ['/', '/a', true],
  ['/', '/', false],
  ['/a', '/a/b', true],
  ['/a', '/a', false],
  ['/a', '/ab', false],
  ['/pq', '/pqfoo', false],
  ['/', '0/members', false],
])('below %s is %s: %s', (directory, key, below) => {
  expect(isBelow(directory, key)).toBe(below)
})

test.each([
  ['/', '/_h/a', true],
  ['/', '/h/_x/y', true],
  ['/h/_x', '/h/_x/y', false],
  ['/_h', '/_h/a', false],
  ['/_h', '/_h/_y/b', true],
  ['/', '/a_b', false],
  ['/a', '/a', false],
  ['/_a', '/_a', false],
])('a recursive watcher on %s must not see %s: %s', (watchPath, key, hidden) => {
  expect(isHiddenBelow(watchPath, key)).toBe(hidden)
})

test('a string of its own has the same text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(ownString(text)).toBe(text)
    }),
  )
})
