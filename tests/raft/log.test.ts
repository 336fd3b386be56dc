/** The log in memory: marks, merging, cutting off, compaction, limits in bytes. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { entryBytes, RaftLog } from '../../src/raft/log.ts'
import type { Term } from '../../src/raft/types.ts'
import { EntryKind } from '../../src/raft/types.ts'
import { makeEntry, membership, proposalBytes } from './builders.ts'

const NOTHING_BEFORE = { index: 0, term: 0, stampMs: 0, membership: membership('1') }

function makeLog(terms: readonly Term[], marks: { commitIndex?: number; appliedIndex?: number } = {}): RaftLog {
  const { commitIndex = 0, appliedIndex = 0 } = marks
  const entries = terms.map((term, i) => makeEntry(i + 1, term, { stampMs: term * 100 }))
  return new RaftLog({ snapshot: NOTHING_BEFORE, entries, commitIndex, appliedIndex })
}

function entries(from: number, ...terms: Term[]) {
  return terms.map((term, i) => makeEntry(from + i, term, { stampMs: term * 100 }))
}

function termsOf(log: RaftLog): Term[] {
  const terms: Term[] = []
  for (let index = log.firstIndex; index <= log.lastIndex; index++) terms.push(log.termAt(index) ?? -1)
  return terms
}

function marksOf(log: RaftLog) {
  const { compactIndex, lastIndex, commitIndex, appliedIndex, handedIndex, writtenIndex } = log
  return { compactIndex, lastIndex, commitIndex, appliedIndex, handedIndex, writtenIndex }
}

describe('starting', () => {
  test('a new log is empty, and everything before it has term 0', () => {
    const log = makeLog([])
    expect(marksOf(log)).toEqual({
      compactIndex: 0,
      lastIndex: 0,
      commitIndex: 0,
      appliedIndex: 0,
      handedIndex: 0,
      writtenIndex: 0,
    })
    expect([log.termAt(0), log.lastTerm, log.lastStampMs, log.termAt(1)]).toEqual([0, 0, 0, undefined])
  })

  test('what comes from the disk is written, and what was applied is committed even if the mark of that was lost', () => {
    const log = makeLog([1, 1, 2], { commitIndex: 1, appliedIndex: 2 })
    expect(marksOf(log)).toMatchObject({ commitIndex: 2, appliedIndex: 2, handedIndex: 3, writtenIndex: 3 })
    expect([log.hasUnwritten(), log.hasCommitted(), log.lastStampMs]).toEqual([false, false, 200])
  })

  test.each([
    ['a gap', entries(2, 1)],
    ['a term that decreases', entries(1, 2, 1)],
  ])('%s on disk is refused', (_name, broken) => {
    const start = { snapshot: NOTHING_BEFORE, entries: broken, commitIndex: 0, appliedIndex: 0 }
    expect(() => new RaftLog(start)).toThrow(/on disk/)
  })

  test('committed entries that the disk does not have are refused', () => {
    expect(() => makeLog([1], { commitIndex: 2 })).toThrow('what was committed is on disk')
  })
})

describe('comparing', () => {
  test.each([
    [2, 2, true],
    [1, 2, false],
    [3, 2, true],
    [1, 3, true],
    [9, 1, false],
  ])('a log that ends at %i/%i is as complete as one of terms 1, 2: %s', (lastIndex, lastTerm, upToDate) => {
    expect(makeLog([1, 2]).isUpToDate(lastIndex, lastTerm)).toBe(upToDate)
  })

  test.each([
    [5, 5, 5],
    [5, 4, 4],
    [9, 3, 2],
    [3, 1, 1],
    [5, 0, 0],
    [0, 0, 0],
  ])('terms 1, 2, 4, 4, 5 can agree with an entry %i/%i at %i at the latest', (index, term, agreeIndex) => {
    expect(makeLog([1, 2, 4, 4, 5]).agreeAt(index, term)).toBe(agreeIndex)
  })

  test('what is committed matches whatever a leader says of it', () => {
    const log = makeLog([1, 1, 1], { commitIndex: 2 })
    expect([log.matches(1, 1), log.matches(2, 1), log.matches(3, 1), log.matches(3, 2), log.matches(4, 1)]).toEqual([
      true,
      true,
      true,
      false,
      false,
    ])
  })
})

describe('merging', () => {
  test.each([
    [[], 0, [1, 1], [1, 1], 0],
    [[1], 1, [1, 2], [1, 1, 2], 1],
    [[1, 1], 1, [1], [1, 1], 2],
    [[1, 1, 1], 1, [1], [1, 1, 1], 3],
    [[1, 1, 1], 1, [2], [1, 2], 1],
    [[1, 1, 1], 1, [1, 2, 2], [1, 1, 2, 2], 2],
    [[1, 1, 1], 0, [2, 2], [2, 2], 0],
    [[1, 1], 2, [], [1, 1], 2],
  ])(
    'terms %j after %i take over %j: %j, of which %i are still written',
    (before, prevIndex, merged, after, written) => {
      const log = makeLog(before)
      log.merge(prevIndex, entries(prevIndex + 1, ...merged))
      expect(termsOf(log)).toEqual(after)
      expect(log.writtenIndex).toBe(written)
      expect(log.takeUnwritten()).toEqual(entries(written + 1, ...after.slice(written)))
    },
  )

  test('a merge that would cut off a committed entry is a broken invariant', () => {
    const log = makeLog([1, 1], { commitIndex: 2 })
    expect(() => log.merge(0, entries(1, 2))).toThrow('a committed entry is never cut off')
  })

  test('a merge that begins before the compaction point takes over what follows it', () => {
    const log = makeLog([1, 1], { commitIndex: 2, appliedIndex: 2 })
    log.compact(2)
    log.merge(0, entries(1, 1, 1, 2))
    expect(termsOf(log)).toEqual([2])
  })

  test('a leader appends only at the end, with terms and stamps that do not decrease', () => {
    const log = makeLog([1, 2])
    expect(() => log.append(makeEntry(4, 2, { stampMs: 200 }))).toThrow('at the end')
    expect(() => log.append(makeEntry(3, 1, { stampMs: 200 }))).toThrow('never decrease')
    expect(() => log.append(makeEntry(3, 2, { stampMs: 199 }))).toThrow('never decrease')
    log.append(makeEntry(3, 2, { stampMs: 200 }))
    expect(log.lastIndex).toBe(3)
  })
})

describe('writing', () => {
  test('each entry is handed out once, and counts as written when that is said', () => {
    const log = makeLog([1])
    log.merge(1, entries(2, 1, 1))
    expect(log.takeUnwritten()).toEqual(entries(2, 1, 1))
    expect([log.hasUnwritten(), log.takeUnwritten(), log.writtenIndex]).toEqual([false, [], 1])
    log.markWritten()
    expect(log.writtenIndex).toBe(3)
  })

  test('what is cut off while it is being written does not count as written', () => {
    const log = makeLog([1])
    log.merge(1, entries(2, 1, 1))
    log.takeUnwritten()
    log.merge(1, entries(2, 2))
    log.markWritten()
    expect(log.writtenIndex).toBe(1)
    expect(log.takeUnwritten()).toEqual(entries(2, 2))
  })
})

describe('committing and applying', () => {
  test('the commit index never goes back, nor past the end', () => {
    const log = makeLog([1, 1, 1])
    log.commitTo(2)
    log.commitTo(1)
    expect(log.commitIndex).toBe(2)
    expect(() => log.commitTo(4)).toThrow('only entries that are here')
  })

  test('committed entries are handed out once, cut by bytes, but never less than one', () => {
    const log = makeLog([1, 1, 1])
    log.commitTo(3)
    expect(log.takeCommitted(proposalBytes(1) * 2, 9)).toEqual(entries(1, 1, 1))
    expect([log.appliedIndex, log.hasCommitted()]).toEqual([2, true])
    expect(log.takeCommitted(1, 9)).toEqual(entries(3, 1))
    expect([log.takeCommitted(1, 9), log.hasCommitted()]).toEqual([[], false])
  })

  test('committed entries are cut by their number too', () => {
    const log = makeLog([1, 1, 1, 1])
    log.commitTo(3)
    expect(log.takeCommitted(Number.POSITIVE_INFINITY, 2)).toEqual(entries(1, 1, 1))
    expect(log.takeCommitted(Number.POSITIVE_INFINITY, 2)).toEqual(entries(3, 1))
    expect([log.appliedIndex, log.hasCommitted()]).toEqual([3, false])
  })

  test('a membership change that is committed and not applied is seen', () => {
    const change = makeEntry(2, 1, { kind: EntryKind.membership })
    const all = [makeEntry(1, 1), change, makeEntry(3, 1)]
    const log = new RaftLog({ snapshot: NOTHING_BEFORE, entries: all, commitIndex: 1, appliedIndex: 0 })
    expect(log.hasUnappliedMembership()).toBe(false)
    log.commitTo(3)
    expect(log.hasUnappliedMembership()).toBe(true)
    log.takeCommitted(proposalBytes(1) * 2, 9)
    expect(log.hasUnappliedMembership()).toBe(false)
  })
})

describe('reading', () => {
  test('a slice is bounded by bytes, but never empty', () => {
    const log = makeLog([1, 1, 1])
    expect(log.slice(2, 1)).toEqual(entries(2, 1))
    expect(log.slice(1, proposalBytes(1) * 2)).toEqual(entries(1, 1, 1))
    expect(log.slice(1, proposalBytes(1) * 2 - 1)).toEqual(entries(1, 1))
  })

  test('what is compacted cannot be read', () => {
    const log = makeLog([1, 1], { commitIndex: 2, appliedIndex: 2 })
    log.compact(1)
    expect(() => log.slice(1, 1)).toThrow('only kept entries can be read')
  })

  test('an entry costs its data and a little more', () => {
    expect(entryBytes(makeEntry(1, 1, { data: new Uint8Array(100) }))).toBe(proposalBytes(100))
  })

  test('bytes between two marks count the entries after the first', () => {
    expect(makeLog([1, 1, 1]).bytesBetween(1, 3)).toBe(proposalBytes(1) * 2)
  })
})

describe('compaction and snapshots', () => {
  test('compaction keeps term and stamp of its last entry, and only goes up to what is applied', () => {
    const log = makeLog([1, 2, 3], { commitIndex: 2, appliedIndex: 2 })
    expect(() => log.compact(3)).toThrow('only applied entries')
    log.compact(2)
    log.compact(1)
    expect([log.firstIndex, log.termAt(2), log.stampAt(2), log.termAt(1), termsOf(log)]).toEqual([
      3,
      2,
      200,
      undefined,
      [3],
    ])
  })

  test('a compacted log goes on as before, however often it is compacted', () => {
    const log = makeLog([])
    let index = 0
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i < 100; i++) log.append(makeEntry(++index, 1))
      log.commitTo(index)
      log.takeUnwritten()
      log.takeCommitted(Number.POSITIVE_INFINITY, 10_000)
      log.compact(index - 10)
      expect([log.firstIndex, log.lastIndex, termsOf(log).length]).toEqual([index - 9, index, 10])
      expect(log.slice(index - 9, 1)[0]?.index).toBe(index - 9)
    }
  })

  test('a snapshot empties the log; nothing of it is on disk before the batch is', () => {
    const log = makeLog([1, 1, 1], { commitIndex: 2 })
    expect(() => log.restore({ ...NOTHING_BEFORE, index: 2, term: 1 })).toThrow('never takes back')
    log.restore({ ...NOTHING_BEFORE, index: 9, term: 4, stampMs: 450 })
    expect(marksOf(log)).toEqual({
      compactIndex: 9,
      lastIndex: 9,
      commitIndex: 9,
      appliedIndex: 9,
      handedIndex: 0,
      writtenIndex: 0,
    })
    expect([log.lastTerm, log.lastStampMs, log.hasUnwritten(), log.takeUnwritten()]).toEqual([4, 450, true, []])
    log.markWritten()
    expect(log.writtenIndex).toBe(9)
  })
})

test('merging leaves what a naive log would hold', () => {
  const runs = fc.array(fc.tuple(fc.nat(6), fc.array(fc.nat(1), { maxLength: 4 })), { maxLength: 12 })
  fc.assert(
    fc.property(runs, (messages) => {
      const log = makeLog([])
      let naive: Term[] = []
      let term = 1
      for (const [place, steps] of messages) {
        const prevIndex = place % (naive.length + 1)
        // What a leader of a later term may send: its log agrees up to prevIndex, and its terms never decrease.
        term += 1
        const terms = steps.map((step) => (step === 0 ? term - 1 : term)).toSorted((a, b) => a - b)
        if (terms.some((sent) => sent < (naive[prevIndex - 1] ?? 0))) continue
        const conflict = terms.findIndex((sent, i) => naive[prevIndex + i] !== sent)
        if (conflict >= 0) naive = [...naive.slice(0, prevIndex + conflict), ...terms.slice(conflict)]
        log.merge(prevIndex, entries(prevIndex + 1, ...terms))
        expect(termsOf(log)).toEqual(naive)
        log.check()
      }
    }),
    { seed: 1 },
  )
})
