/**
 * Bad input of every kind: a clear error or patience, no growth of memory, no stall.
 *
 * A probe reads a key all the while, and must be answered promptly; the delays of this process itself are taken off. A machine
 * on which others were busy meanwhile (`support/other-work.ts`) tells nothing about a stall, and is only warned about.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { createConnection, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openFilesMax } from '../../src/member/open-files.ts'
import { allRoutes } from '../support/all-routes.ts'
import { type Cluster, clusterOfFile } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'
import { INSPECTED, liveBytesOf } from '../support/live-bytes.ts'
import type { MemberProcess } from '../support/member-process.ts'
import { Nonsense } from '../support/nonsense.ts'
import { OtherWork } from '../support/other-work.ts'
import { Probe } from '../support/probe.ts'

/** No answer to the probe may take longer, whatever goes on beside it. */
const STALL_MS_MAX = 250
/** The same while thousands of connections are accepted or dropped at once, which is work of the kernel's too. */
const CROWD_STALL_MS_MAX = 1_000
const BODY_BYTES_MAX = 10 * 1024 * 1024
const MIB = 1024 * 1024
/** The same mischief is done so often before its memory is measured, and again before it is measured once more. */
const ROUNDS = 10
/** What a member may have more in use then: measured, some 100 KiB of history and code. A leak of 200 bytes a request is more. */
const LIVE_BYTES_MAX = 2 * MIB
/** The same of all its memory, also what is not the collector's: measured, 0 to 8 MiB. */
const RESIDENT_BYTES_MAX = 32 * MIB
const IDLE_CONNECTIONS = 10_000
/** Of each idle connection while it lasts. */
const IDLE_BYTES_MAX = 24 * 1024
const SEED = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
/** Connections of nonsense in each round: so many at once, so many one after the other. */
const TALKERS = 20
const NONSENSE_EACH = 50
/** Wrong passwords on their way at once, from one address: more than may wait. */
const GUESSES_AT_ONCE = 130
/** Guesses that are refused while it is watched what they cost. */
const GUESSES_MIN = 20
/** Looks that may find more than one thread at work: the collector has some, too. With two hashes at a time it is nearly all. */
const CROWDED_SHARE_MAX = 0.5
/** Users who log in for the first time meanwhile. */
const NEWCOMERS = 5
/** File descriptors that this process needs for other things. */
const SPARE_FILES = 500
const FORM = 'Content-Type: application/x-www-form-urlencoded\r\n'

const clusterOf = clusterOfFile({ members: 1, args: ['--legacy-endpoints'], nodeArgs: [INSPECTED] })
let cluster: Cluster
let member: MemberProcess
let probe: Probe
let others: OtherWork

/** Raw bytes out, raw text back: `status` is that of the first answer, 0 when there was none. */
interface RawAnswer {
  readonly status: number
  readonly text: string
}

function open(): Socket {
  return createConnection({ port: member.spec.clientPort, host: '127.0.0.1' }).on('error', () => {})
}

/** Sends bytes and reads until the member closes, or until `enough` says that the answer is whole. */
function raw(bytes: string | Buffer, enough = /\r\n\r\n[\s\S]*\n/): Promise<RawAnswer> {
  return new Promise((done) => {
    const socket = open()
    let text = ''
    const finish = (): void => {
      socket.destroy()
      done({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0), text })
    }
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      if (enough.test(text)) finish()
    })
    socket.on('close', finish)
    socket.write(bytes)
  })
}

function put(path: string, headers: string, body: string): string {
  return `PUT /v2/keys${path} HTTP/1.1\r\nHost: x\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`
}

async function expectError(answer: Promise<RawAnswer>, status: number, body: object): Promise<void> {
  const { text, status: found } = await answer
  expect(text.slice(text.indexOf('\r\n\r\n') + 4)).toMatch(/^\{.*\}\n$/)
  expect(JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4))).toMatchObject(body)
  expect(found).toBe(status)
}

