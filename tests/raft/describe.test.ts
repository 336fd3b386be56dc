/** Every message, entry, batch and status has one line, and says what matters. */
import { describe, expect, test } from 'vitest'
import {
  describeEntry,
  describeMembership,
  describeMessage,
  describeReady,
  describeStatus,
} from '../../src/raft/describe.ts'
import { EntryKind, memberId } from '../../src/raft/types.ts'
import {
  append,
  appendReply,
  batch,
  heartbeat,
  make,
  makeEntry,
  makeNoop,
  makeProposal,
  makeRaft,
  makeSettledLeader,
  membership,
} from './builders.ts'

const snapshot = { index: 4, term: 2, stampMs: 90, membership: membership('12', '3') }
const change = makeProposal(5, { kind: EntryKind.membership, seq: 3 })

test.each([
  [make('preVote', { lastIndex: 3, lastTerm: 2 }), '2→1 preVote term=1 last=3/2'],
  [make('preVoteReply', { granted: true }), '2→1 preVoteReply term=1 granted'],
  [make('vote', { lastIndex: 3, lastTerm: 2, transfer: false }), '2→1 vote term=1 last=3/2'],
  [make('vote', { lastIndex: 3, lastTerm: 2, transfer: true }), '2→1 vote term=1 last=3/2 transfer'],
  [make('voteReply', { granted: false }), '2→1 voteReply term=1 refused'],
  [append(1, 1, [], 0), '2→1 append term=1 prev=1/1 entries=[] commit=0'],
  [append(0, 0, [makeNoop(1, 1), makeEntry(2, 1)], 1), '2→1 append term=1 prev=0/0 entries=[1/1:noop 2/1] commit=1'],
  [appendReply('2', 7), '2→1 appendReply term=1 match=7'],
  [appendReply('2', 7, { rejected: true, hintIndex: 5, hintTerm: 2 }), '2→1 appendReply term=1 rejected=7 hint=5/2'],
  [heartbeat(3, { readRound: 8, stampMs: 55 }), '2→1 heartbeat term=1 commit=3 round=8 @55'],
  [make('heartbeatReply', { readRound: 8 }), '2→1 heartbeatReply term=1 round=8'],
  [make('installSnapshot', { snapshot }), '2→1 installSnapshot term=1 snapshot=4/2 @90 voters=1,2 learners=3'],
  [make('propose', { proposals: [makeProposal(9), change] }), '2→1 propose term=1 [command 1#1 9B, membership 1#3 5B]'],
  [make('readIndex', { round: 6 }), '2→1 readIndex term=1 round=6'],
  [make('readIndexReply', { round: 6, index: 4 }), '2→1 readIndexReply term=1 round=6 index=4'],
  [make('timeoutNow', {}), '2→1 timeoutNow term=1'],
])('a message: %#', (message, line) => {
  expect(describeMessage(message)).toBe(line)
})

test('an entry', () => {
  expect(describeEntry(makeEntry(5, 2, { stampMs: 300 }))).toBe('5/2 command 1#1 1B @300')
})

test('a membership', () => {
  expect([membership('12'), membership('12', '3')].map(describeMembership)).toEqual([
    'voters=1,2',
    'voters=1,2 learners=3',
  ])
})

describe('a batch', () => {
  test('with everything', () => {
    const ready = batch({
      roleView: { role: 'leader', term: 2, leader: memberId('1') },
      hardState: { term: 2, vote: undefined, commitIndex: 4 },
      snapshot,
      entries: [makeEntry(5, 2)],
      committed: [makeNoop(4, 2)],
      reads: [{ context: 7, index: 4 }],
      readsDropped: [8, 9],
      mustSync: true,
    })
    expect(describeReady(ready)).toBe(
      'leader term=2 leader=1; keeps term=2 vote=- commit=4; installs snapshot=4/2 @90 voters=1,2 learners=3; ' +
        'writes [5/2]; applies [4/2:noop]; reads 7 at 4; drops reads 8 9; sync',
    )
  })

  test('with messages only', () => {
    expect(describeReady(batch({ messages: [heartbeat(0)] }))).toBe('nothing')
  })
})

describe('a status', () => {
  test('of a follower', () => {
    expect(describeStatus(makeRaft({ log: [1, 1], term: 2, vote: '3', commitIndex: 1 }).status())).toBe(
      '1 follower term=2 vote=3 leader=- log=1..2 commit=1 applied=1',
    )
  })

  test('of a leader', () => {
    const raft = makeSettledLeader()
    raft.reportGone(memberId('3'))
    expect(describeStatus(raft.status())).toBe(
      '1 leader term=1 vote=1 leader=1 log=1..1 commit=1 applied=1 ' +
        '(2 replicate match=1 next=2) (3 probe match=1 next=2 silent)',
    )
  })
})
