/** When an expiry is proposed. */
import { expect, test } from 'vitest'
import { Expirer } from '../../src/replica/expirer.ts'

test('nothing is proposed before something is due', () => {
  const expirer = new Expirer()
  expect(expirer.due(undefined, 1000, 3)).toBeUndefined()
  expect(expirer.due(1001, 1000.9, 3)).toBeUndefined()
  expect(expirer.due(1001, 1001, 3)).toEqual({ kind: 'expire', term: 3 })
})

test('one expiry is under way at a time, and the next may follow when it was applied', () => {
  const expirer = new Expirer()
  expirer.proposed(7, 3)
  expect(expirer.due(1, 1000, 3)).toBeUndefined()
  expirer.applied(6)
  expect(expirer.due(1, 1000, 3)).toBeUndefined()
  expirer.applied(7)
  expect(expirer.due(1, 1000, 3)).toEqual({ kind: 'expire', term: 3 })
})

test('one of an earlier term holds up nothing: it may be lost, and changes nothing when it is not', () => {
  const expirer = new Expirer()
  expirer.proposed(7, 3)
  expect(expirer.due(1, 1000, 4)).toEqual({ kind: 'expire', term: 4 })
})