function expectNoStall(msMax: number): void {
  const busy = `others had ${Math.round(others.share() * 100)} % of the processors`
  console.log(`the longest wait of ${probe.answers} probes: ${probe.worstMs.toFixed(0)} ms; ${busy}`)
  if (probe.worstMs >= msMax && others.wasBusy()) console.warn(`cannot tell whether the member stalled: ${busy}`)
  else expect(probe.worstMs).toBeLessThan(msMax)
}

beforeEach(async () => {
  cluster = clusterOf()
  member = cluster.members[0] as MemberProcess
  await cluster.client.put(member.url, '/probe', { value: 'well' })
  probe = new Probe(member.url, '/probe')
  others = new OtherWork([member.child.pid])
})

afterEach(async () => {
  await probe.stop()
  expect(probe.problems).toEqual([])
  expect(probe.answers).toBeGreaterThan(0)
  expect(member.running).toBe(true)
})

describe('a request that cannot be served', () => {
  test('gets a clear error when a body is too long, and the largest one that is not is stored', async () => {
    const body = 'value='.padEnd(BODY_BYTES_MAX, 'x')
    expect((await raw(put('/large', FORM, body))).status).toBe(201)
    await expectError(raw(put('/larger', FORM, `${body}x`)), 400, {
      errorCode: 210,
      cause: 'http: POST too large',
      index: 0,
    })
    expect((await cluster.client.get(member.url, '/larger')).status).toBe(404)
    expect((await cluster.client.get(member.url, '/large')).body?.node?.value?.length).toBe(BODY_BYTES_MAX - 6)
    const chunked = `PUT /v2/keys/larger HTTP/1.1\r\nHost: x\r\n${FORM}Transfer-Encoding: chunked\r\n\r\n`
    const chunk = `100000\r\n${'v'.repeat(0x100000)}\r\n`
    await expectError(raw(chunked + chunk.repeat(11)), 400, { errorCode: 210, cause: 'http: POST too large' })
    await expectError(raw(put('/larger', FORM, `${body}x`)), 400, { errorCode: 210 })
  })

  test('gets a clear error when a key or a head is too long', async () => {
    await expectError(raw(`GET /v2/keys/${'k'.repeat(30_000)} HTTP/1.1\r\nHost: x\r\n\r\n`), 500, { errorCode: 300 })
    const head = await raw(`GET /v2/keys/k HTTP/1.1\r\nHost: x\r\nX-Long: ${'h'.repeat(100_000)}\r\n\r\n`)
    expect(head.status).toBe(431)
    await expectError(raw(put('/d'.repeat(1_000), FORM, 'value=deep')), 500, { errorCode: 300 })
    expect((await cluster.client.get(member.url, '/d')).status).toBe(404)
  })

  test('gets a clear error for bad escapes, in the path, the query and the form', async () => {
    expect((await raw('GET /v2/keys/%zz HTTP/1.1\r\nHost: x\r\n\r\n', /400 Bad Request$/)).status).toBe(400)
    const cause = 'invalid URL escape "%zz"'
    await expectError(raw('GET /v2/keys/k?a=%zz HTTP/1.1\r\nHost: x\r\n\r\n'), 400, { errorCode: 210, cause })
    await expectError(raw(put('/k', FORM, 'value=%zz')), 400, { errorCode: 210, cause })
    await expectError(raw('GET /v2/keys/k?wait=perhaps HTTP/1.1\r\nHost: x\r\n\r\n'), 400, { errorCode: 209 })
    await expectError(raw(put('/k', FORM, 'value=x&ttl=soon')), 400, { errorCode: 202 })
    expect((await cluster.client.get(member.url, '/k')).status).toBe(404)
  })

  test('is taken as it says when its body has another type: the value is empty then', async () => {
    for (const type of ['application/json', 'text/plain', 'multipart/form-data; boundary=x', 'nonsense']) {
      expect((await raw(put('/typed', `Content-Type: ${type}\r\n`, '{"value":"x"}'))).status).toBeLessThan(300)
      expect((await cluster.client.get(member.url, '/typed')).body?.node?.value).toBe('')
    }
    await expectError(raw(put('/typed', 'Content-Type: ;;\r\n', 'value=x')), 400, { errorCode: 210 })
  })

  test('is no request at all: the connection is closed, with an answer where one can be given', async () => {
    for (const bytes of [
      '\u0000\u0001\u0002\u0003\r\n\r\n',
      'HELLO\r\n\r\n',
      'GET /v2/keys/k HTTP/9.9\r\n\r\n',
      '\u0016\u0003\u0001\u0000',
    ]) {
      const { status } = await raw(bytes.padEnd(64, '\n'), /never/)
      expect([0, 400]).toContain(status)
    }
    const patch = await raw('PATCH /v2/keys/k HTTP/1.1\r\nHost: x\r\n\r\n')
    expect(patch.status).toBe(405)
    expect(patch.text).toContain('Allow: HEAD,GET,PUT,POST,DELETE')
  })
})

