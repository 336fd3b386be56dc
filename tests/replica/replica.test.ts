/** One replica, turn by turn, without a cluster around it. */
import { describe, expect, test } from 'vitest'
import type { WriteAnswer } from '../../src/replica/waiters.ts'
import { makeReplica, makeSettings, setCommand, turns } from './builders.ts'

function lone(settings = makeSettings()) {
  const made = makeReplica(['a'], { settings: { ...settings, raft: { ...settings.raft } } })
  return made
}

describe('a lone member', () => {
  test('leads without waiting, and answers a write before its own rows are written', () => {
    const { replica } = makeReplica()
    turns(replica)
    expect(replica.roleView.role).toBe('leader')
    const heard: WriteAnswer[] = []
    replica.write(setCommand('/a'), (answer) => heard.push(answer))
    expect(replica.poll()).toMatchObject({ sync: true })
    replica.answer()
    expect(heard).toEqual([])
    replica.written()
    expect(replica.poll()).toMatchObject({ sync: false })
    replica.answer()
    expect(heard).toMatchObject([{ ok: true }])
    replica.written()
  })

  test('that was away for longer than an election timeout leads in a new term, and its clock did not move', () => {
    const { replica, pass } = makeReplica()
    turns(replica)
    const { clockMs, term } = replica.status()
    pass(1001)
    turns(replica)
    expect(replica.roleView).toMatchObject({ role: 'leader', term: term + 1 })
    expect(replica.status().clockMs).toBe(clockMs)
  })

  test('refuses past its limit, and once it stops', () => {
    const { replica } = lone()
    const heard: WriteAnswer[] = []
    for (let i = 0; i < 11; i++) replica.write(setCommand('/a'), (answer) => heard.push(answer))
    expect(heard).toEqual([{ ok: false, condition: 'MUSTER_OVERLOADED' }])
    expect(replica.waiting).toBe(10)
    replica.stop()
    expect(heard).toHaveLength(11)
    replica.write(setCommand('/a'), (answer) => heard.push(answer))
    replica.quorumRead((refused) => refused !== undefined && heard.push(refused))
    expect(heard.slice(1)).toEqual(Array.from({ length: 12 }, () => ({ ok: false, condition: 'MUSTER_STOPPED' })))
  })

  test('sweeps up all that a removed directory held before it comes to rest, though nobody asks for anything', () => {
    const [id] = makeReplica().voters
    const { replica } = makeReplica(['a'], { settings: makeSettings(id, { requestsMax: 20_000 }) })
    turns(replica)
    for (let i = 0; i < 12_000; i++) replica.write(setCommand(`/d/${i}`), () => {})
    turns(replica)
    replica.write({ kind: 'delete', path: '/d', dir: false, recursive: true }, () => {})
    turns(replica)
    expect([replica.store.storeIndex > 12_000, replica.store.sweeping]).toEqual([true, false])
  })

  test('draws the rows of what was applied when enough is outstanding, or when asked', () => {
    const { replica } = makeReplica()
    turns(replica)
    const rowsOf = (count: number): number => {
      let rows = 0
      for (let i = 0; i < count; i++) replica.write(setCommand(`/k/${i}`), () => {})
      for (let write = replica.poll(); write !== undefined; write = replica.poll()) {
        rows += write.rows.filter((row) => row.key[0] === 0x6e).length
        replica.answer()
        replica.written()
      }
      return rows
    }
    expect(rowsOf(3)).toBe(0)
    expect(rowsOf(7)).toBeGreaterThan(0)
    expect(rowsOf(3)).toBe(0)
    let isFlushed = false
    replica.requestFlush(() => {
      isFlushed = true
    })
    expect(replica.poll()).toMatchObject({ sync: true })
    expect(isFlushed).toBe(false)
    replica.written()
    expect(isFlushed).toBe(true)
  })

  test('takes one turn at a time', () => {
    const { replica } = makeReplica()
    expect(replica.poll()).toBeDefined()
    expect(() => replica.poll()).toThrow(/one turn at a time/)
    replica.written()
    expect(() => replica.written()).toThrow(/ends a turn/)
  })
})

describe('one of three', () => {
  test('sends nothing that it promises before its rows are written', () => {
    const { replica, sent, voters } = makeReplica(['a', 'b', 'c'])
    const [from] = voters.filter((id) => id !== replica.id)
    if (from === undefined) return
    replica.receive([{ kind: 'vote', from, to: replica.id, term: 3, lastIndex: 1, lastTerm: 0, transfer: false }])
    expect(replica.poll()).toMatchObject({ sync: true })
    replica.answer()
    expect(sent).toEqual([])
    replica.written()
    expect(sent).toMatchObject([{ kind: 'voteReply', to: from, granted: true, term: 3 }])
  })

  test('keeps a write until there is a leader, or says that there was none', () => {
    const { replica, pass } = makeReplica(['a', 'b', 'c'])
    const heard: WriteAnswer[] = []
    replica.write(setCommand('/a'), (answer) => heard.push(answer))
    turns(replica)
    pass(999)
    replica.tick()
    turns(replica)
    expect(heard).toEqual([])
    pass(1)
    replica.tick()
    turns(replica)
    expect(heard).toEqual([{ ok: false, condition: 'MUSTER_NO_LEADER' }])
  })

  test('drops what does not fit its inbox', () => {
    const { replica, voters } = makeReplica(['a', 'b', 'c'])
    const [from] = voters.filter((id) => id !== replica.id)
    if (from === undefined) return
    replica.receive(Array.from({ length: 12 }, () => ({ kind: 'timeoutNow', from, to: replica.id, term: 0 })))
    expect(replica.stats.messagesDropped).toBe(2)
  })

  test('tells whoever offered a snapshot at once when it stops or another waits', () => {
    const { replica } = makeReplica(['a', 'b', 'c'])
    replica.stop()
    const heard: boolean[] = []
    const snapshot = { index: 0, term: 0, stampMs: 0, membership: { voters: [replica.id], learners: [] } }
    const message = { kind: 'installSnapshot', from: replica.id, to: replica.id, term: 1, snapshot } as const
    const store = makeReplica().replica.store
    replica.installStaged(message, { generation: 2, store }, (accepted) => heard.push(accepted))
    expect(heard).toEqual([false])
  })
})
