/** One follower as its leader sees it: the three states, and the window of appends in flight. */
import { describe, expect, test } from 'vitest'
import { Progress } from '../../src/raft/progress.ts'
import { memberId } from '../../src/raft/types.ts'

function makeProgress(nextIndex = 5, countMax = 3, bytesMax = 1000): Progress {
  return new Progress(memberId('2'), nextIndex, { countMax, bytesMax })
}

/** In `replicate`, with everything up to `matchIndex` acknowledged. */
function makeReplicating(matchIndex = 4, countMax = 3, bytesMax = 1000): Progress {
  const progress = makeProgress(matchIndex + 1, countMax, bytesMax)
  progress.acknowledge(matchIndex)
  progress.becomeReplicate()
  return progress
}

function stateOf(progress: Progress) {
  const { state, matchIndex, nextIndex, isPaused, inflightCount, inflightBytes } = progress
  return { state, matchIndex, nextIndex, isPaused, inflightCount, inflightBytes }
}

describe('probe', () => {
  test('one append goes, and the next waits for an answer to it or to a heartbeat', () => {
    const progress = makeProgress()
    progress.sent(6, 100, 3)
    expect(stateOf(progress)).toEqual({
      state: 'probe',
      matchIndex: 0,
      nextIndex: 5,
      isPaused: true,
      inflightCount: 0,
      inflightBytes: 0,
    })
    expect(() => progress.sent(6, 100, 3)).toThrow('paused')
    progress.heard(6)
    expect(progress.isPaused).toBe(false)
  })

  test.each([
    [4, 2, 3],
    [4, 9, 4],
    [4, 0, 1],
  ])('a refusal of %i with a hint at %i goes back to %i', (rejected, agree, nextIndex) => {
    const progress = makeProgress(5)
    progress.sent(4, 0, 0)
    expect(progress.backOff(rejected, agree)).toBe(true)
    expect(stateOf(progress)).toMatchObject({ state: 'probe', nextIndex, isPaused: false })
  })

  test('a refusal of another probe is an old one', () => {
    const progress = makeProgress(5)
    progress.sent(4, 0, 0)
    expect(progress.backOff(3, 1)).toBe(false)
    expect(stateOf(progress)).toMatchObject({ nextIndex: 5, isPaused: true })
  })

  test('no refusal goes back below what is known to match', () => {
    const progress = makeProgress(9)
    progress.acknowledge(4)
    expect(progress.backOff(8, 1)).toBe(true)
    expect(progress.nextIndex).toBe(5)
  })
})

describe('replicate', () => {
  test('appends go ahead of the answers until the window is full by count', () => {
    const progress = makeReplicating(4, 2)
    progress.sent(6, 100, 4)
    progress.sent(7, 50, 4)
    expect(stateOf(progress)).toEqual({
      state: 'replicate',
      matchIndex: 4,
      nextIndex: 8,
      isPaused: true,
      inflightCount: 2,
      inflightBytes: 150,
    })
  })

  test('or by bytes, which the last append may overshoot', () => {
    const progress = makeReplicating(4, 9, 100)
    progress.sent(5, 99, 4)
    expect(progress.isPaused).toBe(false)
    progress.sent(6, 500, 4)
    expect(stateOf(progress)).toMatchObject({ isPaused: true, inflightBytes: 599 })
  })

  test('an append without entries takes no place', () => {
    const progress = makeReplicating(4, 1)
    progress.sent(4, 0, 4)
    expect(stateOf(progress)).toMatchObject({ isPaused: false, inflightCount: 0, nextIndex: 5 })
  })

  test('an answer frees all that it covers, however the ring has turned', () => {
    const progress = makeReplicating(0, 3)
    for (let index = 1; index <= 20; index += 2) {
      progress.sent(index, 10, 0)
      progress.sent(index + 1, 20, 0)
      expect(progress.acknowledge(index)).toBe(true)
      expect([progress.inflightCount, progress.inflightBytes]).toEqual([1, 20])
      progress.acknowledge(index + 1)
      expect([progress.inflightCount, progress.inflightBytes]).toEqual([0, 0])
    }
  })

  test('an old answer is no news', () => {
    const progress = makeReplicating(4)
    expect([progress.acknowledge(3), progress.acknowledge(4), progress.matchIndex]).toEqual([false, false, 4])
  })

  test('a refusal goes back to probing where the logs may agree, and empties the window', () => {
    const progress = makeReplicating(4)
    progress.sent(6, 100, 4)
    progress.sent(8, 100, 4)
    expect(progress.backOff(8, 6)).toBe(true)
    expect(stateOf(progress)).toEqual({
      state: 'probe',
      matchIndex: 4,
      nextIndex: 7,
      isPaused: false,
      inflightCount: 0,
      inflightBytes: 0,
    })
    expect(makeReplicating(4).backOff(4, 0)).toBe(false)
  })

  test('an answer to a heartbeat frees one place of a full window, and makes an append due where entries lack', () => {
    const progress = makeReplicating(4, 2)
    progress.sent(5, 10, 4)
    progress.sent(6, 10, 4)
    progress.heard(6)
    expect([progress.inflightCount, progress.appendDue, progress.recentActive]).toEqual([1, true, true])
    progress.sent(6, 0, 4)
    expect(progress.appendDue).toBe(false)
    progress.acknowledge(6)
    progress.heard(6)
    expect(progress.appendDue).toBe(false)
  })

  test('what the follower knows of the commit index once all arrived is remembered', () => {
    const progress = makeReplicating(4)
    progress.sent(6, 10, 3)
    expect(progress.sentCommitIndex).toBe(3)
    progress.sent(6, 0, 9)
    expect(progress.sentCommitIndex).toBe(6)
    progress.becomeProbe()
    expect(progress.sentCommitIndex).toBe(4)
  })
})

describe('snapshot', () => {
  test('nothing is sent until the follower has it; then it goes on right behind', () => {
    const progress = makeProgress()
    progress.becomeSnapshot(9)
    progress.heard(12)
    expect([progress.isPaused, progress.backOff(4, 1)]).toEqual([true, false])
    progress.becomeProbe()
    expect(stateOf(progress)).toMatchObject({ state: 'probe', nextIndex: 10, isPaused: false })
  })

  test('when it failed, the next try waits for a sign of life', () => {
    const progress = makeProgress()
    progress.becomeSnapshot(9)
    progress.snapshotFailed()
    expect(stateOf(progress)).toMatchObject({ state: 'probe', nextIndex: 1, isPaused: true })
    progress.heard(9)
    expect(progress.isPaused).toBe(false)
  })
})

test('broken invariants are found', () => {
  const progress = makeReplicating(4)
  progress.check(4)
  expect(() => progress.check(3)).toThrow('never matches more')
  progress.nextIndex = 4
  expect(() => progress.check(9)).toThrow('what is next')
})
