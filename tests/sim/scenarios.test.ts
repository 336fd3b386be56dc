/** Named scenarios: what can go wrong, one story each. Every one ends with a healed cluster and all checkers. */
import { describe, expect, test } from 'vitest'
import type { SimMember } from './member.ts'
import {
  calmWorld,
  end,
  fill,
  load,
  mustAgree,
  readQuorum,
  roles,
  SOON_MS,
  setCommand,
  tally,
  write,
} from './scenario.ts'
import { ELECTION_MS } from './settings.ts'
import { SimWatcher } from './watchers.ts'
import type { World } from './world.ts'

const SEED = 1

/** Cuts a member off for so long that the leader counts it as silent and keeps no log for it. */
async function loseSightOf(world: World, member: SimMember): Promise<void> {
  world.isolate(member)
  await world.run(3 * ELECTION_MS)
}

describe('leaders', () => {
  test('a killed leader is replaced at once, and what it acknowledged stays', async () => {
    const world = await calmWorld(SEED)
    const { leader, followers } = roles(world)
    expect(await write(world, leader, setCommand('/a', 'kept'))).toMatchObject({ ok: true })
    const crashedMs = world.nowMs
    world.crash(leader)
    const next = await mustAgree(world, followers)
    // Nobody waits out an election timeout: its port refuses connections.
    expect(world.nowMs - crashedMs).toBeLessThan(ELECTION_MS)
    expect(await readQuorum(world, next, '/a')).toEqual({ value: 'kept' })
    await end(world)
  })

  test('a leader in a minority acknowledges nothing and steps down, while the majority goes on', async () => {
    const world = await calmWorld(SEED, 5)
    const { leader, followers } = roles(world)
    world.split([leader, ...followers.slice(0, 1)])
    const lost = [leader, followers[0]].map((member) => world.ask(member ?? leader, setCommand('/a', 'lost')))
    await mustAgree(world, followers.slice(1))
    expect(await write(world, followers[3] ?? leader, setCommand('/a', 'won'))).toMatchObject({ ok: true })
    await world.run(2 * ELECTION_MS)
    expect(leader.replica?.roleView.role).not.toBe('leader')
    expect(lost.every(({ answer }) => typeof answer !== 'object')).toBe(true)
    world.network.mendAll()
    await mustAgree(world, world.members)
    expect(await readQuorum(world, leader, '/a')).toEqual({ value: 'won' })
    await end(world)
  })

  test('a member that was cut off comes back without an election', async () => {
    const world = await calmWorld(SEED)
    const { leader, followers } = roles(world)
    const [away] = followers
    if (away === undefined) return
    const term = leader.replica?.term
    world.isolate(away)
    await world.run(5 * ELECTION_MS)
    world.network.mendAll()
    await mustAgree(world, world.members)
    expect([leader.replica?.roleView.role, leader.replica?.term]).toEqual(['leader', term])
    await end(world)
  })

  test('a leader that cannot hear steps down: half a link is no link', async () => {
    const world = await calmWorld(SEED)
    const { leader, followers } = roles(world)
    for (const follower of followers) world.network.cut(follower.id, leader.id)
    await world.mustReach(
      'the deaf leader still leads',
      () => leader.replica?.roleView.role !== 'leader',
      3 * ELECTION_MS,
    )
    await world.mustReach('nobody else leads', () => world.leader() !== undefined && world.leader() !== leader, SOON_MS)
    await end(world)
  })

  test('a follower that cannot hear the leader does not depose it', async () => {
    const world = await calmWorld(SEED)
    const { leader, followers } = roles(world)
    const term = leader.replica?.term
    world.network.cut(leader.id, followers[0]?.id ?? leader.id)
    await world.run(6 * ELECTION_MS)
    expect(leader.replica?.term).toBe(term)
    expect(await write(world, leader, setCommand('/a', 'x'))).toMatchObject({ ok: true })
    await end(world)
  })

  test('a log that diverged is repaired', async () => {
    const world = await calmWorld(SEED)
    const { leader, followers } = roles(world)
    world.isolate(leader)
    const writes = Array.from({ length: 20 }, (_, i) =>
      world.ask(leader, setCommand(`/w/${i}`, 'overwritten, then proposed again')),
    )
    await world.run(20)
    const next = await mustAgree(world, followers)
    expect(await fill(world, next, 30)).toBe(30)
    expect(leader.replica?.status().lastIndex).toBeGreaterThan(20)
    world.network.mendAll()
    await world.mustReach('no answer', () => writes.every(({ answer }) => answer !== undefined), SOON_MS)
    expect(tally(writes)).toEqual({ ok: 20 })
    await end(world)
  })

  test('a hand-over under load fails no write', async () => {
    const world = await calmWorld(SEED)
    const { leader } = roles(world)
    const { writes, stop } = load(world, world.members, 1)
    await world.run(50)
    leader.replica?.handOver()
    await world.mustReach('the leader keeps leading', () => leader.replica?.roleView.role !== 'leader', ELECTION_MS)
    const next = await mustAgree(world, world.members)
    expect(next).not.toBe(leader)
    await world.run(50)
    stop()
    await world.mustReach('writes wait', () => world.waitingCount === 0, SOON_MS)
    expect(tally(writes)).toEqual({ ok: writes.length })
    await end(world)
  })
})

