/** Proposals, acknowledgements, commit, check-quorum, handing over: whole batches. */
import { describe, expect, test } from 'vitest'
import type { MembershipChange } from '../../src/raft/types.ts'
import { EntryKind, memberId } from '../../src/raft/types.ts'
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
  makeProposal,
  makeSettledLeader,
  membership,
  messagesOf,
  proposalBytes,
  ticks,
  turn,
  turns,
} from './builders.ts'

const two = memberId('2')
const three = memberId('3')
const change = makeProposal(1, { kind: EntryKind.membership })

describe('proposals', () => {
  test('are stamped with the clock, which never goes back', () => {
    const raft = makeSettledLeader()
    raft.advanceClock(10.9)
    raft.propose([makeProposal()])
    raft.advanceClock(0.2)
    raft.propose([makeProposal()])
    expect(turn(raft).entries.map((entry) => entry.stampMs)).toEqual([10, 11])
    expect(() => raft.advanceClock(-1)).toThrow('never goes back')
    expect(() => raft.advanceClock(Number.NaN)).toThrow('never goes back')
  })

  test('a new leader begins at the highest stamp that it has seen', () => {
    const raft = makeLeader({ snapshot: { index: 3, term: 1, stampMs: 500 }, term: 1 })
    expect(raft.clockMs).toBe(500)
    expect(raft.status().lastIndex).toBe(4)
  })

  test('of a follower are appended with their origin', () => {
    const raft = makeSettledLeader()
    const proposal = makeProposal(1, { origin: three, seq: 77 })
    raft.step(make('propose', { from: '3', proposals: [proposal] }))
    expect(turn(raft).entries).toEqual([makeEntry(2, 1, { origin: three, seq: 77 })])
  })

  test('of a follower in an earlier term are dropped: what was proposed in a term stands before all of later ones', () => {
    const raft = makeSettledLeader({ term: 1 })
    raft.step(make('propose', { from: '3', term: 1, proposals: [makeProposal()] }))
    expect([raft.status().term, raft.ready()]).toEqual([2, undefined])
  })

  test('past the limit of uncommitted bytes are refused, all or none, until something is committed', () => {
    const raft = makeSettledLeader({ config: { uncommittedBytesMax: proposalBytes(1) * 2 } })
    expect(raft.propose([makeProposal()])).toBe('accepted')
    expect(raft.propose([makeProposal(), makeProposal()])).toBe('overloaded')
    expect(raft.propose([makeProposal()])).toBe('accepted')
    expect(raft.propose([makeProposal(0)])).toBe('overloaded')
    expect(turn(raft).entries).toHaveLength(2)
    acknowledgeAll(raft)
    expect(raft.propose([makeProposal(500)])).toBe('accepted')
  })

  test('what earlier leaders left uncommitted counts towards the limit', () => {
    const raft = makeLeader({ log: [1, 1], term: 1, config: { uncommittedBytesMax: proposalBytes(1) * 3 } })
    expect(raft.propose([makeProposal()])).toBe('overloaded')
    acknowledgeAll(raft)
    expect(raft.propose([makeProposal()])).toBe('accepted')
  })
})

