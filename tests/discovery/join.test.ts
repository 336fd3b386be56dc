/** First members find each other through a token: a registry that is served by muster's own key space. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { InitialMember } from '../../src/config/config.ts'
import { DiscoveryError } from '../../src/discovery/discovery-error.ts'
import { type JoinOptions, joinCluster, observeCluster, type Registrant } from '../../src/discovery/join.ts'
import { Registry } from '../../src/discovery/registry.ts'
import { freePort } from '../support/free-port.ts'
import { type HttpMember, startHttp } from '../support/http-member.ts'

const TOKEN = '/v2/keys/_etcd/registry/t0'

const WAITS_MAX = 20

/** Lines of the log, and waits that were asked for; they pass at once. */
interface Seen {
  readonly lines: string[]
  readonly waits: number[]
}

function optionsFor(url: string, seen: Seen = { lines: [], waits: [] }): JoinOptions {
  const registry = new Registry({ url, proxy: '' })
  onTestFinished(() => registry.close())
  const note = (fields: object, message: string): void => {
    seen.lines.push(`${message} ${JSON.stringify(fields)}`)
  }
  const pause = async (ms: number): Promise<void> => {
    seen.waits.push(ms)
    if (seen.waits.length > WAITS_MAX) throw new Error('it does not stop trying')
  }
  return { registry, url, log: { info: note, warn: note }, pause }
}

/** A registry for a cluster of `size`, and its URL. */
async function host(size?: string): Promise<{ readonly http: HttpMember; readonly url: string }> {
  const http = await startHttp()
  onTestFinished(() => http.close())
  if (size !== undefined) await http.ask('PUT', `${TOKEN}/_config/size`, `value=${size}`)
  return { http, url: `http://127.0.0.1:${http.port}${TOKEN}` }
}

function registrant(at: number): Registrant {
  return { id: `a${at}`, name: `m${at}`, peerUrls: [`http://10.0.0.${at}:2380`, `http://10.0.0.${at}:7001`] }
}

function shown(members: readonly InitialMember[]): readonly string[] {
  return members.flatMap(({ name, peerUrls }) => peerUrls.map(({ href }) => `${name}=${href}`))
}

async function refusal(joining: Promise<unknown>): Promise<readonly [string, string]> {
  const error = await joining.catch((reason: unknown) => reason)
  if (!(error instanceof DiscoveryError)) throw new Error(`was not refused: ${String(error)}`)
  return [error.code, error.message]
}