describe('writes', () => {
  test('a write without a leader waits for one', async () => {
    const world = await calmWorld(SEED)
    const { leader, followers } = roles(world)
    world.crash(leader)
    const [first] = followers
    if (first === undefined) return
    await world.mustReach('the leader is still known', () => first.replica?.roleView.leader === undefined, ELECTION_MS)
    expect(await write(world, first, setCommand('/a', 'patient'))).toMatchObject({ ok: true })
    await end(world)
  })

  test('a write that finds no leader in time was certainly not applied', async () => {
    const world = await calmWorld(SEED)
    const { leader, followers } = roles(world)
    for (const other of followers) world.crash(other)
    await world.mustReach('a lone member leads', () => leader.replica?.roleView.leader === undefined, 3 * ELECTION_MS)
    expect(await write(world, leader, setCommand('/a', 'never'))).toBe('MUSTER_NO_LEADER')
    await end(world)
    expect(leader.replica?.store.tree.find('/a')).toBeUndefined()
  })

  test('a write handed to a leader that crashes before it heard is proposed again, and applied once', async () => {
    const world = await calmWorld(SEED)
    const { leader, followers } = roles(world)
    const [origin] = followers
    if (origin === undefined) return
    world.network.odds = { ...world.network.odds, delayMsMin: 5, delayMsMax: 5 }
    const asked = world.ask(origin, setCommand('/a', 'again'))
    await world.run(2)
    world.crash(leader)
    await world.mustReach('no answer', () => asked.answer !== undefined, SOON_MS)
    expect(asked.answer).toMatchObject({ ok: true })
    await end(world)
  })

  test('a write that a crashed leader had passed on is applied once', async () => {
    const world = await calmWorld(SEED)
    const { leader, followers } = roles(world)
    const writes = followers.map((member, i) => world.ask(member, setCommand(`/w/${i}`, 'once')))
    // Long enough for the leader to append and send, not to hear that it is committed.
    await world.run(1.5)
    world.crash(leader)
    await world.mustReach('no answer', () => writes.every(({ answer }) => answer !== undefined), SOON_MS)
    expect(tally(writes)).toEqual({ ok: writes.length })
    await end(world)
  })

  test('a proposal that arrives in a later term is not taken: its origin has proposed it again', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const world = await calmWorld(seed, 3, { requestMsMax: 5000 })
      const { leader, followers } = roles(world)
      const [origin, other] = followers
      if (origin === undefined || other === undefined) return
      await world.run(100)
      const calm = { ...world.network.odds, reorders: true }
      world.network.odds = { ...calm, delayMsMin: 1500, delayMsMax: 1500 }
      const asked = world.ask(origin, setCommand('/a', 'once'))
      await world.run(1)
      world.network.odds = calm
      // The leader is deposed and, half the time, elected again before the message reaches it.
      leader.replica?.handOver()
      await world.mustReach('no hand-over', () => world.leader() !== undefined && world.leader() !== leader, SOON_MS)
      await world.mustReach('no answer', () => asked.answer !== undefined, SOON_MS)
      world.pause(world.leader() ?? other)
      await world.run(1500 - ELECTION_MS)
      await end(world)
      expect(asked.answer).toMatchObject({ ok: true })
    }
  })

  test('past its limit a member refuses at once, and nothing of it is applied', async () => {
    const world = await calmWorld(SEED, 3, { requestsMax: 4 })
    const { followers } = roles(world)
    const writes = Array.from({ length: 10 }, (_, i) =>
      world.ask(followers[0] ?? world.member(0), setCommand(`/w/${i}`, 'x')),
    )
    await world.mustReach('no answer', () => writes.every(({ answer }) => answer !== undefined), SOON_MS)
    expect(tally(writes)).toEqual({ ok: 4, MUSTER_OVERLOADED: 6 })
    await end(world)
  })
})