describe('mischief that goes on', () => {
  test('costs no memory, and never keeps others waiting', async () => {
    const round = async (): Promise<void> => {
      const tooLong = 'value='.padEnd(BODY_BYTES_MAX + 1, 'x')
      await Promise.all(Array.from({ length: 4 }, () => raw(put('/larger', FORM, tooLong))))
      await Promise.all(
        Array.from({ length: 300 }, () => raw('GET /v2/keys/%zz HTTP/1.1\r\nHost: x\r\n\r\n', /Request$/)),
      )
      await Promise.all(Array.from({ length: 300 }, (_, n) => raw(put(`/k${n}`, FORM, 'value=%zz'))))
      await Promise.all(Array.from({ length: 300 }, halfSent))
      await Promise.all(Array.from({ length: 300 }, abandonedWatch))
    }
    await expectNoGrowth(round)
    expectNoStall(STALL_MS_MAX)
  })

  test(`nonsense at every path (seed ${SEED}) costs no memory, leaves nothing open, and never keeps others waiting`, {
    timeout: 120_000,
  }, async () => {
    const nonsense = new Nonsense(SEED, await allRoutes())
    let drawn = 0
    const talk = async (): Promise<void> => {
      for (let n = 0; n < NONSENSE_EACH; n++) await sendParts(nonsense.draw(drawn++), nonsense.prng.chance(0.2))
    }
    const round = async (): Promise<void> => {
      await Promise.all(Array.from({ length: TALKERS }, talk))
    }
    await expectNoGrowth(round)
    expectNoStall(STALL_MS_MAX)
    expect((await cluster.client.put(member.url, '/after', { value: 'served' })).status).toBe(201)
  })

  test('a flood of wrong passwords costs one hash at a time, and keeps nobody else waiting', async () => {
    const names = Array.from({ length: NEWCOMERS }, (_, n) => `user${n}`)
    const make = async (path: string, body: object): Promise<void> => {
      expect(await askAs('', '127.0.0.2', 'PUT', `/v2/auth/${path}`, { body: JSON.stringify(body) })).toBeLessThan(300)
    }
    await make('roles/reader', { role: 'reader', permissions: { kv: { read: ['/*'], write: [] } } })
    await make('users/root', { user: 'root', password: 'root' })
    for (const name of names) await make(`users/${name}`, { user: name, password: name, roles: ['reader'] })
    await make('enable', {})
    const guessing = new Guessing()
    try {
      const refused = (): number => guessing.statuses.get(401) ?? 0
      await eventually('guesses to be refused', () => refused() > 0)
      const before = refused()
      const busy: number[] = []
      await eventually(
        'many more of them',
        () => {
          busy.push(busyHelpers(member.child.pid))
          return refused() >= before + GUESSES_MIN
        },
        60_000,
      )
      const crowded = busy.filter((threads) => threads > 1).length / busy.length
      console.log(`${Math.round(crowded * 100)} % of ${busy.length} looks found more than one thread at work`)
      expect(busy.filter((threads) => threads > 0).length).toBeGreaterThan(0)
      expect(crowded).toBeLessThan(CROWDED_SHARE_MAX)
      // Those that need a hash of their own, from another address: let in while the guessing goes on.
      for (const name of names) {
        expect(await askAs(`${name}:${name}`, '127.0.0.2', 'GET', '/v2/keys/probe')).toBe(200)
      }
    } finally {
      await guessing.stop()
      expect(await askAs('root:root', '127.0.0.2', 'DELETE', '/v2/auth/enable')).toBe(200)
    }
    expect([...guessing.statuses.keys()].sort()).toEqual([401, 500])
    expectNoStall(STALL_MS_MAX)
  }, 120_000)

  test('half-sent requests are waited for, and finished ones are served', async () => {
    const socket = open()
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
    })
    const request = put('/slow', FORM, 'value=patience')
    for (let at = 0; at < request.length; at += 40) {
      const answered = probe.answers
      socket.write(request.slice(at, at + 40))
      await eventually('the probe to be answered meanwhile', () => probe.answers > answered)
    }
    await eventually('an answer', () => text.includes('"value":"patience"'))
    socket.destroy()
    expectNoStall(STALL_MS_MAX)
  })

  test('10,000 idle connections are borne, and leave nothing behind', async () => {
    // Children may have as many.
    const wanted = Math.min(IDLE_CONNECTIONS, openFilesMax() - SPARE_FILES)
    if (wanted < IDLE_CONNECTIONS)
      console.warn(`only ${wanted} idle connections: the limit of open files allows no more`)
    await liveBytesOf(member.child)
    const before = member.child.residentBytes
    const openBefore = socketsOf(member.child.pid)
    const sockets: Socket[] = []
    while (sockets.length < wanted) {
      const batch = Array.from({ length: Math.min(250, wanted - sockets.length) }, open)
      await Promise.all(batch.map((socket) => new Promise((done) => socket.once('connect', done))))
      sockets.push(...batch)
    }
    const answered = probe.answers
    await eventually('the probe to be answered', () => probe.answers > answered + 10)
    expect(sockets.filter((socket) => socket.destroyed || socket.readableEnded).length).toBe(0)
    await liveBytesOf(member.child)
    const each = Math.round((member.child.residentBytes - before) / wanted)
    console.log(`an idle connection takes ${each} bytes`)
    expect(each).toBeLessThan(IDLE_BYTES_MAX)
    expect((await cluster.client.put(member.url, '/meanwhile', { value: 'served' })).status).toBe(201)

    // Each can still be used.
    const one = sockets[wanted >> 1] as Socket
    const answer = new Promise<string>((done) => one.once('data', (bytes: Buffer) => done(bytes.toString('latin1'))))
    one.write('GET /v2/keys/probe HTTP/1.1\r\nHost: x\r\n\r\n')
    expect(await answer).toContain('"value":"well"')

    for (const socket of sockets) socket.destroy()
    const dropped = probe.answers
    await eventually('the probe to be answered', () => probe.answers > dropped + 10)
    await eventually('no connection to be left', () => socketsOf(member.child.pid) <= openBefore)
    expectNoStall(CROWD_STALL_MS_MAX)
    await probe.stop()
  })
})

