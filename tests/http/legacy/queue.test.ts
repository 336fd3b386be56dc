/** Places in the queue of a lock, among whatever else lies in its directory. */
import { expect, test } from 'vitest'
import { firstPlace, numberOf, standing } from '../../../src/http/legacy/queue.ts'
import type { Node } from '../../../src/store/node.ts'
import { FakeMember } from '../../support/fake-member.ts'

const LOCK = '/_etcd/mod/lock/k'
const keyOf = (index: number) => `${LOCK}/${String(index).padStart(20, '0')}`

/** The directory of a lock with values under the given names, in this order of writing. */
function lockWith(names: Readonly<Record<string, string | undefined>>): Node | undefined {
  const member = new FakeMember()
  for (const [name, value = ''] of Object.entries(names)) {
    const dir = value === ''
    member.write({ kind: 'set', path: name, value, dir, ttl: undefined, refresh: false }, () => {})
  }
  return member.store.tree.find(LOCK)
}

test('the first is the one of the least number, whatever the order of writing', () => {
  const queue = lockWith({ [keyOf(12)]: 'c', [keyOf(9)]: 'b', [keyOf(3)]: 'a' })
  expect(firstPlace(queue, () => true)?.value).toBe('a')
  expect(firstPlace(queue, ({ value }) => value !== 'a')?.value).toBe('b')
  expect(firstPlace(queue, ({ value }) => value === 'd')).toBeUndefined()
})

test('each stands behind the one before it', () => {
  const queue = lockWith({ [keyOf(12)]: 'c', [keyOf(3)]: 'a', [keyOf(9)]: 'b' })
  expect([3, 9, 12].map((index) => standing(queue, keyOf(index)))).toEqual([
    'first',
    { behind: keyOf(3) },
    { behind: keyOf(9) },
  ])
  expect(standing(queue, keyOf(4))).toBe('gone')
})

test('directories and other names are no places', () => {
  const other = `${LOCK}/0000000000000000000x`
  const queue = lockWith({ [keyOf(1)]: undefined, [`${LOCK}/00`]: 'x', [other]: 'y', [keyOf(7)]: 'a' })
  expect(firstPlace(queue, () => true)?.value).toBe('a')
  expect([standing(queue, keyOf(7)), standing(queue, keyOf(1)), standing(queue, other)]).toEqual([
    'first',
    'gone',
    'gone',
  ])
})

test('there may be no queue', () => {
  expect([firstPlace(undefined, () => true), standing(undefined, keyOf(1))]).toEqual([undefined, 'gone'])
})

test('the number of a place has no zeros before it', () => {
  expect(numberOf(keyOf(42))).toBe('42')
})

test('a question looks at each key a fixed number of times, however many wait', () => {
  let looks = 0
  const children = new Map<string, Node>()
  for (let index = 2000; index > 0; index -= 1) {
    const key = keyOf(index)
    const place = { value: 'x', dir: false } as Node
    const counted = Object.defineProperty({ ...place }, 'key', {
      get: () => {
        looks += 1
        return key
      },
    })
    children.set(key.slice(-20), counted as Node)
  }
  const queue = { key: LOCK, dir: true, children } as unknown as Node
  expect(standing(queue, keyOf(2000))).toEqual({ behind: keyOf(1999) })
  firstPlace(queue, () => true)
  expect(looks).toBeLessThan(4 * 2 * 2000)
})
