/** When a leader gives a learner its vote, and when it lets a removed member go. */
import { expect, test } from 'vitest'
import type { RaftStatus } from '../../src/raft/raft.ts'
import { type MemberId, memberId, type Proposal } from '../../src/raft/types.ts'
import type { MemberChange } from '../../src/replica/member-entry.ts'
import { Stewardship } from '../../src/replica/stewardship.ts'
import { StateMachine } from '../../src/store/state-machine.ts'

const [ME, NEW] = [memberId('a1'), memberId('b2')]

function makeSteward(clientUrls: readonly string[] = ['http://x:2']) {
  const store = new StateMachine()
  const attributes = { peerUrls: ['http://x:1'], name: '', clientUrls }
  store.found([ME, NEW].map((id) => ({ kind: 'putMember', id, ...attributes })))
  const steward = new Stewardship({ roundMs: 1000, farewellMs: 5000 })
  const state = { role: 'leader', commitIndex: 100, matchIndex: 0, progress: 'replicate', answers: true }
  const proposed: MemberChange[] = []
  const raft = {
    status: () => {
      const { role, commitIndex, matchIndex, progress, answers } = state
      const learner = { id: NEW, state: progress, matchIndex, nextIndex: 0, recentActive: true, answers, paused: false }
      const membership = { voters: [ME], learners: [NEW] as MemberId[] }
      return { role, commitIndex, membership, progress: [learner] } as unknown as RaftStatus
    },
    propose: () => 'accepted' as const,
  }
  const number = (change: MemberChange): Proposal => {
    proposed.push(change)
    return { kind: 2, origin: ME, seq: 1, data: new Uint8Array(), checksum: 0 }
  }
  return { store, state, proposed, at: (nowMs: number) => steward.tend(raft, store.members, nowMs, number) }
}

test('a learner votes once it reaches, within a round, what was committed when the round began', () => {
  const { state, proposed, at } = makeSteward()
  at(0)
  state.matchIndex = 99
  at(500)
  expect(proposed).toEqual([])
  state.commitIndex = 300
  state.matchIndex = 100
  at(900)
  expect(proposed).toEqual([{ kind: 'promote', id: NEW }])
})

test('one that is too slow for a round begins another, further on', () => {
  const { state, proposed, at } = makeSteward()
  at(0)
  state.commitIndex = 300
  state.matchIndex = 100
  at(1001)
  at(1100)
  expect(proposed).toEqual([])
  state.matchIndex = 300
  at(1200)
  expect(proposed).toHaveLength(1)
})

test('one that is being sent a snapshot, or was never heard of, has not caught up', () => {
  const { state, proposed, at } = makeSteward()
  state.matchIndex = 100
  state.progress = 'snapshot'
  at(0)
  at(100)
  state.progress = 'probe'
  at(200)
  expect(proposed).toEqual([])
})

test('a learner whose client URLs nobody knows gets no vote: were its disk lost now, it would be taken for one that never ran', () => {
  const { store, state, proposed, at } = makeSteward([])
  state.matchIndex = 100
  at(0)
  at(100)
  expect(proposed).toEqual([])
  const known = { kind: 'putMember', id: NEW, peerUrls: undefined, name: 'b', clientUrls: ['http://x:2'] } as const
  store.apply({ index: 1, term: 1, stampMs: 0 }, known)
  at(200)
  expect(proposed).toEqual([{ kind: 'promote', id: NEW }])
})

test('one that has everything and answers no heartbeat gets no vote until it does, though it was heard of a moment ago', () => {
  const { state, proposed, at } = makeSteward()
  state.matchIndex = 100
  state.answers = false
  at(0)
  at(100)
  expect(proposed).toEqual([])
  state.answers = true
  at(200)
  expect(proposed).toHaveLength(1)
})

test('a removed member gets the log for a while yet, counted anew by each leader', () => {
  const { store, state, proposed, at } = makeSteward()
  store.apply({ index: 1, term: 1, stampMs: 0 }, { kind: 'removeMember', id: NEW })
  state.matchIndex = 100
  at(0)
  at(4999)
  state.role = 'follower'
  at(5000)
  state.role = 'leader'
  at(6000)
  at(10_999)
  expect(proposed).toEqual([])
  at(11_000)
  expect(proposed).toEqual([{ kind: 'forget', id: NEW }])
})
