/** Standing, granting, refusing, counting: whole batches, beyond what `paper.test.ts` has from the paper. */
import { describe, expect, test } from 'vitest'
import type { Entry } from '../../src/raft/types.ts'
import { EntryKind, memberId } from '../../src/raft/types.ts'
import {
  append,
  batch,
  CONFIG,
  heartbeat,
  make,
  makeEntry,
  makeNoop,
  makeRaft,
  makeSettledLeader,
  messagesOf,
  ticks,
  turn,
  turns,
} from './builders.ts'

describe('standing', () => {
  test('a lone voter leads after two batches: its vote is on disk before it leads, its entry before it commits', () => {
    const raft = makeRaft({ voters: '1' })
    raft.campaign()
    expect(turn(raft)).toEqual(
      batch({
        hardState: { term: 1, vote: memberId('1'), commitIndex: 0 },
        roleView: { role: 'candidate', term: 1, leader: undefined },
        mustSync: true,
      }),
    )
    expect(turn(raft)).toEqual(
      batch({
        entries: [makeNoop(1, 1)],
        roleView: { role: 'leader', term: 1, leader: memberId('1') },
        mustSync: true,
      }),
    )
    expect(turn(raft)).toEqual(
      batch({ hardState: { term: 1, vote: memberId('1'), commitIndex: 1 }, committed: [makeNoop(1, 1)] }),
    )
    expect(raft.ready()).toBeUndefined()
  })

  test('a vote that is not in the batch that was written does not count', () => {
    const raft = makeRaft({ voters: '1' })
    raft.step(heartbeat(0, { term: 1 }))
    raft.ready()
    raft.campaign()
    raft.written()
    expect(raft.status().role).toBe('candidate')
    turn(raft)
    expect(raft.status().role).toBe('leader')
  })

  test('a learner, a stranger and a leader do not stand', () => {
    const learner = makeRaft({ voters: '23', learners: '1' })
    const stranger = makeRaft({ voters: '23' })
    for (const raft of [learner, stranger]) {
      raft.campaign()
      ticks(raft, CONFIG.electionTicks * 3)
      raft.step(make('timeoutNow', {}))
      expect(raft.status().role).toBe('follower')
    }
    const leader = makeSettledLeader()
    leader.campaign()
    expect(leader.ready()).toBeUndefined()
  })

  test('a learner whose leader falls silent knows of none', () => {
    const raft = makeRaft({ voters: '23', learners: '1' })
    raft.step(heartbeat(0))
    ticks(raft, CONFIG.electionTicks)
    expect(raft.status()).toMatchObject({ role: 'follower', leader: undefined })
  })

  test('nobody stands before a committed membership change is applied; a hand-over is made up for', () => {
    const change: Entry = makeEntry(2, 1, { kind: EntryKind.membership })
    const raft = makeRaft({ log: [1], term: 1 })
    raft.step(append(1, 1, [change], 2))
    raft.campaign()
    raft.step(make('timeoutNow', {}))
    expect(raft.status().role).toBe('follower')
    expect(turn(raft).committed).toHaveLength(2)
    raft.applyMembership({ kind: 'remove', id: memberId('3') })
    raft.tick()
    expect(messagesOf(turn(raft), 'vote').map(({ to, transfer }) => [to, transfer])).toEqual([['2', true]])
  })

  test('nobody stands between accepting a snapshot and handing it out', () => {
    const raft = makeRaft()
    const { membership } = raft.status()
    raft.step(make('installSnapshot', { snapshot: { index: 5, term: 1, stampMs: 0, membership } }))
    raft.campaign()
    expect(raft.status().role).toBe('follower')
    turn(raft)
    raft.campaign()
    expect(raft.status().role).toBe('preCandidate')
  })
})

describe('pre-votes', () => {
  test('grants of a majority lead to a candidacy; those of others, twice, or of another term do not', () => {
    const raft = makeRaft({ voters: '12345', learners: '6', term: 1 })
    raft.campaign()
    turn(raft)
    for (const from of ['6', '2', '2']) raft.step(make('preVoteReply', { from, term: 2, granted: true }))
    raft.step(make('preVoteReply', { from: '3', term: 3, granted: true }))
    expect(raft.status()).toMatchObject({ role: 'preCandidate', term: 1 })
    raft.step(make('preVoteReply', { from: '3', term: 2, granted: true }))
    expect(raft.status()).toMatchObject({ role: 'candidate', term: 2, vote: '1' })
  })

  test('refusals of a majority end the asking', () => {
    const raft = makeRaft({ term: 1 })
    raft.campaign()
    for (const from of ['2', '3']) raft.step(make('preVoteReply', { from, term: 1, granted: false }))
    expect(raft.status()).toMatchObject({ role: 'follower', term: 1 })
  })

  test('a refusal that tells of a later term makes a follower of that term', () => {
    const raft = makeRaft({ term: 1 })
    raft.campaign()
    raft.step(make('preVoteReply', { term: 4, granted: false }))
    expect(raft.status()).toMatchObject({ role: 'follower', term: 4, leader: undefined })
  })

  test('one for an earlier term is refused even within a lease, so that the asker learns the term', () => {
    const raft = makeRaft({ term: 3 })
    raft.step(heartbeat(0, { term: 3 }))
    turn(raft)
    raft.step(make('preVote', { from: '3', term: 2, lastIndex: 9, lastTerm: 1 }))
    expect(turn(raft)).toEqual(
      batch({ messages: [make('preVoteReply', { from: '1', to: '3', term: 3, granted: false })] }),
    )
  })
})

