/** What clients ask for, on its way in. */
import { expect, test } from 'vitest'
import { memberId } from '../../src/raft/types.ts'
import { MemberChanges } from '../../src/replica/member-changes.ts'
import { Requests } from '../../src/replica/requests.ts'
import { Waiters } from '../../src/replica/waiters.ts'
import { StateMachine } from '../../src/store/state-machine.ts'
import { ME } from './builders.ts'

const NEW = memberId('b2')

function makeRequests() {
  const store = new StateMachine()
  const requests = new Requests({
    id: ME,
    store,
    clock: { monotonicMs: () => 0, wallMs: () => 0 },
    waiters: new Waiters(10, 1000),
    changes: new MemberChanges(),
    waitMsMax: 1000,
    firstSeq: 1,
  })
  return { store, requests }
}

test('an update names the change that it has seen last; asked of one that has not heard of the member yet, none, and so it undoes no later one', () => {
  const { store, requests } = makeRequests()
  const request = { kind: 'update', id: NEW, peerUrls: ['http://b:3'] } as const
  expect(requests.changeProposer.prepare(request)).toEqual({ ...request, seenIndex: 0 })
  store.found([{ kind: 'putMember', id: NEW, peerUrls: ['http://b:1'], name: 'b', clientUrls: [] }])
  expect(requests.changeProposer.prepare(request)).toEqual({ ...request, seenIndex: 1 })
})