/** The same mischief again and again, after which the member must not be larger. */
async function expectNoGrowth(round: () => Promise<void>): Promise<void> {
  const sockets = socketsOf(member.child.pid)
  const live = async (): Promise<number> => {
    await untilNoWatcher()
    await eventually('no connection to be left', () => socketsOf(member.child.pid) <= sockets)
    return liveBytesOf(member.child)
  }
  for (let n = 0; n < ROUNDS; n++) await round()
  const liveBefore = await live()
  const residentBefore = member.child.residentBytes
  for (let n = 0; n < ROUNDS; n++) await round()
  const grown = (await live()) - liveBefore
  console.log(`grown in ${ROUNDS} rounds: ${grown} bytes in use`)
  expect(grown).toBeLessThanOrEqual(LIVE_BYTES_MAX)
  // Large buffers are given back in a thread of its own, some time after they were collected.
  await eventually('the memory of all buffers to be given back', async () => {
    await live()
    return member.child.residentBytes - residentBefore <= RESIDENT_BYTES_MAX
  })
}

function untilNoWatcher(): Promise<unknown> {
  return eventually('no watcher is left of those that went', async () => {
    const stats = (await cluster.client.json(member.url, '/v2/stats/store')) as { watchers: number }
    return stats.watchers === 0
  })
}

