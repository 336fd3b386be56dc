/** The fate of every write and read that waits. */
import { describe, expect, test } from 'vitest'
import type { Propose } from '../../src/raft/message.ts'
import { memberId } from '../../src/raft/types.ts'
import type { ConditionCode } from '../../src/replica/ports.ts'
import { condition, Waiters, type WriteWaiter } from '../../src/replica/waiters.ts'
import type { Outcome } from '../../src/store/outcome.ts'
import { ME, makeWaiter } from './builders.ts'

const OUTCOME: Outcome = { ok: false, code: 100, cause: '/a', storeIndex: 7 }
const explain = (): ConditionCode => 'MUSTER_TIMEOUT_CONNECTION_LOST'

function refused(code: ConditionCode) {
  return [{ ok: false, condition: code }]
}

describe('writes', () => {
  test('are told their outcome when the answers are handed out, and not before', () => {
    const waiters = new Waiters(10, 1000)
    const waiter = makeWaiter(1)
    waiters.addWrite(waiter)
    waiters.markProposed(1)
    waiters.settle(waiter, OUTCOME)
    expect([waiter.heard, waiters.size]).toEqual([[], 0])
    waiters.flush()
    waiters.flush()
    expect(waiter.heard).toEqual([OUTCOME])
  })

  test('that no leader was found for in time were certainly not applied', () => {
    const waiters = new Waiters(10, 1000)
    const waiter = makeWaiter(1, 1000)
    waiters.addWrite(waiter)
    waiters.expire(999, explain)
    expect(waiters.unproposed()).toEqual([waiter])
    waiters.expire(1000, explain)
    waiters.flush()
    expect(waiter.heard).toEqual(refused('MUSTER_NO_LEADER'))
    expect([waiters.unproposed(), waiters.find(1)]).toEqual([[], undefined])
  })

  test('that a leader has and that time ran out for have an unknown fate', () => {
    const waiters = new Waiters(10, 1000)
    const waiter = makeWaiter(1, 1000)
    waiters.addWrite(waiter)
    waiters.markProposed(3)
    waiters.expire(1000, explain)
    waiters.flush()
    expect(waiter.heard).toEqual(refused('MUSTER_TIMEOUT_CONNECTION_LOST'))
  })

  test('of several earlier terms go back in the order of their deadlines, and one that time ran out for is not proposed', () => {
    const waiters = new Waiters(10, 1000)
    const [first, second] = [makeWaiter(1, 1000), makeWaiter(2, 2000)]
    waiters.addWrite(first)
    waiters.markProposed(1)
    waiters.addWrite(second)
    waiters.markProposed(2)
    waiters.termBegins(2)
    waiters.termBegins(3)
    expect(waiters.unproposed()).toEqual([first, second])
    waiters.expire(1000, explain)
    waiters.flush()
    expect(first.heard).toEqual(refused('MUSTER_NO_LEADER'))
    expect(waiters.unproposed()).toEqual([second])
  })

  test('that never left are proposed again at the next tick, in the order in which they came; others of that term are not', () => {
    const waiters = new Waiters(10, 1000)
    const [first, second, third, later] = [makeWaiter(1), makeWaiter(2), makeWaiter(3), makeWaiter(4)]
    for (const waiter of [first, second, third]) waiters.addWrite(waiter)
    waiters.markProposed(2)
    waiters.addWrite(later)
    const propose = (term: number, ...unsent: readonly WriteWaiter[]): Propose => {
      const proposals = unsent.map(({ proposal }) => proposal)
      return { kind: 'propose', from: ME, to: memberId('b2'), term, proposals }
    }
    waiters.unsent([propose(1, first), propose(2, third, second, later)])
    expect(waiters.unproposed()).toEqual([later])
    waiters.expire(10, explain)
    expect(waiters.unproposed()).toEqual([second, third, later])
  })

  test('that never left and find no leader until their deadline are known not to have been applied', () => {
    const waiters = new Waiters(10, 1000)
    const waiter = makeWaiter(1, 1000)
    waiters.addWrite(waiter)
    waiters.markProposed(2)
    waiters.unsent([{ kind: 'propose', from: ME, to: memberId('b2'), term: 2, proposals: [waiter.proposal] }])
    waiters.expire(1000, explain)
    waiters.flush()
    expect(waiter.heard).toEqual(refused('MUSTER_NO_LEADER'))
    expect(waiters.unproposed()).toEqual([])
  })

  test('wait up to a bound in bytes, and one alone always may', () => {
    const bytes = makeWaiter(1).proposal.data.length
    const waiters = new Waiters(10, bytes + 1)
    expect(waiters.hasRoom(1_000_000)).toBe(true)
    const first = makeWaiter(1, 1000)
    waiters.addWrite(first)
    expect([waiters.hasRoom(1), waiters.hasRoom(2)]).toEqual([true, false])
    waiters.markProposed(1)
    waiters.settle(first, OUTCOME)
    expect(waiters.hasRoom(bytes + 1)).toBe(true)
    waiters.addWrite(makeWaiter(2, 1000))
    waiters.expire(1000, explain)
    expect(waiters.hasRoom(1_000_000)).toBe(true)
  })

  test('that the core has no room for were certainly not applied', () => {
    const waiters = new Waiters(10, 1000)
    const [first, second] = [makeWaiter(1), makeWaiter(2)]
    waiters.addWrite(first)
    waiters.markProposed(1)
    waiters.addWrite(second)
    waiters.refuseUnproposed('MUSTER_OVERLOADED')
    waiters.flush()
    expect([first.heard, second.heard]).toEqual([[], refused('MUSTER_OVERLOADED')])
    expect(waiters.find(1)).toBe(first)
  })

  test('of an earlier term are proposed again when a later one begins, before those that came after them', () => {
    const waiters = new Waiters(10, 1000)
    const [first, second, third] = [makeWaiter(1), makeWaiter(2), makeWaiter(3)]
    waiters.addWrite(first)
    waiters.markProposed(1)
    waiters.addWrite(second)
    waiters.markProposed(2)
    waiters.addWrite(third)
    waiters.termBegins(2)
    expect(waiters.unproposed().map((waiter) => waiter.proposal.seq)).toEqual([1, 3])
    waiters.markProposed(2)
    waiters.termBegins(2)
    expect(waiters.unproposed()).toEqual([])
  })

  test('that a snapshot jumped over have an unknown fate; those of later terms and those not proposed wait on', () => {
    const waiters = new Waiters(10, 1000)
    const [jumped, later, waiting] = [makeWaiter(1), makeWaiter(2), makeWaiter(3)]
    waiters.addWrite(jumped)
    waiters.markProposed(2)
    waiters.addWrite(later)
    waiters.markProposed(3)
    waiters.addWrite(waiting)
    waiters.jumped(2)
    waiters.flush()
    expect([jumped.heard, later.heard, waiting.heard]).toEqual([refused('MUSTER_TIMEOUT_LEADER_LOST'), [], []])
    expect(waiters.unproposed()).toEqual([waiting])
  })

  test('and reads end together when the member stops', () => {
    const waiters = new Waiters(10, 1000)
    const waiter = makeWaiter(1)
    const heard: unknown[] = []
    waiters.addWrite(waiter)
    for (let read = 0; read < 3; read++) waiters.addRead((answer) => heard.push(answer), 1000)
    waiters.readDropped(waiters.askReads())
    waiters.addRead((answer) => heard.push(answer), 1000)
    waiters.askReads()
    waiters.addRead((answer) => heard.push(answer), 1000)
    waiters.endAll('MUSTER_STOPPED')
    waiters.flush()
    expect(waiter.heard).toEqual(refused('MUSTER_STOPPED'))
    expect(heard).toEqual(Array.from({ length: 5 }, () => condition('MUSTER_STOPPED')))
    expect(waiters.size).toBe(0)
  })

  test('have no room past the limit, reads counted', () => {
    const waiters = new Waiters(2, 1000)
    waiters.addWrite(makeWaiter(1))
    expect(waiters.hasRoom(0)).toBe(true)
    waiters.addRead(() => {}, 1000)
    expect(waiters.hasRoom(0)).toBe(false)
  })

  test('may ask again from inside an answer', () => {
    const waiters = new Waiters(10, 1000)
    const again = makeWaiter(2)
    const first = { ...makeWaiter(1), done: () => waiters.addWrite(again) }
    waiters.addWrite(first)
    waiters.settle(first, OUTCOME)
    waiters.flush()
    expect(waiters.find(2)).toBe(again)
  })
})

