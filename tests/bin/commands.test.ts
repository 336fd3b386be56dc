/** The tool's commands on keys, watches and status, as processes against a member: what etcdctl's tests do not show. */
import { spawn } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { type Child, NODE, ROOT } from '../support/child.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { MemberProcess, planMembers } from '../support/member-process.ts'
import { startOdd } from '../support/odd-server.ts'
import { makeScratchDir, startChild } from '../support/scratch.ts'

const MUSTER = `${ROOT}/bin/muster.ts`
const COMPILE_CACHE = `${ROOT}/node_modules/.cache/compile`

let folder: string
let member: MemberProcess

beforeAll(async () => {
  folder = await makeScratchDir()
  const [spec] = await planMembers(['m1'], folder, ['--event-history', '20'])
  member = new MemberProcess(spec as NonNullable<typeof spec>)
  await member.start()
})

afterAll(async () => {
  await member.kill()
  await rm(folder, { recursive: true, force: true, maxRetries: 3 })
})

function start(words: readonly string[], env: NodeJS.ProcessEnv = {}): Child {
  return startChild(NODE, [MUSTER, ...words], { env: { MUSTER_ENDPOINTS: member.url, ...env } })
}

async function muster(words: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = start(words, env)
  const { code } = await child.exited
  return { code, stdout: child.stdout, stderr: child.stderr }
}

/** With something on its standard input. */
async function withInput(words: readonly string[], input: string | Buffer) {
  const env = { PATH: process.env['PATH'], MUSTER_ENDPOINTS: member.url, NODE_COMPILE_CACHE: COMPILE_CACHE }
  const child = spawn(NODE, [MUSTER, ...words], { env })
  const said = { code: -1, stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said.stderr += text
  })
  child.stdin.end(input)
  said.code = await new Promise<number>((done) => child.on('close', (code) => done(code ?? -1)))
  return said
}

async function put(key: string, value: string): Promise<void> {
  const body = new URLSearchParams({ value })
  const answer = await fetch(`${member.url}/v2/keys${key}`, { method: 'PUT', body })
  expect(answer.ok).toBe(true)
}

async function storeIndex(): Promise<number> {
  return Number((await fetch(`${member.url}/v2/keys/`)).headers.get('x-etcd-index'))
}

describe('watch --forever', () => {
  test('goes on over the end of its member, misses nothing, and says what happens', async () => {
    const watch = start(['watch', '-r', '-f', '-o', 'json', '--after-index', `${await storeIndex()}`, '/on'])
    await put('/on/a', '1')
    await watch.untilOutput(/"value":"1"/)
    await member.kill()
    await watch.untilOutput(/trying again/)
    await member.start()
    await put('/on/a', '2')
    await put('/on/a', '3')
    await watch.untilOutput(/"value":"3"/)
    const values = [...watch.stdout.matchAll(/"node":{[^}]*"value":"(\d)"/g)].map(([, value]) => value)
    expect(values).toEqual(['1', '2', '3'])
    expect(watch.stderr).toMatch(/^muster: .*trying again\nmuster: going on with http.*\n$/)
    watch.kill('SIGINT')
    expect((await watch.exited).code).toBe(0)
  })

  test('marks where changes were lost, and goes on behind it', async () => {
    for (let n = 0; n < 30; n += 1) await put('/lost/a', `old ${n}`)
    const last = await storeIndex()
    const watch = start(['watch', '-f', '-o', 'json', '--after-index', '1', '/lost/a'])
    await watch.untilOutput(/"action":"resync"/)
    await put('/lost/a', 'new')
    await watch.untilOutput(/"value":"new"/)
    expect(watch.stdout.split('\n')[0]).toBe(`{"action":"resync","index":${last}}`)
    expect(watch.stderr).toContain(`resync: changes up to index ${last} may be lost`)
  })

  test('of one change a lost history is an error, as etcdctl has it', async () => {
    for (let n = 0; n < 30; n += 1) await put('/once/a', `${n}`)
    const { code, stderr } = await muster(['watch', '--after-index', '1', '/once/a'])
    expect([code, stderr]).toEqual([
      4,
      expect.stringMatching(/^Error: {2}401: The event in requested index is outdated/),
    ])
  })

  test('ends when nobody reads any more', async () => {
    const env = { ...process.env, MUSTER_ENDPOINTS: member.url, NODE_COMPILE_CACHE: COMPILE_CACHE }
    const child = spawn(NODE, [MUSTER, 'watch', '-f', '--after-index', `${await storeIndex()}`, '/pipe'], { env })
    onTestFinished(() => {
      child.kill('SIGKILL')
    })
    let isOver: number | null | undefined
    child.on('exit', (code) => {
      isOver = code
    })
    child.stdout.destroy()
    await eventually('the watch to end', async () => {
      await put('/pipe', 'x')
      return isOver !== undefined
    })
    expect(isOver).toBe(141)
  })
})

