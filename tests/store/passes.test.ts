/** Pieces of work: in order, a bounded amount in each pass. */
import { expect, test } from 'vitest'
import { Passes } from '../../src/store/passes.ts'

function makePasses(): { readonly passes: Passes; readonly planned: (() => void)[] } {
  const planned: (() => void)[] = []
  return { passes: new Passes((act) => planned.push(act)), planned }
}

test('pieces are done in the order in which they came, in a pass to come', () => {
  const { passes, planned } = makePasses()
  const done: number[] = []
  for (const piece of [1, 2, 3]) passes.add(() => done.push(piece))
  expect([done, planned.length]).toEqual([[], 1])
  planned.shift()?.()
  expect([done, planned.length]).toEqual([[1, 2, 3], 0])
})

test('a pass ends once it has cost enough, and the next goes on', () => {
  const { passes, planned } = makePasses()
  const done: number[] = []
  for (const piece of [1, 2, 3, 4, 5]) {
    passes.add(() => {
      done.push(piece)
      return 800_000
    })
  }
  planned.shift()?.()
  expect([done, planned.length]).toEqual([[1, 2, 3], 1])
  planned.shift()?.()
  expect([done, planned.length]).toEqual([[1, 2, 3, 4, 5], 0])
})

test('a piece that is longer than a pass is done all the same', () => {
  const { passes, planned } = makePasses()
  const done: number[] = []
  for (const piece of [1, 2]) passes.add(() => done.push(piece) * 1e9)
  planned.shift()?.()
  expect(done).toEqual([1])
  planned.shift()?.()
  expect(done).toEqual([1, 2])
})
