/** Streams to remotes: how they are opened, watched, bounded, lost and found again. Real sockets on loopback. */
import { spawn } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { RemoteStatus } from '../../src/peer/remote.ts'
import { Stream } from '../../src/peer/stream.ts'
import type { Message, Propose } from '../../src/raft/message.ts'
import { EntryKind, memberId } from '../../src/raft/types.ts'
import { eventually } from '../support/eventually.ts'
import { append, entry, heartbeat, TestMember, type TestMemberOptions } from '../support/peer-members.ts'
import { deadPort, TcpProxy } from '../support/tcp-proxy.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()))
})

async function member(options: TestMemberOptions): Promise<TestMember> {
  const made = await new TestMember(options).listen()
  closers.push(() => made.close())
  return made
}

async function proxyTo(target: () => number): Promise<TcpProxy> {
  const proxy = await new TcpProxy(target).listen()
  closers.push(() => proxy.close())
  return proxy
}

/** Has `from` dial `urls` under the id of `to`. */
function dial(from: TestMember, to: string, ...urls: string[]): void {
  from.transport.setRemotes(new Map([[memberId(to), urls]]))
}

function statusOf(from: TestMember, to: string): RemoteStatus {
  const status = from.transport.status().find(({ id }) => id === to)
  if (status === undefined) throw new Error(`${from.id} has no remote ${to}`)
  return status
}

async function connected(from: TestMember, to: string): Promise<RemoteStatus> {
  await eventually(`${from.id} connects to ${to}`, () => statusOf(from, to).connectedSinceMs !== undefined)
  return statusOf(from, to)
}

function indexes(messages: readonly Message[]): number[] {
  return messages.flatMap((message) => (message.kind === 'heartbeat' ? [message.commitIndex] : []))
}

