/**
 * The Raft paper (Ongaro and Ousterhout, extended version), section by section, and what the thesis adds.
 *
 * Each test names the rule that it checks. Where the core differs from the paper, the test says so.
 */
import { describe, expect, test } from 'vitest'
import type { Raft } from '../../src/raft/raft.ts'
import type { Entry, Term } from '../../src/raft/types.ts'
import { memberId } from '../../src/raft/types.ts'
import type { RaftOptions } from './builders.ts'
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
  makeRaft,
  makeSettledLeader,
  membership,
  messagesOf,
  ticks,
  turn,
  turns,
} from './builders.ts'

function makeCandidate(options: RaftOptions = {}): Raft {
  const raft = makeRaft(options)
  const { id, term, membership } = raft.status()
  raft.campaign()
  turn(raft)
  for (const from of membership.voters) {
    raft.step({ kind: 'preVoteReply', from, to: id, term: term + 1, granted: true })
  }
  turn(raft)
  return raft
}

/** The terms of a log on disk after a batch, when it held `before`. */
function logAfter(before: readonly Term[], entries: readonly Entry[]): Term[] {
  const first = entries[0]?.index ?? before.length + 1
  return [...before.slice(0, first - 1), ...entries.map((entry) => entry.term)]
}

describe('5.1 Raft basics', () => {
  test('a member starts as a follower', () => {
    expect(makeRaft().status()).toMatchObject({ role: 'follower', term: 0, leader: undefined })
  })

  test.each([
    ['follower', makeRaft],
    ['candidate', makeCandidate],
    ['leader', makeLeader],
  ] as const)('a %s that sees a later term becomes a follower in that term', (_role, make_) => {
    const raft = make_()
    raft.step(append(0, 0, [], 0, { term: 7 }))
    expect(raft.status()).toMatchObject({ role: 'follower', term: 7, vote: undefined, leader: '2' })
  })

  test('a message of an earlier term is turned away, and its sender is told the present term', () => {
    const raft = makeRaft({ term: 2 })
    raft.step(append(0, 0, [makeEntry(1, 1)], 1, { term: 1 }))
    expect(turn(raft)).toEqual(batch({ promises: [appendReply('1', 0, { to: '2', term: 2, rejected: true })] }))
    expect(raft.status()).toMatchObject({ lastIndex: 0, leader: undefined })
  })

  test('a vote of an earlier term is refused, and an answer of an earlier term counts for nothing', () => {
    const raft = makeCandidate({ term: 2 })
    raft.step(make('vote', { term: 2, lastIndex: 9, lastTerm: 2, transfer: false }))
    raft.step(make('voteReply', { term: 2, granted: true }))
    expect(raft.status().role).toBe('candidate')
    const refusal = make('voteReply', { from: '1', to: '2', term: 3, granted: false })
    expect(turn(raft)).toEqual(batch({ promises: [refusal] }))
  })
})

