/** Which changes of the members are refused before they are asked for (`--strict-reconfig-check`), and what is told of the others. */
import { describe, expect, test } from 'vitest'
import { MemberChanges } from '../../src/member/member-changes.ts'
import { memberId } from '../../src/raft/types.ts'
import type { MemberAnswer } from '../../src/replica/member-changes.ts'
import type { MemberRequest } from '../../src/replica/member-entry.ts'
import type { Members } from '../../src/replica/members.ts'
import { condition } from '../../src/replica/waiters.ts'
import { StateMachine } from '../../src/store/state-machine.ts'

const NOW_MS = 100_000
const ME = memberId('a1')
const URLS = ['http://new:2380']

interface Setup {
  /** Ids with the monotonic time since when they are connected; undefined for those that are not. Names: those that have started. */
  readonly others: Readonly<Record<string, number | undefined>>
  readonly unstarted?: readonly string[]
  /** Ids of those that have no vote yet, though their names may be known. */
  readonly learners?: readonly string[]
  readonly isStrict?: boolean
  readonly answer?: MemberAnswer
}

function makeChanges({ others, unstarted = [], learners = [], isStrict = true, answer = { ok: true } }: Setup) {
  const store = new StateMachine()
  store.found(
    [ME, ...Object.keys(others)].map((id) => {
      const name = unstarted.includes(id) ? '' : id
      return { kind: 'putMember', id, peerUrls: [`http://${id}:1`], name, clientUrls: undefined }
    }),
  )
  const asked: MemberRequest[] = []
  const reasons: string[] = []
  const nothing = (): void => {}
  const changes = new MemberChanges({
    replica: {
      id: ME,
      store,
      members: {
        membership: {
          voters: [ME, ...Object.keys(others).map(memberId)].filter((id) => !learners.includes(id)),
          learners: learners.map(memberId),
        },
      } as unknown as Members,
      changeMembers: (request, done) => {
        asked.push(request)
        done(answer)
      },
    },
    transport: {
      status: () =>
        Object.entries(others).map(([id, connectedSinceMs]) => ({
          ...{ id: memberId(id), urls: [], lastHeardMs: undefined, roundTripMs: 0, queuedBytes: 0 },
          ...{ connectedSinceMs, lastFailure: undefined, traffic: {} as never },
        })),
    },
    clock: { monotonicMs: () => NOW_MS, wallMs: () => 1_800_000_000_000 },
    log: { debug: nothing, info: nothing, error: nothing, warn: (fields) => reasons.push(JSON.stringify(fields)) },
    isStrict,
  })
  const heard: unknown[] = []
  const hear = (told: unknown): void => void heard.push(told)
  return { changes, asked, reasons, heard, hear }
}

const FAILED = { ok: false, reason: 'failed' }
const LONG_AGO = 0
const JUST_NOW = NOW_MS - 100

describe('adding', () => {
  test('is asked for with an id made of URLs and time, and tells the new member', () => {
    const { changes, asked, heard, hear } = makeChanges({ others: { b2: LONG_AGO, c3: LONG_AGO } })
    changes.add(URLS, hear)
    expect(asked).toMatchObject([{ kind: 'add', peerUrls: URLS }])
    expect(heard).toEqual([{ ok: true, member: { id: asked[0]?.id, name: '', peerURLs: URLS, clientURLs: [] } }])
  })

  test.each([
    ['a member is not connected', { others: { b2: LONG_AGO, c3: undefined } }],
    ['a connection is young', { others: { b2: LONG_AGO, c3: JUST_NOW } }],
    ['too few have started', { others: { b2: LONG_AGO, c3: LONG_AGO }, unstarted: ['b2', 'c3'] }],
    ['the second has no vote yet', { others: { b2: LONG_AGO }, learners: ['b2'] }],
    ['the second has not started', { others: { b2: undefined }, unstarted: ['b2'] }],
  ])('is refused while %s, and the log says why', (_, setup) => {
    const strict = makeChanges(setup)
    strict.changes.add(URLS, strict.hear)
    expect(strict.asked).toEqual([])
    expect(strict.heard).toEqual([FAILED])
    expect(strict.reasons).toHaveLength(1)

    const lax = makeChanges({ ...setup, isStrict: false })
    lax.changes.add(URLS, lax.hear)
    expect(lax.asked).toHaveLength(1)
  })

  test('a second member to the first is always possible', () => {
    const { changes, asked, hear } = makeChanges({ others: {} })
    changes.add(URLS, hear)
    expect(asked).toHaveLength(1)
  })
})

describe('removing', () => {
  test.each([
    ['one that is well', { others: { b2: LONG_AGO, c3: LONG_AGO } }, 'b2', true],
    ['itself', { others: { b2: LONG_AGO, c3: LONG_AGO } }, 'a1', true],
    ['one that is down', { others: { b2: LONG_AGO, c3: undefined } }, 'c3', true],
    ['one that is well while another is down', { others: { b2: LONG_AGO, c3: undefined } }, 'b2', false],
    ['one of two while the other has not started', { others: { b2: undefined }, unstarted: ['b2'] }, 'a1', false],
    [
      'one that joins and is connected, but has not started',
      { others: { b2: LONG_AGO }, unstarted: ['b2'] },
      'b2',
      true,
    ],
    ['one of two while the other has no vote yet', { others: { b2: LONG_AGO }, learners: ['b2'] }, 'a1', false],
    ['the only one', { others: {} }, 'a1', false],
    ['one that is not there: for the log to say', { others: {} }, 'dd', true],
  ] as const)('%s', (_, setup, id, isAsked) => {
    const { changes, asked, heard, hear } = makeChanges(setup)
    changes.remove(id, hear)
    expect(asked).toHaveLength(isAsked ? 1 : 0)
    expect(heard).toEqual([isAsked ? { ok: true } : FAILED])
  })
})

test.each([
  [
    { ok: false, refusal: 'peerUrlExists' },
    { ok: false, reason: 'peerUrlExists' },
  ],
  [
    { ok: false, refusal: 'idNotFound' },
    { ok: false, reason: 'idNotFound' },
  ],
  [{ ok: false, refusal: 'lastVoter' }, FAILED],
  [condition('MUSTER_TIMEOUT'), FAILED],
] as const)('what ends as %j is told as %j', (answer, told) => {
  const { changes, heard, hear } = makeChanges({ others: {}, answer })
  changes.update('a1', URLS, hear)
  expect(heard).toEqual([told])
})
