/** The peer listener: whom it refuses, what it shows, and that strangers do no harm. Real sockets on loopback. */
import { connect, type Socket } from 'node:net'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { FrameEncoder } from '../../src/peer/codec.ts'
import { greetingHeaders } from '../../src/peer/handshake.ts'
import { memberId } from '../../src/raft/types.ts'
import { eventually } from '../support/eventually.ts'
import { append, entry, heartbeat, TestMember, type TestMemberOptions } from '../support/peer-members.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()))
})

async function member(options: TestMemberOptions): Promise<TestMember> {
  const made = await new TestMember(options).listen()
  closers.push(() => made.close())
  return made
}

/** A stranger's socket, and all that it was answered. */
class Stranger {
  answer = ''
  isClosed = false
  readonly socket: Socket

  constructor(to: TestMember) {
    this.socket = connect({ port: to.port, host: '127.0.0.1' })
    this.socket.on('data', (chunk) => {
      this.answer += chunk.toString('latin1')
    })
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.isClosed = true
    })
    closers.push(async () => void this.socket.destroy())
  }

  /** Sends text or bytes. */
  say(what: string | Uint8Array): this {
    this.socket.write(what)
    return this
  }

  async closed(): Promise<string> {
    await eventually('the connection is closed', () => this.isClosed)
    return this.answer
  }
}

