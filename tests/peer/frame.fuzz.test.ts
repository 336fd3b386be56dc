/** Frames survive any cutting of the stream; bytes at random never do more than end it. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FrameDecoder, KEEP_ALIVE_FRAME } from '../../src/peer/frame.ts'

const FRAME_BYTES_MAX = 1_000

function framed(content: Uint8Array): Buffer {
  const prefix = Buffer.alloc(4)
  prefix.writeUInt32LE(content.length, 0)
  return Buffer.concat([prefix, content])
}

/** Cuts `bytes` at the given places (taken modulo the length). */
function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b)
  return [0, ...at].map((start, i) => bytes.subarray(start, at[i] ?? bytes.length))
}

function decode(chunks: readonly Buffer[]): Buffer[] {
  const decoder = new FrameDecoder(FRAME_BYTES_MAX)
  const frames: Buffer[] = []
  for (const chunk of chunks) {
    decoder.push(chunk, (content) => {
      frames.push(content)
      return true
    })
  }
  return frames
}

const contents = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 })

describe('frame decoder', () => {
  test('frames come out as they went in, wherever the stream is cut', () => {
    fc.assert(
      fc.property(contents, fc.array(fc.nat(10_000), { maxLength: 40 }), (frames, places) => {
        const stream = Buffer.concat(frames.map(framed))
        const decoded = decode(cutAt(stream, places))
        expect(decoded.map((frame) => [...frame])).toEqual(frames.map((frame) => [...frame]))
      }),
      { numRuns: 500 },
    )
  })

  test('frames come out when the stream comes byte by byte', () => {
    const stream = Buffer.concat([framed(Buffer.from('first')), KEEP_ALIVE_FRAME, framed(Buffer.from('second'))])
    const bytes = Array.from(stream, (_byte, i) => stream.subarray(i, i + 1))
    expect(decode(bytes).map(String)).toEqual(['first', '', 'second'])
  })

  test('what a frame held stays as it was while later frames come', () => {
    const first = Buffer.alloc(500, 1)
    const stream = Buffer.concat([framed(first), framed(Buffer.alloc(500, 2)), framed(Buffer.alloc(500, 3))])
    const decoded = decode([stream.subarray(0, 300), stream.subarray(300, 900), stream.subarray(900)])
    expect(decoded[0]?.equals(first)).toBe(true)
  })

  test('bytes at random are frames, or end in MUSTER_PEER_BAD_FRAME', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 10 }), (chunks) => {
        try {
          for (const frame of decode(chunks.map((chunk) => Buffer.from(chunk)))) {
            expect(frame.length).toBeLessThanOrEqual(FRAME_BYTES_MAX)
          }
        } catch (error) {
          expect(error).toMatchObject({ code: 'MUSTER_PEER_BAD_FRAME' })
        }
      }),
      { numRuns: 500 },
    )
  })

  test('a frame of exactly the limit is taken, one byte more is refused before it is gathered', () => {
    expect(decode([framed(Buffer.alloc(FRAME_BYTES_MAX))])).toHaveLength(1)
    const prefix = framed(Buffer.alloc(FRAME_BYTES_MAX + 1)).subarray(0, 4)
    expect(() => decode([prefix])).toThrow(expect.objectContaining({ code: 'MUSTER_PEER_BAD_FRAME' }))
  })

  test('nothing is handed out after the owner has said no', () => {
    const decoder = new FrameDecoder(FRAME_BYTES_MAX)
    const seen: string[] = []
    decoder.push(Buffer.concat([framed(Buffer.from('a')), framed(Buffer.from('b'))]), (content) => {
      seen.push(String(content))
      return false
    })
    expect(seen).toEqual(['a'])
  })

  test('a frame gathered from a million chunks costs one copy of its bytes', () => {
    const decoder = new FrameDecoder(1_000_000)
    const stream = framed(Buffer.alloc(1_000_000, 5))
    let frame: Buffer | undefined
    const startMs = performance.now()
    for (let at = 0; at < stream.length; at++) {
      decoder.push(stream.subarray(at, at + 1), (content) => {
        frame = content
        return true
      })
    }
    expect(frame?.equals(stream.subarray(4))).toBe(true)
    // A copy of all that was gathered so far, for every chunk, would be 500 GB: minutes. Once is well below a second.
    expect(performance.now() - startMs).toBeLessThan(10_000)
  })
})
