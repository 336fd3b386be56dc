/**
 * What every transport promises, be it sockets or the simulator's network. Source: `src/replica/ports.ts`.
 *
 * Owns: the tests. Leaves to the caller: a world of members that talk over the transport under test, without faults but
 * those that a test asks for.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { InstallSnapshot, Message } from '../../src/raft/message.ts'
import type { Entry, MemberId } from '../../src/raft/types.ts'
import type { Transport } from '../../src/replica/ports.ts'
import { append, entry, heartbeat, installSnapshot } from '../support/peer-members.ts'

/** One member of the world: its transport, and what was reported to it since the world began. */
export interface ContractMember {
  readonly id: MemberId
  readonly transport: Transport
  readonly received: readonly Message[]
  readonly unreachable: readonly MemberId[]
  readonly gone: readonly MemberId[]
  readonly snapshots: readonly { readonly id: MemberId; readonly ok: boolean }[]
  /** Snapshots whose rows were staged here. */
  readonly staged: readonly InstallSnapshot[]
}

/** Members a, b and c that know each other's addresses. At first nobody talks to anybody: `setRemotes` was not called. */
export interface ContractWorld {
  readonly members: Readonly<Record<'a' | 'b' | 'c', ContractMember>>
  /** The remotes to give to `setRemotes` of a member that shall talk to `others`. */
  remotes(...others: readonly ('a' | 'b' | 'c')[]): ReadonlyMap<MemberId, readonly string[]>
  /** Ends the process of a member: its sockets close, nobody listens any more. */
  kill(member: 'a' | 'b' | 'c'): Promise<void>
  /** Starts it again where it was, with nothing received and no remotes set. */
  restart(member: 'a' | 'b' | 'c'): Promise<void>
  /** Lets time pass until the condition holds; fails after a while. */
  until(condition: () => boolean, what: string): Promise<void>
  close(): Promise<void>
}

