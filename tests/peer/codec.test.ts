/** What one member says is what the other understands; what makes no sense is refused, by the name of the field. */
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { Packr } from 'msgpackr'
import { describe, expect, test } from 'vitest'
import {
  decodeFrame,
  decodeInstallSnapshot,
  encodeInstallSnapshot,
  type Frame,
  FrameEncoder,
} from '../../src/peer/codec.ts'
import { BadMessageError } from '../../src/peer/errors.ts'
import type { Message } from '../../src/raft/message.ts'
import type { Proposal } from '../../src/raft/types.ts'
import { append, entry } from '../support/peer-members.ts'
import { FROM, snapshotMessage, streamMessage, TO } from '../support/peer-messages.ts'

const packr = new Packr({ useRecords: false })

function contentOf(frame: Frame): Buffer {
  return Buffer.concat(frame.parts).subarray(4)
}

function encode(messages: readonly Message[]): Buffer {
  return contentOf(new FrameEncoder().encode(messages))
}

/** Bytes as plain arrays, so that a Buffer equals a Uint8Array of the same bytes. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, v) => (v instanceof Uint8Array ? [...v] : v?.type === 'Buffer' ? v.data : v)),
  )
}

/** The envelope of a frame as plain arrays, and its sections. */
function open(content: Buffer): { envelope: unknown[][]; sections: Buffer } {
  const end = 4 + content.readUInt32LE(0)
  return { envelope: packr.unpack(content.subarray(4, end)), sections: content.subarray(end) }
}

function seal(envelope: unknown, sections: Buffer): Buffer {
  const packed = packr.pack(envelope)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(packed.length, 0)
  return Buffer.concat([length, packed, sections])
}

function refusedField(content: Buffer): string | undefined {
  try {
    decodeFrame(content, FROM, TO)
    return undefined
  } catch (error) {
    if (!(error instanceof BadMessageError)) throw error
    expect(error.code).toBe('MUSTER_PEER_BAD_MESSAGE')
    return error.field
  }
}