function upgradeRequest(headers: Record<string, string>, path = '/muster/v1/peer/stream', method = 'GET'): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${method} ${path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: muster-raft\r\n${lines.join('')}\r\n`
}

/** Two members that talk to each other, and a way to see that they still do. */
async function pair(
  options: Partial<TestMemberOptions> = {},
): Promise<{ a: TestMember; b: TestMember; fine: () => Promise<void> }> {
  const a = await member({ id: 'a', ...options })
  const b = await member({ id: 'b' })
  a.meet(b)
  b.meet(a)
  await eventually('they talk', () => a.isConnectedTo(b) && b.isConnectedTo(a))
  const fine = async (): Promise<void> => {
    const since = [a, b].map((m) => m.transport.status()[0]?.connectedSinceMs)
    const before = a.received.length
    b.transport.send([heartbeat('b', 'a', 1)])
    await eventually('a hears b', () => a.received.length === before + 1)
    expect([a, b].map((m) => m.transport.status()[0]?.connectedSinceMs)).toEqual(since)
  }
  return { a, b, fine }
}

describe('a member of the wrong kind', () => {
  test('a fourth process with another cluster id is refused by name at both ends, and harms nothing', async () => {
    const { a, b, fine } = await pair()
    const stranger = await member({ id: 'd', clusterId: 'c2' })
    stranger.meet(a, b)
    await eventually('it is told', () => stranger.log.matching('warn', 'MUSTER_PEER_CLUSTER').length === 2)
    expect(stranger.log.matching('warn', 'MUSTER_PEER_CLUSTER')[0]?.fields.reason).toContain(
      'cluster id differs: it is c1 here and c2 there',
    )
    expect(a.log.matching('warn', 'MUSTER_PEER_CLUSTER')).toHaveLength(1)
    expect(a.log.matching('warn', 'MUSTER_PEER_CLUSTER')[0]?.fields).toMatchObject({ address: '127.0.0.1' })
    await fine()
    expect(a.received.every((message) => message.from === 'b')).toBe(true)
  })

  test.each<[string, Partial<TestMemberOptions>, Partial<TestMemberOptions>]>([
    ['MUSTER_PEER_UNKNOWN', {}, { isMember: () => false }],
    ['MUSTER_PEER_SETTINGS', { heartbeatMs: 50 }, {}],
    ['MUSTER_PEER_SETTINGS', { electionMs: 5_000 }, {}],
  ])('is refused with %s (dialler %j, acceptor %j)', async (code, dialler, acceptor) => {
    const a = await member({ id: 'a', ...dialler })
    const b = await member({ id: 'b', ...acceptor })
    a.meet(b)
    await eventually('a is told', () => a.transport.status()[0]?.lastFailure?.code === code)
    expect(b.log.matching('warn', code)).toHaveLength(1)
    expect(b.server.connected()).toEqual([])
  })

  test('a dialler that means another member than the one that listens is told so', async () => {
    const a = await member({ id: 'a' })
    const b = await member({ id: 'b' })
    a.transport.setRemotes(new Map([[memberId('d'), [b.url]]]))
    await eventually('a is told', () => a.transport.status()[0]?.lastFailure?.code === 'MUSTER_PEER_WRONG_MEMBER')
  })

  test('its refusals are logged once in a while, not once each', async () => {
    const a = await member({ id: 'a', limits: { backoffMsMin: 1, backoffMsMax: 1 } })
    let asked = 0
    const b = await member({ id: 'b', isMember: () => ++asked < 0 })
    a.meet(b)
    await eventually('it is refused often', () => asked >= 10)
    expect(b.log.matching('warn', 'MUSTER_PEER_UNKNOWN')).toHaveLength(1)
  })
})

describe('a stranger', () => {
  test('that sends bytes at random is closed, with one line in the log, and harms nothing', async () => {
    const { a, fine } = await pair()
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 20, maxLength: 2_000 }), async (bytes) => {
        const stranger = new Stranger(a).say(Uint8Array.of(0xff, ...bytes))
        expect(await stranger.closed()).toMatch(/^(HTTP\/1.1 400 |$)/)
      }),
      { numRuns: 50 },
    )
    expect(a.log.matching('warn', 'does not speak HTTP').length).toBeLessThanOrEqual(3)
    expect(a.log.matching('warn', 'does not speak HTTP').length).toBeGreaterThanOrEqual(1)
    await fine()
  })

  test.each([
    ['nothing', ''],
    ['half a request', 'GET /muster/v1/peer/stream HTTP/1.1\r\nhost: x\r\n'],
    ['a single byte', 'G'],
  ])('that sends %s is closed after a while', async (_what, text) => {
    const { a, fine } = await pair({ limits: { requestHeadMs: 100 } })
    const stranger = new Stranger(a)
    if (text !== '') stranger.say(text)
    await stranger.closed()
    await fine()
  })

  test.each([
    ['GET', '/muster/v1/peer/stream'],
    ['POST', '/muster/v1/peer/stream'],
    ['GET', '/muster/v1/peer/snapshot'],
    ['PUT', '/v2/keys/x'],
    ['GET', '/raft'],
    ['DELETE', '/members'],
    ['GET', '/'],
    ['GET', '/members/'],
    ['GET', '/%zz'],
  ])('that asks for %s %s gets 404', async (method, path) => {
    const a = await member({ id: 'a' })
    const body = method === 'PUT' || method === 'POST' ? 'value=x' : undefined
    const headers = body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }
    const response = await fetch(`${a.url}${path}`, { method, headers, ...(body === undefined ? {} : { body }) })
    expect(response.status).toBe(404)
    expect(await response.text()).toBe('404 page not found\n')
    expect(a.log.matching('warn', 'no place at the peer port')).toHaveLength(1)
  })

  test.each([
    [
      'another path',
      upgradeRequest(
        greetingHeaders(
          { clusterId: 'c1', memberId: memberId('b'), heartbeatMs: 100, electionMs: 1_000 },
          memberId('a'),
        ),
        '/members',
      ),
      404,
    ],
    [
      'another verb',
      upgradeRequest(
        greetingHeaders(
          { clusterId: 'c1', memberId: memberId('b'), heartbeatMs: 100, electionMs: 1_000 },
          memberId('a'),
        ),
        undefined,
        'PUT',
      ),
      404,
    ],
    ['no handshake', upgradeRequest({}), 400],
  ])('that asks for an upgrade with %s is refused', async (_what, request, status) => {
    const a = await member({ id: 'a' })
    const answer = await new Stranger(a).say(request).closed()
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))).toMatchObject({
      code: 'MUSTER_PEER_BAD_HANDSHAKE',
    })
  })

  test('is turned away when there are too many', async () => {
    const { a, fine } = await pair({ limits: { connectionsMax: 3 } })
    const strangers = Array.from({ length: 10 }, () => new Stranger(a))
    await eventually('most are closed', () => strangers.filter(({ isClosed }) => isClosed).length >= 8)
    expect(a.log.matching('warn', 'too many')).toHaveLength(1)
    await fine()
  })

  test('that resets its connection at any moment harms nothing', async () => {
    const { a, fine } = await pair()
    const request = upgradeRequest(
      greetingHeaders({ clusterId: 'c2', memberId: memberId('e'), heartbeatMs: 1, electionMs: 1 }, memberId('a')),
    )
    for (const text of ['', 'GET ', request.slice(0, -2), request, upgradeRequest({}, '/x')]) {
      const stranger = new Stranger(a)
      await new Promise<void>((resolve) => stranger.socket.once('connect', resolve))
      if (text !== '') await new Promise<void>((resolve) => stranger.socket.write(text, () => resolve()))
      stranger.socket.resetAndDestroy()
      await stranger.closed()
    }
    await fine()
  })
})

describe('a stream', () => {
  const identity = { clusterId: 'c1', memberId: memberId('b'), heartbeatMs: 100, electionMs: 1_000 }
  const greeting = upgradeRequest(greetingHeaders(identity, memberId('a')))

  function frames(...contents: readonly Uint8Array[]): Buffer {
    return Buffer.concat(
      contents.flatMap((content) => {
        const prefix = Buffer.alloc(4)
        prefix.writeUInt32LE(content.length, 0)
        return [prefix, content]
      }),
    )
  }

  test('may begin with frames in the same packet as the handshake', async () => {
    const a = await member({ id: 'a' })
    const frame = Buffer.concat(new FrameEncoder().encode([heartbeat('b', 'a', 5)]).parts)
    const dialler = new Stranger(a).say(Buffer.concat([Buffer.from(greeting), frame, frame.subarray(0, 7)]))
    await eventually('the first arrives', () => a.received.length === 1)
    dialler.say(frame.subarray(7))
    await eventually('the second arrives', () => a.received.length === 2)
    expect(dialler.answer).toMatch(/^HTTP\/1.1 101 /)
  })

  test.each<[string, string, Uint8Array]>([
    ['a message of no sense', 'MUSTER_PEER_BAD_MESSAGE', frames(Buffer.from('no message'))],
    ['a frame of 4 GiB', 'MUSTER_PEER_BAD_FRAME', Buffer.alloc(4, 0xff)],
  ])('that carries %s is closed with one line in the log', async (_what, code, bytes) => {
    const a = await member({ id: 'a' })
    const dialler = new Stranger(a).say(greeting)
    await eventually('it is accepted', () => a.server.connected().length === 1)
    dialler.say(bytes)
    await dialler.closed()
    expect(a.server.connected()).toEqual([])
    expect(a.log.matching('warn', code)).toHaveLength(1)
    expect(a.log.matching('warn', code)[0]?.fields).toMatchObject({ remote: 'b' })
    expect(a.received).toEqual([])
  })

  test('that carries a good frame and then a bad one hands on the good one only', async () => {
    const a = await member({ id: 'a' })
    const good = Buffer.concat(new FrameEncoder().encode([append('b', 'a', 0, [entry(1, 1, 'x')])]).parts)
    const dialler = new Stranger(a).say(
      Buffer.concat([Buffer.from(greeting), good, frames(Buffer.from('bad!!')), good]),
    )
    await dialler.closed()
    expect(a.received).toHaveLength(1)
  })

  test('whose dialler has said all it had to say is closed at once', async () => {
    const a = await member({ id: 'a', limits: { keepAliveTimeoutMs: 600_000 } })
    const dialler = new Stranger(a).say(greeting)
    await eventually('it is accepted', () => a.server.connected().length === 1)
    dialler.socket.end()
    await dialler.closed()
    expect(a.server.connected()).toEqual([])
    expect(a.log.matching('warn', 'closed the stream')).toEqual([])
  })

  test('is replaced by a newer one of the same member', async () => {
    const a = await member({ id: 'a', limits: { keepAliveTimeoutMs: 600_000 } })
    const first = new Stranger(a).say(greeting)
    await eventually('it is accepted', () => a.server.connected().length === 1)
    const second = new Stranger(a).say(greeting)
    await first.closed()
    const frame = Buffer.concat(new FrameEncoder().encode([heartbeat('b', 'a', 5)]).parts)
    second.say(frame)
    await eventually('it arrives', () => a.received.length === 1)
    expect(a.server.connected()).toEqual(['b'])
  })
})

describe('the pages', () => {
  test('/members shows ids as decimal numbers of up to 64 bits, as etcd does', async () => {
    const a = await member({ id: '2bb6db8b73f33890' })
    const response = await fetch(`${a.url}/members`)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(response.headers.get('x-etcd-cluster-id')).toBe('c1')
    expect(await response.text()).toBe(
      `[{"id":3149946381384497296,"peerURLs":["${a.url}"],"name":"n2bb6db8b73f33890","clientURLs":["http://127.0.0.1:2379"]}]\n`,
    )
  })

  test('/version shows what it was given', async () => {
    const a = await member({ id: 'a' })
    const response = await fetch(`${a.url}/version`)
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(await response.text()).toBe('{"etcdserver":"2.3.8","etcdcluster":"2.3.0"}')
  })
})

describe('listening', () => {
  test('a port in use is the error of listen, and what was opened in the same call is closed', async () => {
    const a = await member({ id: 'a' })
    const b = new TestMember({ id: 'b' })
    closers.push(() => b.close())
    const urls = [new URL('http://127.0.0.1:0'), new URL(a.url)]
    await expect(b.server.listen(urls)).rejects.toMatchObject({ code: 'EADDRINUSE' })
    expect(b.server.addresses()).toEqual([])
    await b.listen()
    expect(b.server.addresses()).toHaveLength(1)
  })

  test('closing ends every connection within a second, also those that said nothing', async () => {
    const { a } = await pair()
    const strangers = [new Stranger(a), new Stranger(a).say('GET / HT')]
    await eventually('they are connected', () => strangers.every(({ socket }) => socket.readyState === 'open'))
    const startMs = performance.now()
    await a.server.close()
    expect(performance.now() - startMs).toBeLessThan(1_000)
    await Promise.all(strangers.map((stranger) => stranger.closed()))
  })
})
