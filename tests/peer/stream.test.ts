/** A stream whose socket has ended says that it takes nothing more: what is not taken may be sent again elsewhere. */
import { Duplex } from 'node:stream'
import { expect, test } from 'vitest'
import { PeerError } from '../../src/peer/errors.ts'
import { PEER_LIMITS } from '../../src/peer/options.ts'
import { Stream } from '../../src/peer/stream.ts'

test('frames are taken until the socket ends, and not behind that', () => {
  const written: Buffer[] = []
  const socket = new Duplex({
    read: () => {},
    write: (chunk: Buffer, _, done) => {
      written.push(chunk)
      done()
    },
  })
  const clock = { monotonicMs: () => 0, wallMs: () => 0 }
  const stream = new Stream(socket, 'acceptor', PEER_LIMITS, clock, { frame: () => {}, closed: () => {} })
  expect(stream.write([Buffer.from('a'), Buffer.from('b')])).toBe(true)
  stream.close(new PeerError('MUSTER_PEER_CLOSED', 'over'))
  expect(stream.write([Buffer.from('c')])).toBe(false)
  expect(Buffer.concat(written).toString()).toBe('ab')
})
