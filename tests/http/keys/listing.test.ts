/** Large listings: in slices, with patience for others and for the socket. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Node } from '../../../src/store/node.ts'
import { eventually } from '../../support/eventually.ts'
import { type HttpMember, requestText, startHttp } from '../../support/http-member.ts'
import { parseAnswer } from '../../support/raw-http.ts'

const FOLDERS = 50
const KEYS = 200

let http: HttpMember

beforeEach(async () => {
  http = await startHttp({ limits: { sliceMsMax: 1, stallMsMax: 300, listingsMax: 2 } })
  for (let folder = 0; folder < FOLDERS; folder++) {
    for (let key = 0; key < KEYS; key++) put(`/all/f${folder}/k${key}`, `é${'x'.repeat(500)}`)
  }
})

afterEach(() => http.close())

function put(path: string, value: string): void {
  http.member.apply({ kind: 'set', path, value, dir: false, ttl: undefined, refresh: false })
}

interface Shown {
  readonly key: string
  readonly nodes?: readonly Shown[]
}

describe('a large listing', () => {
  test('shows every key once, sorted where that is asked for', async () => {
    for (const sorted of [true, false]) {
      const answer = await http.ask('GET', `/v2/keys/all?recursive=true&sorted=${sorted}`)
      expect(answer.headers['transfer-encoding']).toBe('chunked')
      const { node } = JSON.parse(answer.body) as { node: Shown }
      const keys = (node.nodes ?? []).flatMap((folder) => (folder.nodes ?? []).map(({ key }) => key))
      expect(new Set(keys).size).toBe(FOLDERS * KEYS)
      if (sorted) expect(keys).toEqual([...keys].sort())
    }
  })

  test('shows the tree as it was when it was asked for', async () => {
    const connection = await http.connect()
    connection.socket.pause()
    connection.send(requestText('GET', '/v2/keys/all?recursive=true'))
    await eventually('the listing to begin', () => http.member.store.stats.getsSuccess === 1)
    http.member.apply({ kind: 'delete', path: '/all', dir: false, recursive: true })
    connection.socket.resume()
    expect(parseAnswer(await connection.answer()).body.match(/"value"/g)).toHaveLength(FOLDERS * KEYS)
  })

  test('keeps nobody else waiting', async () => {
    const listing = await http.connect()
    listing.send(requestText('GET', '/v2/keys/all?recursive=true&sorted=true'))
    const other = await http.connect()
    let between = 0
    while (!listing.text.endsWith('0\r\n\r\n')) {
      await other.send(requestText('GET', '/v2/keys/all/f1/k1')).answer()
      between += 1
    }
    expect(between).toBeGreaterThan(2)
  })

  test('of which only the head is asked says no more than that it is long', async () => {
    const head = await http.ask('HEAD', '/v2/keys/all?recursive=true')
    expect(head.status).toBe(200)
    expect(head.headers['content-length']).toBeUndefined()
    expect(head.headers['transfer-encoding']).toBeUndefined()
  })

  test('that is not read is given up, and those that wait behind it are served', async () => {
    const stalled = [await http.connect(), await http.connect()]
    for (const connection of stalled) {
      connection.socket.pause()
      connection.send(requestText('GET', '/v2/keys/all?recursive=true'))
    }
    const refused = await eventually('a refusal', async () => {
      const answer = await http.ask('GET', '/v2/keys/all')
      return answer.status === 500 && answer
    })
    expect(JSON.parse(refused.body)).toMatchObject({ errorCode: 300, cause: expect.stringContaining('listingsMax') })
    await eventually('room', async () => (await http.ask('GET', '/v2/keys/all')).status === 200)
    for (const connection of stalled) {
      connection.socket.resume()
      expect(await connection.untilClosed()).not.toMatch(/\r\n0\r\n\r\n$/)
    }
  })

  test('whose client goes away is dropped', async () => {
    const connection = await http.connect()
    connection.send(requestText('GET', '/v2/keys/all?recursive=true'))
    await connection.until('a beginning', (text) => text.length > 1000)
    connection.close()
    await eventually('room', async () => {
      const answers = await Promise.all([http.ask('GET', '/v2/keys/all'), http.ask('GET', '/v2/keys/all')])
      return answers.every(({ status }) => status === 200)
    })
  })

  test('begins in a pass of the loop of its own, however many are asked for at once', async () => {
    await http.close()
    http = await startHttp()
    for (let key = 0; key < 2000; key++) put(`/flat/k${key}`, 'v')
    const { children } = http.member.store.tree.find('/flat') as Node
    let pass = 0
    const count = (): void => {
      pass += 1
      immediate = setImmediate(count)
    }
    let immediate = setImmediate(count)
    const takes: number[] = []
    const values = children?.values.bind(children) as () => MapIterator<Node>
    Object.assign(children as object, {
      values: () => {
        takes.push(pass)
        return values()
      },
    })
    const connection = await http.connect()
    connection.send(requestText('GET', '/v2/keys/flat').repeat(8))
    for (let n = 0; n < 8; n++) expect(parseAnswer(await connection.answer()).status).toBe(200)
    clearImmediate(immediate)
    expect(new Set(takes).size).toBe(8)
  })

  test('that waits for its turn answers with what is there then', async () => {
    const get = requestText('GET', '/v2/keys/all?recursive=true')
    const remove = requestText('DELETE', '/v2/keys/all?recursive=true')
    const connection = await http.connect()
    connection.send(get + remove)
    expect(parseAnswer(await connection.answer()).status).toBe(404)
    await connection.answer()
    put('/all/sub/k', 'v')
    connection.send(get + remove + requestText('PUT', '/v2/keys/all', 'value=file'))
    expect(parseAnswer(await connection.answer()).body).toContain('"value":"file"')
  })

  test('whose last piece is not read is given up too', async () => {
    await http.close()
    http = await startHttp({ limits: { stallMsMax: 200, connectionsMax: 1 } })
    for (let key = 0; key < 64; key++) put(`/tail/k${key}`, 'v'.repeat(5000))
    put('/tail/last', 'v'.repeat(20_000_000))
    const connection = await http.connect()
    connection.socket.pause()
    connection.send(requestText('GET', '/v2/keys/tail'))
    await eventually('room', async () => (await http.ask('GET', '/version')).status === 200)
    connection.socket.resume()
    expect(await connection.untilClosed()).not.toMatch(/\r\n0\r\n\r\n$/)
  })
})
