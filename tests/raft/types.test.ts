/** Ids, counts and settings are checked where they enter. */
import { describe, expect, test } from 'vitest'
import type { RaftConfig } from '../../src/raft/config.ts'
import { checkRaftConfig } from '../../src/raft/config.ts'
import { assertCount, compareMemberIds, memberId } from '../../src/raft/types.ts'
import { CONFIG } from './builders.ts'

describe('member ids', () => {
  test.each(['1', 'f', '8e9e05c52164694d', 'ffffffffffffffff'])('%s is one', (text) => {
    expect(memberId(text)).toBe(text)
  })

  test.each(['', '0', '01', 'F', 'g', '1 ', '10000000000000000'])('"%s" is none', (text) => {
    expect(() => memberId(text)).toThrow(TypeError)
  })

  test('are ordered as unsigned numbers', () => {
    const ids = ['ff', '9', '100', 'a', '9'].map(memberId)
    expect(ids.toSorted(compareMemberIds)).toEqual(['9', '9', 'a', 'ff', '100'])
  })
})

test.each([-1, 0.5, Number.NaN, 2 ** 53])('%d is no index, term or stamp', (value) => {
  expect(() => assertCount(value)).toThrow('safe integer')
  expect(() => assertCount(0)).not.toThrow()
})

describe('settings', () => {
  test('of the tests and their like are accepted', () => {
    expect(() => checkRaftConfig(CONFIG)).not.toThrow()
  })

  test.each<Partial<RaftConfig>>([
    { heartbeatTicks: 0 },
    { electionTicks: 2 },
    { goneTicksMax: 0 },
    { goneTicksMax: 11 },
    { appendBytesMax: 0 },
    { inflightBytesMax: 0.5 },
    { appliedBytesMax: Number.POSITIVE_INFINITY },
    { uncommittedBytesMax: -1 },
    { proposeBytesMax: 0 },
    { inflightCountMax: 0 },
    { appliedCountMax: 0 },
    { readsMax: 0 },
  ])('%o are refused', (settings) => {
    expect(() => checkRaftConfig({ ...CONFIG, ...settings })).toThrow()
  })
})
