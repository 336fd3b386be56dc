/** What a member starts from: its own rows, a new cluster, the data of a dead one; and from what it does not start. */
import { crc32 } from 'node:zlib'
import { expect, test } from 'vitest'
import type { Config } from '../../src/config/config.ts'
import { loadConfig } from '../../src/config/load.ts'
import { startState } from '../../src/member/start-state.ts'
import { type Entry, EntryKind, type MemberId, type Membership } from '../../src/raft/types.ts'
import { bootstrap } from '../../src/replica/bootstrap.ts'
import { joining } from '../../src/replica/joining.ts'
import { addPages } from '../../src/replica/log-pages.ts'
import { encodeMemberChange } from '../../src/replica/member-entry.ts'
import { initialRows } from '../../src/replica/raft-rows.ts'
import { currentGenerationRow, FIRST_GENERATION, type Row } from '../../src/store/rows.ts'
import { makeEntry } from '../replica/builders.ts'
import { FakeDisk } from '../support/fake-disk.ts'

const URL_A = 'http://127.0.0.1:1'
const FORCE = '--force-new-cluster'

function configOf(...more: string[]): Config {
  const peer = ['--listen-peer-urls', URL_A, '--initial-advertise-peer-urls', URL_A, '--initial-cluster', `a=${URL_A}`]
  const loaded = loadConfig(['--name', 'a', ...peer, ...more], {})
  if (!('config' in loaded)) throw new Error(`not a config: ${JSON.stringify(loaded)}`)
  return loaded.config
}

async function start(disk: FakeDisk, ...more: string[]) {
  const warned: string[] = []
  const nothing = (): void => {}
  const warn = (_: object, message: string): number => warned.push(message)
  const log = { debug: nothing, info: nothing, warn, error: nothing }
  return { warned, ...(await startState(disk, configOf(...more), {}, log, undefined)) }
}

interface Past {
  readonly isRemoved?: boolean
  readonly membership?: (self: MemberId, other: MemberId) => Membership
  /** What the log holds beyond what was applied. */
  readonly unapplied?: (other: MemberId) => Entry
}

/** A disk as a member leaves it that was in a cluster of two. */
async function diskAfter({ isRemoved = false, membership, unapplied }: Past): Promise<FakeDisk> {
  const names = ['a', 'b'].map((name, i) => ({ name, peerUrls: [`http://127.0.0.1:${i + 1}`] }))
  const { raft, store } = bootstrap(names, 'a', 'test', {})
  const self = raft.identity.memberId
  const other = raft.membership.voters.find((id) => id !== self) as MemberId
  if (isRemoved) store.apply({ index: 2, term: 1, stampMs: 0 }, { kind: 'removeMember', id: self })
  const logStart = { ...raft.logStart, index: store.appliedIndex, term: store.appliedTerm }
  const hardState = { term: 1, vote: undefined, commitIndex: store.appliedIndex }
  const applied = membership?.(self, other) ?? raft.membership
  const rows: Row[] = initialRows({ ...raft, hardState, logStart, membership: applied }).slice()
  if (unapplied !== undefined) addPages([unapplied(other)], rows)
  return diskOf([...rows, ...store.drainRows()])
}

async function diskOf(rows: readonly Row[]): Promise<FakeDisk> {
  const disk = new FakeDisk()
  await disk.write([...rows, currentGenerationRow(FIRST_GENERATION)], true)
  return disk
}

const alone = (self: MemberId): Membership => ({ voters: [self], learners: [] })

test('an empty directory founds a cluster, and the next start finds the same', async () => {
  const disk = new FakeDisk()
  const first = await start(disk)
  const again = await start(disk)
  expect(again.raft.identity).toEqual(first.raft.identity)
  expect(again.store.members.list()).toEqual(first.store.members.list())
})

test('a member that was removed starts as long as its vote may be needed, and no more once it was let go', async () => {
  const needed = await diskAfter({ isRemoved: true, membership: (self, b) => ({ voters: [b], learners: [self] }) })
  const { raft } = await start(needed)
  expect(raft.membership.learners).toEqual([raft.identity.memberId])
  const letGo = await diskAfter({ isRemoved: true, membership: (_, b) => ({ voters: [b], learners: [] }) })
  const refused = { code: 'MUSTER_MEMBER_REMOVED' }
  await expect(start(letGo)).rejects.toMatchObject(refused)
  await expect(start(needed, FORCE)).rejects.toMatchObject(refused)
})

test('of a member of a dead cluster a new one is made, and made only once', async () => {
  const disk = await diskAfter({})
  const { raft, warned } = await start(disk, FORCE)
  expect(raft.membership).toEqual(alone(raft.identity.memberId))
  expect(warned).toEqual([expect.stringMatching(/^made a new cluster of this member alone/)])
  const again = await start(disk, FORCE)
  expect(again.raft.identity).toEqual(raft.identity)
  expect(again.warned).toEqual([expect.stringMatching(/changes nothing/)])
})

test('one that is alone as far as it has applied, but not when its log is, is made a cluster of its own all the same', async () => {
  const promote = (id: MemberId): Entry => {
    const data = encodeMemberChange({ kind: 'promote', id })
    return makeEntry(2, 1, { kind: EntryKind.membership, data, checksum: crc32(data) })
  }
  const { raft, warned } = await start(await diskAfter({ membership: alone, unapplied: promote }), FORCE)
  expect(raft.membership).toEqual(alone(raft.identity.memberId))
  expect(raft.entries).toEqual([])
  expect(warned).toEqual([expect.stringMatching(/^made a new cluster/)])
})

test('nothing is made of a member that joined and was never sent the data: there is nothing to keep', async () => {
  const { raft, store } = bootstrap([{ name: 'a', peerUrls: [URL_A] }], 'a', 'test', {})
  const newcomer = joining('cafe', raft.identity.memberId, store.members.list(), {})
  const disk = await diskOf([...initialRows(newcomer.raft), ...newcomer.store.drainRows()])
  await expect(start(disk, FORCE)).rejects.toMatchObject({ code: 'MUSTER_NOTHING_TO_KEEP' })
  expect((await start(disk)).store.appliedIndex).toBe(0)
})
