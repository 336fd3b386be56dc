/** Code behind a request that throws: that request ends with 500 and a line, and nothing else does. */
import { AssertionError } from 'node:assert'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { HttpLog } from '../../src/http/ports.ts'
import { FakeMember } from '../support/fake-member.ts'
import { type HttpMember, requestText, startHttp } from '../support/http-member.ts'
import { exchange, parseAnswer } from '../support/raw-http.ts'

const lines: string[] = []
const log: HttpLog = { debug() {}, info() {}, warn() {}, error: (_, message) => void lines.push(message) }

/** Breaks where it is told to. */
class BrokenMember extends FakeMember {
  breaks: 'nowhere' | 'write' | 'answer' | 'quorum' | 'members' = 'nowhere'
  fault: Error = new RangeError('broken for the test')

  override write(...[command, done]: Parameters<FakeMember['write']>): void {
    if (this.breaks === 'write') throw this.fault
    if (this.breaks !== 'answer') return super.write(command, done)
    // An answer of which nothing can be made.
    super.write(command, () => done(undefined as never))
  }

  override quorumRead(...[done]: Parameters<FakeMember['quorumRead']>): void {
    if (this.breaks !== 'quorum') return super.quorumRead(done)
    throw this.fault
  }

  override members(): ReturnType<FakeMember['members']> {
    if (this.breaks === 'members') throw this.fault
    return super.members()
  }
}

let http: HttpMember
let member: BrokenMember

beforeEach(async () => {
  lines.length = 0
  member = new BrokenMember()
  http = await startHttp({ log, legacyEndpoints: true }, member)
})
afterEach(() => http.close())

describe('a throw', () => {
  test.each([
    ['write', 'PUT', '/v2/keys/a', 'value=1'],
    ['write', 'DELETE', '/v2/keys/a', undefined],
    ['answer', 'PUT', '/v2/keys/a', 'value=1'],
    ['quorum', 'GET', '/v2/keys/a?quorum=true', undefined],
    ['members', 'GET', '/v2/members', undefined],
    ['write', 'POST', '/mod/v2/lock/a', 'ttl=1'],
    ['quorum', 'GET', '/mod/v2/lock/a', undefined],
    ['quorum', 'PUT', '/v2/auth/enable', undefined],
  ] as const)('in %s behind %s %s costs that request its answer', async (breaks, method, target, form) => {
    member.breaks = breaks
    const answer = parseAnswer(await exchange(http.port, requestText(method, target, form)))
    expect([answer.status, answer.body]).toEqual([500, '{"message":"Internal Server Error"}'])
    expect(lines).toEqual(['a request failed'])
    member.breaks = 'nowhere'
    expect((await http.ask('PUT', '/v2/keys/b', 'value=1')).status).toBe(201)
  })

  test('behind a body that comes in pieces costs no more', async () => {
    member.breaks = 'write'
    const connection = await http.connect()
    const text = requestText('PUT', '/v2/keys/a', 'value=1')
    connection.send(text.slice(0, -3))
    await http.ask('GET', '/version')
    connection.send(text.slice(-3))
    expect(parseAnswer(await connection.answer()).status).toBe(500)
    await connection.untilClosed()
  })

  test.each([
    ['answer', 'PUT', '/v2/keys/a', 'value=1'],
    ['write', 'PUT', '/v2/keys/a', 'value=1'],
    ['quorum', 'GET', '/v2/keys/a?quorum=true', undefined],
  ] as const)('in %s behind %s leaves no place behind', async (breaks, method, target, form) => {
    await http.close()
    http = await startHttp({ log, limits: { inFlightMax: 1 } }, member)
    member.breaks = breaks
    for (let n = 0; n < 3; n += 1) expect((await http.ask(method, target, form)).status).toBe(500)
    member.breaks = 'nowhere'
    expect((await http.ask('PUT', '/v2/keys/b', 'value=1')).status).toBe(201)
  })
})

test.each([
  ['write', 'PUT', '/v2/keys/a', 'value=1'],
  ['members', 'GET', '/v2/members', undefined],
] as const)('an assert that fails in %s is no matter of one request', async (breaks, method, target, form) => {
  member.breaks = breaks
  member.fault = new AssertionError({ message: 'broken for the test' })
  const fatal = new Promise((resolve) => process.once('uncaughtException', resolve))
  const listeners = process.listeners('uncaughtException').slice(0, -1)
  for (const listener of listeners) process.off('uncaughtException', listener)
  const connection = await http.connect()
  connection.send(requestText(method, target, form))
  expect(await fatal).toBe(member.fault)
  for (const listener of listeners) process.on('uncaughtException', listener)
  connection.close()
})
