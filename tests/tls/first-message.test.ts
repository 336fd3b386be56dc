/** Where the first message of a TLS client ends. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isFirstMessage } from '../../src/tls/first-message.ts'

/** A message of so many bytes, cut into records of at most so many. */
function records(bytes: number, piece: number): Buffer {
  const message = Buffer.alloc(4 + bytes, 7)
  message.writeUIntBE(bytes, 1, 3)
  const parts: Buffer[] = []
  for (let at = 0; at < message.length; at += piece) {
    const part = message.subarray(at, at + piece)
    parts.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part)
  }
  return Buffer.concat(parts)
}

test('it is whole at its last byte and not before, in however many records', () => {
  fc.assert(
    fc.property(fc.nat(300), fc.integer({ min: 1, max: 400 }), (bytes, piece) => {
      const all = records(bytes, piece)
      expect(isFirstMessage(all)).toBe(true)
      for (let end = 0; end < all.length; end++) expect(isFirstMessage(all.subarray(0, end))).toBe(false)
    }),
    { numRuns: 100 },
  )
})

test('what follows it does not matter', () => {
  expect(isFirstMessage(Buffer.concat([records(10, 100), Buffer.from([23, 3, 3])]))).toBe(true)
})

test('what is none is not waited for', () => {
  expect(isFirstMessage(Buffer.from('GET '))).toBe(true)
  expect(isFirstMessage(Buffer.from([22, 3, 1, 0, 0]))).toBe(true)
  expect(isFirstMessage(Buffer.concat([records(300, 100).subarray(0, 105), Buffer.from('x')]))).toBe(true)
})

test('however small its records are, a look at them is cheap: who sends them may ask for thousands', () => {
  const all = records(2720, 1)
  const began = performance.now()
  for (let end = 6; end < all.length; end += 6) expect(isFirstMessage(all.subarray(0, end))).toBe(false)
  expect(performance.now() - began).toBeLessThan(1000)
})
