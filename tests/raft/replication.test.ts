/** What a leader sends to which follower in a turn: whole batches. */
import { describe, expect, test } from 'vitest'
import { memberId } from '../../src/raft/types.ts'
import {
  acknowledgeAll,
  append,
  appendReply,
  batch,
  CONFIG,
  heartbeat,
  make,
  makeEntry,
  makeLeader,
  makeNoop,
  makeProposal,
  makeSettledLeader,
  membership,
  messagesOf,
  proposalBytes,
  ticks,
  turn,
  turns,
} from './builders.ts'

const to2 = { from: '1', to: '2' }
const to3 = { from: '1', to: '3' }
const two = memberId('2')

describe('appends', () => {
  test('everything proposed in a turn shares one append to each follower, and the followers share the entries', () => {
    const raft = makeSettledLeader()
    raft.propose([makeProposal(1), makeProposal(2)])
    raft.propose([makeProposal(3)])
    const entries = [1, 2, 3].map((bytes, i) => makeEntry(2 + i, 1, { data: new Uint8Array(bytes) }))
    const ready = turn(raft)
    expect(ready).toEqual(
      batch({ entries, messages: [append(1, 1, entries, 1, to2), append(1, 1, entries, 1, to3)], mustSync: true }),
    )
    const [first, second] = messagesOf(ready, 'append')
    expect(first?.entries).toBe(second?.entries)
  })

  test('entries and a new commit index go in the same append', () => {
    const raft = makeSettledLeader()
    raft.propose([makeProposal()])
    turn(raft)
    raft.step(appendReply('2', 2))
    raft.propose([makeProposal()])
    expect(messagesOf(turn(raft), 'append')).toEqual([
      append(2, 1, [makeEntry(3, 1)], 2, to2),
      append(2, 1, [makeEntry(3, 1)], 2, to3),
    ])
  })

  test('a commit alone waits for the next entries, for a tick, or to be asked for', () => {
    const raft = makeSettledLeader()
    const commitWrite = (index: number): void => {
      raft.propose([makeProposal()])
      turn(raft)
      raft.step(appendReply('2', index))
      expect(raft.ready()?.messages).toEqual([])
      raft.written()
      expect(raft.owesCommit).toBe(true)
    }
    commitWrite(2)
    raft.propose([makeProposal()])
    expect(raft.ready()?.messages[0]).toEqual(append(2, 1, [makeEntry(3, 1)], 2, to2))
    raft.written()
    expect(raft.owesCommit).toBe(false)
    raft.step(appendReply('2', 3))
    raft.step(appendReply('3', 3))
    expect([raft.ready()?.messages, raft.owesCommit]).toEqual([[], true])
    raft.written()
    raft.tick()
    expect(raft.ready()?.messages).toEqual([append(3, 1, [], 3, to2), append(3, 1, [], 3, to3)])
    raft.written()
    expect([raft.ready(), raft.owesCommit]).toEqual([undefined, false])
    raft.propose([makeProposal()])
    turn(raft)
    raft.step(appendReply('2', 4))
    raft.step(appendReply('3', 4))
    expect([raft.ready()?.messages, raft.owesCommit]).toEqual([[], true])
    raft.written()
    raft.tellCommit()
    expect(raft.ready()?.messages).toEqual([append(4, 1, [], 4, to2), append(4, 1, [], 4, to3)])
  })

  test('a follower whose client waits for a commit is told of it at once, and only that one', () => {
    const raft = makeSettledLeader()
    raft.step(make('propose', { from: '3', proposals: [{ ...makeProposal(), origin: memberId('3') }] }))
    turn(raft)
    raft.step(appendReply('2', 2))
    raft.step(appendReply('3', 2))
    expect(raft.ready()?.messages).toEqual([append(2, 1, [], 2, to3)])
    expect(raft.owesCommit).toBe(true)
  })

  test('a follower is told of a commit once', () => {
    const raft = makeSettledLeader()
    raft.propose([makeProposal()])
    turn(raft)
    raft.step(appendReply('2', 2))
    expect(messagesOf(turn(raft), 'append')).toHaveLength(2)
    raft.step(appendReply('3', 2))
    raft.step(appendReply('2', 2))
    expect(raft.ready()).toBeUndefined()
  })

  test('more than fits one append goes out in several, as far as the window reaches', () => {
    const raft = makeSettledLeader({ config: { appendBytesMax: proposalBytes(1) * 2, inflightCountMax: 2 } })
    raft.propose([1, 1, 1, 1, 1].map((bytes) => makeProposal(bytes)))
    const sent = messagesOf(turn(raft), 'append').filter((message) => message.to === '2')
    expect(sent.map(({ prevIndex, entries }) => [prevIndex, entries.length])).toEqual([
      [1, 2],
      [3, 2],
    ])
    expect(raft.status().progress[0]).toMatchObject({ nextIndex: 6, paused: true })
    raft.step(appendReply('2', 3))
    const next = messagesOf(turn(raft), 'append').filter((message) => message.to === '2')
    expect(next.map(({ prevIndex, entries }) => [prevIndex, entries.length])).toEqual([[5, 1]])
  })

  test('an entry larger than an append or the window goes alone', () => {
    const raft = makeSettledLeader({ config: { appendBytesMax: 10, inflightBytesMax: 10 } })
    raft.propose([makeProposal(500), makeProposal(500)])
    expect(messagesOf(turn(raft), 'append').map(({ to, entries }) => [to, entries.length])).toEqual([
      ['2', 1],
      ['3', 1],
    ])
  })

  test('the commit index of an append is the leader’s, however far the follower is', () => {
    const raft = makeLeader({ log: [1, 1], term: 1, commitIndex: 2 })
    raft.step(appendReply('2', 2, { term: 2, rejected: true, hintIndex: 0 }))
    const [message] = messagesOf(turn(raft), 'append')
    expect(message).toEqual(append(0, 0, [makeEntry(1, 1), makeEntry(2, 1), makeNoop(3, 2)], 2, { ...to2, term: 2 }))
  })
})

