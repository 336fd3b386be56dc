/** A cluster of one, made of the data of a member whose cluster is dead. */

import { crc32 } from 'node:zlib'
import { expect, test } from 'vitest'
import { EntryKind } from '../../src/raft/types.ts'
import { bootstrap } from '../../src/replica/bootstrap.ts'
import { PAGE_SECTION, pageKey } from '../../src/replica/log-pages.ts'
import { encodeMemberChange } from '../../src/replica/member-entry.ts'
import type { RaftState } from '../../src/replica/raft-rows.ts'
import { readRaftRows } from '../../src/replica/raft-rows.ts'
import { refound } from '../../src/replica/refound.ts'
import { makeEntry, setCommand } from './builders.ts'

const MEMBERS = ['a', 'b', 'c'].map((name, i) => ({ name, peerUrls: [`http://127.0.0.1:${2380 + i}`] }))
const URLS = ['http://10.0.0.9:2380']

function deadMember() {
  const { raft, store } = bootstrap(MEMBERS, 'a', 'test', {})
  const [other] = raft.membership.voters.filter((id) => id !== raft.identity.memberId)
  const data = encodeMemberChange({ kind: 'promote', id: other ?? raft.identity.memberId })
  const entries = [
    makeEntry(2, 1, {}, setCommand('/committed')),
    makeEntry(3, 1, {}, setCommand('/only-in-the-log')),
    makeEntry(4, 1, { kind: EntryKind.membership, data, checksum: crc32(data) }),
  ]
  const dead: RaftState = { ...raft, hardState: { term: 3, vote: undefined, commitIndex: 2 }, entries, pageStarts: [2] }
  return { dead, store }
}

test('keeps the tree, with what only the log held, and its indexes; of the members nobody but itself', () => {
  const { dead, store } = deadMember()
  const before = store.storeIndex
  const { raft } = refound(dead, store, URLS, 1)
  expect(store.tree.find('/committed')?.modifiedIndex).toBe(before + 1)
  expect(store.tree.find('/only-in-the-log')?.modifiedIndex).toBe(before + 2)
  expect(store.members.list()).toEqual([{ id: dead.identity.memberId, name: '', peerURLs: URLS, clientURLs: [] }])
  for (const id of dead.membership.voters) {
    expect(store.members.isRemoved(id)).toBe(id !== dead.identity.memberId)
  }
  expect(raft.membership).toEqual({ voters: [dead.identity.memberId], learners: [] })
  expect(raft.logStart).toMatchObject({ index: store.appliedIndex, term: 1 })
  expect(raft.hardState).toEqual({ term: 3, vote: undefined, commitIndex: store.appliedIndex })
  expect(raft.entries).toEqual([])
})

test('is another cluster than the one that died, and than one made before', () => {
  const ids = [1, 2].map((wallMs) => {
    const { dead, store } = deadMember()
    return { old: dead.identity.clusterId, now: refound(dead, store, URLS, wallMs).raft.identity.clusterId }
  })
  expect(new Set([ids[0]?.old, ids[0]?.now, ids[1]?.now]).size).toBe(3)
})

test('stands on disk in one batch, without a page of the old log', () => {
  const { dead, store } = deadMember()
  const { raft, rows } = refound(dead, store, URLS, 1)
  const ours = rows.filter((row) => row.key[0] === PAGE_SECTION)
  expect(ours.filter((row) => row.type === 'del').map(({ key }) => key)).toEqual([pageKey(2)])
  expect(readRaftRows(ours.flatMap((row) => (row.type === 'put' ? [[row.key, row.value] as const] : [])))).toEqual(raft)
})
