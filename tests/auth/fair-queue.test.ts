/** Dear work: few at a time, addresses in turn. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FairQueue } from '../../src/auth/fair-queue.ts'

/** A queue whose work ends when told to; `begun` lists what was started and not ended. */
function rig(runningMax = 2, waitingMax = 100, waitingPerAddressMax = 100) {
  const queue = new FairQueue({ runningMax, waitingMax, waitingPerAddressMax })
  const begun: { readonly name: string; readonly finished: () => void }[] = []
  const dropped: string[] = []
  return {
    dropped,
    names: () => begun.map(({ name }) => name),
    add: (name: string) => {
      const work = (finished: () => void): void => void begun.push({ name, finished })
      return queue.add(name[0] as string, work, () => dropped.push(name))
    },
    end: (name: string) => {
      const at = begun.findIndex((each) => each.name === name)
      begun.splice(at, 1)[0]?.finished()
    },
  }
}

test('work of one address runs one at a time, in order', () => {
  const { add, end, names } = rig()
  for (const name of ['a1', 'a2', 'a3']) add(name)
  expect(names()).toEqual(['a1'])
  end('a1')
  expect(names()).toEqual(['a2'])
  end('a2')
  end('a3')
  expect(names()).toEqual([])
})

test('as many addresses at a time as may be', () => {
  const { add, names } = rig()
  for (const name of ['a1', 'b1', 'c1']) add(name)
  expect(names()).toEqual(['a1', 'b1'])
})

test('one who asks for much waits for himself: others come in between', () => {
  const { add, end, names } = rig(1)
  for (const name of ['a1', 'a2', 'a3', 'b1', 'c1']) add(name)
  const order = []
  for (let name = names()[0]; name !== undefined; name = names()[0]) {
    order.push(name)
    end(name)
  }
  expect(order).toEqual(['a1', 'b1', 'c1', 'a2', 'a3'])
})

test('what is over the bounds is refused, and there is room again later', () => {
  const { add, end } = rig(1, 3, 2)
  expect(['a1', 'a2', 'a3', 'a4'].map(add)).toEqual([true, true, true, false])
  expect([add('b1'), add('b2')]).toEqual([true, false])
  end('a1')
  expect(add('b3')).toBe(true)
})

test('when it is full, one of whom nothing waits takes the last place of whoever has most', () => {
  const { add, dropped, end, names } = rig(1, 4, 3)
  expect(['a1', 'a2', 'a3', 'a4', 'b1'].map(add)).toEqual([true, true, true, true, true])
  expect([add('c1'), add('b2'), add('d1'), add('e1')]).toEqual([true, false, true, false])
  expect(dropped).toEqual(['a4', 'a3'])
  const order = []
  for (let name = names()[0]; name !== undefined; name = names()[0]) {
    order.push(name)
    end(name)
  }
  expect(order).toEqual(['a1', 'b1', 'c1', 'd1', 'a2'])
})

function unwanted(): never {
  throw new Error('nobody else wants its place')
}

test('work that ends at once is work too', () => {
  const queue = new FairQueue({ runningMax: 1, waitingMax: 10, waitingPerAddressMax: 10 })
  const ran: string[] = []
  for (const name of ['a', 'b', 'a']) {
    queue.add(
      name,
      (finished) => {
        ran.push(name)
        finished()
      },
      unwanted,
    )
  }
  expect(ran).toEqual(['a', 'b', 'a'])
})

test('whatever comes and ends, all that was taken runs once, within the bounds, and nothing is forgotten', () => {
  const step = fc.oneof(fc.constantFrom('a', 'b', 'c'), fc.constant('end'))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 3 }), (steps, runningMax) => {
      const { add, dropped, end, names } = rig(runningMax, 5, 3)
      const taken: string[] = []
      const done: string[] = []
      const endFirst = (): void => {
        const name = names()[0]
        if (name === undefined) return
        done.push(name)
        end(name)
      }
      for (const [at, each] of steps.entries()) {
        if (each === 'end') endFirst()
        else if (add(`${each}${at}`)) taken.push(`${each}${at}`)
        expect(names().length).toBeLessThanOrEqual(runningMax)
        expect(new Set(names().map(([address]) => address)).size).toBe(names().length)
        const waiting = taken.length - dropped.length - done.length - names().length
        expect(waiting).toBeLessThanOrEqual(5)
      }
      while (names().length > 0) endFirst()
      expect([...done, ...dropped].toSorted()).toEqual(taken.toSorted())
    }),
  )
})