test('exec-watch runs the command for each change of a key, with what changed in its environment', async () => {
  const from = `${await storeIndex()}`
  await put('/exec/a', 'first')
  await put('/exec/a', 'second')
  const words = [
    'exec-watch',
    '--after-index',
    from,
    '/exec/a',
    '--',
    'sh',
    '-c',
    'echo "$ETCD_WATCH_KEY=$ETCD_WATCH_VALUE"',
  ]
  const child = start(words)
  await child.untilOutput(/=second/)
  await child.untilOutput(/=first/)
  const nothing = await muster(['exec-watch', '--after-index', from, '/exec/a', '--', '/no/such/program'])
  expect([nothing.code, nothing.stderr]).toEqual([1, 'exec: "/no/such/program": executable file not found in $PATH\n'])
})

test('a value from standard input keeps its bytes', async () => {
  const bytes = Buffer.from('a\0é\n&=%+\n')
  const { code } = await withInput(['set', '/bytes'], bytes)
  const answer = await fetch(`${member.url}/v2/keys/bytes`)
  const { node } = (await answer.json()) as { readonly node: { readonly value: string } }
  expect([code, node.value]).toEqual([0, bytes.toString()])
})

test('a change of password that makes a user says so, and fails', async () => {
  expect(await withInput(['user', 'passwd', 'nobody'], 'secret\n')).toEqual({
    code: 1,
    stdout: 'New password: \n',
    stderr: 'User nobody was not there, and the server has made it\n',
  })
})

test('a write that a server may have got is not sent to another', async () => {
  const seen: string[] = []
  const urls = await Promise.all(
    ['one', 'two'].map(async (name) => {
      const server = createServer((request, response) => {
        seen.push(`${name} ${request.method}`)
        response.destroy()
      })
      await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
      onTestFinished(() => {
        server.close()
      })
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    }),
  )
  const { code, stderr } = await muster(['--no-sync', '--endpoints', urls.join(), 'set', '/a', '1'])
  expect([code, seen.length]).toEqual([4, 1])
  expect(stderr).toContain('error #0: EOF')
  expect(stderr).toContain('muster: the change may have been made all the same')
  seen.length = 0
  await muster(['--no-sync', '--endpoints', urls.join(), 'get', '/a'])
  expect([...seen].sort()).toEqual(['one GET', 'two GET'])
})

test('a password comes from the first line of standard input, and a value from the rest', async () => {
  const said = await withInput(['-u', 'ann', 'set', '/rest'], ' secret \nvalue\nof two lines')
  expect(said).toEqual({ code: 0, stdout: 'Password: \nvalue\nof two lines\n', stderr: '' })
})