/** Sends each part when the loop has turned, and waits until the member has closed, unless it is left without a word. */
async function sendParts(parts: readonly string[], isLeft: boolean): Promise<void> {
  const socket = open()
  const closed = new Promise((done) => socket.once('close', done))
  await new Promise((done) => socket.once('connect', done))
  socket.setNoDelay(true).resume()
  for (const part of parts) {
    socket.write(part, 'latin1')
    await new Promise((turned) => setImmediate(turned))
  }
  if (isLeft) socket.destroy()
  else socket.end()
  await closed
}

/** Sockets that a process has open. */
function socketsOf(pid: number): number {
  const links = readdirSync(`/proc/${pid}/fd`).map((name) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${name}`)
    } catch {
      // Closed since it was listed.
      return ''
    }
  })
  return links.filter((link) => link.startsWith('socket:')).length
}

/** A request with a login, from an address of this machine; the status, or 0 when `signal` ended it. */
function askAs(
  login: string,
  from: string,
  method: string,
  path: string,
  { body = '', signal }: { readonly body?: string; readonly signal?: AbortSignal } = {},
): Promise<number> {
  return new Promise((done, failed) => {
    const { clientPort: port } = member.spec
    const socket = createConnection({ port, host: '127.0.0.1', localAddress: from, ...(signal && { signal }) })
    let text = ''
    socket.on('error', (error) => (signal?.aborted === true ? done(0) : failed(error)))
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
    })
    socket.on('close', () => done(Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0)))
    const authorization = `Authorization: Basic ${Buffer.from(login).toString('base64')}\r\n`
    const head = `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${authorization}`
    socket.write(`${head}Content-Length: ${body.length}\r\n\r\n${body}`)
  })
}

/** Wrong passwords from one address, all different, until it is told to stop. */
class Guessing {
  readonly statuses = new Map<number, number>()
  readonly #done: Promise<unknown>
  readonly #over = new AbortController()
  #guesses = 0

  constructor() {
    this.#done = Promise.all(Array.from({ length: GUESSES_AT_ONCE }, () => this.#guess()))
  }

  async stop(): Promise<void> {
    this.#over.abort()
    await this.#done
  }

  async #guess(): Promise<void> {
    const { signal } = this.#over
    for (;;) {
      this.#guesses += 1
      const status = await askAs(`root:wrong-${this.#guesses}`, '127.0.0.1', 'GET', '/v2/keys/probe', { signal })
      if (signal.aborted) return
      this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
    }
  }
}

/** How many threads beside the main one run, or wait for a processor: those in which passwords are hashed. */
function busyHelpers(pid: number): number {
  const tasks = readdirSync(`/proc/${pid}/task`).filter((task) => task !== `${pid}`)
  return tasks.filter((task) => {
    try {
      return /^.*\) R /.test(readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8'))
    } catch {
      // Ended since it was listed.
      return false
    }
  }).length
}

/** Sends the first part of a request, sees the member patient, and leaves. */
async function halfSent(): Promise<void> {
  const socket = open()
  await new Promise((done) => socket.once('connect', done))
  const flushed = new Promise((done) => socket.write(put('/half', FORM, 'value=x').slice(0, -3), done))
  await flushed
  socket.destroy()
}

/** Registers a watch and leaves without a word. */
async function abandonedWatch(): Promise<void> {
  const socket = open()
  const headers = new Promise((done) => socket.once('data', done))
  socket.write('GET /v2/keys/never?wait=true HTTP/1.1\r\nHost: x\r\n\r\n')
  await headers
  socket.destroy()
}
