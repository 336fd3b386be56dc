/** Streams that get more at once than may wait for them, from clients that read and from clients that do not. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { diskHistoryReader } from '../../../src/store/history-reader.ts'
import { HISTORY_LIMITS_DEFAULT } from '../../../src/store/options.ts'
import { eventually } from '../../support/eventually.ts'
import { FakeDisk } from '../../support/fake-disk.ts'
import { FakeMember } from '../../support/fake-member.ts'
import { type HttpMember, requestText, startHttp } from '../../support/http-member.ts'
import type { RawConnection } from '../../support/raw-http.ts'

let http: HttpMember

beforeEach(async () => {
  http = await startHttp()
})

afterEach(() => http.close())

function put(key: string, value: string, ttlMs?: number): void {
  const ttl = ttlMs === undefined ? undefined : { ms: ttlMs, expirationMs: http.member.wallNowMs() + ttlMs }
  http.member.apply({ kind: 'set', path: key, value, dir: false, ttl, refresh: false })
}

async function stream(target: string, version = '1.1'): Promise<RawConnection> {
  const connection = await http.connect()
  connection.send(requestText('GET', `/v2/keys${target}`).replace('HTTP/1.1', `HTTP/${version}`))
  await connection.until('headers', (received) => received.includes('\r\n\r\n'))
  return connection
}

/** Waits until so many events have come; their indexes, in the order in which they came. */
async function indexes(connection: RawConnection, count: number): Promise<number[]> {
  const events = (text: string): string[] => text.split('\n').filter((line) => line.startsWith('{'))
  const text = await connection.until(
    `${count} events`,
    (received) => received.endsWith('\n\r\n') && events(received).length >= count,
  )
  return events(text).map((line) => JSON.parse(line).node.modifiedIndex)
}

function upFrom(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, at) => first + at)
}

