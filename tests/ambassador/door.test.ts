/** Connections through a door: to whom they go, what happens when somebody fails, how they end. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Door } from '../../src/ambassador/door.ts'
import { type ServingOptions, settleServing } from '../../src/ambassador/settings.ts'
import { SILENT } from '../../src/sidecar/ports.ts'
import { makeInstance, type ServiceInstance } from '../../src/sidecar/record.ts'
import { eventually } from '../support/eventually.ts'
import { deadPort } from '../support/tcp-proxy.ts'

/** A server whose connections are taken in hand by the test. */
async function instanceOf(
  id: string,
  serve: (socket: Socket) => void,
): Promise<{ readonly instance: ServiceInstance; readonly server: Server }> {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    serve(socket)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { instance: at(id, (server.address() as AddressInfo).port), server }
}

function at(id: string, port: number, more: Partial<ServiceInstance> = {}): ServiceInstance {
  return makeInstance({ name: 'api', id, host: '127.0.0.1', port, ttl: 30, ...more })
}

/** Answers its name and all that it hears when it has heard everything. */
const echo = (name: string) => (socket: Socket) => {
  let heard = ''
  socket.setEncoding('utf8').on('data', (data) => {
    heard += data
  })
  socket.once('end', () => socket.end(`${name} heard ${heard}`))
}

/** Says its name at once, and leaves the rest to the consumer. */
const greet = (name: string) => (socket: Socket) => {
  socket.write(name)
  socket.on('end', () => socket.end()).resume()
}

async function open(options: ServingOptions = {}, ...instances: readonly ServiceInstance[]): Promise<Door> {
  const door = new Door(
    { service: 'api', listen: { host: '127.0.0.1', port: 0 } },
    settleServing({ connectMs: 500, waitMs: 5_000, ...options }),
    SILENT,
  )
  await door.open()
  onTestFinished(() => door.close(0))
  if (instances.length > 0) list(door, ...instances)
  return door
}

function list(door: Door, ...instances: readonly ServiceInstance[]): void {
  door.replace({ name: 'api', instances, index: 1, stale: false })
}

function consumer(door: Door): Socket {
  const socket = connect({ port: door.address.port, host: '127.0.0.1', allowHalfOpen: true })
  onTestFinished(() => void socket.destroy())
  return socket.on('error', () => {})
}

/** What the other side answers to a whole message. */
function ask(door: Door, message = ''): Promise<string> {
  const socket = consumer(door)
  socket.end(message)
  return text(socket)
}

function ended(socket: Socket): Promise<'in order' | 'reset'> {
  return new Promise((done) => {
    socket.resume().once('error', () => done('reset'))
    socket.once('end', () => done('in order'))
  })
}

/** A socket that has heard its instance's greeting. */
async function greeted(door: Door, name: string): Promise<Socket> {
  const socket = consumer(door)
  await new Promise<void>((done) => socket.once('data', (data) => String(data) === name && done()))
  return socket
}

function isRefused(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.once('error', () => done(true))
    socket.once('connect', () => {
      socket.destroy()
      done(false)
    })
  })
}

describe('a connection', () => {
  test('carries both ways, and half of it may be closed while the other goes on', async () => {
    const a = await instanceOf('a', echo('a'))
    const door = await open({}, a.instance)
    const long = 'x'.repeat(3_000_000)
    expect(await ask(door, long)).toBe(`a heard ${long}`)
    await eventually('it to be over', () => door.connections === 0)
    expect(door.counts).toMatchObject({ accepted: 1, bytesUp: long.length, bytesDown: long.length + 8, retried: 0 })
  })

  test('may be closed by the instance first', async () => {
    const a = await instanceOf('a', (socket) => socket.end('bye'))
    const door = await open({}, a.instance)
    const socket = consumer(door)
    expect(await text(socket)).toBe('bye')
    socket.end()
    await eventually('it to be over', () => door.connections === 0)
  })

  test('that an instance resets is reset, so that a cut answer is not taken for a whole one', async () => {
    const a = await instanceOf('a', (socket) => {
      socket.write('half')
      socket.once('data', () => socket.resetAndDestroy())
    })
    const door = await open({}, a.instance)
    const socket = await greeted(door, 'half')
    socket.write('go on')
    expect(await ended(socket)).toBe('reset')
    expect(door.counts.retried).toBe(0)
  })

  test('that the consumer resets is reset', async () => {
    const seen = Promise.withResolvers<unknown>()
    const a = await instanceOf('a', (socket) => {
      greet('a')(socket)
      socket.once('error', seen.resolve)
    })
    const door = await open({}, a.instance)
    const socket = await greeted(door, 'a')
    socket.resetAndDestroy()
    expect(await seen.promise).toMatchObject({ code: 'ECONNRESET' })
    await eventually('it to be over', () => door.connections === 0)
  })

  test('does not fill the memory when one side does not read', async () => {
    const a = await instanceOf('a', (socket) => {
      const more = (): void => {
        while (socket.write(Buffer.alloc(65_536)));
        socket.once('drain', more)
      }
      more()
    })
    const door = await open({}, a.instance)
    const socket = consumer(door)
    socket.pause()
    let before = -1
    await eventually('the flow to stop', () => {
      const now = process.memoryUsage().arrayBuffers
      const stopped = before === now && door.connections === 1
      before = now
      return stopped
    })
    expect(process.memoryUsage().arrayBuffers).toBeLessThan(64 * 1024 * 1024)
  })
})

