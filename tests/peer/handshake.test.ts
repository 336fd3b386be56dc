/** Members of different minds refuse each other by the name of what differs. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  checkConsent,
  checkGreeting,
  consentHeaders,
  greetingHeaders,
  parseRefusal,
  refusalBody,
} from '../../src/peer/handshake.ts'
import type { PeerIdentity } from '../../src/peer/options.ts'
import { memberId } from '../../src/raft/types.ts'

const a = memberId('a')
const b = memberId('b')
const alice: PeerIdentity = { clusterId: 'c1', memberId: a, heartbeatMs: 100, electionMs: 1_000 }
const bob: PeerIdentity = { ...alice, memberId: b }
const everybody = { isMember: () => true, isRemoved: () => false }
const fromAlice = greetingHeaders(alice, b)

describe('greeting', () => {
  test('two members of one cluster with the same settings agree', () => {
    expect(checkGreeting(fromAlice, bob, everybody)).toEqual({ from: a, protocol: 1 })
  })

  test.each([
    ['another cluster', { 'muster-cluster-id': 'c2' }, 409, 'MUSTER_PEER_CLUSTER', ['cluster id', 'c1', 'c2']],
    ['meant for another member', { 'muster-to': 'd' }, 409, 'MUSTER_PEER_WRONG_MEMBER', ['member id', 'b', 'd']],
    ['from ourselves', { 'muster-from': 'b' }, 409, 'MUSTER_PEER_WRONG_MEMBER', ['own member id', 'b']],
    ['from no id', { 'muster-from': 'B!' }, 400, 'MUSTER_PEER_BAD_HANDSHAKE', ['muster-from', 'B!']],
    [
      'another heartbeat',
      { 'muster-heartbeat-ms': '200' },
      409,
      'MUSTER_PEER_SETTINGS',
      ['heartbeat-interval', '100 ms', '200 ms'],
    ],
    [
      'another election timeout',
      { 'muster-election-ms': '5000' },
      409,
      'MUSTER_PEER_SETTINGS',
      ['election-timeout', '1000 ms', '5000 ms'],
    ],
    ['a later protocol', { 'muster-protocol': '2-3' }, 409, 'MUSTER_PEER_PROTOCOL', ['protocol version', '1-1', '2-3']],
    ['a protocol of no sense', { 'muster-protocol': 'x' }, 400, 'MUSTER_PEER_BAD_HANDSHAKE', ['muster-protocol', 'x']],
    ['a protocol upside down', { 'muster-protocol': '3-1' }, 400, 'MUSTER_PEER_BAD_HANDSHAKE', ['muster-protocol']],
    ['a protocol zero', { 'muster-protocol': '0-1' }, 400, 'MUSTER_PEER_BAD_HANDSHAKE', ['muster-protocol']],
  ])('%s is refused', (_what, change, status, code, named) => {
    const refusal = checkGreeting({ ...fromAlice, ...change }, bob, everybody)
    expect(refusal).toMatchObject({ status, code })
    for (const part of named) expect(refusal).toHaveProperty('message', expect.stringContaining(part))
  })

  test.each(Object.keys(fromAlice))('a greeting without %s is refused by that name', (header) => {
    const { [header]: _left, ...rest } = fromAlice
    expect(checkGreeting(rest, bob, everybody)).toEqual({
      status: 400,
      code: 'MUSTER_PEER_BAD_HANDSHAKE',
      message: `header "${header}" is missing`,
    })
  })

  test('a stranger and a removed member are told which they are', () => {
    const unknown = { isMember: () => false, isRemoved: () => false }
    const removed = { isMember: () => false, isRemoved: () => true }
    expect(checkGreeting(fromAlice, bob, unknown)).toMatchObject({ status: 403, code: 'MUSTER_PEER_UNKNOWN' })
    expect(checkGreeting(fromAlice, bob, removed)).toMatchObject({ status: 410, code: 'MUSTER_PEER_REMOVED' })
  })

  test('a member of another cluster is not told whether it was removed from this one', () => {
    const removed = { isMember: () => false, isRemoved: () => true }
    expect(checkGreeting({ ...fromAlice, 'muster-cluster-id': 'c2' }, bob, removed)).toMatchObject({
      code: 'MUSTER_PEER_CLUSTER',
    })
  })

  test('a member that also speaks a later protocol meets us at the newest that both speak', () => {
    expect(checkGreeting({ ...fromAlice, 'muster-protocol': '1-9' }, bob, everybody)).toMatchObject({ protocol: 1 })
  })

  test('headers at random are refused with a status of 400 to 499, never more', () => {
    const header = fc.oneof(fc.constantFrom('', '1-1', 'c1', 'a', 'b', '100', '1000'), fc.string())
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...Object.keys(fromAlice)), header), (headers) => {
        const answer = checkGreeting(headers, bob, everybody)
        if ('from' in answer) return
        expect(answer.status).toBeGreaterThanOrEqual(400)
        expect(answer.status).toBeLessThan(500)
        expect(answer.message.length).toBeLessThan(400)
      }),
      { numRuns: 500 },
    )
  })
})

describe('consent', () => {
  const consent = consentHeaders(bob, { from: a, protocol: 1, guestUrls: undefined })

  test('the member that we meant is believed', () => {
    expect(checkConsent(consent, alice, b)).toBeUndefined()
  })

  test.each([
    ['another member', { 'muster-from': 'd' }, 'MUSTER_PEER_WRONG_MEMBER'],
    ['another cluster', { 'muster-cluster-id': 'c2' }, 'MUSTER_PEER_CLUSTER'],
    ['a protocol that we do not speak', { 'muster-protocol': '7-7' }, 'MUSTER_PEER_BAD_HANDSHAKE'],
  ])('%s is not', (_what, change, code) => {
    expect(checkConsent({ ...consent, ...change }, alice, b)).toMatchObject({ code })
  })

  test('a server that upgrades without a word of ours is not', () => {
    expect(checkConsent({ upgrade: 'muster-raft' }, alice, b)).toMatchObject({ code: 'MUSTER_PEER_BAD_HANDSHAKE' })
  })
})

describe('refusal', () => {
  test('code and message arrive as they were sent', () => {
    const refusal = checkGreeting({ ...fromAlice, 'muster-cluster-id': 'c2' }, bob, everybody)
    expect('status' in refusal && parseRefusal(409, refusalBody(refusal))).toEqual(refusal)
  })

  test.each(['', '<html>', '{}', '{"code":"NO_SUCH_CODE","message":"x"}', '{"code":1}', 'null', '[]'])(
    'the answer %j of some other server is no refusal of ours',
    (body) => {
      expect(parseRefusal(502, body)).toEqual({
        status: 502,
        code: 'MUSTER_PEER_UNREACHABLE',
        message: 'answered with status 502, which is no handshake of muster',
      })
    },
  )
})