describe('a stream whose client reads gets everything, once and in order', () => {
  test('of a long past', async () => {
    for (let n = 0; n < 3500; n++) put(`/d/${n % 7}`, 'x'.repeat(150))
    const connection = await stream('/d?wait=true&stream=true&recursive=true&waitIndex=2')
    expect(await indexes(connection, 3500)).toEqual(upFrom(2, 3500))
  })

  test('of a past that is on disk', async () => {
    await http.close()
    const disk = new FakeDisk()
    const history = { ...HISTORY_LIMITS_DEFAULT, memoryEventsMax: 10 }
    const member = new FakeMember({ history, historyReader: diskHistoryReader(disk) })
    http = await startHttp({}, member)
    for (let n = 0; n < 800; n++) {
      put(`/d/${n % 7}`, 'x'.repeat(1500))
      if (n % 50 === 49) disk.writeSync(member.store.drainRows(), true)
    }
    const connection = await stream('/d?wait=true&stream=true&recursive=true&waitIndex=2')
    expect(await indexes(connection, 800)).toEqual(upFrom(2, 800))
  })

  test('of writes that are applied in one turn', async () => {
    const connection = await stream('/d?wait=true&stream=true&recursive=true')
    for (let n = 0; n < 200; n++) put('/d/k', 'x'.repeat(10_000))
    expect(await indexes(connection, 200)).toEqual(upFrom(2, 200))
    put('/d/k', 'live')
    expect((await indexes(connection, 201)).at(-1)).toBe(202)
  })

  test('of keys that expire together', async () => {
    for (let n = 0; n < 1000; n++) put(`/d/${n}`, 'x'.repeat(1000), 5000)
    const connection = await stream('/d?wait=true&stream=true&recursive=true')
    http.member.elapsedMs += 5000
    http.member.expire()
    expect(await indexes(connection, 1000)).toEqual(upFrom(1002, 1000))
    expect(connection.text.match(/"action":"expire"/g)).toHaveLength(1000)
  })

  test('also events that are larger than what may wait', async () => {
    const connection = await stream('/k?wait=true&stream=true')
    for (let n = 0; n < 4; n++) put('/k', 'x'.repeat(900_000))
    expect(await indexes(connection, 4)).toEqual(upFrom(2, 4))
  })

  test('by HTTP/1.0', async () => {
    const connection = await stream('/k?wait=true&stream=true', '1.0')
    for (let n = 1; n <= 200; n++) put('/k', `${n},${'x'.repeat(10_000)}`)
    const text = await connection.until('the last', (received) => received.includes('"value":"200,'))
    const values = [...text.matchAll(/"node":\{"key":"\/k","value":"(\d+),/g)].map((match) => Number(match[1]))
    expect(values).toEqual(upFrom(1, 200))
  })

  test('behind another request', async () => {
    http.member.holds = true
    const connection = await http.connect()
    connection.send(requestText('PUT', '/v2/keys/slow') + requestText('GET', '/v2/keys/k?wait=true&stream=true'))
    await eventually('both', () => http.member.held.length === 1 && http.member.store.watchers.count === 1)
    for (let n = 1; n <= 200; n++) put('/k', `${n},${'x'.repeat(10_000)}`)
    http.member.release()
    const text = await connection.until('the last', (received) => received.includes('"value":"200,'))
    const values = [...text.matchAll(/"node":\{"key":"\/k","value":"(\d+),/g)].map((match) => Number(match[1]))
    expect(values).toEqual(upFrom(1, 200))
  })
})

describe('a stream whose client does not read', () => {
  const VALUE = 'x'.repeat(50_000)
  const WRITES = 300

  /** Writes far more than the buffers on the way to `slow` hold, while `quick` reads. */
  async function fill(slow: RawConnection, quick: RawConnection): Promise<void> {
    slow.socket.pause()
    for (let n = 1; n <= WRITES; n++) {
      quick.text = ''
      put('/k', `${n},${VALUE}`)
      await quick.until('an event', (received) => received.includes(`"value":"${n},`))
    }
  }

  async function pair(stallMsMax: number): Promise<{ slow: RawConnection; quick: RawConnection }> {
    await http.close()
    const history = { ...HISTORY_LIMITS_DEFAULT, memoryBytesMax: 1e9 }
    http = await startHttp({ limits: { streamBufferBytesMax: 256 * 1024, stallMsMax } }, new FakeMember({ history }))
    const slow = await stream('/k?wait=true&stream=true')
    return { slow, quick: await stream('/k?wait=true&stream=true') }
  }

  test('is closed once it has left too much unread for too long, and others are not', async () => {
    const { slow, quick } = await pair(20)
    await fill(slow, quick)
    await eventually('the slow one is closed', () => http.member.store.watchers.count === 1)
    quick.text = ''
    put('/k', 'last')
    await quick.until('the last', (received) => received.includes('"value":"last"'))
    slow.socket.resume()
    await slow.untilClosed()
  })

  /** Reads all that `slow` is still to get; the numbers of the writes in it. */
  async function readOn(slow: RawConnection): Promise<number[]> {
    const values: number[] = []
    slow.socket.resume()
    await slow.until('the last', (received) => {
      const end = received.lastIndexOf('\n') + 1
      slow.text = received.slice(end)
      for (const match of received.slice(0, end).matchAll(/"node":\{"key":"\/k","value":"(\d+),/g)) {
        values.push(Number(match[1]))
      }
      return values.at(-1) === WRITES
    })
    return values
  }

  test('gets what it missed when it reads again', async () => {
    const { slow, quick } = await pair(60_000)
    await fill(slow, quick)
    expect(http.member.store.watchers.count).toBe(2)
    expect(await readOn(slow)).toEqual(upFrom(1, WRITES))
  })

  test('gets a burst too, though it begins to read only later', async () => {
    const { slow } = await pair(60_000)
    slow.socket.pause()
    for (let n = 1; n <= WRITES; n++) put('/k', `${n},${VALUE}`)
    for (let pass = 0; pass < 300; pass++) await nextTurn()
    expect(http.member.store.watchers.count).toBe(2)
    expect(await readOn(slow)).toEqual(upFrom(1, WRITES))
  })
})