describe('reads', () => {
  test('a leader that was replaced without knowing answers no quorum read', async () => {
    const world = await calmWorld(SEED)
    const { leader, followers } = roles(world)
    await write(world, leader, setCommand('/a', 'old'))
    world.isolate(leader)
    let refused: string | undefined
    let isAnswered = false
    world.readQuorum(leader, '/a', (condition) => {
      refused = condition
      isAnswered = true
    })
    const next = await mustAgree(world, followers)
    await write(world, next, setCommand('/a', 'new'))
    await world.mustReach('the read waits for ever', () => isAnswered, 2 * SOON_MS)
    expect(refused).toBe('MUSTER_TIMEOUT')
    await end(world)
  })

  test('a read that waits for entries which a snapshot covers is answered when it is installed', async () => {
    const world = await calmWorld(SEED, 3, { logEntriesMax: 20, unflushedEntriesMax: 1 })
    const { leader, followers } = roles(world)
    const [behind] = followers
    if (behind === undefined) return
    await loseSightOf(world, behind)
    await fill(world, leader, 60)
    world.network.mendAll()
    const generation = behind.replica?.generation
    expect(await readQuorum(world, behind, '/fill/9')).toEqual({ value: `${leader.name}-59` })
    expect(behind.replica?.generation).not.toBe(generation)
    await end(world)
  })

  test('reads for which the core has no room wait for the next tick instead of spinning', async () => {
    const world = await calmWorld(SEED, 3, { readsMax: 1 })
    const { leader } = roles(world)
    world.network.odds = { ...world.network.odds, delayMsMin: 5, delayMsMax: 5 }
    let answered = 0
    for (let i = 0; i < 50; i++) {
      world.timeline.in(i, () => {
        world.readQuorum(leader, '/a', (refused) => {
          if (refused === undefined) answered++
        })
      })
    }
    await world.mustReach('reads wait', () => answered === 50, SOON_MS)
    await end(world)
  })
})

describe('snapshots', () => {
  test('a follower that fell behind gets a snapshot under load', async () => {
    const world = await calmWorld(SEED, 3, { logEntriesMax: 20, unflushedEntriesMax: 5 })
    const { leader, followers } = roles(world)
    const [behind] = followers
    if (behind === undefined) return
    await loseSightOf(world, behind)
    await fill(world, leader, 60)
    const { writes, stop } = load(world, world.members, 3)
    world.network.mendAll()
    await world.mustReach('no snapshot', () => world.snapshots.installedCount > 0, SOON_MS)
    await world.run(ELECTION_MS)
    stop()
    await world.mustReach('writes wait', () => world.waitingCount === 0, SOON_MS)
    expect(tally(writes)['ok']).toBeGreaterThan(50)
    await end(world)
  })

  test('two snapshots in quick succession are installed', async () => {
    const world = await calmWorld(SEED, 3, { logEntriesMax: 20, unflushedEntriesMax: 1 })
    const { leader, followers } = roles(world)
    const [behind] = followers
    if (behind === undefined) return
    for (let round = 1; round <= 2; round++) {
      await loseSightOf(world, behind)
      await fill(world, leader, 60)
      world.network.mendAll()
      await world.mustReach('no snapshot', () => world.snapshots.installedCount >= round, SOON_MS)
    }
    await end(world)
  })

  test('a crash right after a snapshot was installed keeps it or what was there before, whole', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const world = await calmWorld(seed, 3, { logEntriesMax: 20, unflushedEntriesMax: 1 })
      const { leader, followers } = roles(world)
      const [behind] = followers
      if (behind === undefined) return
      await fill(world, leader, 5)
      await loseSightOf(world, behind)
      await fill(world, leader, 60)
      world.network.mendAll()
      const before = behind.replica?.generation
      await world.mustReach('no snapshot', () => behind.replica?.generation !== before, SOON_MS)
      world.crash(behind)
      world.restart(behind)
      await end(world)
    }
  })

  test('a crash in the middle of receiving one leaves nothing behind', async () => {
    const world = await calmWorld(SEED, 3, { logEntriesMax: 20, unflushedEntriesMax: 1 })
    const { leader, followers } = roles(world)
    const [behind] = followers
    if (behind === undefined) return
    await loseSightOf(world, behind)
    await fill(world, leader, 60)
    world.snapshots.odds = { damage: 0, cutShort: 0, pieceMsMax: 40 }
    world.network.mendAll()
    await world.mustReach('nothing is being received', () => behind.stagingCount > 0, SOON_MS)
    await world.run(60)
    expect([behind.stagingCount, world.snapshots.installedCount]).toEqual([1, 0])
    world.crash(behind)
    world.restart(behind)
    await world.mustReach('no snapshot after the restart', () => world.snapshots.installedCount > 0, SOON_MS)
    await end(world)
  })

  test('a damaged one is not taken, and the next is', async () => {
    const world = await calmWorld(SEED, 3, { logEntriesMax: 20, unflushedEntriesMax: 1 })
    const { leader, followers } = roles(world)
    const [behind] = followers
    if (behind === undefined) return
    await loseSightOf(world, behind)
    await fill(world, leader, 60)
    world.snapshots.odds = { damage: 1, cutShort: 0, pieceMsMax: 1 }
    world.network.mendAll()
    await world.run(3 * ELECTION_MS)
    expect(world.snapshots.installedCount).toBe(0)
    world.snapshots.odds = { damage: 0, cutShort: 0, pieceMsMax: 1 }
    await world.mustReach('no snapshot', () => world.snapshots.installedCount > 0, SOON_MS)
    await end(world)
  })
})