export function transportContract(name: string, open: () => Promise<ContractWorld>): void {
  describe(`transport contract: ${name}`, () => {
    let world: ContractWorld

    beforeEach(async () => {
      world = await open()
    })
    afterEach(async () => {
      await world.close()
    })

    /** Has the pair talk both ways, and waits until each has heard the other. */
    async function connect(first: 'a' | 'b' | 'c', second: 'a' | 'b' | 'c'): Promise<void> {
      world.members[first].transport.setRemotes(world.remotes(second))
      world.members[second].transport.setRemotes(world.remotes(first))
      await heard(first, second)
      await heard(second, first)
    }

    /** Sends until the first message arrives: what is sent before a stream stands is dropped. */
    async function heard(from: 'a' | 'b' | 'c', to: 'a' | 'b' | 'c'): Promise<void> {
      await world.until(() => {
        world.members[from].transport.send([heartbeat(from, to, 0)])
        return world.members[to].received.some((message) => message.from === from)
      }, `${to} hears ${from}`)
    }

    /** Commit indexes of the numbered heartbeats that arrived, without those of `heard`. */
    function numbers(member: 'a' | 'b' | 'c', from: 'a' | 'b' | 'c'): number[] {
      return world.members[member].received.flatMap((message) =>
        message.kind === 'heartbeat' && message.from === from && message.commitIndex > 0 ? [message.commitIndex] : [],
      )
    }

    test('messages to one remote arrive in the order in which they were sent', async () => {
      await connect('a', 'b')
      const { transport } = world.members.a
      for (let i = 1; i <= 200; i += 4) {
        transport.send([i, i + 1].map((n) => heartbeat('a', 'b', n)))
        transport.send([i + 2, i + 3].map((n) => heartbeat('a', 'b', n)))
      }
      await world.until(() => numbers('b', 'a').length === 200, 'all arrive')
      expect(numbers('b', 'a')).toEqual(Array.from({ length: 200 }, (_, i) => i + 1))
    })

    test('messages of one call go to the remotes that they are for', async () => {
      await connect('a', 'b')
      world.members.a.transport.setRemotes(world.remotes('b', 'c'))
      await heard('a', 'c')
      world.members.a.transport.send([heartbeat('a', 'b', 1), heartbeat('a', 'c', 2), heartbeat('a', 'b', 3)])
      await world.until(() => numbers('b', 'a').length === 2 && numbers('c', 'a').length === 1, 'all arrive')
      expect(numbers('b', 'a')).toEqual([1, 3])
      expect(numbers('c', 'a')).toEqual([2])
    })

    test('entries arrive with every field and byte as they were', async () => {
      await connect('a', 'b')
      const entries: Entry[] = [
        entry(8, 1, Buffer.from([0, 1, 2, 253, 254, 255])),
        { ...entry(9, 1, '', 'ffffffffffffffff'), kind: 0, seq: Number.MAX_SAFE_INTEGER },
      ]
      world.members.a.transport.send([append('a', 'b', 7, entries)])
      const arrived = (): Message | undefined => world.members.b.received.find(({ kind }) => kind === 'append')
      await world.until(() => arrived() !== undefined, 'the append arrives')
      const message = arrived()
      if (message?.kind !== 'append') throw new Error('not an append')
      expect(message).toMatchObject({ from: 'a', to: 'b', term: 1, prevIndex: 7, prevTerm: 1, commitIndex: 0 })
      const plain = ({ data, ...rest }: Entry) => ({ ...rest, data: [...data] })
      expect(message.entries.map(plain)).toEqual(entries.map(plain))
    })

    test('sending neither throws nor reports before it returns, whatever the state of the remote', async () => {
      await connect('a', 'b')
      await world.kill('b')
      const { transport, unreachable } = world.members.a
      const before = unreachable.length
      for (let i = 0; i < 100; i++) transport.send([heartbeat('a', 'b', i), heartbeat('a', 'c', i)])
      expect(unreachable.length).toBe(before)
    })

    test('a message to a member that is not among the remotes is dropped, and that is said', async () => {
      world.members.a.transport.send([heartbeat('a', 'c', 1)])
      await world.until(() => world.members.a.unreachable.includes(world.members.c.id), 'c is reported')
      await connect('a', 'b')
      expect(world.members.c.received).toEqual([])
    })

    test('after the remotes were set without it, a member hears nothing more', async () => {
      await connect('a', 'b')
      world.members.a.transport.setRemotes(world.remotes('c'))
      await heard('a', 'c')
      const before = world.members.b.received.length
      world.members.a.transport.send([heartbeat('a', 'b', 7), heartbeat('a', 'c', 7)])
      await world.until(() => numbers('c', 'a').includes(7), 'c hears')
      expect(world.members.b.received.length).toBe(before)
    })

    test('setting the same remotes again breaks no stream', async () => {
      await connect('a', 'b')
      const { transport } = world.members.a
      const before = world.members.a.unreachable.length
      transport.send([heartbeat('a', 'b', 1)])
      transport.setRemotes(world.remotes('b'))
      transport.send([heartbeat('a', 'b', 2)])
      await world.until(() => numbers('b', 'a').length === 2, 'both arrive')
      expect(world.members.a.unreachable.length).toBe(before)
    })

    test('a member whose process ends is unreachable, then gone, and gone is said once', async () => {
      await connect('a', 'b')
      await world.kill('b')
      const b = world.members.b.id
      await world.until(() => world.members.a.gone.includes(b), 'b is gone')
      expect(world.members.a.unreachable).toContain(b)
      world.members.a.transport.setRemotes(world.remotes('b', 'c'))
      await heard('a', 'c')
      expect(world.members.a.gone).toEqual([b])
    })

    test('a member that comes back is heard and hears', async () => {
      await connect('a', 'b')
      await world.kill('b')
      await world.until(() => world.members.a.gone.length > 0, 'b is gone')
      await world.restart('b')
      world.members.b.transport.setRemotes(world.remotes('a'))
      await heard('a', 'b')
      const before = world.members.a.received.length
      await world.until(() => {
        world.members.b.transport.send([heartbeat('b', 'a', 9)])
        return world.members.a.received.length > before
      }, 'a hears b again')
    })

    test('a snapshot is staged at the other end, and its sender is told once', async () => {
      await connect('a', 'b')
      world.members.a.transport.sendSnapshot(world.members.b.id, installSnapshot('a', 'b', 42))
      expect(world.members.a.snapshots).toEqual([])
      await world.until(() => world.members.a.snapshots.length > 0, 'the sender is told')
      expect(world.members.a.snapshots).toEqual([{ id: 'b', ok: true }])
      expect(world.members.b.staged).toEqual([installSnapshot('a', 'b', 42)])
      expect(world.members.b.received.some(({ kind }) => kind === 'installSnapshot')).toBe(false)
    })

    test('a snapshot to a member whose process ended is reported as not arrived', async () => {
      await connect('a', 'b')
      await world.kill('b')
      await world.until(() => world.members.a.gone.length > 0, 'b is gone')
      world.members.a.transport.sendSnapshot(world.members.b.id, installSnapshot('a', 'b', 42))
      await world.until(() => world.members.a.snapshots.length > 0, 'the sender is told')
      expect(world.members.a.snapshots).toEqual([{ id: 'b', ok: false }])
    })

    test('a snapshot to a member that is not among the remotes is reported as not arrived', async () => {
      world.members.a.transport.sendSnapshot(world.members.c.id, installSnapshot('a', 'c', 42))
      expect(world.members.a.snapshots).toEqual([])
      await world.until(() => world.members.a.snapshots.length > 0, 'the sender is told')
      expect(world.members.a.snapshots).toEqual([{ id: 'c', ok: false }])
    })
  })
}
