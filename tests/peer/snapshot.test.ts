/** Snapshots on a stream of their own: whole or not at all, at the pace of the slower end, one at a time. */
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { encodeInstallSnapshot } from '../../src/peer/codec.ts'
import { greetingHeaders } from '../../src/peer/handshake.ts'
import type { SnapshotSink, SnapshotSource } from '../../src/peer/options.ts'
import { memberId } from '../../src/raft/types.ts'
import { eventually } from '../support/eventually.ts'
import {
  chunkSource,
  collectingSink,
  heartbeat,
  installSnapshot,
  TestMember,
  type TestMemberOptions,
} from '../support/peer-members.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()))
})

async function member(options: TestMemberOptions): Promise<TestMember> {
  const made = await new TestMember(options).listen()
  closers.push(() => made.close())
  return made
}

async function pair(
  a: Partial<TestMemberOptions>,
  b: Partial<TestMemberOptions>,
): Promise<{ a: TestMember; b: TestMember; proxy: TcpProxy }> {
  const sender = await member({ id: 'a', ...a })
  const receiver = await member({ id: 'b', ...b })
  const proxy = await new TcpProxy(() => receiver.port).listen()
  closers.push(() => proxy.close())
  sender.transport.setRemotes(new Map([[receiver.id, [proxy.url]]]))
  await eventually('a connects', () => sender.isConnectedTo(receiver))
  return { a: sender, b: receiver, proxy }
}

async function told(from: TestMember): Promise<boolean> {
  await eventually('the sender is told', () => from.snapshots.length > 0)
  expect(from.snapshots).toHaveLength(1)
  return (from.snapshots[0] as { ok: boolean }).ok
}

/** A source that can be watched: how much it was asked for, and whether it was let go of. */
function watchedSource(chunk: Uint8Array, count: number): { source: SnapshotSource; asked: number; isLetGo: boolean } {
  const watched = {
    asked: 0,
    isLetGo: false,
    source: {
      async open(offer) {
        const chunks = async function* () {
          try {
            for (let i = 0; i < count; i++) {
              watched.asked++
              yield chunk
            }
          } finally {
            watched.isLetGo = true
          }
        }
        return { offer, chunks: chunks() }
      },
    } satisfies SnapshotSource,
  }
  return watched
}

/** A sink that takes no chunk until it is let. */
function gatedSink(): {
  sink: SnapshotSink
  open: () => void
  failure: () => unknown
  bytes: number
  hasBegun: boolean
} {
  let open = (): void => {}
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  let failure: unknown
  const gated = {
    hasBegun: false,
    bytes: 0,
    open,
    failure: () => failure,
    sink: {
      async stage(_from, _message, chunks) {
        gated.hasBegun = true
        await gate
        try {
          for await (const chunk of chunks) gated.bytes += chunk.length
        } catch (error) {
          failure = error
          throw error
        }
        return true
      },
    } satisfies SnapshotSink,
  }
  return gated
}

const MESSAGE = installSnapshot('a', 'b', 42)

