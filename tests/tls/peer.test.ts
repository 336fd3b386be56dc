/** Members speak TLS to each other: streams and snapshots, and a refusal that names the reason at the end that knows it. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { TlsConfig } from '../../src/config/config.ts'
import { type LeafOptions, TestAuthority, writePair } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import {
  chunkSource,
  collectingSink,
  heartbeat,
  installSnapshot,
  TestMember,
  type TestMemberOptions,
} from '../support/peer-members.ts'
import { scratchDir } from '../support/scratch.ts'
import { openRig, type Rig } from '../support/tls-rig.ts'

const authority = new TestAuthority()
const stranger = new TestAuthority('another authority')

interface Peer extends Rig {
  readonly member: TestMember
  readonly folder: string
}

interface PeerSetup {
  readonly issuer?: TestAuthority
  readonly leaf?: LeafOptions
  readonly settings?: Partial<TlsConfig>
  readonly member?: Partial<TestMemberOptions>
}

async function peer(
  id: string,
  { issuer = authority, leaf = {}, settings = {}, member = {} }: PeerSetup = {},
): Promise<Peer> {
  const folder = await scratchDir()
  const files = await authority.writeSide(folder)
  await writePair(folder, issuer.issue(leaf))
  const rig = await openRig({ ...files, clientCertAuth: true, ...settings }, { role: 'peer', ownFolder: folder })
  const made = await new TestMember({ id, tls: rig.side, ...member }).listen()
  onTestFinished(() => made.close())
  return { ...rig, member: made, folder }
}

function failureOf(from: Peer): { readonly code: string; readonly message: string } | undefined {
  return from.member.transport.status()[0]?.lastFailure
}

test('messages and snapshots travel over TLS with certificates on both sides', async () => {
  const bytes = randomBytes(3_000_000)
  const { sink, staged } = collectingSink()
  const a = await peer('a', {
    member: { source: chunkSource([bytes.subarray(0, 1_000_000), bytes.subarray(1_000_000)]) },
  })
  const b = await peer('b', { member: { sink } })
  expect(b.member.server.addresses()[0]?.protocol).toBe('https:')
  a.member.meet(b.member)
  b.member.meet(a.member)
  await eventually('both connect', () => a.member.isConnectedTo(b.member) && b.member.isConnectedTo(a.member))
  a.member.transport.send([heartbeat('a', 'b', 7)])
  await eventually('the message', () => b.member.received.length === 1)
  a.member.transport.sendSnapshot(b.member.id, installSnapshot('a', 'b', 9))
  await eventually('the snapshot', () => a.member.snapshots.length === 1)
  expect(a.member.snapshots).toEqual([{ id: b.member.id, ok: true }])
  expect(staged[0]?.bytes.equals(bytes)).toBe(true)
  expect([...a.log.lines, ...b.log.lines]).toEqual([])
})

describe('a member is refused, and both logs say why, when it', () => {
  test.for([
    ['comes from another authority', { issuer: stranger }, /authority that is not trusted here/],
    ['has a certificate that has expired', { leaf: { validToMs: -60_000 } }, /its certificate has expired/],
    [
      'has a name that is not allowed',
      { leaf: { cn: 'visitor' } },
      /its common name is "visitor" and has to be "member"/,
    ],
  ] as const)('%s', async ([_what, setup, reason]) => {
    const good = await peer('a', { settings: { allowedCn: 'member' } })
    const bad = await peer('b', setup)
    good.member.meet(bad.member)
    bad.member.meet(good.member)
    await eventually('a failure', () => failureOf(good)?.code === 'MUSTER_PEER_TLS')
    expect(failureOf(good)?.message).toMatch(/^the TLS handshake with https:\/\/127\.0\.0\.1:\d+ failed: /)
    expect(failureOf(good)?.message).toMatch(reason)
    await eventually('a line at the listener', () => good.log.reasons('warn').length > 0)
    expect(good.log.reasons('warn')).toEqual([expect.stringMatching(reason)])
    expect(good.member.log.matching('warn', 'MUSTER_PEER_TLS')).toHaveLength(1)
    expect(good.member.isConnectedTo(bad.member)).toBe(false)
    expect(bad.member.isConnectedTo(good.member)).toBe(false)
    await eventually('a failure of the other', () => failureOf(bad) !== undefined)
    expect(failureOf(bad)?.message).toMatch(/if it refuses our certificate, its log says why\)$/)
  })
})

test('a certificate for another host is refused by whoever dials', async () => {
  const a = await peer('a')
  const b = await peer('b', { leaf: { hosts: ['10.0.0.1'] } })
  a.member.meet(b.member)
  await eventually('a failure', () => failureOf(a)?.code === 'MUSTER_PEER_TLS')
  expect(failureOf(a)?.message).toMatch(/its certificate is for another host: /)
})

test('a member that got a certificate it can be trusted with is reached at the next attempt, by nobody restarting', async () => {
  const a = await peer('a')
  const b = await peer('b', { issuer: stranger })
  a.member.meet(b.member)
  b.member.meet(a.member)
  await eventually('a failure', () => failureOf(a)?.code === 'MUSTER_PEER_TLS')
  await writePair(b.folder, authority.issue())
  await b.side.look()
  await eventually('both connect', () => a.member.isConnectedTo(b.member) && b.member.isConnectedTo(a.member))
})

test('members with certificates of their own making reach each other', async () => {
  const own = { certFile: '', keyFile: '', trustedCaFile: '', clientCertAuth: false, auto: true }
  const a = await peer('a', { settings: own })
  const b = await peer('b', { settings: own })
  a.member.meet(b.member)
  await eventually('a connects', () => a.member.isConnectedTo(b.member))
})

test('a stranger at the peer port that speaks no TLS hears nothing, and costs one line', async () => {
  const a = await peer('a')
  const socket = connect({ port: a.member.port, host: '127.0.0.1' })
  let heard = ''
  socket.on('data', (chunk: Buffer) => {
    heard += chunk.toString('latin1')
  })
  socket.on('error', () => {})
  socket.write('GET /members HTTP/1.1\r\nHost: a\r\n\r\n')
  await once(socket, 'close')
  await eventually('a line', () => a.log.lines.length > 0)
  expect(heard).toBe('')
  expect(a.log.reasons('warn')).toEqual(['it speaks plain HTTP where TLS is spoken'])
  expect(a.member.log.lines).toEqual([])
})

test('a member that speaks plain HTTP is told apart', async () => {
  const a = await peer('a')
  const plain = await new TestMember({ id: 'b' }).listen()
  onTestFinished(() => plain.close())
  a.member.transport.setRemotes(new Map([[plain.id, [plain.url.replace('http:', 'https:')]]]))
  await eventually('a failure', () => failureOf(a)?.code === 'MUSTER_PEER_TLS')
  expect(failureOf(a)?.message).toMatch(/it does not speak TLS$/)
})
