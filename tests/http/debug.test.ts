/** `/debug/vars` and `/config/local/log`, alone and beside a real etcd. */
import { execFileSync } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Child } from '../support/child.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { type HttpMember, requestText, startHttp } from '../support/http-member.ts'
import { exchange } from '../support/raw-http.ts'
import { makeScratchDir } from '../support/scratch.ts'

const LOG = '/config/local/log'

let http: HttpMember
let levels: string[]

beforeEach(async () => {
  levels = []
  http = await startHttp({ setLogLevel: (level) => levels.push(level) })
})

afterEach(() => http.close())

/** The bytes of the answer to a PUT of a level, without CORS (3.4 always sends it) and date. */
async function putLevel(port: number, body: string): Promise<string> {
  const raw = await exchange(port, requestText('PUT', LOG, body, ['Content-Type: application/json']))
  return raw.replace(/\r\n(Access-Control-[A-Za-z-]*|Date): [^\r]*/g, '')
}

describe('/config/local/log', () => {
  test.each([
    ['CRITICAL', 'fatal'],
    ['error', 'error'],
    ['Warning', 'warn'],
    ['NOTICE', 'info'],
    ['i', 'info'],
    ['DEBUG', 'debug'],
    ['T', 'trace'],
  ])('%s means %s', async (name, level) => {
    expect(await putLevel(http.port, JSON.stringify({ lEVEL: name }))).toBe('HTTP/1.1 204 No Content\r\n\r\n')
    expect(levels).toEqual([level])
  })

  test('what is no level changes nothing', async () => {
    for (const [body, message] of [
      ['', 'Invalid json body'],
      ['x', 'Invalid json body'],
      ['{"Level":5}', 'Invalid json body'],
      ['["DEBUG"]', 'Invalid json body'],
      ['{}', 'Invalid log level '],
      ['null', 'Invalid log level '],
      ['{"Level":"zzz"}', 'Invalid log level zzz'],
      [`{"Level":"${'x'.repeat(5000)}"}`, 'Invalid json body'],
    ] as const) {
      expect(await putLevel(http.port, body)).toMatch(new RegExp(`^HTTP/1.1 400 .*{"message":"${message}"}$`, 's'))
    }
    expect(levels).toEqual([])
  })
})

describe('/debug/vars', () => {
  test('shows the process and its part in raft', async () => {
    const { member } = http
    Object.assign(member, {
      raft: { vote: undefined, lastIndex: 9, progress: [{ id: '2b', matchIndex: 5, nextIndex: 7, state: 'probe' }] },
    })
    const answer = await http.ask('GET', '/debug/vars')
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8')
    expect(answer.body).toMatch(
      /^{\n"cmdline": \[.*\],\n"file_descriptor_limit": \d+,\n"memstats": {.*},\n"raft.status": {.*}\n}\n$/,
    )
    const vars = JSON.parse(answer.body)
    expect(vars['raft.status']).toEqual({
      id: member.memberId,
      term: 2,
      vote: '0',
      commit: member.raftIndex,
      lead: member.memberId,
      raftState: 'StateLeader',
      applied: member.appliedIndex,
      progress: {
        '2b': { match: 5, next: 7, state: 'StateProbe' },
        [member.memberId]: { match: 9, next: 10, state: 'StateReplicate' },
      },
      leadtransferee: '0',
    })
    expect(vars.memstats.Sys).toBeGreaterThan(vars.memstats.HeapInuse)
    expect(vars.cmdline).toEqual(process.argv)
  })

  test('of a follower knows nobody’s progress', async () => {
    http.member.leads = false
    http.member.knowsLeader = false
    const vars = JSON.parse((await http.ask('GET', '/debug/vars')).body)
    expect(vars['raft.status']).toMatchObject({ lead: '0', raftState: 'StateFollower', progress: {} })
  })
})

test('both are 404 with a slash at the end, and 405 for other methods', async () => {
  expect((await http.ask('GET', '/debug/vars/')).status).toBe(404)
  expect((await http.ask('POST', '/debug/vars')).headers['allow']).toBe('GET')
  const refused = await http.ask('GET', LOG)
  expect({ status: refused.status, allow: refused.headers['allow'] }).toEqual({ status: 405, allow: 'PUT' })
})

describe.skipIf(!isInstalled())('etcd 3.4', () => {
  test('answers levels alike, and shows the same variables', { timeout: 60_000 }, async () => {
    const data = await makeScratchDir()
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const peer = `http://127.0.0.1:${await freePort()}`
    const etcd = new Child('etcd', [
      '--enable-v2=true',
      ...['--data-dir', data, '--listen-client-urls', url, '--advertise-client-urls', url],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`],
    ])
    try {
      await eventually('etcd to serve', async () => (await fetch(`${url}/health`)).status === 200)
      const names = [
        'CRITICAL',
        'E',
        '0',
        'w',
        '1',
        'Notice',
        '2',
        'INFO',
        '3',
        'D',
        '4',
        'trace',
        '5',
        '6',
        'FATAL',
        'zz<',
      ]
      const bodies = names.map((name) => JSON.stringify({ Level: name }))
      for (const body of [...bodies, '', 'x', '5', 'null', '{}', '[]', '{"level":null}', '{"level":5}', '{"l":"D"}']) {
        expect.soft(await putLevel(http.port, body), body).toBe(await putLevel(port, body))
      }
      const theirs = JSON.parse(await (await fetch(`${url}/debug/vars`)).text())
      const ours = JSON.parse((await http.ask('GET', '/debug/vars')).body)
      expect(Object.keys(ours)).toEqual(Object.keys(theirs))
      expect(Object.keys(ours['raft.status'])).toEqual(Object.keys(theirs['raft.status']))
      expect(Object.keys(theirs.memstats)).toEqual(expect.arrayContaining(Object.keys(ours.memstats)))
    } finally {
      await etcd.end()
      await rm(data, { recursive: true, force: true })
    }
  })
})

function isInstalled(): boolean {
  try {
    return execFileSync('etcd', ['--version'], { encoding: 'utf8' }).includes('etcd Version: 3.4')
  } catch {
    return false
  }
}
