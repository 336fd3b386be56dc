/** What a follower does with its leader's word: whole batches. */
import { describe, expect, test } from 'vitest'
import { EntryKind, memberId } from '../../src/raft/types.ts'
import {
  append,
  appendReply,
  batch,
  CONFIG,
  heartbeat,
  make,
  makeEntry,
  makeProposal,
  makeRaft,
  membership,
  messagesOf,
  proposalBytes,
  ticks,
  turn,
} from './builders.ts'

const to2 = { to: '2' }

/** A follower of member 2 in term 1, that has handed out what it learnt so far. */
function makeFollower(options: Parameters<typeof makeRaft>[0] = {}) {
  const raft = makeRaft({ term: 1, ...options })
  raft.step(heartbeat(0))
  turn(raft)
  return raft
}

describe('appends', () => {
  test('entries are written, then acknowledged; what is committed is applied at once', () => {
    const raft = makeFollower()
    const entries = [makeEntry(1, 1), makeEntry(2, 1)]
    raft.step(append(0, 0, entries, 1))
    expect(turn(raft)).toEqual(
      batch({
        hardState: { term: 1, vote: undefined, commitIndex: 1 },
        entries,
        promises: [appendReply('1', 2, to2)],
        committed: [makeEntry(1, 1)],
        mustSync: true,
      }),
    )
  })

  test('all appends of a turn are answered by one acknowledgement', () => {
    const raft = makeFollower()
    raft.step(append(0, 0, [makeEntry(1, 1)], 0))
    raft.step(append(1, 1, [makeEntry(2, 1)], 0))
    raft.step(append(0, 0, [makeEntry(1, 1)], 0))
    expect(turn(raft).promises).toEqual([appendReply('1', 2, to2)])
  })

  test('a refusal between keeps its place', () => {
    const raft = makeFollower()
    raft.step(append(0, 0, [makeEntry(1, 1)], 0))
    raft.step(append(5, 1, [], 0))
    raft.step(append(1, 1, [makeEntry(2, 1)], 0))
    expect(turn(raft).promises).toEqual([
      appendReply('1', 1, to2),
      appendReply('1', 5, { ...to2, rejected: true, hintIndex: 1, hintTerm: 1 }),
      appendReply('1', 2, to2),
    ])
  })

  test('news of a commit alone is not answered; the same again is', () => {
    const raft = makeFollower()
    raft.step(append(0, 0, [makeEntry(1, 1)], 0))
    turn(raft)
    raft.step(append(1, 1, [], 1))
    expect(turn(raft)).toEqual(
      batch({ hardState: { term: 1, vote: undefined, commitIndex: 1 }, committed: [makeEntry(1, 1)] }),
    )
    raft.step(append(1, 1, [], 1))
    expect(turn(raft)).toEqual(batch({ promises: [appendReply('1', 1, to2)] }))
  })

  test('a new leader is answered though the one before had been', () => {
    const raft = makeFollower()
    raft.step(append(0, 0, [makeEntry(1, 1)], 0))
    turn(raft)
    raft.step(append(1, 1, [], 1, { from: '3', term: 2 }))
    expect(turn(raft).promises).toEqual([appendReply('1', 1, { to: '3', term: 2 })])
  })

  test('one that lies wholly in what is committed is answered with the commit index', () => {
    const raft = makeFollower({ log: [1, 1, 1], commitIndex: 2 })
    raft.step(append(0, 0, [makeEntry(1, 1)], 1))
    expect(turn(raft)).toEqual(batch({ promises: [appendReply('1', 2, to2)] }))
  })

  test('the commit index of a message reaches only as far as its entries', () => {
    const raft = makeFollower({ log: [1, 1, 1] })
    raft.step(append(0, 0, [makeEntry(1, 1)], 3))
    expect(turn(raft).hardState).toEqual({ term: 1, vote: undefined, commitIndex: 1 })
  })

  test('what was overwritten is written again, from the first difference on', () => {
    const raft = makeFollower({ log: [1, 1, 1] })
    raft.step(append(1, 1, [makeEntry(2, 1), makeEntry(3, 2)], 0, { term: 2 }))
    expect(turn(raft).entries).toEqual([makeEntry(3, 2)])
  })

  test('what comes in while the disk is busy goes into the next batch, and into its acknowledgement only', () => {
    const raft = makeFollower()
    raft.step(append(0, 0, [makeEntry(1, 1)], 0))
    raft.ready()
    raft.step(append(1, 1, [makeEntry(2, 1)], 0))
    raft.written()
    expect(turn(raft)).toEqual(
      batch({ entries: [makeEntry(2, 1)], promises: [appendReply('1', 2, to2)], mustSync: true }),
    )
  })

  test('the clock follows the stamps', () => {
    const raft = makeFollower()
    raft.step(append(0, 0, [makeEntry(1, 1, { stampMs: 70 })], 0))
    expect(raft.clockMs).toBe(70)
    raft.advanceClock(1000)
    expect(raft.clockMs).toBe(70)
  })

  test('committed entries are handed out in pieces of bounded size', () => {
    const raft = makeFollower({ config: { appliedBytesMax: proposalBytes(1) * 2 } })
    raft.step(append(0, 0, [makeEntry(1, 1), makeEntry(2, 1), makeEntry(3, 1)], 3))
    expect(turn(raft).committed.map((entry) => entry.index)).toEqual([1, 2])
    expect(turn(raft)).toEqual(batch({ committed: [makeEntry(3, 1)] }))
  })
})

