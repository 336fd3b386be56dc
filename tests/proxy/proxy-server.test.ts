/** A proxy in front of servers of the test's own, or of a true key space: what passes through, and when another member is asked. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ProxyServer, type ProxyServerOptions } from '../../src/proxy/proxy-server.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { startHttp } from '../support/http-member.ts'
import { RawConnection } from '../support/raw-http.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => unknown

interface Upstream {
  readonly url: string
  readonly asked: string[]
  close(): void
}

async function upstream(handler: Handler): Promise<Upstream> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    void handler(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = (): void => {
    server.closeAllConnections()
    server.close()
  }
  onTestFinished(close)
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, close }
}

/** A proxy for members at `clientUrls`, which are asked in this order. */
async function proxyFor(clientUrls: readonly string[], options: Partial<ProxyServerOptions> = {}) {
  const remembered: (readonly string[])[] = []
  const lines: string[] = []
  const note = (_: object, message: string): void => void lines.push(message)
  const proxy = new ProxyServer({
    isReadonly: false,
    peerUrls: ['http://10.0.0.1:2380'],
    failureWaitMs: 60_000,
    refreshMs: 60_000,
    dialMsMax: 1000,
    writeMsMax: 5000,
    readMsMax: 0,
    list: async () => [{ peerURLs: ['http://10.0.0.1:2380'], clientURLs: clientUrls }],
    remember: (urls) => remembered.push(urls),
    log: { debug: note, info: note, warn: note, error: note },
    // Leaves every URL where it is.
    random: () => 0.999,
    ...options,
  })
  await proxy.listen([new URL('http://127.0.0.1:0')])
  onTestFinished(() => proxy.close(0))
  const url = proxy.addresses()[0]?.origin ?? ''
  if (clientUrls.length > 0 && options.list === undefined) await endpoints(url, clientUrls.length)
  return { url, proxy, remembered, lines }
}

/** Waits until the proxy knows so many members. */
function endpoints(url: string, count: number): Promise<readonly string[]> {
  return eventually(`${count} endpoints`, async () => {
    const { endpoints } = (await (await fetch(`${url}/v2/config/local/proxy`)).json()) as { endpoints: string[] }
    return endpoints.length === count && endpoints
  })
}

async function ask(url: string, init?: RequestInit) {
  const reply = await fetch(url, init)
  return { status: reply.status, headers: reply.headers, text: await reply.text() }
}

describe('what passes through', () => {
  test('every method, path and body, with the answer as the member gave it', async () => {
    const member = await upstream(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      response.writeHead(418, 'Short and stout', ['X-Etcd-Index', '7', 'X-etcd-oDD', 'a'])
      response.end(`${request.headers['x-forwarded-for']} ${request.headers['host']} ${Buffer.concat(chunks)}`)
    })
    const { url } = await proxyFor([member.url])
    const put = await ask(`${url}/v2/keys/a?x=%20`, { method: 'PUT', body: 'value=1' })
    expect([put.status, put.headers.get('x-etcd-index'), put.text]).toEqual([
      418,
      '7',
      `127.0.0.1 ${new URL(url).host} value=1`,
    ])
    await ask(`${url}/else/where`, { method: 'DELETE' })
    await ask(url, { method: 'OPTIONS' })
    expect(member.asked).toEqual(['PUT /v2/keys/a?x=%20', 'DELETE /else/where', 'OPTIONS /'])
  })

  test('a large body arrives whole, with its length', async () => {
    const member = await upstream(async (request, response) => {
      let bytes = 0
      for await (const chunk of request) bytes += (chunk as Buffer).length
      response.end(`${request.headers['content-length']} ${bytes}`)
    })
    const { url } = await proxyFor([member.url])
    const body = Buffer.alloc(3_000_001, 'x')
    expect((await ask(`${url}/v2/keys/a`, { method: 'PUT', body })).text).toBe('3000001 3000001')
  })

  test('a watch of a true key space: head and each event at once, and the member hears when the client leaves', async () => {
    const http = await startHttp()
    onTestFinished(() => http.close())
    const { url } = await proxyFor([`http://127.0.0.1:${http.port}`])
    const leave = new AbortController()
    const reply = await fetch(`${url}/v2/keys/w?wait=true&stream=true`, { signal: leave.signal })
    expect(reply.headers.get('x-etcd-index')).toBe('1')
    const reader = (reply.body as ReadableStream<Uint8Array>).getReader()
    for (const value of ['a', 'b']) {
      await ask(`${url}/v2/keys/w`, { method: 'PUT', body: new URLSearchParams({ value }) })
      expect(Buffer.from((await reader.read()).value ?? []).toString()).toContain(`"value":"${value}"`)
    }
    expect(http.member.store.watchers.count).toBe(1)
    leave.abort()
    await eventually('the watch to end', () => http.member.store.watchers.count === 0)
  })

  test('an answer of any size is held up by a client that does not read, and not kept', async () => {
    let sent = 0
    const member = await upstream((_request, response) => {
      const chunk = Buffer.alloc(1024 * 1024)
      const push = (): void => {
        sent += 1
        if (sent > 80) response.end()
        else if (response.write(chunk)) push()
        else response.once('drain', push)
      }
      push()
    })
    const { url } = await proxyFor([member.url])
    const reply = await fetch(`${url}/v2/keys/a`)
    let before = -1
    let still = 0
    // Buffers of three sockets and two processes fill, and then nothing moves.
    await eventually('the member to be held up', () => {
      still = sent === before ? still + 1 : 0
      before = sent
      return sent > 0 && still > 30
    })
    expect(sent).toBeLessThan(60)
    expect((await reply.arrayBuffer()).byteLength).toBe(80 * 1024 * 1024)
  }, 60_000)
})