describe('reads', () => {
  function makeRead(waiters: Waiters, deadlineMs = 1000) {
    const heard: unknown[] = []
    waiters.addRead((answer) => heard.push(answer), deadlineMs)
    return heard
  }

  test('are answered once leadership was proved and what it covers is applied', () => {
    const waiters = new Waiters(10, 1000)
    const heard = [makeRead(waiters), makeRead(waiters)]
    const context = waiters.askReads()
    expect(waiters.hasUnasked()).toBe(false)
    waiters.applied(50)
    waiters.readReady(context, 60)
    waiters.applied(59)
    waiters.flush()
    expect(heard).toEqual([[], []])
    waiters.applied(60)
    waiters.flush()
    expect(heard).toEqual([[undefined], [undefined]])
    expect(waiters.size).toBe(0)
  })

  test('whose question was dropped are asked for again at the next tick, not at once', () => {
    const waiters = new Waiters(10, 1000)
    const heard = makeRead(waiters)
    waiters.readDropped(waiters.askReads())
    expect(waiters.hasUnasked()).toBe(false)
    waiters.expire(1, explain)
    expect(waiters.hasUnasked()).toBe(true)
    waiters.readReady(waiters.askReads(), 0)
    waiters.applied(0)
    waiters.flush()
    expect(heard).toEqual([undefined])
  })

  test('end at their own deadline, also behind one that may wait longer', () => {
    const waiters = new Waiters(10, 1000)
    const [long, short] = [makeRead(waiters, 5000), makeRead(waiters, 1000)]
    waiters.askReads()
    waiters.expire(1000, explain)
    waiters.flush()
    expect([long, short]).toEqual([[], refused('MUSTER_TIMEOUT')])
  })
})