describe('crashes', () => {
  test('a crash between a turn and its rows leaves tree and log in agreement, whatever landed', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const world = await calmWorld(seed, 3, { unflushedEntriesMax: 3 })
      const { leader, followers } = roles(world)
      const victim = seed % 2 === 0 ? leader : (followers[0] ?? leader)
      world.diskSpeeds.fill({ msMin: 4, msMax: 8 })
      const { stop } = load(world, world.members, 2)
      await world.run(30 + seed)
      world.crash(victim)
      await world.run(20)
      world.restart(victim)
      await world.run(ELECTION_MS)
      stop()
      await end(world)
    }
  })

  test('what followers acknowledged is on their disks: they keep it without the leader', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const world = await calmWorld(seed)
      const { leader, followers } = roles(world)
      for (const follower of followers) world.diskSpeeds[world.members.indexOf(follower)] = { msMin: 10, msMax: 30 }
      expect(await write(world, leader, setCommand('/a', 'kept'))).toMatchObject({ ok: true })
      for (const member of world.members) world.crash(member)
      for (const follower of followers) world.restart(follower)
      const next = await mustAgree(world, followers)
      expect(await readQuorum(world, next, '/a')).toEqual({ value: 'kept' })
      await end(world)
    }
  })

  test('all crash at once, in the middle of writes: what was acknowledged is there', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const world = await calmWorld(seed, seed % 2 === 0 ? 3 : 5, { unflushedEntriesMax: 7 })
      world.diskSpeeds.fill({ msMin: 2, msMax: 10 })
      const { writes, stop } = load(world, world.members, 1)
      await world.run(100)
      for (const member of world.members) world.crash(member)
      stop()
      expect(tally(writes)['ok']).toBeGreaterThan(5)
      await end(world)
    }
  })

  test('a member alone loses nothing that it acknowledged', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const world = await calmWorld(seed, 1, { unflushedEntriesMax: 3 })
      const member = world.member(0)
      const { writes, stop } = load(world, world.members, 1)
      await world.run(30 + seed)
      world.crash(member)
      stop()
      expect(tally(writes)['ok']).toBeGreaterThan(5)
      await end(world)
    }
  })

  test('a slow disk of a leader costs it the leadership, and nothing else', async () => {
    const world = await calmWorld(SEED)
    const { leader } = roles(world)
    const { writes, stop } = load(world, world.members, 5)
    world.diskSpeeds[world.members.indexOf(leader)] = { msMin: 3 * ELECTION_MS, msMax: 3 * ELECTION_MS }
    await world.mustReach('it still leads', () => world.leader() !== undefined && world.leader() !== leader, SOON_MS)
    await world.run(ELECTION_MS)
    stop()
    world.diskSpeeds.fill({ msMin: 0.2, msMax: 2 })
    await world.mustReach('writes wait', () => world.waitingCount === 0, SOON_MS)
    expect(tally(writes)['ok']).toBeGreaterThan(writes.length / 2)
    await end(world)
  })
})

