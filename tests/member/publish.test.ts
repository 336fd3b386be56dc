/** A member makes its name and client URLs known, until the list says so. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { publishUntilKnown } from '../../src/member/publish.ts'
import type { Replica } from '../../src/replica/replica.ts'
import { condition, type WriteAnswer } from '../../src/replica/waiters.ts'
import type { Command } from '../../src/store/command.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const ATTRIBUTES = { name: 'm1', clientUrls: ['http://127.0.0.1:1'] }

/** A replica that writes nothing until it is told to. */
function stub() {
  const asked: Command[] = []
  const listed = { name: '', clientURLs: [] as readonly string[] }
  let answer: (answer: WriteAnswer) => void = () => {}
  const write = (command: Command, done: (answer: WriteAnswer) => void): void => {
    asked.push(command)
    answer = done
  }
  const replica = { id: 'a1', write, store: { members: { get: () => listed } } } as unknown as Replica
  return { asked, listed, replica, answer: (given: WriteAnswer) => answer(given) }
}

test('it writes what the list does not say yet, and again where the write met a condition', () => {
  const { asked, replica, answer } = stub()
  publishUntilKnown(replica, ATTRIBUTES)
  const wanted = { kind: 'putMember', id: 'a1', peerUrls: undefined, ...ATTRIBUTES }
  expect(asked).toEqual([wanted])
  answer(condition('MUSTER_NO_LEADER'))
  expect(asked).toHaveLength(1)
  vi.advanceTimersToNextTimer()
  expect(asked).toEqual([wanted, wanted])
  answer({ ok: true } as WriteAnswer)
  expect(vi.getTimerCount()).toBe(0)
})

test('it writes nothing where the list says the same, also when a write whose fate was not known was made', () => {
  const { asked, listed, replica, answer } = stub()
  publishUntilKnown(replica, ATTRIBUTES)
  answer(condition('MUSTER_TIMEOUT'))
  listed.name = ATTRIBUTES.name
  listed.clientURLs = ATTRIBUTES.clientUrls
  vi.advanceTimersToNextTimer()
  expect(asked).toHaveLength(1)
  publishUntilKnown(replica, ATTRIBUTES)
  expect(asked).toHaveLength(1)
  publishUntilKnown(replica, { ...ATTRIBUTES, clientUrls: ['http://127.0.0.1:2'] })
  expect(asked).toHaveLength(2)
})

test('once it is cancelled it asks no more', () => {
  const { asked, replica, answer } = stub()
  const publishing = publishUntilKnown(replica, ATTRIBUTES)
  publishing.cancel()
  answer(condition('MUSTER_NO_LEADER'))
  expect([asked.length, vi.getTimerCount()]).toEqual([1, 0])
})
