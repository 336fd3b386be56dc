/** Voters and learners: order, majorities, and one change at a time. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { applyChange, majority, majorityIndex, makeMembership, tally } from '../../src/raft/membership.ts'
import type { MembershipChange } from '../../src/raft/types.ts'
import { memberId } from '../../src/raft/types.ts'
import { membership } from './builders.ts'

function change(kind: MembershipChange['kind'], id: string): MembershipChange {
  return { kind, id: memberId(id) }
}

test('members are sorted as unsigned numbers', () => {
  expect(makeMembership(['ff', 'a', '10', '2'].map(memberId)).voters).toEqual(['2', 'a', '10', 'ff'])
})

test('nobody is listed twice, and there is a voter', () => {
  expect(() => membership('11')).toThrow('listed once')
  expect(() => membership('1', '1')).toThrow('listed once')
  expect(() => membership('')).toThrow('has a voter')
})

test.each([
  [1, 1],
  [2, 2],
  [3, 2],
  [4, 3],
  [5, 3],
  [7, 4],
])('of %i voters %i make a majority', (voters, needed) => {
  expect(majority(voters)).toBe(needed)
})

test('the index that a majority has reached is what counting would find', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 9 }), (values) => {
      const reached = (index: number) => values.filter((value) => value >= index).length >= majority(values.length)
      const index = majorityIndex([...values])
      expect([reached(index), reached(index + 1)]).toEqual([true, false])
    }),
    { seed: 1 },
  )
})

test.each([
  ['123', '', '', 'open'],
  ['123', '1', '2', 'open'],
  ['123', '12', '', 'won'],
  ['123', '1', '23', 'lost'],
  ['1234', '12', '3', 'open'],
  ['1234', '12', '34', 'lost'],
  ['123', '1456', '', 'open'],
  ['1', '1', '', 'won'],
])('among %s, %s for and %s against: %s', (voters, granted, refused, expected) => {
  const votes = new Map([
    ...[...granted].map((id) => [memberId(id), true] as const),
    ...[...refused].map((id) => [memberId(id), false] as const),
  ])
  expect(tally(membership(voters, '789'), votes)).toBe(expected)
})

describe('one change', () => {
  test.each([
    ['addLearner', '4', membership('123', '459')],
    ['addVoter', '4', membership('1234', '59')],
    ['addVoter', '5', membership('1235', '9')],
    ['remove', '2', membership('13', '59')],
    ['remove', '9', membership('123', '5')],
    ['demote', '2', membership('13', '259')],
  ] as const)('%s %s', (kind, id, after) => {
    expect(applyChange(membership('123', '59'), change(kind, id))).toEqual(after)
  })

  test.each([
    ['addLearner', '5'],
    ['addLearner', '1'],
    ['addVoter', '1'],
    ['remove', '7'],
    ['demote', '5'],
    ['demote', '7'],
  ] as const)('%s %s changes nothing where it is so already', (kind, id) => {
    const before = membership('123', '5')
    expect(applyChange(before, change(kind, id))).toBe(before)
  })

  test('the last voter stays', () => {
    const before = membership('1', '5')
    expect(applyChange(before, change('remove', '1'))).toBe(before)
    expect(applyChange(before, change('demote', '1'))).toBe(before)
  })

  test('majorities before and after a change always meet', () => {
    const ids = fc.subarray(['1', '2', '3', '4', '5', '6', '7'], { minLength: 1 })
    fc.assert(
      fc.property(
        ids,
        fc.constantFrom('addVoter', 'remove', 'demote'),
        fc.constantFrom(...'1234567'),
        (voters, kind, id) => {
          const before = membership(voters.join(''))
          const after = applyChange(before, change(kind as 'addVoter' | 'remove' | 'demote', id))
          const all = new Set([...before.voters, ...after.voters]).size
          expect(majority(before.voters.length) + majority(after.voters.length)).toBeGreaterThan(all)
        },
      ),
      { seed: 1 },
    )
  })
})