describe('5.2 Leader election', () => {
  test('a leader sends heartbeats to all followers at every heartbeat interval', () => {
    const raft = makeSettledLeader()
    ticks(raft, CONFIG.heartbeatTicks)
    expect(turn(raft)).toEqual(
      batch({ messages: [heartbeat(1, { from: '1', to: '2' }), heartbeat(1, { from: '1', to: '3' })] }),
    )
    ticks(raft, CONFIG.heartbeatTicks - 1)
    expect(raft.ready()).toBeUndefined()
  })

  test('a follower that hears from its leader stays a follower', () => {
    const raft = makeRaft()
    for (let i = 0; i < 5; i++) {
      raft.step(heartbeat(0))
      ticks(raft, CONFIG.electionTicks - 1)
    }
    expect(raft.status()).toMatchObject({ role: 'follower', leader: '2' })
  })

  test('a follower that hears nothing for its election timeout stands: with a pre-vote, which the paper does not have', () => {
    const raft = makeRaft({ term: 1 })
    ticks(raft, CONFIG.electionTicks)
    expect(turn(raft).messages).toEqual([
      make('preVote', { from: '1', to: '2', term: 2, lastIndex: 0, lastTerm: 0 }),
      make('preVote', { from: '1', to: '3', term: 2, lastIndex: 0, lastTerm: 0 }),
    ])
  })

  test('a candidate votes for itself in a new term, and asks the others', () => {
    const raft = makeRaft({ term: 1 })
    raft.campaign()
    turn(raft)
    raft.step(make('preVoteReply', { term: 2, granted: true }))
    expect(turn(raft)).toEqual(
      batch({
        hardState: { term: 2, vote: memberId('1'), commitIndex: 0 },
        promises: [
          make('vote', { from: '1', to: '2', term: 2, lastIndex: 0, lastTerm: 0, transfer: false }),
          make('vote', { from: '1', to: '3', term: 2, lastIndex: 0, lastTerm: 0, transfer: false }),
        ],
        roleView: { role: 'candidate', term: 2, leader: undefined },
        mustSync: true,
      }),
    )
  })

  test('a candidate whose election does not end begins another', () => {
    const raft = makeCandidate()
    ticks(raft, CONFIG.electionTicks)
    expect(raft.status()).toMatchObject({ role: 'preCandidate', term: 1 })
  })

  test.each([
    ['1', '', '', 'leader'],
    ['123', '2', '', 'leader'],
    ['123', '', '', 'candidate'],
    ['123', '', '23', 'follower'],
    ['12345', '2', '', 'candidate'],
    ['12345', '23', '', 'leader'],
    ['12345', '23', '45', 'leader'],
    ['12345', '2', '345', 'follower'],
    ['1234', '2', '', 'candidate'],
    ['1234', '2', '34', 'follower'],
    ['1234', '23', '', 'leader'],
  ])('among %s, votes of %s and refusals of %s make a candidate a %s', (voters, granted, refused, role) => {
    const raft = makeCandidate({ voters })
    for (const from of granted) raft.step(make('voteReply', { from, granted: true }))
    for (const from of refused) raft.step(make('voteReply', { from, granted: false }))
    expect(raft.status().role).toBe(role)
  })

  test.each([
    [undefined, true],
    ['2', true],
    ['3', false],
  ])('a follower gives one vote in a term: with a vote for %s, granting 2 is %s', (vote, granted) => {
    const raft = makeRaft({ term: 1, ...(vote === undefined ? {} : { vote }) })
    raft.step(make('vote', { lastIndex: 0, lastTerm: 0, transfer: false }))
    expect(messagesOf(turn(raft), 'voteReply')).toEqual([make('voteReply', { from: '1', to: '2', granted })])
    expect(raft.status().vote).toBe(granted ? '2' : vote)
  })

  test('a vote leaves only after it is on disk', () => {
    const raft = makeRaft()
    raft.step(make('vote', { lastIndex: 0, lastTerm: 0, transfer: false }))
    const ready = turn(raft)
    expect(ready.hardState).toEqual({ term: 1, vote: '2', commitIndex: 0 })
    expect(ready.mustSync).toBe(true)
    expect(ready.messages).toEqual([])
    expect(ready.promises).toHaveLength(1)
  })

  test('a candidate becomes a follower on an append of its own term or a later one', () => {
    for (const term of [1, 2]) {
      const raft = makeCandidate()
      raft.step(append(0, 0, [], 0, { term }))
      expect(raft.status()).toMatchObject({ role: 'follower', term, leader: '2' })
    }
  })

  test('waits are drawn from one to two election timeouts', () => {
    const waits = new Set<number>()
    for (let draw = 0; draw < 1; draw += 0.05) {
      const raft = makeRaft({ config: { random: () => draw } })
      let wait = 0
      while (raft.status().role === 'follower') {
        raft.tick()
        wait++
      }
      waits.add(wait)
    }
    const { electionTicks } = CONFIG
    expect([...waits].toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: electionTicks }, (_, i) => electionTicks + i),
    )
  })

  test('a split vote ends, for the next waits differ', () => {
    const draws = [0, 0.5]
    const [one, other] = draws.map((draw) => makeCandidate({ config: { random: () => draw } })) as [Raft, Raft]
    ticks(one, CONFIG.electionTicks)
    ticks(other, CONFIG.electionTicks)
    expect(one.status().role).toBe('preCandidate')
    expect(other.status().role).toBe('candidate')
  })
})

