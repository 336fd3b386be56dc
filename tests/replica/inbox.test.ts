/** What waits for a turn. */
import { expect, test } from 'vitest'
import type { InstallSnapshot, Message } from '../../src/raft/message.ts'
import { memberId } from '../../src/raft/types.ts'
import { Inbox } from '../../src/replica/inbox.ts'
import { StateMachine } from '../../src/store/state-machine.ts'
import { ME } from './builders.ts'

const MESSAGE: Message = { kind: 'timeoutNow', from: memberId('b2'), to: ME, term: 1 }
const SNAPSHOT: InstallSnapshot = {
  ...MESSAGE,
  kind: 'installSnapshot',
  snapshot: { index: 0, term: 0, stampMs: 0, membership: { voters: [ME], learners: [] } },
}

test('messages come out once, in order, and no more than fit', () => {
  const inbox = new Inbox(2)
  const [first, second, third] = [1, 2, 3].map((term) => ({ ...MESSAGE, term }))
  expect(inbox.add([first as Message])).toBe(0)
  expect(inbox.add([second as Message, third as Message])).toBe(1)
  expect(inbox.take()).toEqual([first, second])
  expect(inbox.take()).toEqual([])
})

test('ticks are counted until they are taken', () => {
  const inbox = new Inbox(1)
  inbox.tick()
  inbox.tick()
  expect([inbox.takeTicks(), inbox.takeTicks()]).toEqual([2, 0])
})

test('one snapshot waits at a time, and whoever offered it hears once what became of it', () => {
  const inbox = new Inbox(1)
  const staged = { generation: 2, store: new StateMachine() }
  const heard: boolean[] = []
  const offer = { message: SNAPSHOT, staged, done: (accepted: boolean) => void heard.push(accepted) }
  expect([inbox.addOffer(offer), inbox.addOffer(offer)]).toEqual([true, false])
  inbox.settleOffer(true)
  inbox.settleOffer(false)
  expect(heard).toEqual([true])
  expect(inbox.offer).toBeUndefined()
})

test('rows that are not those of the offer are a mistake', () => {
  const message = { ...SNAPSHOT, snapshot: { ...SNAPSHOT.snapshot, index: 5 } }
  const staged = { generation: 2, store: new StateMachine() }
  expect(() => new Inbox(1).addOffer({ message, staged, done: () => {} })).toThrow(/those of the offer/)
})
