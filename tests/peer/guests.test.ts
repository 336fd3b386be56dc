/** Members of our cluster that we do not know yet: we were down or cut off when they came. Real sockets on loopback. */
import { afterEach, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { heartbeat, TestMember, type TestMemberOptions } from '../support/peer-members.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()))
})

async function member(options: TestMemberOptions): Promise<TestMember> {
  const made = await new TestMember(options).listen()
  closers.push(() => made.close())
  return made
}

/** One that says where it is to be reached. */
async function newcomer(id: string): Promise<TestMember> {
  const plain = await member({ id })
  return member({ id, peerUrls: [plain.url] })
}

const knowsNobody = { isMember: () => false }

describe('a member that nobody told us of', () => {
  test('is heard and answered when it says where it is to be reached', async () => {
    const old = await member({ id: 'b', ...knowsNobody })
    const fresh = await member({ id: 'a', peerUrls: ['http://127.0.0.1:1'] })
    fresh.meet(old)
    fresh.transport.send([heartbeat('a', 'b', 1)])
    await eventually('its stream stands', () => old.server.connected().includes(fresh.id))
    expect(old.transport.isGuest(fresh.id)).toBe(true)
    expect(old.transport.status().map(({ id, urls }) => [id, urls])).toEqual([['a', ['http://127.0.0.1:1']]])
  })

  test('is forgotten when its stream ends, unless we were told of it meanwhile', async () => {
    const old = await member({ id: 'b', ...knowsNobody })
    const [a, c] = [await newcomer('a'), await newcomer('c')]
    for (const each of [a, c]) each.meet(old)
    await eventually('both streams stand', () => old.server.connected().length === 2)
    old.transport.setRemotes(new Map([[c.id, [c.url]]]))
    expect([...old.server.connected()].sort()).toEqual(['a', 'c'])
    await Promise.all([a.close(), c.close()])
    await eventually('the guest is forgotten', () => old.transport.status().every(({ id }) => id !== a.id))
    expect(old.transport.status().map(({ id }) => id)).toEqual(['c'])
  })

  test('is turned away once it is known to be removed', async () => {
    const removed = new Set<string>()
    const old = await member({ id: 'b', ...knowsNobody, isRemoved: (id) => removed.has(id) })
    const fresh = await newcomer('a')
    fresh.meet(old)
    await eventually('its stream stands', () => old.server.connected().length === 1)
    removed.add('a')
    old.transport.setRemotes(new Map())
    await eventually('it was told', () => fresh.removedBy.length > 0)
    expect(old.server.connected()).toEqual([])
    expect(old.transport.status()).toEqual([])
  })

  test('may dial again before the end of its first stream is seen, also where there is no room for another', async () => {
    const old = await member({ id: 'b', ...knowsNobody, limits: { guestsMax: 1 } })
    const first = await newcomer('a')
    first.meet(old)
    await eventually('its stream stands', () => old.server.connected().length === 1)
    const again = await newcomer('a')
    again.meet(old)
    await eventually('the new stream stands', () => again.isConnectedTo(old))
    await eventually('the old stream is closed', () => !first.isConnectedTo(old))
    await first.close()
    // The first may have dialled once more before it ended, and have cost the second its stream: then that comes again.
    await eventually('the second is a guest', () => old.transport.isGuest(again.id))
    await eventually('it is heard', () => {
      again.transport.send([heartbeat('a', 'b', 1)])
      return old.received.length > 0
    })
  })

  test('leaves nothing behind when it goes: its counters begin anew with the next', async () => {
    const old = await member({ id: 'b', ...knowsNobody })
    const fresh = await newcomer('a')
    fresh.meet(old)
    fresh.transport.send([heartbeat('a', 'b', 1)])
    await eventually('its stream stands', () => fresh.isConnectedTo(old))
    fresh.transport.send([heartbeat('a', 'b', 1)])
    await eventually('it is heard', () => old.transport.counters.of(fresh.id).receivedMessages > 0)
    await fresh.close()
    await eventually('the guest is forgotten', () => !old.transport.isGuest(fresh.id))
    expect(old.transport.counters.of(fresh.id).receivedMessages).toBe(0)
  })

  test('says where it is to be reached at the time when it dials', async () => {
    const old = await member({ id: 'b', ...knowsNobody })
    const urls = ['http://127.0.0.1:1']
    const fresh = await member({ id: 'a', peerUrls: urls })
    urls[0] = 'http://127.0.0.1:2'
    fresh.meet(old)
    await eventually('its stream stands', () => old.server.connected().includes(fresh.id))
    expect(old.transport.status().map(({ urls: known }) => known)).toEqual([['http://127.0.0.1:2']])
  })

  test('that comes again from another place is answered there, while one that we were told of stays where it was said to be', async () => {
    const old = await member({ id: 'b', ...knowsNobody })
    const urls = ['http://127.0.0.1:1']
    const fresh = await member({ id: 'a', peerUrls: urls })
    fresh.meet(old)
    const known = () => old.transport.status().map((remote) => remote.urls)
    await eventually('its stream stands', () => fresh.isConnectedTo(old))
    expect(old.transport.welcome(fresh.id, ['http://127.0.0.1:2'])).toBe(true)
    expect(known()).toEqual([['http://127.0.0.1:2']])
    old.transport.setRemotes(new Map([[fresh.id, ['http://127.0.0.1:3']]]))
    expect(old.transport.welcome(fresh.id, ['http://127.0.0.1:2'])).toBe(true)
    expect(known()).toEqual([['http://127.0.0.1:3']])
  })

  test('is refused when there are too many such, or when it does not say where it is', async () => {
    const old = await member({ id: 'b', ...knowsNobody, limits: { guestsMax: 1 } })
    const first = await newcomer('a')
    first.meet(old)
    await eventually('its stream stands', () => old.server.connected().length === 1)
    const second = await newcomer('c')
    const silent = await member({ id: 'd' })
    for (const each of [second, silent]) each.meet(old)
    for (const each of [second, silent]) {
      await eventually('it is refused', () => {
        return each.transport.status()[0]?.lastFailure?.code === 'MUSTER_PEER_UNKNOWN'
      })
    }
    expect(old.server.connected()).toEqual(['a'])
  })
})