describe('a snapshot', () => {
  test('arrives byte by byte as it was, with the offer of its source', async () => {
    const chunks = Array.from({ length: 50 }, (_, i) => Buffer.alloc(1 + i * 977, i))
    const newer = installSnapshot('a', 'b', 43)
    const inner = chunkSource(chunks)
    const source: SnapshotSource = {
      open: async (offer) => {
        const outgoing = await inner.open(offer)
        return outgoing === undefined ? undefined : { ...outgoing, offer: newer }
      },
    }
    const { sink, staged } = collectingSink()
    const { a, b } = await pair({ source }, { sink })
    a.transport.sendSnapshot(b.id, MESSAGE)
    expect(await told(a)).toBe(true)
    expect(staged).toHaveLength(1)
    expect(staged[0]?.from).toBe('a')
    expect(staged[0]?.message).toEqual(newer)
    expect(staged[0]?.bytes.equals(Buffer.concat(chunks))).toBe(true)
    expect(b.received).toEqual([])
  })

  test('of a term that is over is not sent, and the core hears that it failed', async () => {
    const { sink, staged } = collectingSink()
    const { a, b } = await pair({ source: { open: async () => undefined } }, { sink })
    a.transport.sendSnapshot(b.id, MESSAGE)
    expect(await told(a)).toBe(false)
    expect(staged).toEqual([])
  })

  test('may be empty', async () => {
    const { sink, staged } = collectingSink()
    const { a, b } = await pair({ source: chunkSource([]) }, { sink })
    a.transport.sendSnapshot(b.id, MESSAGE)
    expect(await told(a)).toBe(true)
    expect(staged[0]?.bytes).toHaveLength(0)
  })

  test('moves at the pace of the sink, and messages pass it meanwhile', async () => {
    const gated = gatedSink()
    const watched = watchedSource(Buffer.alloc(64 * 1024, 1), 2_000)
    const { a, b } = await pair({ source: watched.source }, { sink: gated.sink })
    a.transport.sendSnapshot(b.id, MESSAGE)
    await eventually('the sink has begun', () => gated.hasBegun)
    a.transport.send([heartbeat('a', 'b', 1)])
    await eventually('a message passes', () => b.received.length === 1)
    let asked = -1
    await eventually('the source stands still', () => {
      const isStill = watched.asked === asked && asked > 0
      asked = watched.asked
      return isStill
    })
    // What is under way fills the buffers of the sockets and no more: 128 MB in all, some MB in the kernel.
    expect(watched.asked).toBeLessThan(500)
    gated.open()
    expect(await told(a)).toBe(true)
    expect(gated.bytes).toBe(2_000 * 64 * 1024)
    expect(watched.isLetGo).toBe(true)
  })

  test('that the sink does not keep is reported as not arrived', async () => {
    const sink: SnapshotSink = {
      async stage(_from, _message, chunks) {
        for await (const _chunk of chunks);
        return false
      },
    }
    const { a, b } = await pair({ source: chunkSource([Buffer.from('damaged')]) }, { sink })
    a.transport.sendSnapshot(b.id, MESSAGE)
    expect(await told(a)).toBe(false)
    expect(a.log.matching('warn', 'MUSTER_PEER_SNAPSHOT_REFUSED')).toHaveLength(1)
  })

  test('whose checksum is wrong is reported as not arrived, with the reason of the sink', async () => {
    const sink: SnapshotSink = {
      async stage(_from, _message, chunks) {
        for await (const _chunk of chunks);
        throw new Error('checksum differs')
      },
    }
    const { a, b } = await pair({ source: chunkSource([Buffer.from('damaged')]) }, { sink })
    a.transport.sendSnapshot(b.id, MESSAGE)
    expect(await told(a)).toBe(false)
    expect(String(a.log.matching('warn', 'MUSTER_PEER_SNAPSHOT_REFUSED')[0]?.fields.reason)).toContain(
      'checksum differs',
    )
  })

  test('that the sink refuses at once is not sent to its end', async () => {
    const watched = watchedSource(Buffer.alloc(64 * 1024, 1), 100_000)
    const { a, b } = await pair({ source: watched.source }, { sink: { stage: async () => false } })
    a.transport.sendSnapshot(b.id, MESSAGE)
    expect(await told(a)).toBe(false)
    await eventually('the source is let go of', () => watched.isLetGo)
    expect(watched.asked).toBeLessThan(1_000)
  })

  test('whose connection breaks fails at both ends, and the view is let go of', async () => {
    const gated = gatedSink()
    const watched = watchedSource(Buffer.alloc(64 * 1024, 1), 100_000)
    const { a, b, proxy } = await pair({ source: watched.source }, { sink: gated.sink })
    a.transport.sendSnapshot(b.id, MESSAGE)
    await eventually('the sink has begun', () => gated.hasBegun)
    proxy.cut()
    expect(await told(a)).toBe(false)
    gated.open()
    await eventually('the sink is told', () => gated.failure() !== undefined)
    await eventually('the view is let go of', () => watched.isLetGo)
  })

  test('whose source fails half-way is not taken for whole', async () => {
    const source: SnapshotSource = {
      open: async (offer) => ({
        offer,
        chunks: (async function* () {
          yield Buffer.alloc(100_000)
          throw new Error('cannot read row')
        })(),
      }),
    }
    const gated = gatedSink()
    gated.open()
    const { a, b } = await pair({ source }, { sink: gated.sink })
    a.transport.sendSnapshot(b.id, MESSAGE)
    expect(await told(a)).toBe(false)
    expect(JSON.stringify(a.log.lines)).toContain('cannot read row')
    await eventually('the sink is told', () => gated.failure() !== undefined)
  })

  test('whose view cannot be opened is reported as not arrived', async () => {
    const source: SnapshotSource = { open: () => Promise.reject(new Error('no view')) }
    const { a, b } = await pair({ source }, {})
    a.transport.sendSnapshot(b.id, MESSAGE)
    expect(await told(a)).toBe(false)
  })

  test('whose source stands still is given up by its sender', async () => {
    const source: SnapshotSource = {
      open: async (offer) => ({
        offer,
        chunks: (async function* () {
          yield Buffer.alloc(10)
          await new Promise(() => {})
        })(),
      }),
    }
    const gated = gatedSink()
    gated.open()
    const { a, b } = await pair({ source, limits: { snapshotIdleMs: 100 } }, { sink: gated.sink })
    a.transport.sendSnapshot(b.id, MESSAGE)
    expect(await told(a)).toBe(false)
    expect(a.log.matching('warn', 'MUSTER_PEER_SILENT')).toHaveLength(1)
    await eventually('the sink is told', () => gated.failure() !== undefined)
  })

  test('whose sender stands still is given up by its receiver', async () => {
    const gated = gatedSink()
    gated.open()
    const { a, b, proxy } = await pair(
      { source: watchedSource(Buffer.alloc(64 * 1024, 1), 100_000).source },
      { sink: gated.sink, limits: { snapshotIdleMs: 100 } },
    )
    a.transport.sendSnapshot(b.id, MESSAGE)
    await eventually('it moves', () => gated.bytes > 0)
    proxy.stall()
    await eventually('the sink is told', () => gated.failure() !== undefined)
    expect(gated.failure()).toMatchObject({ code: 'MUSTER_PEER_SILENT' })
  })

  test('that the sink takes long to work through is waited for', async () => {
    let chunksTaken = 0
    const sink: SnapshotSink = {
      async stage(_from, _message, chunks) {
        for await (const _chunk of chunks) {
          chunksTaken++
          const endMs = performance.now() + 150
          await eventually('the slow disk is done', () => performance.now() > endMs)
        }
        return true
      },
    }
    const { a, b } = await pair(
      { source: chunkSource([Buffer.alloc(10), Buffer.alloc(10)]) },
      { sink, limits: { snapshotIdleMs: 100 } },
    )
    a.transport.sendSnapshot(b.id, MESSAGE)
    expect(await told(a)).toBe(true)
    expect(chunksTaken).toBeGreaterThan(0)
  })
})