describe('heartbeats', () => {
  test('are answered at once, and raise commit index and clock', () => {
    const raft = makeFollower({ log: [1, 1] })
    raft.step(heartbeat(1, { readRound: 7, stampMs: 90 }))
    expect(turn(raft)).toEqual(
      batch({
        hardState: { term: 1, vote: undefined, commitIndex: 1 },
        messages: [make('heartbeatReply', { from: '1', to: '2', readRound: 7 })],
        committed: [makeEntry(1, 1)],
      }),
    )
    expect(raft.clockMs).toBe(90)
    raft.step(heartbeat(0, { stampMs: 10 }))
    expect([raft.status().commitIndex, raft.clockMs]).toEqual([1, 90])
  })

  test('of a new leader set the clock back to its own, but never behind the log', () => {
    const raft = makeFollower()
    raft.step(append(0, 0, [makeEntry(1, 1, { stampMs: 40 })], 0))
    raft.step(heartbeat(0, { stampMs: 90 }))
    raft.step(heartbeat(0, { from: '3', term: 2, stampMs: 50 }))
    expect(raft.clockMs).toBe(50)
    raft.step(heartbeat(0, { from: '3', term: 3, stampMs: 20 }))
    expect(raft.clockMs).toBe(40)
  })

  test('of a later term are answered in that term', () => {
    const raft = makeFollower()
    raft.step(heartbeat(0, { from: '3', term: 5 }))
    expect(turn(raft)).toEqual(
      batch({
        hardState: { term: 5, vote: undefined, commitIndex: 0 },
        messages: [make('heartbeatReply', { from: '1', to: '3', term: 5, readRound: 0 })],
        roleView: { role: 'follower', term: 5, leader: memberId('3') },
        mustSync: true,
      }),
    )
  })
})

describe('snapshots', () => {
  const snapshot = { index: 4, term: 1, stampMs: 0, membership: membership('12') }

  test('one that is not newer than what is committed is answered and forgotten', () => {
    const raft = makeFollower({ log: [1, 1, 1, 1, 1], commitIndex: 4 })
    raft.step(make('installSnapshot', { snapshot }))
    expect(turn(raft)).toEqual(batch({ promises: [appendReply('1', 4, to2)] }))
    expect(raft.status().membership).toEqual(membership('123'))
  })

  test('entries that follow it in the same turn are written with it, and applied in the next', () => {
    const raft = makeFollower()
    raft.step(make('installSnapshot', { snapshot }))
    raft.step(append(4, 1, [makeEntry(5, 1)], 5))
    expect(turn(raft)).toEqual(
      batch({
        hardState: { term: 1, vote: undefined, commitIndex: 5 },
        entries: [makeEntry(5, 1)],
        snapshot,
        promises: [appendReply('1', 5, to2)],
        mustSync: true,
      }),
    )
    expect(turn(raft)).toEqual(batch({ committed: [makeEntry(5, 1)] }))
  })
})