describe('when a member cannot be had', () => {
  test('the next is asked, also with a write, when nothing reached the first; it is passed over then', async () => {
    const gone = `http://127.0.0.1:${await freePort()}`
    const member = await upstream((_request, response) => response.end('here'))
    const { url, lines } = await proxyFor([gone, member.url])
    expect(await endpoints(url, 2)).toEqual([gone, member.url])
    for (let at = 0; at < 5; at++) {
      expect((await ask(`${url}/v2/keys/a`, { method: 'PUT', body: 'value=1' })).text).toBe('here')
    }
    expect(member.asked).toHaveLength(5)
    expect(lines.filter((line) => line.includes('could not be reached'))).toHaveLength(1)
    expect(await endpoints(url, 1)).toEqual([member.url])
  })

  test('a write that may have reached a member is not sent to another; a read is', async () => {
    const broken = [
      await upstream((request) => request.destroy()),
      await upstream((request) => request.destroy()),
    ] as const
    const { url } = await proxyFor(broken.map((one) => one.url))
    const put = await ask(`${url}/v2/keys/a`, { method: 'PUT', body: 'value=1' })
    expect([put.status, put.text]).toEqual([502, '{"message":"httpproxy: unable to get response from 1 endpoint(s)"}'])
    expect([broken[0].asked.length, broken[1].asked.length]).toEqual([1, 0])

    const others = [
      await upstream((request) => request.destroy()),
      await upstream((request) => request.destroy()),
    ] as const
    const second = await proxyFor(others.map((one) => one.url))
    const get = await ask(`${second.url}/v2/keys/a`)
    expect([get.status, get.text]).toEqual([502, '{"message":"httpproxy: unable to get response from 2 endpoint(s)"}'])
    expect([others[0].asked.length, others[1].asked.length]).toEqual([1, 1])
    const none = await ask(`${second.url}/v2/keys/a`)
    expect([none.status, none.text]).toEqual([503, '{"message":"httpproxy: zero endpoints currently available"}'])
  })

  test('an answer that breaks off breaks off for the client too', async () => {
    const member = await upstream((_request, response) => {
      response.write('half')
      setImmediate(() => response.destroy())
    })
    const { url } = await proxyFor([member.url])
    await expect(ask(`${url}/v2/keys/a`)).rejects.toThrow()
  })

  test('a member that takes no bytes is left after --proxy-write-timeout', async () => {
    const sockets = new Set<import('node:net').Socket>()
    const deaf = createTcpServer((socket) => {
      sockets.add(socket.pause().on('error', () => {}))
    }).listen(0, '127.0.0.1')
    await once(deaf, 'listening')
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy()
      deaf.close()
    })
    const { url } = await proxyFor([`http://127.0.0.1:${(deaf.address() as AddressInfo).port}`], { writeMsMax: 50 })
    const body = Buffer.alloc(9_000_000)
    expect((await ask(`${url}/v2/keys/a`, { method: 'PUT', body })).status).toBe(502)
  })

  test('a member that is silent is left after --proxy-read-timeout', async () => {
    const member = await upstream(() => {})
    const { url } = await proxyFor([member.url], { readMsMax: 100 })
    expect((await ask(`${url}/v2/keys/a`)).status).toBe(502)
  })
})

