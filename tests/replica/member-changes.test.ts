/** Changes of the membership that wait: asked for one at a time, again while their fate is open, and answered once. */
import { expect, test } from 'vitest'
import { memberId, type Proposal } from '../../src/raft/types.ts'
import { type MemberAnswer, MemberChanges } from '../../src/replica/member-changes.ts'
import type { MemberChange } from '../../src/replica/member-entry.ts'

const [B, C] = [memberId('b2'), memberId('c3')]

function makeChanges() {
  const changes = new MemberChanges()
  const proposed: string[] = []
  const heard: MemberAnswer[] = []
  const state = { answer: 'accepted' as const as 'accepted' | 'membershipPending' }
  let seq = 0
  const number = (change: MemberChange): Proposal => {
    return { kind: 2, origin: B, seq: ++seq, data: Buffer.from(`${change.kind} ${change.id}`), checksum: 0 }
  }
  const raft = {
    propose: ([proposal]: readonly Proposal[]) => {
      proposed.push(`${proposal?.seq}: ${Buffer.from(proposal?.data ?? []).toString()}`)
      return state.answer
    },
  }
  const at = (nowMs: number): void => changes.propose(raft, nowMs, number)
  const add = (id = B, deadlineMs = 1000): boolean => {
    return changes.add({ kind: 'remove', id }, (answer) => heard.push(answer), deadlineMs)
  }
  return { changes, proposed, heard, state, at, add }
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

test('one that is not taken is tried at the next turn', () => {
  const { proposed, state, at, add } = makeChanges()
  state.answer = 'membershipPending'
  add()
  at(0)
  at(1)
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

test('no more than sixteen may wait', () => {
  const { add } = makeChanges()
  for (let i = 0; i < 16; i++) expect(add()).toBe(true)
  expect(add()).toBe(false)
})
