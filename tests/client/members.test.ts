/** Members, endpoints that the cluster tells of, and servers of other times. */
import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import type { FailoverSeen } from '../../src/client/options.ts'
import { clientOf, errorOf, errorText, eventText, startOdd, startRig } from '../support/odd-server.ts'
import { deadPort } from '../support/tcp-proxy.ts'

const MEMBER = { id: 'a1', name: 'm1', peerURLs: ['http://127.0.0.1:1'], clientURLs: ['http://127.0.0.1:2'] }

describe('members', () => {
  test('are added, changed and removed, by requests of JSON that are sent once', async () => {
    const bodies: string[] = []
    const odd = await startOdd((request, response) => {
      let body = ''
      request.on('data', (piece: Buffer) => {
        body += piece.toString()
      })
      request.on('end', () => {
        bodies.push(`${request.headers['content-type']} ${body}`)
        if (request.method === 'POST')
          response.writeHead(201).end(JSON.stringify({ ...MEMBER, name: '', clientURLs: [] }))
        else if (request.url?.endsWith('gone') === true)
          response.writeHead(410).end('{"message":"Member permanently removed: gone"}')
        else response.writeHead(204).end()
      })
    })
    const { members } = clientOf([odd.url])
    expect(await members.add(MEMBER.peerURLs)).toEqual({ ...MEMBER, name: '', clientURLs: [] })
    await members.update('a1', ['http://127.0.0.1:9'])
    await members.remove('a1')
    expect(odd.asked).toEqual(['POST /v2/members', 'PUT /v2/members/a1', 'DELETE /v2/members/a1'])
    expect(bodies.slice(0, 2)).toEqual([
      'application/json {"peerURLs":["http://127.0.0.1:1"]}',
      'application/json {"peerURLs":["http://127.0.0.1:9"]}',
    ])
    const error = await errorOf(members.remove('gone'))
    expect(error).toMatchObject({ status: 410, definite: true, retriable: false })
    expect(error.message).toContain('permanently removed')
  })

  test('are waited for until they vote, at the server that lists them', async () => {
    let learners = ['a1']
    const odd = await startOdd((request, response) => {
      if (request.url === '/v2/members') response.end(JSON.stringify({ members: [MEMBER] }))
      else response.end(JSON.stringify({ member: {}, learners }))
      if (odd.asked.length >= 6) learners = []
    })
    const { members } = clientOf([odd.url])
    await members.promote('a1')
    expect(odd.asked.length).toBeGreaterThan(6)
    expect(odd.asked.slice(0, 2)).toEqual(['GET /v2/members', 'GET /muster/v1/status'])
    expect(await errorOf(members.promote('a2'))).toMatchObject({ status: 404, definite: true, retriable: false })
    learners = ['a1']
    const reason = new Error('enough')
    const over = new AbortController()
    const waiting = errorOf(members.promote('a1', { signal: over.signal }))
    over.abort(reason)
    expect(await waiting).toBe(reason)
  })

  test('have no leader during an election, which is no error', async () => {
    const odd = await startOdd((_request, response) => response.writeHead(503).end('{"message":"During election"}'))
    expect(await clientOf([odd.url]).members.leader()).toBeUndefined()
    expect(odd.asked).toHaveLength(1)
  })

  test('of a server that answers nonsense are an error', async () => {
    const odd = await startOdd((_request, response) => response.end('{"members":5}'))
    expect(await errorOf(clientOf([odd.url]).members.list())).toMatchObject({ code: 'MUSTER_CLIENT_BAD_ANSWER' })
  })
})