describe('proposals', () => {
  test('all of a turn go to the leader in messages of bounded size', () => {
    const raft = makeFollower({ config: { proposeBytesMax: proposalBytes(1) * 2 } })
    const proposals = [1, 2, 3, 4, 5].map((seq) => makeProposal(1, { seq }))
    expect(raft.propose(proposals.slice(0, 2))).toBe('accepted')
    expect(raft.propose(proposals.slice(2))).toBe('accepted')
    expect(turn(raft)).toEqual(
      batch({
        messages: [
          make('propose', { from: '1', to: '2', proposals: proposals.slice(0, 2) }),
          make('propose', { from: '1', to: '2', proposals: proposals.slice(2, 4) }),
          make('propose', { from: '1', to: '2', proposals: proposals.slice(4) }),
        ],
      }),
    )
    expect(raft.ready()).toBeUndefined()
  })

  test('one that is larger than a message goes alone', () => {
    const raft = makeFollower({ config: { proposeBytesMax: 10 } })
    raft.propose([makeProposal(500), makeProposal(500)])
    expect(messagesOf(turn(raft), 'propose').map((message) => message.proposals.length)).toEqual([1, 1])
  })

  test('a membership change travels alone', () => {
    const raft = makeFollower()
    const change = makeProposal(1, { kind: EntryKind.membership })
    raft.propose([makeProposal(), change, makeProposal(), makeProposal()])
    expect(messagesOf(turn(raft), 'propose').map((message) => message.proposals.length)).toEqual([1, 1, 2])
  })

  test('too many bytes in a turn are refused as overload, all or none', () => {
    const raft = makeFollower({ config: { uncommittedBytesMax: proposalBytes(1) * 2 } })
    expect(raft.propose([makeProposal()])).toBe('accepted')
    expect(raft.propose([makeProposal(), makeProposal()])).toBe('overloaded')
    expect(raft.propose([makeProposal()])).toBe('accepted')
    expect(messagesOf(turn(raft), 'propose')[0]?.proposals).toHaveLength(2)
  })

  test('without a leader they are refused, and what was on its way is lost with the leader', () => {
    const raft = makeFollower()
    raft.propose([makeProposal()])
    raft.reportGone(memberId('2'))
    expect(raft.propose([makeProposal()])).toBe('noLeader')
    expect(messagesOf(turn(raft), 'propose')).toEqual([])
    raft.campaign()
    expect(raft.propose([makeProposal()])).toBe('noLeader')
  })

  test('those of others are not passed on', () => {
    const raft = makeFollower()
    raft.step(make('propose', { from: '3', proposals: [makeProposal()] }))
    expect(raft.ready()).toBeUndefined()
  })
})

test('what is meant for a leader means nothing to a follower', () => {
  const raft = makeFollower()
  raft.step(appendReply('2', 9))
  raft.step(make('heartbeatReply', { readRound: 3 }))
  raft.step(make('readIndex', { round: 3 }))
  raft.step(make('voteReply', { granted: true }))
  raft.step(make('preVoteReply', { term: 2, granted: true }))
  raft.stepDown()
  raft.reportUnreachable(memberId('2'))
  raft.reportSnapshot(memberId('2'), false)
  expect([raft.transferLeadership(memberId('2')), raft.ready()]).toEqual([false, undefined])
})

test('a message for somebody else, or from this member, is ignored', () => {
  const raft = makeFollower()
  raft.step(heartbeat(0, { to: '3', term: 9 }))
  raft.step(heartbeat(0, { from: '1', term: 9 }))
  expect([raft.status().term, raft.ready()]).toEqual([1, undefined])
})

test('hearing from the leader starts the wait anew', () => {
  const raft = makeFollower()
  for (const message of [heartbeat(0), append(0, 0, [], 0)]) {
    ticks(raft, CONFIG.electionTicks - 1)
    raft.step(message)
  }
  ticks(raft, CONFIG.electionTicks - 1)
  expect(raft.status().role).toBe('follower')
  raft.tick()
  expect(raft.status().role).toBe('preCandidate')
})