describe('a slow snapshot', () => {
  test('that moves now and then is not given up by either end', async () => {
    const limits = { snapshotIdleMs: 400 }
    const source: SnapshotSource = {
      open: async (offer) => ({
        offer,
        chunks: (async function* () {
          for (let i = 0; i < 10; i++) {
            yield Buffer.alloc(10, i)
            const endMs = performance.now() + 80
            await eventually('the slow disk is done', () => performance.now() > endMs)
          }
        })(),
      }),
    }
    const { sink, staged } = collectingSink()
    const { a, b } = await pair({ source, limits }, { sink, limits })
    a.transport.sendSnapshot(b.id, MESSAGE)
    expect(await told(a)).toBe(true)
    expect(staged[0]?.bytes).toHaveLength(100)
  })
})

describe('one at a time', () => {
  test('a second snapshot to the same remote is refused while one is on its way', async () => {
    const gated = gatedSink()
    const { a, b } = await pair({ source: chunkSource([Buffer.alloc(10)]) }, { sink: gated.sink })
    a.transport.sendSnapshot(b.id, MESSAGE)
    a.transport.sendSnapshot(b.id, MESSAGE)
    expect(await told(a)).toBe(false)
    gated.open()
    await eventually('the first is staged', () => a.snapshots.length === 2)
    expect(a.snapshots[1]).toEqual({ id: 'b', ok: true })
    a.transport.sendSnapshot(b.id, MESSAGE)
    await eventually('a third is staged', () => a.snapshots.length === 3)
    expect(a.snapshots[2]).toEqual({ id: 'b', ok: true })
  })

  test('a second snapshot from the same member is refused while one is on its way in', async () => {
    const gated = gatedSink()
    const { a, b } = await pair({ source: chunkSource([Buffer.alloc(10)]) }, { sink: gated.sink })
    a.transport.sendSnapshot(b.id, MESSAGE)
    await eventually('the sink has begun', () => gated.hasBegun)
    const response = await post(b, greetingHeaders(a.identity, b.id))
    expect(response.status).toBe(409)
    expect(await response.json()).toMatchObject({ code: 'MUSTER_PEER_SNAPSHOT_BUSY' })
    gated.open()
    expect(await told(a)).toBe(true)
  })
})

async function post(to: TestMember, headers: Record<string, string>): Promise<Response> {
  return fetch(`${to.url}/muster/v1/peer/snapshot`, {
    method: 'POST',
    headers: {
      'muster-message': encodeInstallSnapshot(MESSAGE).toString('base64'),
      ...headers,
      'content-type': 'application/vnd.muster.snapshot',
    },
    body: 'rows',
  })
}