describe('5.3 Log replication', () => {
  test('a leader appends what is proposed, and sends it to all while its own disk writes', () => {
    const raft = makeSettledLeader()
    expect(raft.propose([makeProposal(3)])).toBe('accepted')
    const entry = makeEntry(2, 1, { data: new Uint8Array(3) })
    expect(turn(raft)).toEqual(
      batch({
        entries: [entry],
        messages: [append(1, 1, [entry], 1, { from: '1', to: '2' }), append(1, 1, [entry], 1, { from: '1', to: '3' })],
        mustSync: true,
      }),
    )
  })

  test('an entry is committed when a majority has it, applied, and the followers are told', () => {
    const raft = makeSettledLeader()
    raft.propose([makeProposal()])
    turn(raft)
    raft.step(appendReply('2', 2))
    expect(turn(raft)).toEqual(
      batch({
        hardState: { term: 1, vote: memberId('1'), commitIndex: 2 },
        committed: [makeEntry(2, 1)],
        messages: [append(2, 1, [], 2, { from: '1', to: '2' }), append(2, 1, [], 2, { from: '1', to: '3' })],
      }),
    )
  })

  test.each([
    ['1', '', true],
    ['123', '', false],
    ['123', '2', true],
    ['12345', '2', false],
    ['12345', '23', true],
    ['12345', '2345', true],
    ['1234', '2', false],
    ['1234', '23', true],
  ])('among %s, acknowledgements of %s commit: %s', (voters, from, committed) => {
    const raft = makeSettledLeader({ voters })
    raft.propose([makeProposal()])
    turn(raft)
    for (const id of from) raft.step(appendReply(id, 2))
    expect(raft.status().commitIndex).toBe(committed ? 2 : 1)
  })

  test.each([[[1]], [[2]], [[1, 2]], [[1, 1]]])(
    'committing an entry commits all before it, those of earlier leaders %j included',
    (log) => {
      const raft = makeLeader({ log, term: 2 })
      expect(raft.status().commitIndex).toBe(0)
      acknowledgeAll(raft)
      const { committed } = turn(raft)
      expect(committed.map((entry) => entry.term)).toEqual([...log, 3])
    },
  )

  test.each([
    [1, 1, 1],
    [2, 2, 2],
    [3, 2, 2],
  ])('a follower told of commit index %i with two entries commits up to %i', (told, commitIndex) => {
    const raft = makeRaft()
    raft.step(append(0, 0, [makeEntry(1, 1), makeEntry(2, 1)], told))
    const ready = turn(raft)
    expect(ready.committed).toHaveLength(commitIndex)
    expect(ready.hardState?.commitIndex).toBe(commitIndex)
  })

  test.each([
    // A follower with terms 1, 2 in its log, of which 1 is committed.
    [0, 0, false, 0, 0],
    [1, 1, false, 0, 0],
    [2, 2, false, 0, 0],
    [2, 3, true, 2, 2],
    [3, 3, true, 2, 2],
    [2, 1, true, 1, 1],
  ])('a follower checks that the logs agree at %i/%i: refused is %s, and it hints at %i/%i', (...row) => {
    const [prevIndex, prevTerm, rejected, hintIndex, hintTerm] = row
    const raft = makeRaft({ log: [1, 2], term: 3, commitIndex: 1 })
    raft.step(append(prevIndex, prevTerm, [], 1, { term: 3 }))
    const matchIndex = rejected ? prevIndex : Math.max(prevIndex, 1)
    const reply = appendReply('1', matchIndex, { to: '2', term: 3, rejected, hintIndex, hintTerm })
    expect(messagesOf(turn(raft), 'appendReply')).toEqual([reply])
  })

  test.each([
    [2, 2, [3], [1, 2, 3]],
    [1, 1, [3, 4], [1, 3, 4]],
    [0, 0, [1], [1, 2]],
    [0, 0, [3], [3]],
    [1, 1, [2, 3], [1, 2, 3]],
  ])('after %i/%i a follower with terms 1, 2 takes over terms %j and holds %j', (...row) => {
    const [prevIndex, prevTerm, terms, after] = row
    const raft = makeRaft({ log: [1, 2], term: 4 })
    const entries = terms.map((term, i) => makeEntry(prevIndex + 1 + i, term))
    raft.step(append(prevIndex, prevTerm, entries, 0, { term: 4 }))
    expect(logAfter([1, 2], turn(raft).entries)).toEqual(after)
  })

  test.each([
    ['a', [1, 1, 1, 4, 4, 5, 5, 6, 6]],
    ['b', [1, 1, 1, 4]],
    ['c', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6]],
    ['d', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7]],
    ['e', [1, 1, 1, 4, 4, 4, 4]],
    ['f', [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]],
  ])('figure 7 (%s): a leader brings any log to agree with its own', (_name, log) => {
    const leaderLog = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6]
    const leader = makeLeader({ log: leaderLog, term: 7 })
    const follower = makeRaft({ config: { id: memberId('2') }, log, term: 7 })
    const first = { prevIndex: 10, prevTerm: 6, entries: [makeNoop(11, 8)] }
    follower.step(append(first.prevIndex, first.prevTerm, first.entries, 0, { from: '1', to: '2', term: 8 }))
    let disk = [...log]
    let probes = 0
    for (let ready = follower.ready(); ready !== undefined; ready = follower.ready()) {
      follower.written()
      disk = logAfter(disk, ready.entries)
      for (const reply of ready.promises) leader.step(reply)
      const sent = turns(leader).flatMap((batch) => batch.messages)
      for (const message of sent.filter((message) => message.to === '2')) {
        if (message.kind === 'append' && message.entries.length > 0) probes++
        follower.step(message)
      }
    }
    expect(disk).toEqual([...leaderLog, 8])
    // With hints of index and term one probe per disagreeing term is enough, where the paper's simple form takes one per entry.
    expect(probes).toBeLessThanOrEqual(2)
  })
})