describe('codec', () => {
  test('every message of every kind comes out of its frame as it went in', () => {
    fc.assert(
      fc.property(fc.array(streamMessage, { maxLength: 6 }), (messages) => {
        const frame = new FrameEncoder().encode(messages)
        const whole = Buffer.concat(frame.parts)
        expect(frame.bytes).toBe(whole.length)
        expect(whole.readUInt32LE(0)).toBe(whole.length - 4)
        expect(frame.appends).toBe(messages.filter((message) => message.kind === 'append').length)
        expect(plain(decodeFrame(whole.subarray(4), FROM, TO))).toEqual(plain(messages))
      }),
      { numRuns: 1_000 },
    )
  })

  test('every snapshot message comes out as it went in', () => {
    fc.assert(
      fc.property(snapshotMessage, (message) => {
        expect(decodeInstallSnapshot(encodeInstallSnapshot(message), FROM, TO)).toEqual(message)
      }),
    )
  })

  test('a message comes from the member at the other end, whatever its sender wrote in it', () => {
    const [message] = decodeFrame(encode([append('bad', 'bad2', 0, [])]), FROM, TO)
    expect(message).toMatchObject({ from: FROM, to: TO })
  })

  test('entries that go to two remotes are encoded once', () => {
    const entries = [entry(1, 1, 'one'), entry(2, 1, 'two')]
    const encoder = new FrameEncoder()
    const first = encoder.encode([append('a', 'b', 0, entries)])
    const second = encoder.encode([append('a', 'c', 0, [...entries])])
    expect(second.parts[1]).toBe(first.parts[1])
    expect(contentOf(second).equals(contentOf(first))).toBe(true)
    encoder.forget()
    expect(encoder.encode([append('a', 'b', 0, entries)]).parts[1]).not.toBe(first.parts[1])
  })

  test('different entries that go in one turn are not mistaken for each other', () => {
    const entries = [entry(1, 1, 'one'), entry(2, 1, 'two'), entry(3, 1, 'three')]
    const encoder = new FrameEncoder()
    const messages = [append('a', 'b', 0, entries.slice(0, 2)), append('a', 'b', 1, entries.slice(1))]
    encoder.encode([append('a', 'c', 0, entries)])
    const decoded = decodeFrame(contentOf(encoder.encode(messages)), FROM, TO)
    expect(plain(decoded.map((m) => m.kind === 'append' && m.entries))).toEqual(
      plain([entries.slice(0, 2), entries.slice(1)]),
    )
  })

  test('lists are taken for the same only if they are: neither length, nor first, nor last alone decides', () => {
    const proposal = (seq: number): Proposal => ({
      kind: 1,
      origin: FROM,
      seq,
      data: Buffer.from('x'),
      checksum: crc32('x'),
    })
    const [one, two, three] = [proposal(1), proposal(2), proposal(3)]
    const lists = [
      [one, two, three],
      [one, three],
      [two, three],
      [one, two],
    ]
    const encoder = new FrameEncoder()
    for (const proposals of lists) {
      const frame = encoder.encode([{ kind: 'propose', from: FROM, to: TO, term: 1, proposals }])
      const [message] = decodeFrame(contentOf(frame), FROM, TO)
      const seqs = message?.kind === 'propose' ? message.proposals.map(({ seq }) => seq) : []
      expect(seqs).toEqual(proposals.map(({ seq }) => seq))
    }
  })

  test('a value put in place of any field is refused, or is a value that the field may have', () => {
    const odd = fc.oneof(
      fc.constantFrom<unknown>(
        null,
        true,
        false,
        '',
        'x',
        -1,
        0,
        1,
        2,
        1.5,
        2 ** 53,
        -0.5,
        [],
        [[]],
        {},
        Buffer.alloc(3),
      ),
      fc.constantFrom<unknown>(Number.NaN, Number.POSITIVE_INFINITY, 1e308, 0xffffffff, 'a1', ['a1'], ['A1'], ['0']),
      fc.anything({ maxDepth: 2 }),
    )
    fc.assert(
      fc.property(streamMessage, fc.nat(), odd, (message, at, value) => {
        const { envelope, sections } = open(encode([message]))
        const fields = envelope[0] as unknown[]
        fields[at % fields.length] = value
        let mutated: Buffer
        try {
          mutated = seal(envelope, sections)
        } catch {
          return // not something that msgpack can say
        }
        if (refusedField(mutated) !== undefined) return
        const decoded = decodeFrame(mutated, FROM, TO)
        expect(plain(decodeFrame(encode(decoded), FROM, TO))).toEqual(plain(decoded))
      }),
      { numRuns: 3_000 },
    )
  })

  test('a field too many or too few is refused', () => {
    fc.assert(
      fc.property(streamMessage, fc.boolean(), (message, more) => {
        const { envelope, sections } = open(encode([message]))
        if (more) envelope[0]?.push(0)
        else envelope[0]?.pop()
        expect(refusedField(seal(envelope, sections))).toBeDefined()
      }),
    )
  })

  test('flipped bytes anywhere in a frame are refused or make another well-formed frame, and harm nothing', () => {
    fc.assert(
      fc.property(
        fc.array(streamMessage, { maxLength: 3 }),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (messages, flips) => {
          const content = Buffer.from(encode(messages))
          for (const [at, byte] of flips) content[at % content.length] = byte
          if (refusedField(content) !== undefined) return
          const decoded = decodeFrame(content, FROM, TO)
          expect(plain(decodeFrame(encode(decoded), FROM, TO))).toEqual(plain(decoded))
        },
      ),
      { numRuns: 3_000 },
    )
  })

  test('bytes at random are refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        void refusedField(Buffer.from(bytes))
        const withLength = Buffer.concat([Buffer.from([Math.min(bytes.length, 255), 0, 0, 0]), bytes])
        void refusedField(withLength)
      }),
      { numRuns: 2_000 },
    )
  })

  test('a frame cut short or continued is refused', () => {
    const content = encode([append('a', 'b', 0, [entry(1, 1, 'one')])])
    for (let length = 0; length < content.length; length++) {
      expect(refusedField(content.subarray(0, length)), `cut to ${length} bytes`).toBeDefined()
    }
    expect(refusedField(Buffer.concat([content, Buffer.from([0])]))).toBe('frame')
  })

  test('an envelope that claims a billion messages is refused without room being made for them', () => {
    const claim = Buffer.from([5, 0, 0, 0, 0xdd, 0x3f, 0xff, 0xff, 0xff])
    expect(refusedField(claim)).toBe('envelope')
  })

  describe('appends', () => {
    const good = append('a', 'b', 5, [entry(6, 1, 'x'), entry(7, 1, 'y')])

    /** The good append with a byte range of its section replaced. */
    function withSection(change: (section: Buffer) => void): Buffer {
      const { envelope, sections } = open(encode([good]))
      const copy = Buffer.from(sections)
      change(copy)
      return seal(envelope, copy)
    }

    const second = 35 + 1
    test.each<[string, string, (section: Buffer) => void]>([
      ['an unknown kind', 'entry.kind', (s) => s.writeUInt8(3, second)],
      ['an origin that is not in the table', 'entry.origin', (s) => s.writeUInt16LE(1, second + 1)],
      ['a term that falls', 'entry.term', (s) => s.writeDoubleLE(0, second + 3)],
      ["a term beyond the sender's", 'entry.term', (s) => s.writeDoubleLE(2, second + 3)],
      ['a term that is no integer', 'entry.term', (s) => s.writeDoubleLE(1.5, second + 3)],
      ['a term that is no number', 'entry.term', (s) => s.writeDoubleLE(Number.NaN, second + 3)],
      ['a stamp that falls', 'entry.stampMs', (s) => s.writeDoubleLE(59, second + 11)],
      ['a stamp beyond all integers', 'entry.stampMs', (s) => s.writeDoubleLE(2 ** 53, second + 11)],
      ['a negative seq', 'entry.seq', (s) => s.writeDoubleLE(-1, second + 19)],
      ['data longer than the section', 'entry.data', (s) => s.writeUInt32LE(2, second + 31)],
      [
        'data shorter than the section',
        'entries',
        (s) => {
          s.writeUInt32LE(0, second + 31)
          s.writeUInt32LE(crc32(''), second + 27)
        },
      ],
      ['data that are not those of its checksum', 'entry.checksum', (s) => s.writeUInt32LE(1, second + 27)],
    ])('an entry with %s is refused as %s', (_what, field, change) => {
      expect(refusedField(withSection(() => {}))).toBeUndefined()
      expect(refusedField(withSection(change))).toBe(field)
    })

    test('a proposal of a noop is refused: those are the own of a leader', () => {
      const data = Buffer.from('x')
      const proposal: Proposal = { kind: 0, origin: FROM, seq: 1, data, checksum: crc32(data) }
      const message: Message = { kind: 'propose', from: FROM, to: TO, term: 1, proposals: [proposal] }
      expect(refusedField(encode([message]))).toBe('proposal.kind')
    })

    test('indexes that would pass the largest safe integer are refused', () => {
      const { envelope, sections } = open(encode([good]))
      const fields = envelope[0] as unknown[]
      fields[2] = Number.MAX_SAFE_INTEGER - 1
      expect(refusedField(seal(envelope, sections))).toBe('append.prevIndex')
    })

    test('more origins than entries are refused', () => {
      const { envelope, sections } = open(encode([good]))
      const fields = envelope[0] as unknown[]
      fields[5] = ['a', 'b', 'c']
      expect(refusedField(seal(envelope, sections))).toBe('append.origins')
    })

    test('a term before the first entry of the log is refused', () => {
      const { envelope, sections } = open(encode([append('a', 'b', 0, [])]))
      const fields = envelope[0] as unknown[]
      fields[3] = 1
      expect(refusedField(seal(envelope, sections))).toBe('append.prevTerm')
    })

    test('a count of entries that the section does not hold is refused', () => {
      for (const wrong of [1, 3, 0, 1_000_000_000]) {
        const { envelope, sections } = open(encode([good]))
        const fields = envelope[0] as unknown[]
        fields[6] = wrong
        expect(refusedField(seal(envelope, sections)), `${wrong}`).toBeDefined()
      }
    })
  })

  test('a snapshot offer on the message stream is refused: its rows did not come with it', () => {
    expect(refusedField(seal([[9, 1, 5, 1, 0, ['a'], []]], Buffer.alloc(0)))).toBe('kind')
    expect(() =>
      new FrameEncoder().encode([
        {
          kind: 'installSnapshot',
          from: FROM,
          to: TO,
          term: 1,
          snapshot: { index: 1, term: 1, stampMs: 0, membership: { voters: [], learners: [] } },
        },
      ]),
    ).toThrow('travels with its rows')
  })

  test.each<[string, unknown[]]>([
    ['kind', [5, 3, 10, 2, 7, ['a'], ['b']]],
    ['installSnapshot.term', [9, -3, 10, 2, 7, ['a'], ['b']]],
    ['installSnapshot.index', [9, 3, 1.5, 2, 7, ['a'], ['b']]],
    ['installSnapshot.snapshotTerm', [9, 3, 10, 4, 7, ['a'], ['b']]],
    ['installSnapshot.stampMs', [9, 3, 10, 2, '7', ['a'], ['b']]],
    ['installSnapshot.voters', [9, 3, 10, 2, 7, ['A'], ['b']]],
    ['installSnapshot.learners', [9, 3, 10, 2, 7, ['a'], ['a']]],
    ['installSnapshot', [9, 3, 10, 2, 7, ['a']]],
  ])('a snapshot message whose %s makes no sense is refused by that name', (field, fields) => {
    expect(() => decodeInstallSnapshot(packr.pack(fields), FROM, TO)).toThrow(expect.objectContaining({ field }))
  })
})