describe('somebody who fails', () => {
  test('is passed over: the connection goes to another, and the next ones at once', async () => {
    const b = await instanceOf('b', echo('b'))
    const door = await open({}, at('a', await deadPort()), b.instance)
    for (let each = 0; each < 4; each += 1) expect(await ask(door, 'hi')).toBe('b heard hi')
    expect(door.counts).toMatchObject({ retried: 1, abandoned: 0 })
    expect([...door.pool.backends].map(({ id, failed }) => [id, failed])).toEqual([
      ['a', 1],
      ['b', 0],
    ])
  })

  test('by breaking the connection before a byte was sent is passed over, too', async () => {
    const a = await instanceOf('a', (socket) => socket.resetAndDestroy())
    const b = await instanceOf('b', greet('b'))
    const door = await open({}, a.instance, b.instance)
    const socket = await greeted(door, 'b')
    socket.end()
    expect(await ended(socket)).toBe('in order')
    expect(door.counts.retried).toBe(1)
  })

  test('everybody: the connection waits, and goes to whoever comes', async () => {
    const door = await open({ connectMs: 50 }, at('a', await deadPort()))
    const answer = ask(door, 'hi')
    await eventually('it to wait', () => door.waiting === 1)
    const b = await instanceOf('b', echo('b'))
    list(door, b.instance)
    expect(await answer).toBe('b heard hi')
  })

  test('everybody for too long: the connection is reset', async () => {
    const door = await open({ waitMs: 50 }, at('a', await deadPort()))
    expect(await ended(consumer(door))).toBe('reset')
    expect(door.counts.abandoned).toBe(1)
  })

  test('and is back takes connections again', async () => {
    const a = await instanceOf('a', echo('a'))
    const port = (a.server.address() as AddressInfo).port
    await new Promise((done) => a.server.close(done))
    const door = await open({ waitMs: 10_000 }, at('a', port))
    const answer = ask(door, 'hi')
    await eventually('a failure', () => ([...door.pool.backends][0]?.failed ?? 0) > 0)
    await new Promise<void>((done) => a.server.listen(port, '127.0.0.1', done))
    expect(await answer).toBe('a heard hi')
    expect([...door.pool.backends][0]).toMatchObject({ failuresInRow: 0, taken: 1 })
  })
})

describe('before the store was read', () => {
  test('connections wait', async () => {
    const door = await open()
    const answer = ask(door, 'hi')
    await eventually('it to wait', () => door.waiting === 1)
    const a = await instanceOf('a', echo('a'))
    list(door, a.instance)
    expect(await answer).toBe('a heard hi')
  })

  test('a consumer that goes is forgotten when its time is up', async () => {
    const door = await open({ waitMs: 100 })
    const socket = consumer(door)
    await eventually('it to wait', () => door.waiting === 1)
    socket.resetAndDestroy()
    await eventually('it to be over', () => door.connections === 0 && door.waiting === 0)
  })
})

describe('an instance that leaves the list', () => {
  test('keeps its connections, and gets no new ones', async () => {
    const a = await instanceOf('a', greet('a'))
    const b = await instanceOf('b', greet('b'))
    const door = await open({}, a.instance)
    const old = await greeted(door, 'a')
    list(door, b.instance)
    await greeted(door, 'b')
    await greeted(door, 'b')
    old.end()
    expect(await ended(old)).toBe('in order')
    await eventually('it to be forgotten', () => [...door.pool.backends].every(({ id }) => id === 'b'))
    expect(door.counts.cut).toBe(0)
  })

  test('loses them when the time to drain is over', async () => {
    const a = await instanceOf('a', greet('a'))
    const door = await open({ drainMs: 30 }, a.instance)
    const old = await greeted(door, 'a')
    list(door)
    expect(await ended(old)).toBe('reset')
    expect(door.counts.cut).toBe(1)
  })

  test('and comes back in time keeps them', async () => {
    const a = await instanceOf('a', greet('a'))
    const b = await instanceOf('b', greet('b'))
    const door = await open({ drainMs: 60 }, a.instance, b.instance)
    const kept = await greeted(door, 'a')
    const cut = await greeted(door, 'b')
    list(door)
    list(door, a.instance)
    expect(await ended(cut)).toBe('reset')
    kept.end()
    expect(await ended(kept)).toBe('in order')
    expect(door.counts.cut).toBe(1)
  })
})

describe('bounds and ends', () => {
  test('too many connections: one more is closed at once, and counted', async () => {
    const a = await instanceOf('a', greet('a'))
    const door = await open({ connectionsMax: 2 }, a.instance)
    const one = await greeted(door, 'a')
    await greeted(door, 'a')
    await ended(consumer(door))
    await eventually('the count', () => door.counts.refused === 1)
    one.destroy()
    await eventually('room', () => door.connections === 1)
    await greeted(door, 'a')
  })

  test('closing waits for connections, for so long', async () => {
    const a = await instanceOf('a', greet('a'))
    const door = await open({}, a.instance)
    const socket = await greeted(door, 'a')
    const { port } = door.address
    const order: string[] = []
    const closing = door.close(20_000).then(() => order.push('closed'))
    await eventually('no new connections', () => isRefused(port))
    order.push('refuses')
    socket.end()
    await closing
    expect(order).toEqual(['refuses', 'closed'])
    const second = await open({}, a.instance)
    const other = await greeted(second, 'a')
    const end = ended(other)
    await second.close(10)
    expect(await end).toBe('reset')
  })

  test('an address that is taken is refused by name', async () => {
    const door = await open()
    const other = new Door(
      { service: 'api', listen: { host: '127.0.0.1', port: door.address.port } },
      settleServing({}),
      SILENT,
    )
    await expect(other.open()).rejects.toMatchObject({ code: 'MUSTER_AMBASSADOR_LISTEN' })
  })
})