describe('who the members are', () => {
  test('none yet: 503; then they are asked again within a second or so, and remembered', async () => {
    const member = await upstream((_request, response) => response.end('here'))
    let answers = 0
    const list: ProxyServerOptions['list'] = async () => {
      answers += 1
      if (answers === 1) throw new Error('nobody there')
      return [{ peerURLs: ['http://10.0.0.7:2380'], clientURLs: [member.url] }]
    }
    const { url, remembered } = await proxyFor([], { list })
    expect((await ask(`${url}/v2/keys/a`)).text).toBe('{"message":"httpproxy: zero endpoints currently available"}')
    await endpoints(url, 1)
    expect((await ask(`${url}/v2/keys/a`)).text).toBe('here')
    expect(remembered).toEqual([['http://10.0.0.7:2380']])
  })

  test('a change of them is followed, and the peers that were learned are asked from then on', async () => {
    const [old, young] = [
      await upstream((_, response) => response.end('old')),
      await upstream((_, r) => r.end('young')),
    ]
    const asked: string[] = []
    const list: ProxyServerOptions['list'] = async (peerUrl) => {
      asked.push(peerUrl)
      const isFirst = asked.length === 1
      return [{ peerURLs: ['http://10.0.0.2:2380'], clientURLs: [isFirst ? old.url : young.url] }]
    }
    const { url } = await proxyFor([], { list, refreshMs: 20 })
    await eventually('the new member to be asked', async () => (await ask(`${url}/v2/keys/a`)).text === 'young')
    expect(asked.slice(0, 2)).toEqual(['http://10.0.0.1:2380', 'http://10.0.0.2:2380'])
  })
})