describe('votes', () => {
  test('a vote for another ends a pre-candidacy, and delays standing', () => {
    const raft = makeRaft({ term: 1 })
    ticks(raft, CONFIG.electionTicks)
    expect(raft.status().role).toBe('preCandidate')
    raft.step(make('vote', { term: 1, lastIndex: 0, lastTerm: 0, transfer: false }))
    ticks(raft, CONFIG.electionTicks - 1)
    expect(raft.status()).toMatchObject({ role: 'follower', vote: '2' })
  })

  test('no vote goes to another when the leader of the term is known', () => {
    const raft = makeRaft({ term: 1 })
    raft.step(heartbeat(0))
    raft.step(make('vote', { from: '3', lastIndex: 9, lastTerm: 9, transfer: true }))
    expect(messagesOf(turn(raft), 'voteReply')[0]?.granted).toBe(false)
  })

  test('a leader ignores votes that are not a hand-over', () => {
    const raft = makeSettledLeader()
    raft.step(make('vote', { term: 5, lastIndex: 9, lastTerm: 4, transfer: false }))
    expect([raft.status().role, raft.ready()]).toEqual(['leader', undefined])
    raft.step(make('vote', { term: 5, lastIndex: 9, lastTerm: 4, transfer: true }))
    expect(raft.status()).toMatchObject({ role: 'follower', term: 5, vote: '2' })
  })

  test('after the lease a vote is given again', () => {
    const raft = makeRaft({ term: 1, config: { random: () => 0.99 } })
    raft.step(heartbeat(0))
    ticks(raft, CONFIG.electionTicks)
    raft.step(make('vote', { from: '3', term: 2, lastIndex: 0, lastTerm: 0, transfer: false }))
    expect(raft.status()).toMatchObject({ term: 2, vote: '3' })
  })
})

describe('a leader whose process is gone', () => {
  test('ends the lease, and the wait is short', () => {
    const raft = makeRaft({ term: 1, config: { random: () => 0.99 } })
    raft.step(heartbeat(0))
    turn(raft)
    raft.reportGone(memberId('2'))
    expect(turn(raft)).toEqual(batch({ roleView: { role: 'follower', term: 1, leader: undefined } }))
    ticks(raft, CONFIG.goneTicksMax - 1)
    expect(raft.status().role).toBe('preCandidate')
  })

  test('waits stay short for an election timeout, then become long again', () => {
    const raft = makeRaft({ term: 1 })
    raft.step(heartbeat(0))
    raft.reportGone(memberId('2'))
    turns(raft)
    const asked: number[] = []
    for (let tick = 1; tick <= CONFIG.electionTicks * 2; tick++) {
      raft.tick()
      if (turns(raft).some((ready) => messagesOf(ready, 'preVote').length > 0)) asked.push(tick)
    }
    // At once, as the draw is 0; then every goneTicksMax ticks; and after electionTicks of them as ever.
    expect(asked).toEqual([1, 4, 7, 10, 20])
  })

  test('one that was demoted leaves the short waits to those that vote', () => {
    const raft = makeRaft({ term: 1, voters: '23', learners: '1' })
    raft.leave()
    raft.step(heartbeat(0))
    turn(raft)
    raft.reportGone(memberId('2'))
    ticks(raft, 2 * CONFIG.electionTicks)
    expect(raft.status()).toMatchObject({ role: 'follower', leader: undefined })
    ticks(raft, CONFIG.electionTicks)
    expect(raft.status().role).toBe('preCandidate')
  })

  test('one that was demoted leaves the first election after a start to those that vote', () => {
    const raft = makeRaft({ term: 1, voters: '23', learners: '1', isLeaving: true })
    ticks(raft, 3 * CONFIG.electionTicks - 1)
    expect(raft.status().role).toBe('follower')
    ticks(raft, 1)
    expect(raft.status().role).toBe('preCandidate')
  })

  test('a report about another than the leader changes nothing', () => {
    const raft = makeRaft({ term: 1 })
    raft.step(heartbeat(0))
    raft.reportGone(memberId('3'))
    expect(raft.status().leader).toBe('2')
  })
})
