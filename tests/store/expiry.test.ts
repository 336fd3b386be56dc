/** The expiry heap against a sorted list. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ExpiryHeap } from '../../src/store/expiry.ts'
import { makeFile, type Node } from '../../src/store/node.ts'

function node(key: number, deadlineMs: number): Node {
  return makeFile(`/${key}`, 'v', 1, 1, deadlineMs, 0)
}

test('the first to fall due is that of a sorted list, through adding, replacing and removing', () => {
  const step = fc.record({ key: fc.nat({ max: 40 }), deadlineMs: fc.nat({ max: 60 }), pop: fc.nat({ max: 3 }) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300, size: 'max' }), (steps) => {
      const heap = new ExpiryHeap()
      const live = new Map<number, Node>()
      for (const { key, deadlineMs, pop } of steps) {
        const old = live.get(key)
        const fresh = node(key, deadlineMs)
        if (pop === 0) {
          if (old !== undefined) heap.remove(old)
          live.delete(key)
        } else if (old !== undefined) {
          heap.replace(old, fresh)
          live.set(key, fresh)
        } else if (deadlineMs !== 0) {
          heap.add(fresh)
          live.set(key, fresh)
        }
        const due = [...live.values()].filter((one) => one.deadlineMs !== 0)
        due.sort((a, b) => a.deadlineMs - b.deadlineMs || (a.key < b.key ? -1 : 1))
        expect(heap.size).toBe(due.length)
        expect(heap.peek()).toBe(due[0])
      }
    }),
  )
})

test('renewing a key for ever leaves nothing behind', () => {
  const heap = new ExpiryHeap()
  let held = node(1, 1)
  heap.add(held)
  for (let at = 2; at < 1000; at += 1) {
    const fresh = node(1, at)
    heap.replace(held, fresh)
    held = fresh
  }
  expect(heap.size).toBe(1)
  expect(heap.peek()).toBe(held)
})

test('a node that is not in the heap is removed without harm', () => {
  const heap = new ExpiryHeap()
  heap.remove(node(1, 1))
  expect(heap.peek()).toBeUndefined()
})

test('removing from one branch may bring up a node of another', () => {
  const heap = new ExpiryHeap()
  const nodes = [1, 10, 2, 20, 21, 3, 4, 30, 31, 32, 33, 5, 6, 7, 8].map((deadlineMs, key) => node(key, deadlineMs))
  for (const each of nodes) heap.add(each)
  heap.remove(nodes[3] as Node)
  const order: number[] = []
  for (let first = heap.peek(); first !== undefined; first = heap.peek()) {
    order.push(first.deadlineMs)
    heap.remove(first)
  }
  expect(order).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 10, 21, 30, 31, 32, 33])
})