describe('membership changes', () => {
  test('are refused before a commit in the own term', () => {
    const raft = makeLeader({ log: [1], term: 1, commitIndex: 1 })
    expect(raft.propose([change])).toBe('membershipPending')
    raft.step(appendReply('2', 2, { term: 2 }))
    expect(raft.propose([change])).toBe('accepted')
  })

  test('are refused while another is not applied, and two at once', () => {
    const raft = makeSettledLeader()
    expect(raft.propose([change, change])).toBe('membershipPending')
    expect(raft.propose([makeProposal(), change])).toBe('accepted')
    expect(raft.propose([change])).toBe('membershipPending')
    expect(raft.propose([makeProposal()])).toBe('accepted')
    turn(raft)
    acknowledgeAll(raft)
    expect(raft.propose([change])).toBe('membershipPending')
    turns(raft)
    expect(raft.propose([change])).toBe('accepted')
  })

  test('wait for what earlier leaders left, for it may be one', () => {
    const raft = makeLeader({ log: [1, 1], term: 1, config: { appliedBytesMax: 1 } })
    acknowledgeAll(raft)
    turn(raft)
    expect(raft.status()).toMatchObject({ commitIndex: 3, appliedIndex: 1 })
    expect(raft.propose([change])).toBe('membershipPending')
    turn(raft)
    expect(raft.propose([change])).toBe('accepted')
  })

  test('a new learner is probed from the end of the log', () => {
    const raft = makeSettledLeader()
    const after = raft.applyMembership({ kind: 'addLearner', id: memberId('4') })
    expect(after).toEqual(membership('123', '4'))
    expect(turn(raft)).toEqual(batch({ messages: [append(1, 1, [], 1, { from: '1', to: '4' })] }))
    expect(raft.status().progress.map(({ id, state, recentActive }) => [id, state, recentActive])).toEqual([
      ['2', 'replicate', true],
      ['3', 'replicate', true],
      ['4', 'probe', true],
    ])
  })

  test('a smaller majority may commit at once', () => {
    const raft = makeSettledLeader({ voters: '1234' })
    raft.propose([makeProposal()])
    turn(raft)
    raft.step(appendReply('2', 2))
    expect(raft.status().commitIndex).toBe(1)
    raft.applyMembership({ kind: 'remove', id: memberId('4') })
    expect(raft.status().commitIndex).toBe(2)
  })

  test('the answers of a removed member count for nothing', () => {
    const raft = makeSettledLeader()
    raft.applyMembership({ kind: 'remove', id: three })
    raft.propose([makeProposal()])
    turn(raft)
    raft.step(appendReply('3', 2))
    raft.step(make('heartbeatReply', { from: '3', readRound: 1 }))
    expect(raft.status().commitIndex).toBe(1)
  })

  test('one that changes nothing leaves everything as it was', () => {
    const raft = makeSettledLeader()
    const before = raft.status()
    const nothing: MembershipChange = { kind: 'addVoter', id: two }
    expect(raft.applyMembership(nothing)).toBe(before.membership)
    expect([raft.status(), raft.ready()]).toEqual([before, undefined])
  })

  test('a leader that removed itself asks the follower with the longest log to stand, and steps down', () => {
    const raft = makeSettledLeader({ learners: '4' })
    raft.propose([makeProposal()])
    turn(raft)
    raft.step(appendReply('4', 2))
    raft.step(appendReply('3', 2))
    turns(raft)
    raft.applyMembership({ kind: 'remove', id: memberId('1') })
    expect(turn(raft)).toEqual(
      batch({
        messages: [make('timeoutNow', { from: '1', to: '3' })],
        roleView: { role: 'follower', term: 1, leader: undefined },
      }),
    )
  })

  test('a demoted leader leads on until another does: who lacks the news that it was demoted needs its vote, and has a shorter log', () => {
    const raft = makeSettledLeader({ voters: '12' })
    raft.propose([makeProposal()])
    turn(raft)
    raft.applyMembership({ kind: 'demote', id: memberId('1') })
    expect(raft.status()).toMatchObject({ role: 'leader', commitIndex: 1 })
    expect(raft.propose([makeProposal()])).toBe('noLeader')
    // The answers of the one voter that is left are the majority now, and it is asked to stand when it has everything.
    raft.step(appendReply('2', 2))
    expect(messagesOf(turn(raft), 'timeoutNow')).toHaveLength(1)
    expect(raft.status().commitIndex).toBe(2)
    ticks(raft, CONFIG.heartbeatTicks)
    expect(messagesOf(turn(raft), 'timeoutNow')).toHaveLength(1)
    raft.step(make('append', { term: 2, prevIndex: 2, prevTerm: 1, entries: [], commitIndex: 2 }))
    expect(raft.status()).toMatchObject({ role: 'follower', leader: '2' })
  })

  test('a demoted leader asks one after the other, and does not count itself', () => {
    const raft = makeSettledLeader()
    raft.applyMembership({ kind: 'demote', id: memberId('1') })
    const asked = (): readonly string[] => [
      ...new Set(
        turns(raft)
          .flatMap((ready) => messagesOf(ready, 'timeoutNow'))
          .map(({ to }) => to),
      ),
    ]
    expect(asked()).toEqual(['2'])
    ticks(raft, CONFIG.electionTicks - 1)
    raft.step(appendReply('2', 1))
    raft.step(appendReply('3', 1))
    raft.tick()
    expect(asked()).toEqual(['3'])
    // One of the two voters is heard all the time; together with itself that would be a majority.
    for (let rounds = 0; rounds < 2; rounds++) {
      raft.step(appendReply('3', 1))
      ticks(raft, CONFIG.electionTicks)
    }
    expect(raft.status().role).toBe('follower')
  })

  test('a candidate that is removed stands no longer', () => {
    const raft = makeSettledLeader()
    raft.stepDown()
    raft.campaign()
    raft.applyMembership({ kind: 'remove', id: memberId('1') })
    expect(raft.status().role).toBe('follower')
  })
})