describe('probing', () => {
  test('a new leader sends one append with its first entry, and waits', () => {
    const raft = makeLeader({ log: [1], term: 1 })
    raft.propose([makeProposal()])
    expect(messagesOf(turn(raft), 'append')).toEqual([])
    raft.step(appendReply('2', 2, { term: 2 }))
    expect(messagesOf(turn(raft), 'append')).toEqual([append(2, 2, [makeEntry(3, 2)], 2, { ...to2, term: 2 })])
  })

  test('a refusal moves the probe by the hint of index and term', () => {
    const raft = makeLeader({ log: [1, 1, 3, 3], term: 3 })
    raft.step(appendReply('2', 4, { term: 4, rejected: true, hintIndex: 3, hintTerm: 2 }))
    const [message] = messagesOf(turn(raft), 'append')
    expect(message).toMatchObject({ prevIndex: 2, prevTerm: 1 })
    expect(message?.entries.map((entry) => entry.term)).toEqual([3, 3, 4])
  })

  test('a lost probe is repeated after the answer to a heartbeat', () => {
    const raft = makeLeader()
    const before = append(0, 0, [makeNoop(1, 1)], 0, to2)
    raft.step(make('heartbeatReply', { readRound: 0 }))
    expect(turn(raft)).toEqual(batch({ messages: [before] }))
  })

  test('a report of a dropped message ends the pipeline', () => {
    const raft = makeSettledLeader()
    raft.propose([makeProposal()])
    turn(raft)
    raft.reportUnreachable(two)
    expect(turn(raft)).toEqual(batch({ messages: [append(1, 1, [makeEntry(2, 1)], 1, to2)] }))
    raft.propose([makeProposal()])
    expect(messagesOf(turn(raft), 'append').map((message) => message.to)).toEqual(['3'])
  })
})

describe('heartbeats', () => {
  test('carry the clock, and a commit index that the follower is known to match', () => {
    const raft = makeSettledLeader()
    raft.propose([makeProposal()])
    turn(raft)
    raft.step(appendReply('2', 2))
    turns(raft)
    raft.advanceClock(12.7)
    ticks(raft, CONFIG.heartbeatTicks)
    expect(turn(raft)).toEqual(
      batch({ messages: [heartbeat(2, { ...to2, stampMs: 12 }), heartbeat(1, { ...to3, stampMs: 12 })] }),
    )
  })

  test('go out once in a turn, however many intervals have passed', () => {
    const raft = makeSettledLeader()
    ticks(raft, CONFIG.heartbeatTicks * 4)
    expect(turn(raft)).toEqual(batch({ messages: [heartbeat(1, to2), heartbeat(1, to3)] }))
  })

  test('that are due serve a new round of reads as well', () => {
    const raft = makeSettledLeader({ learners: '4' })
    raft.read(9)
    ticks(raft, CONFIG.heartbeatTicks)
    expect(turn(raft).messages).toEqual(['2', '3', '4'].map((to) => heartbeat(1, { from: '1', to, readRound: 1 })))
  })

  test('whose answer shows that something is missing are followed by an append without entries', () => {
    const raft = makeSettledLeader()
    raft.propose([makeProposal()])
    turn(raft)
    raft.step(make('heartbeatReply', { readRound: 0 }))
    expect(turn(raft)).toEqual(batch({ messages: [append(2, 1, [], 1, to2)] }))
  })
})