describe('dialling', () => {
  test('a stream that was cut is dialled again at once, without back-off, and nobody is said to be gone', async () => {
    const a = await member({ id: 'a', limits: { backoffMsMin: 60_000, backoffMsMax: 60_000 } })
    const b = await member({ id: 'b' })
    const proxy = await proxyTo(() => b.port)
    dial(a, 'b', proxy.url)
    const { connectedSinceMs } = await connected(a, 'b')
    proxy.cut()
    await eventually('a reconnects', () => {
      const since = statusOf(a, 'b').connectedSinceMs
      return since !== undefined && since !== connectedSinceMs
    })
    expect(a.unreachable).toContain('b')
    expect(a.gone).toEqual([])
  })

  test('a stream that broke soon after it opened is dialled again with back-off only', async () => {
    const a = await member({ id: 'a', limits: { settledMs: 60_000, backoffMsMin: 60_000, backoffMsMax: 60_000 } })
    const b = await member({ id: 'b' })
    const proxy = await proxyTo(() => b.port)
    dial(a, 'b', proxy.url)
    await connected(a, 'b')
    proxy.cut()
    await eventually('a notes it', () => statusOf(a, 'b').lastFailure?.code === 'MUSTER_PEER_CLOSED')
    b.meet(a)
    await connected(b, 'a')
    b.transport.send([heartbeat('b', 'a', 1)])
    await eventually('a hears b', () => a.received.length > 0)
    expect(proxy.accepted).toBe(1)
  })

  test('a member that dials us is dialled at once, though it was not there before', async () => {
    const a = await member({ id: 'a', limits: { backoffMsMin: 60_000, backoffMsMax: 60_000 } })
    const port = await deadPort()
    dial(a, 'b', `http://127.0.0.1:${port}`)
    await eventually('a is refused', () => statusOf(a, 'b').lastFailure?.code === 'MUSTER_PEER_REFUSED')
    const b = await new TestMember({ id: 'b' }).listen(port)
    closers.push(() => b.close())
    b.meet(a)
    await connected(a, 'b')
  })

  test('a member that was never reached is not said to be gone', async () => {
    const a = await member({ id: 'a', limits: { backoffMsMin: 1, backoffMsMax: 1 } })
    const proxy = await proxyTo(() => 0)
    const { url } = proxy
    await proxy.close()
    dial(a, 'b', url)
    await eventually('a is refused', () => statusOf(a, 'b').lastFailure?.code === 'MUSTER_PEER_REFUSED')
    const b = await member({ id: 'b' })
    dial(a, 'b', b.url)
    await connected(a, 'b')
    expect(a.gone).toEqual([])
  })

  test('the URLs of a remote are tried in turn', async () => {
    const a = await member({ id: 'a', limits: { backoffMsMin: 60_000, backoffMsMax: 60_000 } })
    const b = await member({ id: 'b' })
    dial(a, 'b', `http://127.0.0.1:${await deadPort()}`, 'http://[bad', b.url)
    await connected(a, 'b')
  })

  test('a member is gone only when nobody listens at any of its URLs', async () => {
    const a = await member({ id: 'a', limits: { dialTimeoutMs: 100 } })
    const b = await member({ id: 'b' })
    const silent = await proxyTo(() => 0)
    dial(a, 'b', b.url, silent.url)
    await connected(a, 'b')
    await b.close()
    await eventually('the silent one was tried twice', () => silent.accepted >= 2)
    expect(a.gone).toEqual([])
    await silent.close()
    await eventually('b is gone', () => a.gone.length > 0)
    expect(a.gone).toEqual(['b'])
  })

  test.each(['not a url', 'unix:///tmp/x', 'http://127.0.0.1:1/path', 'ftp://127.0.0.1:1', ''])(
    'the URL %j is a failure to connect, and no more than that',
    async (url) => {
      const a = await member({ id: 'a' })
      dial(a, 'b', url)
      await eventually('it fails', () => statusOf(a, 'b').lastFailure?.code === 'MUSTER_PEER_UNREACHABLE')
    },
  )

  test('an attempt that is not answered ends after its time', async () => {
    const a = await member({ id: 'a', limits: { dialTimeoutMs: 50 } })
    const silent = await proxyTo(() => 0)
    dial(a, 'b', silent.url)
    await eventually('it fails', () => statusOf(a, 'b').lastFailure?.message.includes('did not answer within 50 ms'))
    await eventually('its sockets are closed', () => silent.accepted >= 3 && silent.open <= 1)
  })

  test('the log names a failure once, however often it is met', async () => {
    const a = await member({ id: 'a', limits: { dialTimeoutMs: 10, backoffMsMin: 1, backoffMsMax: 1 } })
    const silent = await proxyTo(() => 0)
    dial(a, 'b', silent.url)
    await eventually('several attempts', () => silent.accepted >= 5)
    expect(a.log.matching('warn', 'MUSTER_PEER_UNREACHABLE')).toHaveLength(1)
  })

  describe('a server that is no member', () => {
    async function serve(server: Server): Promise<string> {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      closers.push(() => new Promise((resolve) => server.close(resolve).closeAllConnections()))
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    }

    test('answers with a page: that is no handshake', async () => {
      const a = await member({ id: 'a' })
      dial(a, 'b', await serve(createServer((_request, response) => response.end('hello'))))
      await eventually('it fails', () => statusOf(a, 'b').lastFailure?.message.includes('status 200'))
    })

    test('answers with a page without end: no more than the first bytes are read', async () => {
      const a = await member({ id: 'a', limits: { dialTimeoutMs: 600_000 } })
      const url = await serve(createServer((_request, response) => void response.write('x'.repeat(100_000))))
      dial(a, 'b', url)
      await eventually('it fails', () => statusOf(a, 'b').lastFailure?.code === 'MUSTER_PEER_UNREACHABLE')
    })

    test('upgrades as another member: that is not whom we meant', async () => {
      const a = await member({ id: 'a' })
      const server = createServer()
      server.on('upgrade', (_request, socket) => {
        socket.on('error', () => {}).on('end', () => socket.destroy())
        socket.resume()
        socket.write(
          'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: muster-raft\r\nmuster-protocol: 1-1\r\n' +
            'muster-cluster-id: c1\r\nmuster-from: d\r\n\r\n',
        )
      })
      dial(a, 'b', await serve(server))
      await eventually('it fails', () => statusOf(a, 'b').lastFailure?.code === 'MUSTER_PEER_WRONG_MEMBER')
    })

    test('answers with bytes at random', async () => {
      const a = await member({ id: 'a' })
      const server = createTcpServer((socket) => {
        socket.on('error', () => {}).resume()
        socket.end(Buffer.alloc(1_000, 0xe7))
      })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      closers.push(() => new Promise((resolve) => server.close(resolve)))
      dial(a, 'b', `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
      await eventually('it fails', () => statusOf(a, 'b').lastFailure?.code === 'MUSTER_PEER_UNREACHABLE')
    })
  })
})

describe('sending', () => {
  test('what one call sends to one remote is one frame', async () => {
    const frames: number[] = []
    const a = await member({ id: 'a' })
    const b = await member({ id: 'b', onReceive: (messages) => void frames.push(messages.length) })
    a.meet(b)
    await connected(a, 'b')
    a.transport.send([heartbeat('a', 'b', 1), heartbeat('a', 'b', 2), heartbeat('a', 'b', 3)])
    a.transport.send([heartbeat('a', 'b', 4)])
    await eventually('all arrive', () => b.received.length === 4)
    expect(frames).toEqual([3, 1])
  })

  test('a remote that does not read: the queue keeps its bound, the rest is dropped and said, and order stands', async () => {
    const sendQueueBytesMax = 4_000_000
    const a = await member({ id: 'a', limits: { sendQueueBytesMax } })
    const b = await member({ id: 'b' })
    const proxy = await proxyTo(() => b.port)
    dial(a, 'b', proxy.url)
    await connected(a, 'b')
    proxy.stall()
    const data = Buffer.alloc(100_000, 9)
    let sent = 0
    await eventually('a message is dropped', () => {
      for (let i = 0; i < 20; i++) {
        sent++
        a.transport.send([append('a', 'b', 0, [entry(1, 1, data)]), heartbeat('a', 'b', sent)])
        expect(statusOf(a, 'b').queuedBytes).toBeLessThanOrEqual(sendQueueBytesMax)
      }
      return statusOf(a, 'b').traffic.droppedMessages > 0
    })
    await eventually('it is said', () => a.unreachable.length > 0)
    expect(statusOf(a, 'b').connectedSinceMs).toBeDefined()

    proxy.resume()
    await eventually('the queue empties', () => statusOf(a, 'b').queuedBytes === 0)
    a.transport.send([heartbeat('a', 'b', sent + 1)])
    await eventually('the last arrives', () => indexes(b.received).includes(sent + 1))
    const seen = indexes(b.received)
    expect(seen).toEqual([...seen].sort((x, y) => x - y))
    const { sentMessages, droppedMessages } = statusOf(a, 'b').traffic
    expect(sentMessages + droppedMessages).toBe(2 * sent + 1)
    expect(b.received).toHaveLength(sentMessages)
  })

  test('unreachable is said once for all that one turn dropped', async () => {
    const a = await member({ id: 'a' })
    dial(a, 'b', `http://127.0.0.1:${await deadPort()}`)
    for (let i = 0; i < 50; i++) a.transport.send([heartbeat('a', 'b', i)])
    await eventually('it is said', () => a.unreachable.length > 0)
    expect(a.unreachable).toEqual(['b'])
    expect(statusOf(a, 'b').traffic.droppedMessages).toBe(50)
  })

  test('proposals that were never handed to a socket are named, so that they may be made again; one that is too long is not', async () => {
    const a = await member({ id: 'a', limits: { frameBytesMax: 1_000 } })
    dial(a, 'b', `http://127.0.0.1:${await deadPort()}`)
    const from = memberId('a')
    const propose = (bytes: number): Propose => {
      const data = Buffer.alloc(bytes)
      return {
        kind: 'propose',
        from,
        to: memberId('b'),
        term: 1,
        proposals: [{ kind: EntryKind.command, origin: from, seq: bytes, data, checksum: 0 }],
      }
    }
    const unsent = (): number[] => a.unsent.flatMap(({ proposals }) => proposals.map(({ seq }) => seq))
    a.transport.send([propose(1), heartbeat('a', 'b', 1), propose(2)])
    await eventually('it is said', () => a.unreachable.length > 0)
    expect(unsent()).toEqual([1, 2])
    // To a member that nobody has told us of yet.
    a.transport.send([heartbeat('a', 'f', 1), { ...propose(3), to: memberId('f') }])
    await eventually('it is said', () => a.unreachable.length > 2)
    expect(unsent()).toEqual([1, 2, 3])

    const [c, b] = [await member({ id: 'a', limits: { frameBytesMax: 1_000 } }), await member({ id: 'b' })]
    c.meet(b)
    await connected(c, 'b')
    c.transport.send([propose(2_000)])
    await eventually('it is said', () => c.unreachable.length > 0)
    expect(c.unsent).toEqual([])

    // The socket has ended, and its stream is about to hear of it.
    const ended = vi.spyOn(Stream.prototype, 'write').mockReturnValueOnce(false)
    onTestFinished(() => ended.mockRestore())
    c.transport.send([propose(4)])
    await eventually('it is said', () => c.unreachable.length > 1)
    expect(c.unsent.map(({ proposals }) => proposals[0]?.seq)).toEqual([4])
    expect(statusOf(c, 'b').traffic.droppedMessages).toBe(2)
  })

  test('messages that do not fit one frame together travel apart; one that fits none is dropped and named', async () => {
    const a = await member({ id: 'a', limits: { frameBytesMax: 1_000 } })
    const b = await member({ id: 'b' })
    a.meet(b)
    await connected(a, 'b')
    a.transport.send([
      append('a', 'b', 0, [entry(1, 1, Buffer.alloc(600))]),
      append('a', 'b', 1, [entry(2, 1, Buffer.alloc(2_000))]),
      append('a', 'b', 2, [entry(3, 1, Buffer.alloc(600))]),
    ])
    await eventually('two arrive', () => b.received.length === 2)
    expect(b.received.map((message) => message.kind === 'append' && message.prevIndex)).toEqual([0, 2])
    expect(a.log.matching('warn', 'longer than a frame may be')).toHaveLength(1)
    expect(a.unreachable).toEqual(['b'])
  })

  test('traffic is counted at both ends', async () => {
    const a = await member({ id: 'a' })
    const b = await member({ id: 'b' })
    a.meet(b)
    b.meet(a)
    await connected(a, 'b')
    a.transport.send([heartbeat('a', 'b', 1), append('a', 'b', 0, [entry(1, 1, 'x')])])
    await eventually('they arrive', () => b.received.length === 2)
    expect(statusOf(a, 'b').traffic).toMatchObject({ sentMessages: 2, sentAppends: 1, receivedMessages: 0 })
    expect(statusOf(b, 'a').traffic).toMatchObject({ receivedMessages: 2, receivedAppends: 1, sentMessages: 0 })
    expect(b.transport.counters.total.receivedBytes).toBe(a.transport.counters.total.sentBytes - 4)
  })
})

describe('watching', () => {
  const limits = { keepAliveMs: 20, keepAliveTimeoutMs: 200 }

  test('an idle stream stays, and its round trip is measured', async () => {
    const a = await member({ id: 'a', limits })
    const b = await member({ id: 'b', limits })
    a.meet(b)
    const { connectedSinceMs } = await connected(a, 'b')
    await eventually('it stood for twice the time-out', () => {
      const { lastHeardMs, roundTripMs } = statusOf(a, 'b')
      return lastHeardMs !== undefined && lastHeardMs - (connectedSinceMs ?? 0) > 400 && roundTripMs > 0
    })
    expect(statusOf(a, 'b').connectedSinceMs).toBe(connectedSinceMs)
    expect(statusOf(a, 'b').roundTripMs).toBeLessThan(200)
    expect(b.server.connected()).toEqual(['a'])
  })

  test('a half-open stream is closed at both ends', async () => {
    const a = await member({ id: 'a', limits })
    const b = await member({ id: 'b', limits })
    const proxy = await proxyTo(() => b.port)
    dial(a, 'b', proxy.url)
    await connected(a, 'b')
    await eventually('b has it', () => b.server.connected().length === 1)
    proxy.stall()
    await eventually('a closes it', () => statusOf(a, 'b').connectedSinceMs === undefined)
    await eventually('b closes it', () => b.server.connected().length === 0)
    expect(a.log.matching('warn', 'MUSTER_PEER_SILENT')).toHaveLength(1)
    expect(b.log.matching('warn', 'MUSTER_PEER_SILENT')).toHaveLength(1)
    expect(a.unreachable).toContain('b')
    expect(a.gone).toEqual([])
  })

  test('a stream on which bytes move slowly behind a full queue is not taken for dead', async () => {
    const a = await member({ id: 'a', limits })
    const b = await member({ id: 'b', limits })
    const proxy = await proxyTo(() => b.port)
    dial(a, 'b', proxy.url)
    const { connectedSinceMs } = await connected(a, 'b')
    // So slow that what is queued lasts for the whole test, however seldom this process gets a turn.
    proxy.slowDown(5)
    const startMs = performance.now()
    let wasEverEmpty = false
    await eventually('more than the time-out passed with bytes queued', () => {
      wasEverEmpty ||= statusOf(a, 'b').queuedBytes === 0 && b.received.length > 0
      while (statusOf(a, 'b').queuedBytes < 16_000_000 && statusOf(a, 'b').connectedSinceMs !== undefined) {
        a.transport.send([append('a', 'b', 0, [entry(1, 1, Buffer.alloc(1_000_000))])])
      }
      return performance.now() - startMs > 600
    })
    expect(statusOf(a, 'b').connectedSinceMs).toBe(connectedSinceMs)
    expect(b.received.length).toBeGreaterThan(0)
    expect(wasEverEmpty).toBe(false)
  })

  test('a process that was asleep does not blame the others for the silence', async () => {
    const a = await member({ id: 'a', limits })
    const b = await member({ id: 'b', limits })
    a.meet(b)
    const { connectedSinceMs } = await connected(a, 'b')
    await eventually('a keep-alive was answered', () => statusOf(a, 'b').roundTripMs > 0)
    const endMs = performance.now() + 600
    while (performance.now() < endMs) {
      // Holds the loop for three times the time-out.
    }
    const heardMs = performance.now()
    await eventually('both heard each other since', () => (statusOf(a, 'b').lastHeardMs ?? 0) > heardMs)
    expect(statusOf(a, 'b').connectedSinceMs).toBe(connectedSinceMs)
    expect(b.server.connected()).toEqual(['a'])
  })
})

describe('membership', () => {
  test('a member that was removed hears so, and by whom', async () => {
    const a = await member({ id: 'a' })
    const b = await member({ id: 'b', isMember: () => false, isRemoved: (id) => id === 'a' })
    a.meet(b)
    await eventually('a hears it', () => a.removedBy.length > 0)
    expect(a.removedBy[0]).toBe('b')
    expect(a.log.matching('warn', 'MUSTER_PEER_REMOVED')).toHaveLength(1)
  })

  test('a member that leaves the cluster loses its stream to us, and is a stranger from then on', async () => {
    const members = new Set(['a', 'b'])
    const a = await member({ id: 'a' })
    const b = await member({ id: 'b', isMember: (id) => members.has(id) })
    a.meet(b)
    b.meet(a)
    await eventually('b has the stream', () => b.server.connected().length === 1)
    members.delete('a')
    b.meet()
    await eventually('a is a stranger', () => statusOf(a, 'b').lastFailure?.code === 'MUSTER_PEER_UNKNOWN')
    expect(b.server.connected()).toEqual([])
  })

  test('a member is not dialled under its own id', async () => {
    const a = await member({ id: 'a' })
    a.meet(a)
    expect(a.transport.status()).toEqual([])
  })
})

describe('closing', () => {
  test('nothing is left that keeps the process alive', async () => {
    const script = new URL('../support/peer-process.ts', import.meta.url)
    const child = spawn(process.execPath, [fileURLToPath(script)], { stdio: ['ignore', 'pipe', 'inherit'] })
    closers.push(async () => void child.kill('SIGKILL'))
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    await eventually('it has ended by itself', () => child.exitCode !== null)
    expect(child.exitCode).toBe(0)
    expect(output).toBe('connected\nstaged\nclosed\n')
  })

  test('what was sent just before arrives', async () => {
    const a = await member({ id: 'a', limits: { closeMs: 10_000 } })
    const b = await member({ id: 'b' })
    a.meet(b)
    await connected(a, 'b')
    for (let i = 1; i <= 20; i++)
      a.transport.send([append('a', 'b', 0, [entry(1, 1, Buffer.alloc(1_000_000))]), heartbeat('a', 'b', i)])
    await a.close()
    await eventually('the last arrives', () => indexes(b.received).includes(20))
  })

  test('it ends within a second though a remote does not read, leaves no socket, and says nothing more', async () => {
    const a = await member({ id: 'a' })
    const b = await member({ id: 'b' })
    const proxy = await proxyTo(() => b.port)
    const silent = await proxyTo(() => 0)
    a.transport.setRemotes(
      new Map([
        [memberId('b'), [proxy.url]],
        [memberId('c'), [silent.url]],
        [memberId('d'), [`http://127.0.0.1:${await deadPort()}`]],
      ]),
    )
    await connected(a, 'b')
    proxy.stall()
    await eventually('the queue is not empty', () => {
      a.transport.send([append('a', 'b', 0, [entry(1, 1, Buffer.alloc(1_000_000))])])
      return statusOf(a, 'b').queuedBytes > 0
    })
    const unreachable = a.unreachable.length
    const startMs = performance.now()
    await a.close()
    expect(performance.now() - startMs).toBeLessThan(1_000)
    a.transport.send([heartbeat('a', 'b', 1)])
    a.transport.setRemotes(new Map([[memberId('b'), [b.url]]]))
    expect(a.transport.status()).toEqual([])
    proxy.resume()
    silent.resume()
    await eventually('no socket is left', () => proxy.open === 0 && silent.open === 0)
    expect(a.unreachable.length).toBe(unreachable)
    expect(a.gone).toEqual([])
  })
})