describe('a snapshot from a stranger', () => {
  const greeting = greetingHeaders(
    { clusterId: 'c1', memberId: memberId('a'), heartbeatMs: 100, electionMs: 1_000 },
    memberId('b'),
  )

  test.each([
    ['another cluster', { 'muster-cluster-id': 'c2' }, 409, 'MUSTER_PEER_CLUSTER'],
    ['a message of no sense', { 'muster-message': 'AAAA' }, 400, 'MUSTER_PEER_BAD_MESSAGE'],
    ['no message', { 'muster-message': '' }, 400, 'MUSTER_PEER_BAD_MESSAGE'],
  ])('with %s is refused before the sink hears of it', async (_what, headers, status, code) => {
    const { sink, staged } = collectingSink()
    const b = await member({ id: 'b', sink })
    const response = await post(b, { ...greeting, ...headers })
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ code })
    expect(b.log.matching('warn', code)).toHaveLength(1)
    expect(staged).toEqual([])
  })

  test('that the sink has heard enough of is answered with the reason', async () => {
    const sink: SnapshotSink = {
      async stage(_from, _message, chunks) {
        for await (const _chunk of chunks) throw new Error('format 9 is not known here')
        return true
      },
    }
    const b = await member({ id: 'b', sink })
    const response = await post(b, greeting)
    expect(response.status).toBe(422)
    expect(await response.json()).toEqual({
      code: 'MUSTER_PEER_SNAPSHOT_REFUSED',
      message: 'format 9 is not known here',
    })
  })

  test('that ends before its body does is not taken for whole', async () => {
    const gated = gatedSink()
    gated.open()
    const b = await member({ id: 'b', sink: gated.sink })
    const socket = connect({ port: b.port, host: '127.0.0.1' })
    closers.push(async () => void socket.destroy())
    const lines = Object.entries({
      ...greeting,
      'muster-message': encodeInstallSnapshot(MESSAGE).toString('base64'),
      'content-type': 'application/vnd.muster.snapshot',
      'transfer-encoding': 'chunked',
    }).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.write(`POST /muster/v1/peer/snapshot HTTP/1.1\r\nhost: x\r\n${lines.join('')}\r\n4\r\nrows\r\n`)
    await eventually('a chunk arrives', () => gated.bytes === 4)
    socket.end()
    await eventually('the sink is told', () => gated.failure() !== undefined)
  })
})

describe('closing', () => {
  test('the sender that closes gives its snapshot up, and the view with it', async () => {
    const gated = gatedSink()
    const watched = watchedSource(Buffer.alloc(64 * 1024, 1), 100_000)
    const { a, b } = await pair({ source: watched.source }, { sink: gated.sink })
    a.transport.sendSnapshot(b.id, MESSAGE)
    await eventually('the sink has begun', () => gated.hasBegun)
    const startMs = performance.now()
    await a.transport.close()
    expect(performance.now() - startMs).toBeLessThan(1_000)
    await eventually('the view is let go of', () => watched.isLetGo)
    expect(a.snapshots).toEqual([])
  })

  test('a view that opens after the snapshot was given up is let go of', async () => {
    const watched = watchedSource(Buffer.alloc(10), 5)
    let open = (): void => {}
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    const source: SnapshotSource = {
      async open(offer) {
        await gate
        return watched.source.open(offer)
      },
    }
    const { a, b } = await pair({ source }, {})
    a.transport.sendSnapshot(b.id, MESSAGE)
    await a.transport.close()
    open()
    await eventually('the view is let go of', () => watched.isLetGo)
  })

  test('a snapshot to a member that left the cluster is given up and reported', async () => {
    const gated = gatedSink()
    const { a, b } = await pair({ source: chunkSource([Buffer.alloc(10)]) }, { sink: gated.sink })
    a.transport.sendSnapshot(b.id, MESSAGE)
    await eventually('the sink has begun', () => gated.hasBegun)
    a.transport.setRemotes(new Map())
    expect(await told(a)).toBe(false)
  })

  test('the receiver that closes breaks the snapshot, and does not wait for a sink that hangs', async () => {
    const gated = gatedSink()
    const { a, b } = await pair({ source: chunkSource([Buffer.alloc(10)]) }, { sink: gated.sink })
    a.transport.sendSnapshot(b.id, MESSAGE)
    await eventually('the sink has begun', () => gated.hasBegun)
    const startMs = performance.now()
    await b.server.close()
    expect(performance.now() - startMs).toBeLessThan(1_000)
    expect(await told(a)).toBe(false)
  })
})