describe('5.4.1 Election restriction', () => {
  test('a request for votes tells how complete the log of the candidate is', () => {
    const ready = turnAfterPreVote(makeRaft({ log: [1, 2], term: 3 }))
    expect(messagesOf(ready, 'vote')[0]).toMatchObject({ lastIndex: 2, lastTerm: 2 })
  })

  test.each([
    [[1], 1, 1, true],
    [[1], 2, 1, true],
    [[1, 1], 1, 1, false],
    [[1], 1, 2, true],
    [[1], 2, 2, true],
    [[1, 1], 1, 2, true],
    [[2], 1, 1, false],
    [[2], 2, 1, false],
    [[1, 2], 9, 1, false],
  ])(
    'a voter with terms %j in its log grants a candidate whose last is %i/%i: %s',
    (log, lastIndex, lastTerm, granted) => {
      const raft = makeRaft({ log, term: 3 })
      raft.step(make('vote', { term: 4, lastIndex, lastTerm, transfer: false }))
      expect(messagesOf(turn(raft), 'voteReply')[0]?.granted).toBe(granted)
    },
  )
})

describe('5.4.2 Committing entries from previous terms', () => {
  test('a leader counts copies only of entries of its own term', () => {
    const raft = makeLeader({ log: [1, 2], term: 2 })
    raft.step(appendReply('2', 1, { term: 3 }))
    raft.step(appendReply('3', 2, { term: 3 }))
    expect(raft.status().commitIndex).toBe(0)
    raft.step(appendReply('3', 3, { term: 3 }))
    expect(raft.status().commitIndex).toBe(3)
  })
})

describe('5.4.3 Safety argument', () => {
  test('a leader never overwrites or deletes entries of its own log, it only appends', () => {
    const raft = makeLeader({ log: [1, 2], term: 2 })
    raft.step(appendReply('2', 2, { term: 3, rejected: true, hintIndex: 0, hintTerm: 0 }))
    expect(raft.status()).toMatchObject({ firstIndex: 1, lastIndex: 3 })
    expect(messagesOf(turn(raft), 'append')[0]?.entries.map((entry) => entry.term)).toEqual([1, 2, 3])
  })
})