describe('a token with room', () => {
  test('each of its members learns of all, in the order in which they came, by however many URLs', async () => {
    const { http, url } = await host('3')
    const first = joinCluster(optionsFor(url), registrant(1))
    const second = joinCluster(optionsFor(url), registrant(2))
    const third = joinCluster(optionsFor(url), registrant(3))
    const [a, b, c] = await Promise.all([first, second, third])
    expect(shown(a).toSorted()).toEqual([
      'm1=http://10.0.0.1:2380',
      'm1=http://10.0.0.1:7001',
      'm2=http://10.0.0.2:2380',
      'm2=http://10.0.0.2:7001',
      'm3=http://10.0.0.3:2380',
      'm3=http://10.0.0.3:7001',
    ])
    expect(shown(b)).toEqual(shown(a))
    expect(shown(c)).toEqual(shown(a))
    const listed = (await http.ask('GET', `${TOKEN}?sorted=true`)).body
    expect(listed).toContain('"value":"m1=http://10.0.0.1:2380,m1=http://10.0.0.1:7001"')
  })

  test('is not asked all the time where waiting for changes ends at once', async () => {
    const { http } = await host('2')
    const asked: string[] = []
    const hasty = await serve(async (request, response) => {
      asked.push(request.url ?? '')
      const isWatch = request.url?.includes('wait=true') === true
      const { headers, status, body } = await http.ask('GET', isWatch ? '/version' : (request.url ?? ''))
      response.writeHead(status, { 'X-Etcd-Index': headers['x-etcd-index'] ?? '0' }).end(isWatch ? '' : body)
    })
    const seen: Seen = { lines: [], waits: [] }
    const options = optionsFor(hasty, seen)
    const pause = async (ms: number): Promise<void> => {
      seen.waits.push(ms)
      if (seen.waits.length < 5) return
      for (const at of [1, 2]) await http.ask('PUT', `${TOKEN}/a${at}`, `value=m${at}=http://10.0.0.${at}:2380`)
    }
    expect(shown(await observeCluster({ ...options, pause }))).toHaveLength(2)
    expect(seen.waits).toEqual([1000, 1000, 1000, 1000, 1000])
    expect(asked.length).toBeLessThan(30)
  })

  test('one that is no member learns of the same, once they are there', async () => {
    const { url } = await host('1')
    const observed = observeCluster(optionsFor(url))
    await joinCluster(optionsFor(url), registrant(1))
    expect(shown(await observed)).toEqual(['m1=http://10.0.0.1:2380', 'm1=http://10.0.0.1:7001'])
  })

  test('who registered in an earlier life is refused: its votes may count already', async () => {
    const { http, url } = await host('2')
    await http.ask('PUT', `${TOKEN}/a1`, 'value=m1=http://10.0.0.1:2380,m1=http://10.0.0.1:7001')
    const [code, message] = await refusal(joinCluster(optionsFor(url), registrant(1)))
    expect(code).toBe('MUSTER_DISCOVERY_TAKEN')
    expect(message).toContain(`member "m1" has previously registered with discovery service token (${url})`)
  })
})

describe('a token of no use', () => {
  test('is full: who comes too late learns whom it serves', async () => {
    const { url } = await host('1')
    await joinCluster(optionsFor(url), registrant(1))
    const error = await joinCluster(optionsFor(url), registrant(2)).catch((reason: unknown) => reason)
    expect(error).toMatchObject({
      code: 'MUSTER_DISCOVERY_FULL',
      message: 'failed to join discovery cluster (discovery: cluster is full)',
    })
    expect(shown((error as DiscoveryError).members)).toEqual(['m1=http://10.0.0.1:2380', 'm1=http://10.0.0.1:7001'])
  })

  test('is full also for one that found room, and then was not fast enough', async () => {
    const { http } = await host('1')
    const through = await serve(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      if (request.method === 'PUT') await http.ask('PUT', `${TOKEN}/ff`, 'value=m9=http://10.0.0.9:2380')
      const form = request.method === 'PUT' ? Buffer.concat(chunks).toString() : undefined
      const { status, body } = await http.ask(request.method ?? '', request.url ?? '', form)
      response.statusCode = status
      response.end(body)
    })
    expect((await refusal(joinCluster(optionsFor(through), registrant(1))))[0]).toBe('MUSTER_DISCOVERY_FULL')
  })

  test.each([
    ['abc', /\(discovery: size key is bad\)$/],
    ['0', /\(discovery: size key is bad\)$/],
    ['101', /\(discovery: size key is bad\)$/],
    [undefined, /^failed to join discovery cluster \(100: Key not found \(\/_etcd\) \[\d+\]\)$/],
  ])('has the size %s', async (size, sentence) => {
    const { url } = await host(size)
    const [code, message] = await refusal(joinCluster(optionsFor(url), registrant(1)))
    expect(code).toBe('MUSTER_DISCOVERY_BAD_TOKEN')
    expect(message).toMatch(sentence)
  })

  test.each([
    ['m1=http://10.0.0.9:2380', /discovery: found duplicate name/],
    ['m9=10.0.0.9:2380', /discovery: invalid URL: URL scheme must be http or https/],
  ])('has an entry %s of somebody else', async (value, sentence) => {
    const { http, url } = await host('2')
    await http.ask('PUT', `${TOKEN}/ff`, `value=${value}`)
    expect((await refusal(joinCluster(optionsFor(url), registrant(1))))[1]).toMatch(sentence)
  })

  test('is no registry at all', async () => {
    const url = await serve((_request, response) => response.end('<html>'))
    expect((await refusal(joinCluster(optionsFor(url), registrant(1))))[1]).toMatch(/bad discovery endpoint/)
  })
})