/** The endpoint of a cluster of three: the member, one that is gone, and one that has not started. */
async function crowdWithGaps(): Promise<string> {
  const gone = `http://127.0.0.1:${await freePort()}`
  const { members } = (await (await fetch(`${member.url}/v2/members`)).json()) as {
    readonly members: readonly object[]
  }
  const others = [
    { id: 'a1', name: 'a-member-with-a-name-that-is-much-too-long-for-the-table', peerURLs: [], clientURLs: [gone] },
    { id: 'b1', name: '', peerURLs: [], clientURLs: [] },
  ]
  const server = createServer((_request, response) =>
    response.end(JSON.stringify({ members: [...members, ...others] })),
  )
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(() => {
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('status', () => {
  test('a member that is well: a table without colours, and status 0', async () => {
    const { code, stdout, stderr } = await muster(['status'])
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(
      /^cluster [0-9a-f]+, leader m1, term \d+, index [\d,]+, healthy\n\nNAME +ID +ROLE +RAFT +STORE +LAG/,
    )
    expect(stdout).toMatch(/^m1 +[0-9a-f]+ +leader +\d+ +\d+ +0 +\d+M +\d+M$/m)
    expect(stdout).not.toContain('\x1b')
  })

  test('colours can be had and refused', async () => {
    expect((await muster(['status'], { FORCE_COLOR: '1' })).stdout).toContain('\x1b[1mNAME')
    expect((await muster(['status'], { NO_COLOR: '1' })).stdout).not.toContain('\x1b')
  })

  test('as JSON, also with -o json', async () => {
    const [one, other] = [await muster(['status', '--json']), await muster(['-o', 'json', 'status'])]
    for (const { stdout } of [one, other]) {
      expect(JSON.parse(stdout)).toMatchObject({
        healthy: true,
        members: [{ name: 'm1', lag: 0, problem: '', learner: false, storageBytes: expect.any(Number) }],
        alarms: [],
      })
    }
  })

  test('members that cannot be asked or did not start are named, and the status is 5', async () => {
    const endpoints = await crowdWithGaps()
    const { code, stdout } = await muster(['status', '--endpoints', endpoints])
    expect(code).toBe(5)
    expect(stdout).toContain('NOT WELL')
    expect(stdout).toMatch(/^! member a-member-with-.* cannot be\s+asked: /m)
    expect(stdout).toContain('! member b1 was added and has not started')
    expect(stdout).toContain('! only 1 of 3 members can be asked')
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
    const health = await muster(['cluster-health', '--endpoints', endpoints])
    expect([health.code, health.stderr]).toEqual([5, ''])
    expect(health.stdout).toMatch(/^member a1 is unreachable: \[http.*\] are all unreachable$/m)
    expect(health.stdout).toContain(
      'member b1 is unreachable: no available published client urls\ncluster is degraded\n',
    )
  })

  test('nobody answers in time: status 2, with the code', async () => {
    const silent = await startOdd(() => undefined)
    const { code, stdout, stderr } = await muster(['status', '--timeout', '100ms', '--endpoints', silent.url])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(/did not answer in time \(MUSTER_CLIENT_TIMEOUT\)$/m)
  })

  test('nobody there: status 2', async () => {
    const { code, stdout, stderr } = await muster(['status', '--endpoints', `127.0.0.1:${await freePort()}`])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(/^muster: cannot reach http.*\(MUSTER_CLIENT_UNREACHABLE\)$/m)
  })
})

test('lists that a server writes as null are empty ones', async () => {
  const members = [{ id: 'f4a457008d1441f2', name: '', peerURLs: ['http://m:1'], clientURLs: null }]
  const { url } = await startOdd((_request, response) => response.end(JSON.stringify({ members, id: 'f4' })))
  const unstarted = 'f4a457008d1441f2[unstarted]: peerURLs=http://m:1\n'
  expect(await muster(['--endpoints', url, '--no-sync', 'member', 'list'])).toMatchObject({
    code: 0,
    stdout: unstarted,
    stderr: '',
  })
  const { code, stdout, stderr } = await muster(['--endpoints', url, 'cluster-health'])
  expect([code, stderr]).toEqual([5, ''])
  expect(stdout).toContain('is unreachable: no available published client urls')
})
