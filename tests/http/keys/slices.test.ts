/** Long work in slices: what all of it together takes of one pass of the loop. */
import { setImmediate as nextPass } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Slices } from '../../../src/http/keys/slices.ts'

const SLICE_MS = 5

/** Works until its slice is over. */
function work(pause: () => boolean): boolean {
  while (!pause());
  return true
}

test('what is added gets one slice a pass, in turns', async () => {
  const slices = new Slices(SLICE_MS)
  const order: string[] = []
  for (const name of ['a', 'b']) {
    let left = 2
    slices.add(() => {
      order.push(name)
      left -= 1
      return left === 0
    })
  }
  expect(order).toEqual([])
  for (const seen of [1, 2, 3, 4]) {
    await nextPass()
    expect(order).toHaveLength(seen)
  }
  expect(order.join('')).toBe('abab')
})

test('what may begin at once shares one slice with the others of that pass', async () => {
  const slices = new Slices(SLICE_MS)
  expect(slices.first(() => true)).toBe(true)
  expect(slices.first(work)).toBe(true)
  let begun = false
  const begin = (): boolean => {
    begun = true
    return true
  }
  expect(slices.first(begin)).toBe(false)
  expect(begun).toBe(false)
  await nextPass()
  expect(slices.first(begin)).toBe(true)
})