describe('a registry that cannot be reached', () => {
  test('is tried again and again, after waits that double', async () => {
    const port = await freePort()
    const seen: Seen = { lines: [], waits: [] }
    const options = optionsFor(`http://127.0.0.1:${port}${TOKEN}`, seen)
    const pause = async (ms: number): Promise<void> => {
      seen.waits.push(ms)
      if (seen.waits.length < 10) return
      const http = await startHttp({}, undefined)
      onTestFinished(() => http.close())
      await http.ask('PUT', `${TOKEN}/_config/size`, 'value=1')
      await http.server.listen([new URL(`http://127.0.0.1:${port}`)])
    }
    expect(shown(await joinCluster({ ...options, pause }, registrant(1)))).toHaveLength(2)
    expect(seen.waits).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 256, 256].map((seconds) => seconds * 1000))
    expect(seen.lines[0]).toMatch(/^cannot reach the discovery token .*: trying again in 2 s .*ECONNREFUSED/)
  })

  test('errors of the server count as not reached', async () => {
    let asked = 0
    const url = await serve((_request, response) => {
      asked += 1
      response.statusCode = asked === 1 ? 503 : 404
      response.end('{"errorCode":100,"message":"Key not found","cause":"/x","index":7}')
    })
    const seen: Seen = { lines: [], waits: [] }
    const [, message] = await refusal(joinCluster(optionsFor(url, seen), registrant(1)))
    expect(message).toContain('(100: Key not found (/x) [7])')
    expect(seen.waits).toEqual([2000])
  })

  test('an entry that was made although the answer was lost is ours', async () => {
    const { http } = await host('1')
    let lost = 0
    const through = await serve(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const form = request.method === 'PUT' ? Buffer.concat(chunks).toString() : undefined
      const { status, body } = await http.ask(request.method ?? '', request.url ?? '', form)
      if (request.method === 'PUT' && lost++ === 0) {
        request.destroy()
        return
      }
      response.statusCode = status
      response.end(body)
    })
    const members = await joinCluster(optionsFor(through), registrant(1))
    expect([lost, shown(members).length]).toEqual([2, 2])
  })

  test('redirects are followed with method and body, and not for ever', async () => {
    const { url } = await host('1')
    const moved = await serve((request, response) => {
      const to = (request.url ?? '').replace(TOKEN, '')
      response.writeHead(307, { location: `${url}${to}` }).end()
    })
    expect(shown(await joinCluster(optionsFor(moved), registrant(1)))).toHaveLength(2)
    const loop = await serve((request, response) => {
      response.writeHead(302, { location: request.url ?? '' }).end()
    })
    expect((await refusal(joinCluster(optionsFor(loop), registrant(1))))[1]).toMatch(/redirects more than 10 times/)
  })

  test('--discovery-proxy carries the requests', async () => {
    const { url } = await host('1')
    const asked: string[] = []
    const proxy = await serve((request, response) => {
      asked.push(request.url ?? '')
      void fetch(request.url ?? '', { method: request.method ?? 'GET' }).then(async (reply) => {
        response.statusCode = reply.status
        response.end(await reply.text())
      })
    })
    const registry = new Registry({ url, proxy: new URL(proxy).host })
    onTestFinished(() => registry.close())
    expect(await registry.view()).toMatchObject({ size: 1, entries: [] })
    expect(asked).toEqual([`${url}/_config/size`, url])
  })
})

type Handler = (request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse) => unknown

/** A server of the test's own; the URL has the token's path. */
async function serve(handler: Handler): Promise<string> {
  const server: Server = createServer((request, response) => void handler(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}${TOKEN}`
}
