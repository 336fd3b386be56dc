/** JSON, byte for byte. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { jsonString, jsonTime, renderError, renderEvent, renderNode } from '../../../src/http/keys/json.ts'
import { makeEvent } from '../../../src/store/event.ts'
import { Children, makeDirectory, makeFile, viewNode, viewRemoved } from '../../../src/store/node.ts'

describe('text', () => {
  test('is escaped where Go escapes it', () => {
    expect(jsonString('"\\\n\r\t\b\f\u0001<>&\u2028\u2029\ufffd')).toBe(
      '"\\"\\\\\\n\\r\\t\\u0008\\u000c\\u0001\\u003c\\u003e\\u0026\\u2028\\u2029\\ufffd"',
    )
  })

  test('is left alone elsewhere', () => {
    expect(jsonString("/a b'\u007fé😀")).toBe('"/a b\'\u007fé😀"')
  })

  test('is what any reader of JSON gets back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(JSON.parse(jsonString(text))).toBe(text)
      }),
    )
  })
})

describe('a time', () => {
  test.each([
    ['2026-11-21T17:39:47.475Z', '2026-11-21T17:39:47.475Z'],
    ['2026-11-21T17:39:47.470Z', '2026-11-21T17:39:47.47Z'],
    ['2026-11-21T17:39:47.500Z', '2026-11-21T17:39:47.5Z'],
    ['2026-11-21T17:39:40.000Z', '2026-11-21T17:39:40Z'],
  ])('%s is written %s', (iso, written) => {
    expect(jsonTime(Date.parse(iso))).toBe(written)
  })
})

describe('a node', () => {
  const expirationMs = Date.UTC(2026, 10, 21, 12)

  test('shows its fields in the order of the page', () => {
    const file = makeFile('/k', 'v', 3, 4, 10_000, expirationMs)
    expect(renderNode(file, 500)).toBe(
      '{"key":"/k","value":"v","expiration":"2026-11-21T12:00:00Z","ttl":10,"modifiedIndex":4,"createdIndex":3}',
    )
    expect(renderNode(makeFile('/k', '', 3, 4, 0, 0), 0)).toBe(
      '{"key":"/k","value":"","modifiedIndex":4,"createdIndex":3}',
    )
    const directory = makeDirectory('/d', 5, 0, 0, new Children())
    expect(renderNode(directory, 0)).toBe('{"key":"/d","dir":true,"modifiedIndex":5,"createdIndex":5}')
  })

  test('leaves out a ttl of nothing and shows one that is over', () => {
    const file = makeFile('/k', 'v', 3, 3, 10_000, expirationMs)
    expect(renderNode(file, 10_500)).not.toContain('ttl')
    expect(renderNode(file, 12_500)).toContain('"ttl":-2,')
  })

  test('that is the root has neither key nor indexes', () => {
    expect(renderNode(makeDirectory('/', 0, 0, 0, new Children()), 0)).toBe('{"dir":true}')
  })
})

describe('an event', () => {
  test('shows what is and what was', () => {
    const before = makeFile('/k', 'a', 3, 3, 0, 0)
    const after = makeFile('/k', 'b', 3, 9, 0, 0)
    const event = makeEvent(9, 'compareAndSwap', viewNode(after, 0), viewNode(before, 0), false, false)
    expect(renderEvent(event)).toBe(
      '{"action":"compareAndSwap","node":{"key":"/k","value":"b","modifiedIndex":9,"createdIndex":3},' +
        '"prevNode":{"key":"/k","value":"a","modifiedIndex":3,"createdIndex":3}}\n',
    )
  })

  test('that took a directory away says so', () => {
    const directory = makeDirectory('/d', 7, 0, 0, new Children())
    const event = makeEvent(9, 'expire', viewRemoved(directory, 9), viewNode(directory, 0), false, false)
    expect(renderEvent(event)).toBe(
      '{"action":"expire","node":{"key":"/d","dir":true,"modifiedIndex":9,"createdIndex":7},' +
        '"prevNode":{"key":"/d","dir":true,"modifiedIndex":7,"createdIndex":7}}\n',
    )
  })
})

test('an error leaves an empty cause out', () => {
  expect(renderError(102, 'Not a file', '', 7)).toBe('{"errorCode":102,"message":"Not a file","index":7}\n')
  expect(renderError(100, 'Key not found', '/"', 7)).toBe(
    '{"errorCode":100,"message":"Key not found","cause":"/\\"","index":7}\n',
  )
})
