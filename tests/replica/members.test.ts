/** A change of the membership as one replica lives it: core, list, transport and disk agree. */
import { expect, test } from 'vitest'
import { memberId } from '../../src/raft/types.ts'
import type { MemberAnswer } from '../../src/replica/member-changes.ts'
import type { MemberRequest } from '../../src/replica/member-entry.ts'
import { MEMBERSHIP_KEY, readMembershipRow } from '../../src/replica/raft-rows.ts'
import type { Replica } from '../../src/replica/replica.ts'
import { makeReplica, turns } from './builders.ts'

const NEW = memberId('b2')
const URLS = ['http://b:2380']

function makeLoneReplica() {
  const told: (readonly [string, readonly string[]])[][] = []
  const state = { removed: 0 }
  const made = makeReplica(['a'], {
    transport: { send: () => {}, sendSnapshot: () => {}, setRemotes: (remotes) => told.push([...remotes]) },
    removed: () => {
      state.removed++
    },
  })
  turns(made.replica)
  return { ...made, told, state }
}

function change(replica: Replica, request: MemberRequest): MemberAnswer | undefined {
  let heard: MemberAnswer | undefined
  replica.changeMembers(request, (answer) => {
    heard = answer
  })
  turns(replica)
  return heard
}

test('a member that is added is a learner, is listed, is talked to, and is on disk at once', () => {
  const { replica, told } = makeLoneReplica()
  const rows: Buffer[] = []
  replica.changeMembers({ kind: 'add', id: NEW, peerUrls: URLS }, () => {})
  for (let write = replica.poll(); write !== undefined; write = replica.poll()) {
    for (const row of write.rows) {
      if (row.type !== 'put' || !row.key.equals(MEMBERSHIP_KEY)) continue
      expect(write.sync).toBe(true)
      rows.push(row.value)
    }
    replica.answer()
    replica.written()
  }
  const membership = { voters: [replica.id], learners: [NEW] }
  expect(replica.members.membership).toEqual(membership)
  expect(rows.map(readMembershipRow)).toEqual([membership])
  expect(replica.store.members.get(NEW)).toEqual({ id: NEW, name: '', peerURLs: URLS, clientURLs: [] })
  expect(told).toEqual([[[NEW, URLS]]])
  expect(replica.members.isAlone).toBe(true)
})

test('one that moves is talked to elsewhere, one that is removed for a while yet where it was', () => {
  const { replica, told } = makeLoneReplica()
  change(replica, { kind: 'add', id: NEW, peerUrls: URLS })
  const moved = ['http://b:2390']
  expect(change(replica, { kind: 'update', id: NEW, peerUrls: moved })).toEqual({ ok: true })
  expect(change(replica, { kind: 'remove', id: NEW })).toEqual({ ok: true })
  expect(told.slice(1)).toEqual([[[NEW, moved]], [[NEW, moved]]])
  expect(replica.store.members.get(NEW)).toBeUndefined()
  expect(replica.members.isServed(NEW)).toBe(true)
})

test('a removed member is let go after a while, and counted no more', () => {
  const { replica, told, pass } = makeLoneReplica()
  change(replica, { kind: 'add', id: NEW, peerUrls: URLS })
  change(replica, { kind: 'remove', id: NEW })
  replica.unreachable(NEW)
  expect(replica.stats.followers.has(NEW)).toBe(true)
  for (let waited = 0; waited < 1500 && replica.members.isServed(NEW); waited += 100) {
    pass(100)
    replica.tick()
    turns(replica)
  }
  expect(replica.members.membership.learners).toEqual([])
  expect(told.at(-1)).toEqual([])
  expect(replica.stats.followers.has(NEW)).toBe(false)
})

test('what is refused changes nothing, and the only voter cannot go', () => {
  const { replica, told, state } = makeLoneReplica()
  const before = replica.members.membership
  expect(change(replica, { kind: 'remove', id: replica.id })).toEqual({ ok: false, refusal: 'lastVoter' })
  expect(change(replica, { kind: 'remove', id: NEW })).toEqual({ ok: false, refusal: 'idNotFound' })
  expect(replica.members.membership).toBe(before)
  expect(told).toEqual([])
  expect(state.removed).toBe(0)
})

test('a replica that stops takes no more changes, and answers those that wait', () => {
  const { replica } = makeReplica(['a', 'b', 'c'])
  const heard: MemberAnswer[] = []
  const ask = (): void => replica.changeMembers({ kind: 'remove', id: replica.id }, (answer) => heard.push(answer))
  ask()
  replica.stop()
  ask()
  expect(heard).toEqual([
    { ok: false, condition: 'MUSTER_STOPPED' },
    { ok: false, condition: 'MUSTER_STOPPED' },
  ])
})

test("the loss of a voter's disk is told once, in one line", () => {
  const lines: string[] = []
  const nothing = (): void => {}
  const log = { debug: nothing, info: nothing, warn: nothing, error: (_: object, line: string) => lines.push(line) }
  const { replica } = makeReplica(['a'], { log })
  for (const lost of [undefined, NEW, NEW]) replica.members.noteLost(lost)
  expect(lines).toEqual([
    expect.stringMatching(/came back without the log.*remove it from the cluster and add it again$/),
  ])
})