describe('acknowledgements', () => {
  test('of more than there is are not believed', () => {
    const raft = makeSettledLeader()
    raft.step(appendReply('2', 9))
    raft.step(appendReply('3', 9))
    expect([raft.status().commitIndex, raft.ready()]).toEqual([1, undefined])
  })

  test('that are old change nothing', () => {
    const raft = makeSettledLeader()
    raft.step(appendReply('2', 0))
    raft.step(appendReply('2', 1, { rejected: true }))
    expect(raft.status().progress[0]).toMatchObject({ state: 'replicate', matchIndex: 1, nextIndex: 2 })
  })

  test('of learners count for nothing', () => {
    const raft = makeSettledLeader({ voters: '12', learners: '34' })
    raft.propose([makeProposal()])
    turn(raft)
    raft.step(appendReply('3', 2))
    raft.step(appendReply('4', 2))
    expect(raft.status().commitIndex).toBe(1)
  })

  test('the own one counts when the batch is written, and not before', () => {
    const raft = makeSettledLeader({ voters: '1' })
    raft.propose([makeProposal()])
    raft.ready()
    expect(raft.status().commitIndex).toBe(1)
    raft.written()
    expect(raft.status().commitIndex).toBe(2)
  })

  test('what was proposed while the disk was busy is not on disk when that batch is', () => {
    const raft = makeSettledLeader({ voters: '1' })
    raft.propose([makeProposal()])
    raft.ready()
    raft.propose([makeProposal()])
    raft.written()
    expect(raft.status()).toMatchObject({ commitIndex: 2, lastIndex: 3 })
  })
})

describe('a follower that lost what it had acknowledged', () => {
  const lost = { rejected: true }

  test('is begun anew with where it is a learner: it counts in no majority', () => {
    const raft = makeSettledLeader({ learners: '4' })
    raft.reportUnreachable(memberId('4'))
    turn(raft)
    raft.step(appendReply('4', 1, lost))
    expect(raft.status().progress.at(-1)).toMatchObject({ state: 'probe', matchIndex: 0, nextIndex: 1 })
    expect(messagesOf(turn(raft), 'append')).toMatchObject([{ to: '4', prevIndex: 0 }])
    raft.step(appendReply('4', 1))
    expect(raft.status().progress.at(-1)).toMatchObject({ state: 'replicate', matchIndex: 1 })
    expect(raft.lostVoter).toBeUndefined()
  })

  test('is asked again after a heartbeat, and not at once, where it votes', () => {
    const raft = makeSettledLeader()
    raft.reportUnreachable(two)
    expect(messagesOf(turn(raft), 'append')).toHaveLength(1)
    raft.step(appendReply('2', 1, lost))
    expect(raft.status().progress[0]).toMatchObject({ matchIndex: 1, paused: true })
    expect(raft.lostVoter).toBe(two)
    expect(raft.ready()).toBeUndefined()
    ticks(raft, CONFIG.heartbeatTicks)
    turn(raft)
    raft.step(make('heartbeatReply', { from: '2', readRound: 0 }))
    expect(messagesOf(turn(raft), 'append')).toHaveLength(1)
  })
})