describe('5.5 Follower and candidate crashes', () => {
  test('an append that comes twice changes nothing the second time, and is answered the same', () => {
    const raft = makeRaft()
    const message = append(0, 0, [makeEntry(1, 1), makeEntry(2, 1)], 0)
    raft.step(message)
    const first = turn(raft)
    raft.step(message)
    expect(turn(raft)).toEqual(batch({ promises: first.promises }))
  })

  test('an old, shorter append cuts nothing off', () => {
    const raft = makeRaft({ log: [1, 1, 1], term: 1 })
    raft.step(append(0, 0, [makeEntry(1, 1)], 0))
    expect(turn(raft).entries).toEqual([])
    expect(raft.status().lastIndex).toBe(3)
  })

  test('a restarted member keeps term, vote and log, and takes up its role as a follower', () => {
    const raft = makeRaft({ log: [1, 1], term: 3, vote: '2', commitIndex: 1 })
    expect(raft.status()).toMatchObject({ role: 'follower', term: 3, vote: '2', lastIndex: 2, commitIndex: 1 })
    raft.step(make('vote', { from: '3', term: 3, lastIndex: 9, lastTerm: 3, transfer: false }))
    expect(messagesOf(turn(raft), 'voteReply')[0]?.granted).toBe(false)
  })

  test('a leader repeats what a follower did not answer, as long as it takes', () => {
    const raft = makeLeader()
    for (let i = 0; i < 3; i++) {
      ticks(raft, CONFIG.heartbeatTicks)
      turn(raft)
      raft.step(make('heartbeatReply', { readRound: 0 }))
      raft.step(make('heartbeatReply', { from: '3', readRound: 0 }))
      expect(messagesOf(turn(raft), 'append').map((message) => message.entries.length)).toEqual([1, 1])
    }
  })
})

describe('7 Log compaction', () => {
  test('a leader sends a snapshot when it no longer has what the follower lacks', () => {
    const raft = makeSettledLeader({ voters: '123', learners: '4', log: [1, 1], commitIndex: 2 })
    raft.compact(3)
    raft.applyMembership({ kind: 'addLearner', id: memberId('5') })
    const [probe] = messagesOf(turn(raft), 'append').filter((message) => message.to === '5')
    expect(probe?.prevIndex).toBe(3)
    raft.step(appendReply('5', 3, { term: 2, rejected: true, hintIndex: 0, hintTerm: 0 }))
    const snapshot = { index: 3, term: 2, stampMs: 0, membership: membership('123', '45') }
    expect(turn(raft).messages).toEqual([make('installSnapshot', { from: '1', to: '5', term: 2, snapshot })])
  })

  test('a snapshot with new information replaces the whole log', () => {
    const raft = makeRaft({ log: [1, 1, 1], term: 2, commitIndex: 1 })
    const snapshot = { index: 3, term: 2, stampMs: 700, membership: membership('12', '3') }
    raft.step(make('installSnapshot', { term: 2, snapshot }))
    expect(turn(raft)).toEqual(
      batch({
        hardState: { term: 2, vote: undefined, commitIndex: 3 },
        snapshot,
        promises: [appendReply('1', 3, { to: '2', term: 2 })],
        roleView: { role: 'follower', term: 2, leader: memberId('2') },
        mustSync: true,
      }),
    )
    const { firstIndex, lastIndex, appliedIndex, clockMs } = raft.status()
    expect({ firstIndex, lastIndex, appliedIndex, clockMs }).toEqual({
      firstIndex: 4,
      lastIndex: 3,
      appliedIndex: 3,
      clockMs: 700,
    })
    expect(raft.status().membership).toEqual(membership('12', '3'))
  })

  test('a snapshot of a prefix of the log keeps what follows it', () => {
    const raft = makeRaft({ log: [1, 1, 1], term: 1 })
    const snapshot = { index: 2, term: 1, stampMs: 0, membership: membership('123') }
    raft.step(make('installSnapshot', { snapshot }))
    const ready = turn(raft)
    expect(ready.snapshot).toBeUndefined()
    expect(ready.committed.map((entry) => entry.index)).toEqual([1, 2])
    expect(ready.promises).toEqual([appendReply('1', 2, { to: '2' })])
    expect(raft.status()).toMatchObject({ firstIndex: 1, lastIndex: 3 })
  })
})

describe('8 Client interaction', () => {
  test('a new leader appends an entry of its term at once', () => {
    const raft = makeCandidate({ log: [1], term: 1 })
    raft.step(make('voteReply', { term: 2, granted: true }))
    expect(turn(raft).entries).toEqual([makeNoop(2, 2)])
  })

  test('a leader answers a read only after a majority has confirmed that it still leads', () => {
    const raft = makeSettledLeader()
    raft.read(9)
    expect(messagesOf(turn(raft), 'heartbeat').map((message) => message.readRound)).toEqual([1, 1])
    raft.step(make('heartbeatReply', { readRound: 1 }))
    expect(turn(raft)).toEqual(batch({ reads: [{ context: 9, index: 1 }] }))
  })
})

