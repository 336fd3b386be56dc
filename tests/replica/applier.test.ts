/** Committed entries in the store, and whoever waited for them. */
import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { EntryKind, memberId } from '../../src/raft/types.ts'
import { Applier } from '../../src/replica/applier.ts'
import { Expirer } from '../../src/replica/expirer.ts'
import { LogKeeper } from '../../src/replica/log-keeper.ts'
import { MemberChanges } from '../../src/replica/member-changes.ts'
import { Members } from '../../src/replica/members.ts'
import { Waiters } from '../../src/replica/waiters.ts'
import { StateMachine } from '../../src/store/state-machine.ts'
import { ME, makeEntry, makeWaiter, SILENT, setCommand } from './builders.ts'

function makeApplier(appliedTerm = 0) {
  const waiters = new Waiters(10, 1000)
  const expirer = new Expirer()
  const keeper = new LogKeeper({ entriesMax: 1, bytesMax: 1024 })
  const store = new StateMachine()
  const changes = new MemberChanges()
  const members = new Members({
    id: ME,
    membership: { voters: [ME], learners: [] },
    raft: { applyMembership: () => ({ voters: [ME], learners: [memberId('b2')] }), leave: () => {} },
    store,
    transport: { setRemotes: () => {} },
    stats: { keepOnly: () => {} },
    log: SILENT,
  })
  const applier = new Applier({ id: ME, waiters, expirer, keeper, members, changes, appliedTerm })
  return { applier, waiters, expirer, keeper, store, members, changes }
}

describe('an entry', () => {
  test('of this member tells the client that waits for it', () => {
    const { applier, waiters, store } = makeApplier()
    const waiter = makeWaiter(7)
    waiters.addWrite(waiter)
    waiters.markProposed(1)
    applier.apply([makeEntry(1, 1, { seq: 7 }, waiter.command)], store)
    waiters.flush()
    expect(waiter.heard).toMatchObject([{ ok: true, event: { action: 'set', node: { key: '/k/7' } } }])
  })

  test('of another member with the same number tells nobody', () => {
    const { applier, waiters, store } = makeApplier()
    const waiter = makeWaiter(7)
    waiters.addWrite(waiter)
    waiters.markProposed(1)
    applier.apply([makeEntry(1, 1, { seq: 7, origin: memberId('b2') }, setCommand('/other'))], store)
    waiters.flush()
    expect(waiter.heard).toEqual([])
    expect(store.tree.find('/other')?.value).toBe('x')
  })

  test('that is not what was proposed ends the member', () => {
    const { applier, store } = makeApplier()
    const entry = makeEntry(1, 1, {}, setCommand('/a'))
    expect(() => applier.apply([{ ...entry, checksum: entry.checksum ^ 1 }], store)).toThrow(
      /entry 1 is not what was proposed: its checksum does not match/,
    )
    expect(store.appliedIndex).toBe(0)
  })

  test('that a later release wrote ends the member', () => {
    const { applier, store } = makeApplier()
    const data = new Uint8Array([1, 200])
    const entry = makeEntry(1, 1, { kind: EntryKind.command, data, checksum: crc32(data) })
    expect(() => applier.apply([entry], store)).toThrow(/needs a newer muster/)
  })

  test('without data moves the marks only', () => {
    const { applier, store } = makeApplier()
    applier.apply([makeEntry(1, 3)], store)
    expect([store.appliedIndex, store.appliedTerm, store.clockMs, store.storeIndex]).toEqual([1, 3, 10, 0])
  })
})

describe('the first entry of a term', () => {
  test('lets what was proposed in earlier ones be proposed again, once', () => {
    const { applier, waiters, store } = makeApplier()
    const waiter = makeWaiter(7)
    waiters.addWrite(waiter)
    waiters.markProposed(1)
    applier.apply([makeEntry(1, 1)], store)
    expect(waiters.unproposed()).toEqual([])
    applier.apply([makeEntry(2, 2)], store)
    expect(waiters.unproposed()).toEqual([waiter])
  })

  test('is applied after an entry of that term settled: what stands in the log is not proposed again', () => {
    const { applier, waiters, store } = makeApplier()
    const waiter = makeWaiter(7)
    waiters.addWrite(waiter)
    waiters.markProposed(1)
    applier.apply([makeEntry(1, 1, { seq: 7 }, waiter.command), makeEntry(2, 2)], store)
    expect(waiters.unproposed()).toEqual([])
  })

  test('after a restart is one later than what was applied before it', () => {
    const { applier, waiters, store } = makeApplier(2)
    const waiter = makeWaiter(7)
    waiters.addWrite(waiter)
    waiters.markProposed(1)
    applier.apply([makeEntry(1, 2)], store)
    expect(waiters.unproposed()).toEqual([])
  })
})

test('a snapshot answers the reads that it covers, and forgets the fate of what it jumped over', () => {
  const { applier, waiters } = makeApplier()
  const waiter = makeWaiter(7)
  const heard: unknown[] = []
  waiters.addWrite(waiter)
  waiters.markProposed(1)
  waiters.addRead((refused) => heard.push(refused), 1000)
  waiters.readReady(waiters.askReads(), 50)
  applier.jumped({ index: 50, term: 3, stampMs: 0, membership: { voters: [ME], learners: [] } })
  waiters.flush()
  expect(heard).toEqual([undefined])
  expect(waiter.heard).toEqual([{ ok: false, condition: 'MUSTER_TIMEOUT_LEADER_LOST' }])
})

test('an expiry that was applied lets the next be proposed', () => {
  const { applier, expirer, store } = makeApplier()
  expirer.proposed(9, 1)
  expect(expirer.due(1, 1000, 1)).toBeUndefined()
  applier.apply([makeEntry(1, 1, { seq: 9 }, { kind: 'expire', term: 1 })], store)
  expect(expirer.due(1, 1000, 1)).toBeDefined()
})