describe('endpoints', () => {
  test('are taken from the members, and used when those given are gone', async () => {
    const { url, client: direct } = await startRig()
    await direct.set('/a', '1')
    const telling = await startOdd((request, response) => {
      if (telling.asked.length > 1) request.socket.destroy()
      else
        response.end(
          JSON.stringify({
            members: [
              { ...MEMBER, clientURLs: [url] },
              { ...MEMBER, clientURLs: [] },
            ],
          }),
        )
    })
    const seen: FailoverSeen[] = []
    const client = clientOf([telling.url], { hooks: { failover: (each) => seen.push(each) } })
    expect(await client.sync()).toEqual([telling.url, url])
    expect((await client.get('/a')).value).toBe('1')
    expect(seen).toMatchObject([{ from: telling.url, to: url, error: { code: 'MUSTER_CLIENT_UNREACHABLE' } }])
  })

  test('stay as they are when the cluster tells none, or cannot be asked', async () => {
    const odd = await startOdd((_request, response) => response.end('{"members":[]}'))
    const client = clientOf([odd.url])
    expect(await client.sync()).toEqual([odd.url])
    const dead = clientOf([`http://127.0.0.1:${await deadPort()}`])
    expect(await errorOf(dead.sync())).toMatchObject({ code: 'MUSTER_CLIENT_UNREACHABLE' })
    expect(dead.endpoints).toHaveLength(1)
  })

  test('are asked for time and again where that is wanted, until the client is closed', async () => {
    let urls = ['http://127.0.0.1:2']
    const odd = await startOdd((_request, response) =>
      response.end(JSON.stringify({ members: [{ ...MEMBER, clientURLs: urls }] })),
    )
    const client = clientOf([odd.url], { syncMs: 10 })
    await expect.poll(() => client.endpoints).toEqual([odd.url, 'http://127.0.0.1:2'])
    urls = ['http://127.0.0.1:3']
    await expect.poll(() => client.endpoints).toEqual([odd.url, 'http://127.0.0.1:3'])
    await client.close()
    const { length } = odd.asked
    // While another one asks five times, this one would have too.
    const other = await startOdd((_request, response) => response.end('{"members":[]}'))
    clientOf([other.url], { syncMs: 10 })
    await expect.poll(() => other.asked.length).toBeGreaterThan(5)
    expect(odd.asked).toHaveLength(length)
  })

  test('come from /v2/machines where there is nothing else', async () => {
    const odd = await startOdd((request, response) => {
      if (request.url === '/v2/machines') response.end('http://127.0.0.1:4001, http://127.0.0.1:4002')
      else response.writeHead(404).end('404 page not found\n')
    })
    const all = await clientOf([odd.url]).sync()
    expect(all.toSorted()).toEqual(['http://127.0.0.1:4001', 'http://127.0.0.1:4002', odd.url].toSorted())
  })
})

describe('a follower of etcd 0.4', () => {
  test('that sends a writer to the leader is believed', async () => {
    const { url, client: direct } = await startRig()
    const follower = await startOdd((request, response) =>
      response.writeHead(307, { location: `${url}${request.url}` }).end('<a>'),
    )
    const client = clientOf([follower.url])
    await client.set('/a b', '1')
    await client.create('/q', 'job')
    await client.cad('/a b', { prevValue: '1' })
    expect((await direct.get('/', { recursive: true })).node.nodes?.map(({ key }) => key)).toEqual(['/q'])
  })

  test('is not told whom to send the password to', async () => {
    const seen: (string | undefined)[] = []
    const other = await startOdd((request, response) => {
      seen.push(request.headers.authorization)
      response.end(eventText('set', '/a', '1', 1))
    })
    const follower = await startOdd((request, response) =>
      response.writeHead(307, { location: `${other.url}${request.url}` }).end(),
    )
    await clientOf([follower.url], { auth: { username: 'root', password: 'p:w' } }).set('/a', '1')
    await clientOf([follower.url, other.url], { auth: 'root:p:w' }).set('/a', '1')
    expect(seen).toEqual([undefined, `Basic ${Buffer.from('root:p:w').toString('base64')}`])
  })

  test('that leads in a circle is left', async () => {
    const odd = await startOdd((request, response) => response.writeHead(307, { location: String(request.url) }).end())
    expect(await errorOf(clientOf([odd.url]).set('/a', '1'))).toMatchObject({ status: 307 })
    expect(odd.asked).toHaveLength(6)
  })
})

describe('status', () => {
  test('of a server that is neither muster nor etcd is an error', async () => {
    const odd = await startOdd((_request, response) => response.writeHead(404).end('<html>'))
    expect(await errorOf(clientOf([odd.url]).status())).toMatchObject({ status: 404 })
  })

  test('of one server is asked of that one, and of no other', async () => {
    const { url } = await startRig()
    const dead = `http://127.0.0.1:${await deadPort()}`
    const client = clientOf([url, dead])
    expect((await client.status({ endpoint: url })).endpoint).toBe(url)
    const failing = client.status({ endpoint: dead, attemptsMax: 2 })
    expect(await errorOf(failing)).toMatchObject({ code: 'MUSTER_CLIENT_UNREACHABLE' })
  })
})

describe('a snapshot', () => {
  test('that is cut is an error, and its stream is not ended as if it were whole', async () => {
    const odd = await startOdd((_request, response) => {
      response.writeHead(200, { 'x-etcd-index': '7' })
      response.write('{"action":"get","node":{"dir":true,"nodes":[', () => response.destroy())
    })
    const into = new PassThrough()
    into.on('error', () => undefined).resume()
    expect(await errorOf(clientOf([odd.url]).snapshot(into))).toMatchObject({ code: 'MUSTER_CLIENT_ANSWER_CUT' })
    expect(into.readableEnded).toBe(false)
  })

  test('without hidden keys is taken where those are refused', async () => {
    const odd = await startOdd((request, response) => {
      if (String(request.url).startsWith('/muster')) response.writeHead(401).end(errorText(110))
      else response.writeHead(200, { 'x-etcd-index': '7' }).end(eventText('get', '/a', '1', 7))
    })
    const into = new PassThrough()
    into.resume()
    expect(await clientOf([odd.url]).snapshot(into)).toMatchObject({ hidden: false, index: 7 })
  })
})
