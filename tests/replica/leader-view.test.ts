/** What clients are shown of leaders and clock. */
import { describe, expect, test } from 'vitest'
import type { RaftStatus } from '../../src/raft/raft.ts'
import { memberId } from '../../src/raft/types.ts'
import { heirOf } from '../../src/replica/heir.ts'
import { LeaderView } from '../../src/replica/leader-view.ts'
import { ME, SILENT } from './builders.ts'

const OTHER = memberId('b2')

function makeView() {
  const time = { nowMs: 100 }
  const clock = { monotonicMs: () => time.nowMs, wallMs: () => 5000 + time.nowMs }
  const stats = { leaderChanges: 0 }
  return { time, stats, view: new LeaderView({ id: ME, clock, log: SILENT, clockAheadMsMax: 1000, term: 1, stats }) }
}

describe('the clock', () => {
  test('goes on between stamps, not for ever, and stands still without a leader', () => {
    const { time, view } = makeView()
    view.change({ role: 'follower', term: 1, leader: OTHER }, time.nowMs)
    view.noteClock(500, time.nowMs)
    time.nowMs += 300
    expect(view.clockNowMs()).toBe(800)
    time.nowMs += 5000
    expect(view.clockNowMs()).toBe(1500)
    view.change({ role: 'follower', term: 2, leader: undefined }, time.nowMs)
    expect(view.clockNowMs()).toBe(500)
  })
})

describe('a leader', () => {
  test('is new when this member has just become it, and since when is shown in wall time', () => {
    const { view } = makeView()
    expect(view.sinceWallMs).toBe(0)
    expect(view.change({ role: 'leader', term: 2, leader: ME }, 200)).toBe(true)
    expect(view.sinceWallMs).toBe(5100)
    expect(view.change({ role: 'leader', term: 3, leader: ME }, 300)).toBe(false)
    expect(view.role.term).toBe(3)
  })
})

test('each time that a leader becomes known is counted, its loss is not', () => {
  const { view, stats } = makeView()
  view.change({ role: 'follower', term: 1, leader: OTHER }, 200)
  view.change({ role: 'candidate', term: 2, leader: undefined }, 300)
  view.change({ role: 'leader', term: 2, leader: ME }, 400)
  view.change({ role: 'leader', term: 2, leader: ME }, 500)
  expect(stats.leaderChanges).toBe(2)
})

describe('a write without news', () => {
  test('lost its leader, or the connection, or only time', () => {
    const { view } = makeView()
    view.change({ role: 'follower', term: 1, leader: OTHER }, 200)
    view.heard(250)
    expect(view.explain(200)).toBe('MUSTER_TIMEOUT_LEADER_LOST')
    expect(view.explain(201)).toBe('MUSTER_TIMEOUT')
    expect(view.explain(251)).toBe('MUSTER_TIMEOUT_CONNECTION_LOST')
  })
})

describe('an heir', () => {
  const [c3, d4] = [memberId('c3'), memberId('d4')]
  const follower = {
    state: 'replicate',
    matchIndex: 5,
    nextIndex: 6,
    recentActive: true,
    answers: true,
    paused: false,
  } as const
  const status: RaftStatus = {
    id: ME,
    role: 'leader',
    term: 1,
    vote: ME,
    leader: ME,
    commitIndex: 5,
    appliedIndex: 5,
    lastIndex: 9,
    firstIndex: 1,
    clockMs: 0,
    membership: { voters: [ME, OTHER, c3], learners: [d4] },
    progress: [],
  }

  test('is the voter closest behind that was heard of lately', () => {
    const progress = [
      { ...follower, id: OTHER },
      { ...follower, id: c3, matchIndex: 7 },
      { ...follower, id: d4, matchIndex: 9 },
    ]
    expect(heirOf({ ...status, progress })).toBe(c3)
    expect(
      heirOf({
        ...status,
        progress: [
          { ...follower, id: OTHER },
          { ...follower, id: c3, recentActive: false },
        ],
      }),
    ).toBe(OTHER)
  })

  test('is nobody on a follower, or when all are silent', () => {
    expect(heirOf({ ...status, role: 'follower', progress: [] })).toBeUndefined()
    expect(heirOf({ ...status, progress: [{ ...follower, id: OTHER, recentActive: false }] })).toBeUndefined()
  })
})
