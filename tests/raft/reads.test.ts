/** Rounds of linearizable reads, on the leader and on followers: whole batches. */
import { describe, expect, test } from 'vitest'
import { memberId } from '../../src/raft/types.ts'
import {
  appendReply,
  batch,
  CONFIG,
  heartbeat,
  make,
  makeLeader,
  makeProposal,
  makeRaft,
  makeSettledLeader,
  messagesOf,
  ticks,
  turn,
} from './builders.ts'

const two = memberId('2')

function makeFollower(options: Parameters<typeof makeRaft>[0] = {}) {
  const raft = makeRaft({ term: 1, ...options })
  raft.step(heartbeat(0))
  turn(raft)
  return raft
}

describe('on the leader', () => {
  test('all reads that wait share one round, sent to voters only', () => {
    const raft = makeSettledLeader({ learners: '4' })
    raft.read(10)
    raft.read(11)
    expect(turn(raft)).toEqual(
      batch({
        messages: [
          heartbeat(1, { from: '1', to: '2', readRound: 1 }),
          heartbeat(1, { from: '1', to: '3', readRound: 1 }),
        ],
      }),
    )
    raft.step(make('heartbeatReply', { from: '4', readRound: 1 }))
    expect(raft.ready()).toBeUndefined()
    raft.step(make('heartbeatReply', { from: '2', readRound: 1 }))
    expect(turn(raft)).toEqual(
      batch({
        reads: [
          { context: 10, index: 1 },
          { context: 11, index: 1 },
        ],
      }),
    )
  })

  test('reads that come while a round is under way join the next', () => {
    const raft = makeSettledLeader()
    raft.read(10)
    turn(raft)
    raft.read(11)
    expect(raft.ready()).toBeUndefined()
    raft.step(make('heartbeatReply', { readRound: 1 }))
    expect(turn(raft)).toEqual(
      batch({
        messages: [
          heartbeat(1, { from: '1', to: '2', readRound: 2 }),
          heartbeat(1, { from: '1', to: '3', readRound: 2 }),
        ],
        reads: [{ context: 10, index: 1 }],
      }),
    )
    raft.step(make('heartbeatReply', { from: '3', readRound: 1 }))
    expect(raft.ready()).toBeUndefined()
    raft.step(make('heartbeatReply', { from: '3', readRound: 2 }))
    expect(turn(raft).reads).toEqual([{ context: 11, index: 1 }])
  })

  test('a round is repeated with the next heartbeats until it is proved', () => {
    const raft = makeSettledLeader()
    raft.read(10)
    turn(raft)
    ticks(raft, CONFIG.heartbeatTicks)
    expect(messagesOf(turn(raft), 'heartbeat').map((message) => message.readRound)).toEqual([1, 1])
    raft.step(make('heartbeatReply', { readRound: 1 }))
    turn(raft)
    ticks(raft, CONFIG.heartbeatTicks)
    expect(messagesOf(turn(raft), 'heartbeat').map((message) => message.readRound)).toEqual([0, 0])
  })

  test('the index is what was committed when the round began', () => {
    const raft = makeSettledLeader()
    raft.propose([makeProposal()])
    raft.read(10)
    turn(raft)
    raft.step(appendReply('2', 2))
    raft.step(make('heartbeatReply', { readRound: 1 }))
    expect(turn(raft).reads).toEqual([{ context: 10, index: 1 }])
  })

  test('five voters need two confirmations', () => {
    const raft = makeSettledLeader({ voters: '12345' })
    raft.read(10)
    turn(raft)
    raft.step(make('heartbeatReply', { from: '2', readRound: 1 }))
    raft.step(make('heartbeatReply', { from: '2', readRound: 1 }))
    expect(raft.ready()).toBeUndefined()
    raft.step(make('heartbeatReply', { from: '5', readRound: 1 }))
    expect(turn(raft).reads).toHaveLength(1)
  })

  test('a lone voter answers at once, itself and its learners', () => {
    const raft = makeSettledLeader({ voters: '1', learners: '4' })
    raft.read(10)
    raft.step(make('readIndex', { from: '4', round: 77 }))
    expect(turn(raft)).toEqual(
      batch({
        messages: [make('readIndexReply', { from: '1', to: '4', round: 77, index: 1 })],
        reads: [{ context: 10, index: 1 }],
      }),
    )
  })

  test('removing the last other voter proves the round under way', () => {
    const raft = makeSettledLeader({ voters: '12' })
    raft.read(10)
    turn(raft)
    raft.applyMembership({ kind: 'remove', id: two })
    expect(turn(raft).reads).toEqual([{ context: 10, index: 1 }])
  })

  test('a follower’s question joins the round, and is answered once however often it was asked', () => {
    const raft = makeSettledLeader()
    raft.step(make('readIndex', { from: '3', round: 5 }))
    raft.step(make('readIndex', { from: '3', round: 5 }))
    turn(raft)
    raft.step(make('readIndex', { from: '3', round: 5 }))
    raft.step(make('heartbeatReply', { readRound: 1 }))
    expect(turn(raft)).toEqual(
      batch({ messages: [make('readIndexReply', { from: '1', to: '3', round: 5, index: 1 })] }),
    )
    raft.step(make('readIndex', { from: '3', round: 5 }))
    expect(messagesOf(turn(raft), 'heartbeat')).toHaveLength(2)
  })

  test('a later question of a follower replaces the one before it, and a stranger is not heard', () => {
    const raft = makeLeader()
    raft.step(make('readIndex', { from: '3', round: 5 }))
    raft.step(make('readIndex', { from: '3', round: 6 }))
    raft.step(make('readIndex', { from: '9', round: 1 }))
    raft.step(appendReply('2', 1))
    turn(raft)
    raft.step(make('heartbeatReply', { readRound: 1 }))
    expect(messagesOf(turn(raft), 'readIndexReply')).toEqual([
      make('readIndexReply', { from: '1', to: '3', round: 6, index: 1 }),
    ])
  })

  test('more reads than may wait are dropped at once', () => {
    const raft = makeSettledLeader({ config: { readsMax: 2 } })
    for (const context of [1, 2, 3]) raft.read(context)
    expect(turn(raft).readsDropped).toEqual([3])
    raft.read(4)
    expect(turn(raft).readsDropped).toEqual([4])
    raft.step(make('heartbeatReply', { readRound: 1 }))
    raft.read(5)
    expect(turn(raft)).toMatchObject({ readsDropped: [], reads: [{ context: 1 }, { context: 2 }] })
  })
})