describe('Thesis', () => {
  test('3.10: a leader hands over to a member that has the whole log by asking it to stand at once', () => {
    const raft = makeSettledLeader()
    expect(raft.transferLeadership(memberId('3'))).toBe(true)
    expect(turn(raft)).toEqual(batch({ messages: [make('timeoutNow', { from: '1', to: '3' })] }))
  })

  test('3.10: who is asked to stand does so without a pre-vote, and its request overrides leases', () => {
    const heir = makeRaft({ term: 1 })
    heir.step(heartbeat(0))
    heir.step(make('timeoutNow', {}))
    const [request] = messagesOf(turn(heir), 'vote')
    expect(request).toEqual(make('vote', { from: '1', to: '2', term: 2, lastIndex: 0, lastTerm: 0, transfer: true }))
    const voter = makeRaft({ term: 1, config: { id: memberId('2') } })
    voter.step(heartbeat(0, { from: '3', to: '2' }))
    if (request !== undefined) voter.step(request)
    expect(messagesOf(turn(voter), 'voteReply')[0]?.granted).toBe(true)
  })

  test('4.2.2: a leader that removed itself stops leading once the change is applied', () => {
    const raft = makeSettledLeader()
    raft.applyMembership({ kind: 'remove', id: memberId('1') })
    expect(raft.status().role).toBe('follower')
  })

  test('4.2.3: a member that heard from its leader lately does not vote, nor take over the term', () => {
    const raft = makeRaft({ term: 1 })
    raft.step(heartbeat(0))
    turn(raft)
    ticks(raft, CONFIG.electionTicks - 1)
    raft.step(make('vote', { from: '3', term: 5, lastIndex: 9, lastTerm: 4, transfer: false }))
    raft.step(make('preVote', { from: '3', term: 5, lastIndex: 9, lastTerm: 4 }))
    expect(raft.ready()).toBeUndefined()
    expect(raft.status().term).toBe(1)
  })

  test('6.2: a leader that hears from no majority steps down', () => {
    const raft = makeSettledLeader()
    ticks(raft, CONFIG.electionTicks)
    raft.step(make('heartbeatReply', { readRound: 0 }))
    ticks(raft, CONFIG.electionTicks)
    expect(raft.status().role).toBe('leader')
    ticks(raft, CONFIG.electionTicks)
    expect(raft.status()).toMatchObject({ role: 'follower', leader: undefined, term: 1 })
  })

  test('6.4: a leader serves no read before it has committed an entry of its own term', () => {
    const raft = makeLeader({ log: [1], commitIndex: 1, term: 1 })
    raft.read(9)
    expect(raft.ready()).toBeUndefined()
    raft.step(appendReply('2', 2, { term: 2 }))
    expect(messagesOf(turn(raft), 'heartbeat')).toHaveLength(2)
  })

  test('9.6: a pre-vote is granted for a later term and a log as complete, and changes nothing', () => {
    const raft = makeRaft({ log: [1], term: 1 })
    raft.step(make('preVote', { term: 2, lastIndex: 1, lastTerm: 1 }))
    raft.step(make('preVote', { from: '3', term: 2, lastIndex: 0, lastTerm: 0 }))
    raft.step(make('preVote', { from: '3', term: 1, lastIndex: 9, lastTerm: 9 }))
    expect(turn(raft)).toEqual(
      batch({
        messages: [
          make('preVoteReply', { from: '1', to: '2', term: 2, granted: true }),
          make('preVoteReply', { from: '1', to: '3', term: 1, granted: false }),
          make('preVoteReply', { from: '1', to: '3', term: 1, granted: false }),
        ],
      }),
    )
  })

  test('10.2.1: a leader writes beside its followers, and may commit before its own disk has the entry', () => {
    const raft = makeSettledLeader()
    raft.propose([makeProposal()])
    raft.ready()
    raft.step(appendReply('2', 2))
    expect(raft.status().commitIndex).toBe(1)
    raft.step(appendReply('3', 2))
    expect(raft.status().commitIndex).toBe(2)
    raft.written()
  })
})

function turnAfterPreVote(raft: Raft) {
  const { term } = raft.status()
  raft.campaign()
  turn(raft)
  raft.step(make('preVoteReply', { term: term + 1, granted: true }))
  return turn(raft)
}
