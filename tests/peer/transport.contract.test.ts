/** The transport over sockets keeps the contract that the simulator's network keeps. */
import type { MemberId } from '../../src/raft/types.ts'
import { type ContractMember, type ContractWorld, transportContract } from '../contract/transport.ts'
import { eventually } from '../support/eventually.ts'
import { chunkSource, collectingSink, TestMember } from '../support/peer-members.ts'

type Name = 'a' | 'b' | 'c'

async function open(): Promise<ContractWorld> {
  const live = {} as Record<Name, TestMember>
  const members = {} as Record<Name, ContractMember>

  async function start(name: Name, port: number): Promise<void> {
    const { sink, staged } = collectingSink()
    const source = chunkSource([Buffer.from('some'), Buffer.from('rows')])
    const member = await new TestMember({ id: name, sink, source }).listen(port)
    live[name] = member
    const { id, transport, received, unreachable, gone, snapshots } = member
    members[name] = {
      id,
      transport,
      received,
      unreachable,
      gone,
      snapshots,
      get staged() {
        return staged.map(({ message }) => message)
      },
    }
  }

  await Promise.all((['a', 'b', 'c'] as const).map((name) => start(name, 0)))
  return {
    members,
    remotes: (...others) =>
      new Map<MemberId, readonly string[]>(others.map((name) => [live[name].id, [live[name].url]])),
    kill: (name) => live[name].close(),
    restart: (name) => start(name, live[name].port),
    until: async (condition, what) => void (await eventually(what, condition)),
    close: async () => void (await Promise.all(Object.values(live).map((member) => member.close()))),
  }
}

transportContract('sockets', open)
