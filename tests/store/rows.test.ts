/** Rows: keys in the right order, values that come back, damage that is noticed. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteReader, ByteWriter } from '../../src/store/bytes.ts'
import { makeEvent } from '../../src/store/event.ts'
import {
  decodeEventIndexes,
  decodeEvents,
  encodeEvents,
  eventKey,
  indexOfEventKey,
} from '../../src/store/event-rows.ts'
import { Children, makeDirectory, makeFile, type NodeView } from '../../src/store/node.ts'
import { NumberQueue } from '../../src/store/number-queue.ts'
import {
  currentGenerationRow,
  decodeMarks,
  decodeNode,
  encodeMarks,
  encodeNode,
  generationRanges,
  keyAfter,
  type Marks,
  nodeKey,
  pathOfKey,
  readGeneration,
  zeroCounters,
} from '../../src/store/rows.ts'

const text = fc.string({ unit: 'grapheme', maxLength: 30 })
const index = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })
const stamp = fc.integer({ min: -(2 ** 50), max: 2 ** 50 })

describe('nodes', () => {
  test('a file comes back as it was', () => {
    const file = fc.tuple(text, text, index, index, fc.integer({ min: 0, max: 3 }), stamp)
    fc.assert(
      fc.property(file, ([name, value, created, modified, deadline, expiration]) => {
        const node = makeFile(`/${name}`, value, created, modified, deadline, deadline === 0 ? 0 : expiration)
        expect(decodeNode(node.key, encodeNode(new ByteWriter(), node))).toEqual(node)
      }),
    )
  })

  test('a directory comes back empty', () => {
    const node = makeDirectory('/d', 7, 50, 60, new Children())
    expect(decodeNode('/d', encodeNode(new ByteWriter(), node))).toEqual(node)
  })

  test('the path is in the key, and a parent comes before its children', () => {
    const writer = new ByteWriter()
    fc.assert(
      fc.property(text, text, (parent, child) => {
        const above = nodeKey(writer, 3, `/${parent}`)
        const below = nodeKey(writer, 3, `/${parent}/${child}`)
        expect(pathOfKey(below)).toBe(`/${parent}/${child}`)
        expect(Buffer.compare(above, below)).toBe(-1)
      }),
    )
  })

  test.each([[[]], [[0]], [[99, 0, 0, 0, 0, 0, 0, 0, 0]], [[1, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0]]])(
    'the bytes %j are damaged',
    (bytes) => {
      expect(() => decodeNode('/k', Buffer.from(bytes))).toThrow(
        expect.objectContaining({ code: 'MUSTER_DATA_DAMAGED' }),
      )
    },
  )
})

describe('marks', () => {
  const marks: Marks = {
    appliedIndex: 12,
    appliedTerm: 3,
    stampMs: 4567,
    storeIndex: 11,
    clearedTo: 2,
    counters: { ...zeroCounters(), getsFail: 4, expireCount: 9 },
  }

  test('come back as they were', () => {
    expect(decodeMarks(encodeMarks(new ByteWriter(), marks))).toEqual(marks)
  })

  test('of a newer version are refused as such', () => {
    const value = Buffer.from(encodeMarks(new ByteWriter(), marks))
    value[0] = 2
    expect(() => decodeMarks(value)).toThrow(expect.objectContaining({ code: 'MUSTER_DATA_FORMAT_NEWER' }))
  })
})

describe('events', () => {
  const view = fc.record({
    key: fc.constant('/key'),
    value: fc.option(text, { nil: undefined }),
    expirationMs: fc.option(stamp, { nil: undefined }),
    ttlSeconds: stamp,
    modifiedIndex: index,
    createdIndex: index,
  })
  const node = view.map(
    (fields): NodeView => ({
      ...fields,
      dir: fields.value === undefined,
      ttlSeconds: fields.expirationMs === undefined ? 0 : fields.ttlSeconds,
    }),
  )
  const event = fc
    .record({
      action: fc.constantFrom('set', 'create', 'update', 'compareAndSwap', 'delete', 'compareAndDelete', 'expire'),
      node,
      prevNode: fc.option(node, { nil: undefined }),
      created: fc.boolean(),
    })
    .map((fields) =>
      makeEvent(fields.node.modifiedIndex, fields.action, fields.node, fields.prevNode, fields.created, false),
    )

  test('come back as they were, and their indexes without decoding them', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 5 }), (events) => {
        const value = encodeEvents(new ByteWriter(), events)
        expect(decodeEvents(value)).toEqual(events)
        expect(decodeEventIndexes(value)).toEqual(events.map((one) => one.index))
      }),
    )
  })

  test('keys order as indexes do', () => {
    fc.assert(
      fc.property(index, index, (a, b) => {
        expect(Buffer.compare(eventKey(1, a), eventKey(1, b))).toBe(Math.sign(a - b))
        expect(indexOfEventKey(eventKey(1, a))).toBe(a)
      }),
    )
  })

  test('cut short are damaged', () => {
    const value = encodeEvents(new ByteWriter(), fc.sample(event, 3))
    for (let length = 1; length < value.length; length += 1) {
      expect(() => decodeEvents(value.subarray(0, length))).toThrow(
        expect.objectContaining({ code: 'MUSTER_DATA_DAMAGED' }),
      )
    }
  })
})

describe('generations', () => {
  test('the row that switches is read back, and no row means the first', () => {
    const row = currentGenerationRow(70_000)
    expect(row.type === 'put' && readGeneration(row.value)).toBe(70_000)
    expect(readGeneration(undefined)).toBe(1)
  })

  test('ranges hold the keys of their generation and no others', () => {
    const writer = new ByteWriter()
    const holds = (key: Buffer): boolean =>
      generationRanges(5).some(({ gte, lt }) => Buffer.compare(gte, key) <= 0 && Buffer.compare(key, lt) < 0)
    expect([4, 5, 6].map((generation) => holds(nodeKey(writer, generation, '/\u{10ffff}')))).toEqual([
      false,
      true,
      false,
    ])
    expect([4, 5, 6].map((generation) => holds(eventKey(generation, Number.MAX_SAFE_INTEGER)))).toEqual([
      false,
      true,
      false,
    ])
  })

  test('the key after a key is the next one there can be', () => {
    expect(keyAfter(Buffer.from('ab'))).toEqual(Buffer.from('ab\0'))
  })
})

test('pieces of a writer stay as they are, across its blocks', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 2000 }), { maxLength: 100 }), (texts) => {
      const writer = new ByteWriter()
      const pieces = texts.map((one) => {
        writer.u64(texts.length)
        writer.string(one)
        writer.bytes(Buffer.from(one))
        return writer.finish()
      })
      for (const [at, piece] of pieces.entries()) {
        const reader = new ByteReader(piece)
        expect(reader.u64()).toBe(BigInt(texts.length))
        expect(reader.string()).toBe(texts[at])
        expect(reader.text()).toBe(texts[at])
      }
    }),
    { numRuns: 30 },
  )
})

test('a queue of numbers gives back what went in, in order', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.integer()), { maxLength: 400, size: 'max' }), (steps) => {
      const queue = new NumberQueue()
      const wanted: number[] = []
      for (const step of steps) {
        if (step !== null) {
          queue.push(step)
          wanted.push(step)
        } else if (wanted.length > 0) {
          expect(queue.shift()).toBe(wanted.shift())
        }
        expect(queue.length).toBe(wanted.length)
        if (wanted.length > 0) expect([queue.first(), queue.last()]).toEqual([wanted[0], wanted.at(-1)])
      }
    }),
  )
})
