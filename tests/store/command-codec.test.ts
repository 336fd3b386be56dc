/** Commands as bytes. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ADVANCED_INDEX_MAX } from '../../src/api.ts'
import type { Command } from '../../src/store/command.ts'
import { decodeCommand, encodeCommand } from '../../src/store/command-codec.ts'

const path = fc.string({ unit: 'grapheme', maxLength: 12 }).map((text) => `/${text}`)
const value = fc.string({ unit: 'grapheme', maxLength: 40 })
const ttl = fc.option(fc.record({ ms: fc.maxSafeInteger(), expirationMs: fc.maxSafeInteger() }), { nil: undefined })
const dir = fc.boolean()
const refresh = fc.boolean()
const prevIndex = fc.oneof(fc.maxSafeNat(), fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }))
const prevValue = value
const urls = fc.option(fc.array(value, { maxLength: 3 }), { nil: undefined })
const name = fc.option(value, { nil: undefined })

function kind<K extends Command['kind']>(of: K): fc.Arbitrary<K> {
  return fc.constant(of)
}

const anyCommand = fc.oneof(
  fc.record({ kind: kind('set'), path, value, dir, ttl, refresh }),
  fc.record({ kind: kind('create'), path, value, dir, ttl, inOrder: fc.boolean() }),
  fc.record({ kind: kind('update'), path, value, ttl, refresh }),
  fc.record({ kind: kind('compareAndSwap'), path, value, ttl, refresh, prevIndex, prevValue }),
  fc.record({ kind: kind('delete'), path, dir, recursive: fc.boolean() }),
  fc.record({ kind: kind('compareAndDelete'), path, prevIndex, prevValue }),
  fc.record({ kind: kind('expire'), term: fc.maxSafeNat() }),
  fc.record({ kind: kind('putMember'), id: value, peerUrls: urls, name, clientUrls: urls }),
  fc.record({ kind: kind('removeMember'), id: value }),
  fc.record({
    kind: kind('auth'),
    prevAuthIndex: fc.maxSafeNat(),
    puts: fc.array(fc.record({ key: value, value: fc.option(value, { nil: undefined }) }), { maxLength: 8 }),
  }),
  fc.record({ kind: kind('advanceIndex'), to: fc.nat({ max: ADVANCED_INDEX_MAX }) }),
)

test('a command is what it was after encoding and decoding', () => {
  fc.assert(
    fc.property(anyCommand, (command) => {
      expect(decodeCommand(encodeCommand(command))).toEqual(command)
    }),
    { numRuns: 500 },
  )
})

test('earlier bytes stay as they are while later commands are encoded', () => {
  fc.assert(
    fc.property(fc.array(anyCommand, { maxLength: 20 }), (commands) => {
      expect(commands.map(encodeCommand).map(decodeCommand)).toEqual(commands)
    }),
  )
})

test('a value of megabytes is encoded and decoded', () => {
  const command: Command = {
    kind: 'set',
    path: '/k',
    value: 'ä'.repeat(3_000_000),
    dir: false,
    ttl: undefined,
    refresh: false,
  }
  expect(decodeCommand(encodeCommand(command))).toEqual(command)
})

test('an index that leaves no room for steps, or is none, is never proposed', () => {
  for (const to of [ADVANCED_INDEX_MAX + 1, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => encodeCommand({ kind: 'advanceIndex', to })).toThrow('index')
  }
})

const known = encodeCommand({ kind: 'expire', term: 7 })

test.each([
  ['version', 0],
  ['code', 1],
])('an unknown %s says that a newer muster is needed', (_what, at) => {
  const bytes = Buffer.from(known)
  bytes[at] = 99
  expect(() => decodeCommand(bytes)).toThrow(
    expect.objectContaining({
      code: 'MUSTER_COMMAND_UNKNOWN',
      message: expect.stringMatching(/needs a newer muster$/),
    }),
  )
})

test('bytes that are cut short, or too many, are damaged', () => {
  const damaged = expect.objectContaining({ code: 'MUSTER_DATA_DAMAGED' })
  for (let length = 0; length < known.length; length += 1) {
    expect(() => decodeCommand(known.subarray(0, length))).toThrow(damaged)
  }
  expect(() => decodeCommand(Buffer.concat([known, Buffer.from([0])]))).toThrow(damaged)
})
