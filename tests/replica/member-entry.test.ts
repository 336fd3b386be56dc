/** Changes of the membership: their bytes, and which are refused when they are applied. */
import { describe, expect, test } from 'vitest'
import { type MemberId, memberId } from '../../src/raft/types.ts'
import {
  coreChangeOf,
  decodeMemberChange,
  encodeMemberChange,
  LEARNERS_MAX,
  type MemberChange,
  refusalOf,
  storeCommandOf,
} from '../../src/replica/member-entry.ts'
import { StateMachine } from '../../src/store/state-machine.ts'

const [A, B, C, NEW, GONE] = ['a1', 'b2', 'c3', 'd4', 'e5'].map(memberId) as [
  MemberId,
  MemberId,
  MemberId,
  MemberId,
  MemberId,
]

/** Three members, and one that was removed. */
function makeStore(ids = [A, B, C]): StateMachine {
  const store = new StateMachine()
  const names = { name: 'n', clientUrls: undefined }
  store.found(ids.map((id) => ({ kind: 'putMember', id, peerUrls: [`http://${id}:1`], ...names })))
  store.apply({ index: 1, term: 1, stampMs: 0 }, { kind: 'removeMember', id: GONE })
  return store
}

const CHANGES: readonly MemberChange[] = [
  { kind: 'add', id: NEW, peerUrls: ['http://d:1', 'http://d:2'] },
  { kind: 'update', id: A, peerUrls: ['http://a:2'], seenIndex: 1 },
  { kind: 'update', id: A, peerUrls: ['http://a:2'], seenIndex: undefined },
  { kind: 'remove', id: A },
  { kind: 'promote', id: A },
  { kind: 'forget', id: GONE },
]

describe('the bytes of a change', () => {
  test.each(CHANGES)('$kind comes out as it went in', (change) => {
    expect(decodeMemberChange(encodeMemberChange(change))).toEqual({ peerUrls: [], ...change })
  })

  test.each(['[2,"add","d4",[]]', '[1,"grow","d4",[]]', '[1,"add","d4"]'])('%s ends the member', (text) => {
    expect(() => decodeMemberChange(Buffer.from(text))).toThrow(/needs a newer muster/)
  })
})

describe('a change', () => {
  test.each([
    [{ kind: 'add', id: NEW, peerUrls: ['http://d:1'] }, undefined],
    [{ kind: 'add', id: A, peerUrls: ['http://d:1'] }, 'idExists'],
    [{ kind: 'add', id: GONE, peerUrls: ['http://d:1'] }, 'idRemoved'],
    [{ kind: 'add', id: NEW, peerUrls: ['http://d:1', 'http://b2:1'] }, 'peerUrlExists'],
    [{ kind: 'update', id: A, peerUrls: ['http://a1:1', 'http://a:2'] }, undefined],
    [{ kind: 'update', id: A, peerUrls: ['http://a:3'], seenIndex: 1 }, undefined],
    [{ kind: 'update', id: A, peerUrls: ['http://a:3'], seenIndex: 2 }, 'overtaken'],
    [{ kind: 'update', id: A, peerUrls: ['http://a:3'], seenIndex: 0 }, 'overtaken'],
    [{ kind: 'update', id: A, peerUrls: ['http://a1:1'], seenIndex: 2 }, undefined],
    [{ kind: 'update', id: A, peerUrls: ['http://b2:1'] }, 'peerUrlExists'],
    [{ kind: 'update', id: NEW, peerUrls: ['http://d:1'] }, 'idNotFound'],
    [{ kind: 'update', id: GONE, peerUrls: ['http://d:1'] }, 'idRemoved'],
    [{ kind: 'remove', id: A }, undefined],
    [{ kind: 'remove', id: NEW }, 'idNotFound'],
    [{ kind: 'remove', id: GONE }, 'idRemoved'],
    [{ kind: 'promote', id: A }, undefined],
    [{ kind: 'promote', id: GONE }, 'idNotFound'],
    [{ kind: 'forget', id: GONE }, undefined],
    [{ kind: 'forget', id: A }, 'idNotFound'],
  ] as readonly (readonly [MemberChange, string | undefined])[])('%j is refused as %s', (change, refusal) => {
    expect(refusalOf(change, { voters: [A, B, C], learners: [] }, makeStore().members)).toBe(refusal)
  })

  test('that comes again late undoes nothing, also where somebody else put back in between what it found', () => {
    const store = makeStore()
    const seenIndex = store.members.modifiedIndexOf(A)
    const change: MemberChange = { kind: 'update', id: A, peerUrls: ['http://a:2'], seenIndex }
    const refused = (): string | undefined => refusalOf(change, { voters: [A, B, C], learners: [] }, store.members)
    const move = (index: number, url: string): void => {
      const attributes = { peerUrls: [url], name: undefined, clientUrls: undefined }
      store.apply({ index, term: 1, stampMs: 0 }, { kind: 'putMember', id: A, ...attributes })
    }
    expect(refused()).toBeUndefined()
    move(2, 'http://a:2')
    move(3, 'http://a1:1')
    expect(refused()).toBe('overtaken')
  })

  test('never takes the last vote, also where learners are left', () => {
    const { members } = makeStore()
    expect(refusalOf({ kind: 'remove', id: A }, { voters: [A], learners: [B, C] }, members)).toBe('lastVoter')
    expect(refusalOf({ kind: 'remove', id: B }, { voters: [A], learners: [B, C] }, members)).toBeUndefined()
  })

  test('adds nobody while sixteen learners wait already, however many members vote', () => {
    const { members } = makeStore()
    const learners = Array.from({ length: LEARNERS_MAX }, (_, i) => memberId(`f${i.toString(16)}`))
    const add: MemberChange = { kind: 'add', id: NEW, peerUrls: ['http://d:1'] }
    expect(refusalOf(add, { voters: [A, B, C], learners }, members)).toBe('tooManyLearners')
    expect(refusalOf(add, { voters: [A, B, C], learners: learners.slice(1) }, members)).toBeUndefined()
  })

  test('tells core and store of the same', () => {
    expect(CHANGES.map((change) => coreChangeOf(change)?.kind)).toEqual([
      'addLearner',
      undefined,
      undefined,
      'demote',
      'addVoter',
      'remove',
    ])
    expect(CHANGES.map((change) => storeCommandOf(change)?.kind)).toEqual([
      'putMember',
      'putMember',
      'putMember',
      'removeMember',
      undefined,
      undefined,
    ])
  })
})