describe('on a follower', () => {
  const question = (round: number) => make('readIndex', { from: '1', to: '2', round })

  test('all reads that wait share one question', () => {
    const raft = makeFollower()
    raft.read(10)
    raft.read(11)
    expect(turn(raft)).toEqual(batch({ messages: [question(1)] }))
    raft.read(12)
    expect(raft.ready()).toBeUndefined()
    raft.step(make('readIndexReply', { round: 1, index: 7 }))
    expect(turn(raft)).toEqual(
      batch({
        messages: [question(2)],
        reads: [
          { context: 10, index: 7 },
          { context: 11, index: 7 },
        ],
      }),
    )
  })

  test('an answer to another question is none', () => {
    const raft = makeFollower()
    raft.read(10)
    turn(raft)
    raft.step(make('readIndexReply', { round: 9, index: 7 }))
    raft.step(make('readIndexReply', { round: 0, index: 7 }))
    expect(raft.ready()).toBeUndefined()
  })

  test('the question is repeated at every heartbeat interval until it is answered', () => {
    const raft = makeFollower()
    raft.read(10)
    turn(raft)
    for (let i = 0; i < 3; i++) {
      ticks(raft, CONFIG.heartbeatTicks)
      expect(turn(raft)).toEqual(batch({ messages: [question(1)] }))
    }
    raft.step(make('readIndexReply', { round: 1, index: 7 }))
    turn(raft)
    ticks(raft, CONFIG.heartbeatTicks)
    expect(raft.ready()).toBeUndefined()
  })

  test('the question is repeated once in a turn, however many intervals have passed', () => {
    const raft = makeFollower()
    raft.read(10)
    turn(raft)
    ticks(raft, CONFIG.heartbeatTicks * 3)
    expect(turn(raft)).toEqual(batch({ messages: [question(1)] }))
  })

  test('reads are dropped when the leader changes, and at once where there is none', () => {
    const raft = makeFollower()
    raft.read(10)
    turn(raft)
    raft.read(11)
    raft.step(heartbeat(0, { from: '3', term: 2 }))
    expect(turn(raft).readsDropped).toEqual([10, 11])
    raft.reportGone(memberId('3'))
    raft.read(12)
    expect(turn(raft).readsDropped).toEqual([12])
  })

  test('the numbers of questions begin at random, so that answers to an earlier life fit none of this one', () => {
    const first = (draw: number) => {
      const raft = makeFollower({ config: { random: () => draw } })
      raft.read(1)
      return messagesOf(turn(raft), 'readIndex')[0]?.round ?? 0
    }
    expect(first(0.25)).not.toBe(first(0.5))
    expect(Number.isSafeInteger(first(0.999999))).toBe(true)
  })
})