describe('check-quorum', () => {
  test('any answer of a majority of voters within an election timeout keeps a leader', () => {
    const raft = makeSettledLeader({ learners: '4' })
    ticks(raft, CONFIG.electionTicks)
    raft.step(appendReply('3', 1))
    ticks(raft, CONFIG.electionTicks)
    expect(raft.status().role).toBe('leader')
    raft.step(appendReply('4', 1))
    ticks(raft, CONFIG.electionTicks)
    expect(raft.status()).toMatchObject({ role: 'follower', leader: undefined })
  })

  test('a follower whose process is gone counts as silent', () => {
    const raft = makeSettledLeader()
    raft.reportGone(two)
    raft.reportGone(three)
    ticks(raft, CONFIG.electionTicks)
    expect(raft.status().role).toBe('follower')
  })

  test('a lone voter needs nobody', () => {
    const raft = makeSettledLeader({ voters: '1', learners: '2' })
    ticks(raft, CONFIG.electionTicks * 5)
    expect(raft.status().role).toBe('leader')
  })
})

describe('stepping down', () => {
  test('drops reads, and knows of no leader', () => {
    const raft = makeSettledLeader()
    raft.read(4)
    raft.stepDown()
    expect(turn(raft)).toEqual(batch({ readsDropped: [4], roleView: { role: 'follower', term: 1, leader: undefined } }))
  })
})

describe('handing over', () => {
  test('brings the target up to date first, and refuses proposals meanwhile', () => {
    const raft = makeSettledLeader()
    raft.propose([makeProposal()])
    turn(raft)
    expect(raft.transferLeadership(two)).toBe(true)
    expect(raft.propose([makeProposal()])).toBe('noLeader')
    raft.step(make('propose', { from: '3', proposals: [makeProposal()] }))
    expect(raft.ready()).toBeUndefined()
    raft.step(appendReply('2', 2))
    expect(messagesOf(turn(raft), 'timeoutNow')).toEqual([make('timeoutNow', { from: '1', to: '2' })])
  })

  test('asks again with every heartbeat, and gives up after an election timeout', () => {
    const raft = makeSettledLeader()
    raft.transferLeadership(two)
    turn(raft)
    ticks(raft, CONFIG.heartbeatTicks)
    expect(messagesOf(turn(raft), 'timeoutNow')).toHaveLength(1)
    ticks(raft, CONFIG.electionTicks - CONFIG.heartbeatTicks - 1)
    expect(raft.propose([makeProposal()])).toBe('noLeader')
    raft.tick()
    expect(raft.propose([makeProposal()])).toBe('accepted')
  })

  test('a second target replaces the first; the same again changes nothing', () => {
    const raft = makeSettledLeader()
    raft.transferLeadership(two)
    expect(raft.transferLeadership(two)).toBe(true)
    expect(raft.transferLeadership(three)).toBe(true)
    expect(messagesOf(turn(raft), 'timeoutNow').map((message) => message.to)).toEqual(['2', '3'])
  })

  test('not to a learner, a stranger, or itself', () => {
    const raft = makeSettledLeader({ learners: '4' })
    expect(['1', '4', '9'].map((id) => raft.transferLeadership(memberId(id)))).toEqual([false, false, false])
    expect(raft.propose([makeProposal()])).toBe('accepted')
  })

  test('ends when the target is removed', () => {
    const raft = makeSettledLeader()
    raft.transferLeadership(two)
    raft.applyMembership({ kind: 'remove', id: two })
    expect(raft.propose([makeProposal()])).toBe('accepted')
  })
})

test('two leaders in one term are a broken invariant', () => {
  expect(() => makeSettledLeader().step(heartbeat(0))).toThrow('a term has one leader')
})

test('a leader makes nothing of what is meant for followers and candidates', () => {
  const raft = makeSettledLeader()
  raft.step(make('timeoutNow', {}))
  raft.step(make('voteReply', { granted: true }))
  raft.step(make('preVoteReply', { term: 2, granted: true }))
  raft.step(make('readIndexReply', { round: 0, index: 9 }))
  expect(raft.ready()).toBeUndefined()
})