describe('snapshots', () => {
  /** Member 2 lacks entries 2 and 3, which are compacted; it has not been heard of since the last quorum check. */
  function makeCompacted() {
    const raft = makeSettledLeader()
    raft.propose([makeProposal(), makeProposal()])
    turn(raft)
    raft.step(appendReply('3', 3))
    turns(raft)
    raft.compact(3)
    raft.reportGone(two)
    return raft
  }
  const snapshot = { index: 3, term: 1, stampMs: 0, membership: membership('123') }
  const offer = make('installSnapshot', { ...to2, snapshot })

  test('are offered for the applied index, to one that was heard of lately', () => {
    const raft = makeCompacted()
    expect(raft.ready()).toBeUndefined()
    raft.step(make('heartbeatReply', { readRound: 0 }))
    expect(turn(raft)).toEqual(batch({ messages: [offer] }))
    expect(raft.snapshotMeta()).toEqual(snapshot)
    raft.propose([makeProposal()])
    expect(messagesOf(turn(raft), 'append').map((message) => message.to)).toEqual(['3'])
  })

  test('that arrived are followed by what comes after them', () => {
    const raft = makeCompacted()
    raft.step(make('heartbeatReply', { readRound: 0 }))
    raft.propose([makeProposal()])
    turn(raft)
    raft.step(appendReply('2', 3))
    expect(raft.status().progress[0]).toMatchObject({ state: 'replicate', matchIndex: 3, nextIndex: 4 })
    expect(messagesOf(turn(raft), 'append')).toEqual([append(3, 1, [makeEntry(4, 1)], 3, to2)])
  })

  test('a follower that answers read rounds is not sent again what it has yet to answer', () => {
    const raft = makeLeader()
    ticks(raft, CONFIG.heartbeatTicks)
    turn(raft)
    raft.step(make('heartbeatReply', { readRound: 0 }))
    expect(messagesOf(turn(raft), 'append')).toHaveLength(1)
    for (let readRound = 1; readRound <= 3; readRound++) {
      raft.step(make('heartbeatReply', { readRound }))
      expect(raft.ready()).toBeUndefined()
    }
    expect(raft.status().progress[0]?.recentActive).toBe(true)
  })

  test('that failed are offered again after a sign of life', () => {
    const raft = makeCompacted()
    raft.step(make('heartbeatReply', { readRound: 0 }))
    turn(raft)
    raft.reportSnapshot(two, false)
    expect(raft.ready()).toBeUndefined()
    ticks(raft, CONFIG.heartbeatTicks)
    turn(raft)
    raft.step(make('heartbeatReply', { readRound: 0 }))
    expect(turn(raft).messages).toEqual([offer])
  })

  test('that were delivered and not acknowledged are followed by a probe', () => {
    const raft = makeCompacted()
    raft.step(make('heartbeatReply', { readRound: 0 }))
    turn(raft)
    raft.reportSnapshot(two, true)
    expect(raft.ready()).toBeUndefined()
    ticks(raft, CONFIG.heartbeatTicks)
    turn(raft)
    raft.step(make('heartbeatReply', { readRound: 0 }))
    expect(messagesOf(turn(raft), 'append')).toEqual([append(3, 1, [], 3, to2)])
  })

  test('a report about a follower that is sent no snapshot changes nothing', () => {
    const raft = makeSettledLeader()
    raft.reportSnapshot(two, false)
    raft.reportSnapshot(memberId('9'), true)
    expect(raft.status().progress[0]?.state).toBe('replicate')
  })
})

test('nothing is sent to members that were removed', () => {
  const raft = makeSettledLeader()
  raft.applyMembership({ kind: 'remove', id: two })
  raft.propose([makeProposal()])
  ticks(raft, CONFIG.heartbeatTicks)
  expect(turn(raft).messages.map((message) => [message.kind, message.to])).toEqual([
    ['heartbeat', '3'],
    ['append', '3'],
  ])
  acknowledgeAll(raft)
  expect(raft.status().commitIndex).toBe(2)
})
