/** Changes of the membership that wait: asked for one at a time, again while their fate is open, and answered once. */
import { expect, test } from 'vitest'
import { memberId, type Proposal } from '../../src/raft/types.ts'
import { type MemberAnswer, MemberChanges } from '../../src/replica/member-changes.ts'
import type { MemberChange, MemberRequest } from '../../src/replica/member-entry.ts'

const [B, C] = [memberId('b2'), memberId('c3')]

function makeChanges() {
  const changes = new MemberChanges()
  const proposed: string[] = []
  const heard: MemberAnswer[] = []
  const state = { answer: 'accepted' as const as 'accepted' | 'membershipPending' }
  let seq = 0
  const number = (change: MemberChange): Proposal => {
    const urls = change.kind === 'update' ? ` ${change.seenIndex}>${change.peerUrls}` : ''
    return { kind: 2, origin: B, seq: ++seq, data: Buffer.from(`${change.kind} ${change.id}${urls}`), checksum: 0 }
  }
  const raft = {
    propose: ([proposal]: readonly Proposal[]) => {
      proposed.push(`${proposal?.seq}: ${Buffer.from(proposal?.data ?? []).toString()}`)
      return state.answer
    },
  }
  const seen = { index: 1 }
  const prepare = (request: MemberRequest): MemberChange => {
    return request.kind === 'update' ? { ...request, seenIndex: seen.index } : request
  }
  const at = (nowMs: number): void => changes.propose(raft, nowMs, { prepare, number })
  const add = (id = B, deadlineMs = 1000): boolean => {
    return changes.add({ kind: 'remove', id }, (answer) => heard.push(answer), deadlineMs)
  }
  const update = (url: string): void => {
    changes.add({ kind: 'update', id: B, peerUrls: [url] }, (answer) => heard.push(answer), 1000)
  }
  return { changes, proposed, heard, state, seen, at, add, update }
}

test('they are proposed in the order in which they came, the next when the first is decided', () => {
  const { changes, proposed, heard, at, add } = makeChanges()
  add(B)
  add(C)
  at(0)
  at(10)
  expect(proposed).toEqual(['1: remove b2'])
  changes.applied(1, undefined)
  at(20)
  expect(proposed).toEqual(['1: remove b2', '2: remove c3'])
  changes.applied(2, 'idRemoved')
  expect(heard).toEqual([])
  changes.flush()
  expect(heard).toEqual([{ ok: true }, { ok: false, refusal: 'idRemoved' }])
})

test('one that a leader drops is asked for again, and whichever entry comes first decides it', () => {
  const { changes, proposed, heard, at, add } = makeChanges()
  add()
  at(0)
  at(200)
  expect(proposed).toEqual(['1: remove b2', '2: remove b2'])
  changes.applied(2, undefined)
  changes.applied(1, 'idRemoved')
  changes.flush()
  expect(heard).toEqual([{ ok: true }])
})

test('one that is not taken is tried again at the next tick, not in every turn until then', () => {
  const { changes, proposed, state, at, add } = makeChanges()
  state.answer = 'membershipPending'
  add()
  at(0)
  at(1)
  expect(proposed).toHaveLength(1)
  changes.expire(2)
  at(2)
  expect(proposed).toHaveLength(2)
})

test('one that waits for too long is given up, and so are all when the member stops', () => {
  const { changes, heard, at, add } = makeChanges()
  add(B, 100)
  add(C, 200)
  at(0)
  changes.expire(99)
  changes.flush()
  expect(heard).toEqual([])
  changes.expire(100)
  changes.endAll('MUSTER_STOPPED')
  changes.flush()
  expect(heard).toEqual([
    { ok: false, condition: 'MUSTER_TIMEOUT' },
    { ok: false, condition: 'MUSTER_STOPPED' },
  ])
})

test('an update that is asked for again names what was seen at first; one that was overtaken is asked for anew', () => {
  const { changes, proposed, heard, seen, at, update } = makeChanges()
  update('http://b:2')
  at(0)
  seen.index = 3
  at(200)
  expect(proposed).toEqual(['1: update b2 1>http://b:2', '2: update b2 1>http://b:2'])
  changes.applied(1, 'overtaken')
  changes.flush()
  expect(heard).toEqual([])
  at(201)
  expect(proposed.at(-1)).toBe('3: update b2 3>http://b:2')
  changes.applied(3, undefined)
  changes.flush()
  expect(heard).toEqual([{ ok: true }])
})

test('where a snapshot jumped over what was proposed its fate is not known; what was not proposed goes on waiting', () => {
  const { changes, proposed, heard, at, add } = makeChanges()
  add(B)
  add(C)
  at(0)
  changes.jumped()
  changes.flush()
  expect(heard).toEqual([{ ok: false, condition: 'MUSTER_TIMEOUT_LEADER_LOST' }])
  at(1)
  expect(proposed).toEqual(['1: remove b2', '2: remove c3'])
})

test('no more than sixteen may wait', () => {
  const { add } = makeChanges()
  for (let i = 0; i < 16; i++) expect(add()).toBe(true)
  expect(add()).toBe(false)
})