describe('time', () => {
  test('a leader that was away steps down before anything else, and expires nothing', async () => {
    const world = await calmWorld(SEED)
    const { leader } = roles(world)
    expect(await write(world, leader, setCommand('/t', 'alive', 2 * ELECTION_MS))).toMatchObject({ ok: true })
    for (const member of world.members) world.pause(member)
    await world.run(20 * ELECTION_MS)
    for (const member of world.members) world.resume(member)
    await world.mustReach('it still leads', () => leader.replica?.roleView.role !== 'leader', 5)
    expect(world.judge.expiry.expiredCount).toBe(0)
    expect(leader.replica?.store.tree.find('/t')?.value).toBe('alive')
    await mustAgree(world, world.members)
    await end(world)
  })

  test('no key expires because of an election, and each soon after its time', async () => {
    const world = await calmWorld(SEED)
    const { leader, followers } = roles(world)
    for (let i = 0; i < 10; i++) await write(world, leader, setCommand(`/t/${i}`, 'x', 300 + 20 * i))
    const setMs = world.nowMs
    world.crash(leader)
    const next = await mustAgree(world, followers)
    expect(world.judge.expiry.expiredCount).toBe(0)
    await world.mustReach('keys stay', () => world.judge.expiry.expiredCount === 10, 3 * ELECTION_MS)
    expect(world.nowMs - setMs).toBeGreaterThan(400)
    expect(next.replica?.store.tree.find('/t')?.children?.size).toBe(0)
    await end(world)
  })

  test('without a leader the clock stands still, however long', async () => {
    const world = await calmWorld(SEED)
    const { leader, followers } = roles(world)
    await write(world, leader, setCommand('/t', 'alive', 500))
    for (const follower of followers) world.crash(follower)
    await world.run(20 * ELECTION_MS)
    for (const follower of followers) world.restart(follower)
    const next = await mustAgree(world, world.members)
    expect(next.replica?.store.tree.find('/t')?.value).toBe('alive')
    await world.mustReach('the key stays', () => world.judge.expiry.expiredCount === 1, 600)
    await end(world)
  })

  test('wall clocks may jump', async () => {
    const world = await calmWorld(SEED)
    const { leader } = roles(world)
    await write(world, leader, setCommand('/t', 'x', 300))
    const setMs = world.nowMs
    for (const [place, member] of world.members.entries()) member.clock.jump(place === 1 ? -3_600_000 : 3_600_000)
    await world.mustReach('the key stays', () => world.judge.expiry.expiredCount === 1, 500)
    expect(world.nowMs - setMs).toBeGreaterThan(280)
    expect(world.leader()).toBe(leader)
    await end(world)
  })

  test('a leader that comes back goes on from the clock of the one between', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const world = await calmWorld(seed)
      const { leader, followers } = roles(world)
      // The next leader hears little of this one's clock.
      await world.run(33)
      leader.replica?.handOver()
      await world.mustReach(
        'no hand-over',
        () => world.leader() !== undefined && world.leader() !== leader,
        ELECTION_MS,
      )
      const between = world.leader() ?? leader
      await write(world, between, setCommand('/t', 'x', 39))
      for (const other of followers) if (other !== between) world.isolate(other)
      world.network.mend(leader.id, between.id)
      between.replica?.handOver()
      await world.run(80)
      await end(world)
    }
  })
})

describe('watchers', () => {
  const CALM = { moves: 0, overflows: 0, slowMsMax: 0 }

  test('go on elsewhere when their member crashes, and miss nothing', async () => {
    const world = await calmWorld(SEED)
    const watchers = Array.from({ length: 8 }, (_, i) => new SimWatcher(world, `w${i}`, CALM))
    await world.run(50)
    const paths = ['/a', '/d/x', '/d/s/z', '/q/1', '/t1', '/e/1', '/_h/1']
    for (let round = 0; round < 12; round++) {
      const victim = world.member(round)
      const { stop } = load(world, world.members, 7)
      for (const path of paths) world.ask(world.member(round + 1), setCommand(path, `${round}`))
      world.crash(victim)
      await world.run(100)
      world.restart(victim)
      await world.run(ELECTION_MS)
      stop()
    }
    await end(world, watchers)
    expect(world.judge.watches.deliveredCount).toBeGreaterThan(50)
  })

  test('live through a snapshot at their member, and look back for what it skipped', async () => {
    const world = await calmWorld(SEED, 3, { logEntriesMax: 20, unflushedEntriesMax: 1 })
    const { leader, followers } = roles(world)
    const [behind] = followers
    if (behind === undefined) return
    const seen: number[] = []
    behind.replica?.store.watchers.watch({
      path: '/fill',
      recursive: true,
      stream: true,
      since: 0,
      deliver: (event) => seen.push(event.index) > 0,
      closed: () => seen.push(Number.NaN),
    })
    await loseSightOf(world, behind)
    await fill(world, leader, 60)
    world.network.mendAll()
    await world.mustReach('no snapshot', () => world.snapshots.installedCount > 0, SOON_MS)
    await fill(world, leader, 5)
    await world.mustReach('events are missing', () => seen.length === 65, SOON_MS)
    expect(seen).toEqual(Array.from({ length: 65 }, (_, i) => (seen[0] ?? 0) + i))
    await end(world)
  })
})