describe('what the proxy answers itself', () => {
  test('a read-only one answers 501 to all but GET', async () => {
    const member = await upstream((_request, response) => response.end('here'))
    const { url } = await proxyFor([member.url], { isReadonly: true })
    for (const method of ['PUT', 'POST', 'DELETE', 'HEAD', 'OPTIONS']) {
      const answer = await ask(`${url}/v2/keys/a`, { method })
      expect([method, answer.status, answer.text]).toEqual([method, 501, ''])
    }
    expect((await ask(`${url}/v2/keys/a`)).text).toBe('here')
  })

  test('its endpoints as etcd shows them, and metrics of its own', async () => {
    const member = await upstream((_request, response) => response.end('here'))
    const { url } = await proxyFor([member.url])
    const shown = await ask(`${url}/v2/config/local/proxy`)
    expect([shown.status, shown.headers.get('content-type'), shown.text]).toEqual([
      200,
      'text/plain; charset=utf-8',
      `{"endpoints":["${member.url}"]}\n`,
    ])
    expect((await ask(`${url}/v2/config/local/proxy`, { method: 'PUT' })).status).toBe(405)
    await ask(`${url}/v2/keys/a`)
    expect((await ask(`${url}/metrics`)).text).toContain('etcd_proxy_requests_total{method="GET"} 1')
    expect(member.asked).toEqual(['GET /v2/keys/a'])
  })

  test('CORS headers once: those of the member, or its own where the member sends none', async () => {
    const open = await upstream((_request, response) => {
      response.setHeader('Access-Control-Allow-Origin', 'http://member')
      response.end()
    })
    const closed = await upstream((_request, response) => response.end())
    const first = await proxyFor([open.url], { cors: '*' })
    const second = await proxyFor([closed.url], { cors: '*' })
    expect((await ask(first.url)).headers.get('access-control-allow-origin')).toBe('http://member')
    expect((await ask(second.url)).headers.get('access-control-allow-origin')).toBe('*')
  })

  test('a body beyond the limit is refused, and so are too many bodies', async () => {
    const member = await upstream((_request, response) => response.end('here'))
    const { url } = await proxyFor([member.url], { limits: { bodyBytesMax: 1000, bodiesBytesMax: 500 } })
    const put = (bytes: number) => ask(`${url}/v2/keys/a`, { method: 'PUT', body: 'x'.repeat(bytes) })
    expect(await put(1001)).toMatchObject({
      status: 413,
      text: '{"message":"httpproxy: failed to read request body: body too large"}',
    })
    expect((await put(501)).status).toBe(503)
    for (let at = 0; at < 3; at++) expect((await put(500)).status).toBe(200)
  })

  test('a request more than may be in flight is refused', async () => {
    const held: ServerResponse[] = []
    const member = await upstream((_request, response) => held.push(response))
    const { url } = await proxyFor([member.url], { limits: { connectionsMax: 3 } })
    const connection = await RawConnection.open(Number(new URL(url).port))
    onTestFinished(() => connection.close())
    // On one connection, whose number is bounded too.
    for (const path of ['/a', '/b', '/c', '/d']) connection.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
    await eventually('three requests to arrive', () => held.length === 3)
    for (const response of held) response.end()
    const text = await connection.until(
      'four answers',
      (all) => all.split('HTTP/1.1 ').length === 5 && all.endsWith('}'),
    )
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 503'])
    expect(text.endsWith('{"message":"httpproxy: too many requests"}')).toBe(true)
    expect(member.asked).toHaveLength(3)
  })

  test('a connection more than there may be is closed', async () => {
    const { url } = await proxyFor([], { limits: { connectionsMax: 1 } })
    const { port } = new URL(url)
    const first = await RawConnection.open(Number(port))
    onTestFinished(() => first.close())
    await first.send('GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n').until('an answer', (text) => text.includes('200 OK'))
    await (await RawConnection.open(Number(port))).untilClosed()
  })
})

test('a target of nothing but question marks is told from a watch in no time', async () => {
  const member = await upstream((_request, response) => response.end('there'))
  const { url } = await proxyFor([member.url])
  const began = performance.now()
  for (let round = 0; round < 6; round++)
    expect((await ask(`${url}/v2/keys/a${'?'.repeat(15_000)}`)).text).toBe('there')
  expect(performance.now() - began).toBeLessThan(1500)
})

describe('a proxy that stops', () => {
  test.each(['wait=true', 'quorum=false&wait=1&stream=true'])(
    'ends watches (%s) at once, and blames no member',
    async (query) => {
      const member = await startHttp()
      onTestFinished(() => member.close())
      const { url, proxy, lines } = await proxyFor([`http://127.0.0.1:${member.port}`])
      const watch = await fetch(`${url}/v2/keys/a?${query}`)
      const ended = expect(watch.text()).rejects.toThrow()
      const before = performance.now()
      await proxy.close(60_000)
      await ended
      expect(performance.now() - before).toBeLessThan(10_000)
      expect(lines.filter((line) => line.includes('could not be reached'))).toEqual([])
    },
  )

  test('lets other requests end, and blames no member for what it cuts', async () => {
    const held: ServerResponse[] = []
    const member = await upstream((_request, response) => held.push(response))
    const { url, proxy, lines } = await proxyFor([member.url])
    const answer = ask(`${url}/v2/keys/a?wait=false`)
    await eventually('it to arrive', () => held.length === 1)
    const closed = proxy.close(60_000)
    held[0]?.end('late')
    expect((await answer).text).toBe('late')
    await closed

    const second = await proxyFor([member.url])
    const cut = expect(ask(`${second.url}/v2/keys/b`)).rejects.toThrow()
    await eventually('it to arrive', () => held.length === 2)
    await second.proxy.close(0)
    await cut
    expect([...lines, ...second.lines].filter((line) => line.includes('could not be reached'))).toEqual([])
  })
})
