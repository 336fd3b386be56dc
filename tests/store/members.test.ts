/** The member list as the commands leave it. */
import { expect, test } from 'vitest'
import type { Command } from '../../src/store/command.ts'
import { StoreRig } from '../support/store-rig.ts'

function put(id: string, more: { peerUrls?: string[]; name?: string; clientUrls?: string[] }): Command {
  return { kind: 'putMember', id, peerUrls: more.peerUrls, name: more.name, clientUrls: more.clientUrls }
}

test('attributes that are not given stay as they are', () => {
  const rig = new StoreRig()
  rig.apply(put('a1', { peerUrls: ['http://p:1'] }))
  expect(rig.store.members.get('a1')).toEqual({ id: 'a1', name: '', peerURLs: ['http://p:1'], clientURLs: [] })
  rig.apply(put('a1', { name: 'n', clientUrls: ['http://c:1'] }))
  expect(rig.store.members.get('a1')).toEqual({
    id: 'a1',
    name: 'n',
    peerURLs: ['http://p:1'],
    clientURLs: ['http://c:1'],
  })
})

test('each member tells the index of its last change, whatever was changed', () => {
  const rig = new StoreRig()
  expect(rig.store.members.modifiedIndexOf('a1')).toBe(0)
  rig.apply(put('a1', { peerUrls: ['http://p:1'] }))
  rig.apply(put('b2', {}))
  expect(rig.store.members.modifiedIndexOf('a1')).toBe(1)
  rig.apply(put('a1', { peerUrls: ['http://p:1'] }))
  expect(rig.store.members.modifiedIndexOf('a1')).toBe(3)
  rig.apply({ kind: 'removeMember', id: 'a1' })
  expect(rig.store.members.modifiedIndexOf('a1')).toBe(0)
})

test('members are listed by the number that their id is', () => {
  const rig = new StoreRig()
  for (const id of ['ff', '1000', '9']) rig.apply(put(id, {}))
  expect(rig.store.members.list().map((member) => member.id)).toEqual(['9', 'ff', '1000'])
})

test('each change takes one store index and makes no event', () => {
  const rig = new StoreRig()
  rig.apply(put('a1', {}))
  rig.apply({ kind: 'removeMember', id: 'a1' })
  expect(rig.store.storeIndex).toBe(2)
  expect(rig.store.history.length).toBe(0)
})

test('a removed member is gone for good, and its id is remembered', () => {
  const rig = new StoreRig()
  rig.apply(put('a1', {}))
  expect(rig.store.members.isRemoved('a1')).toBe(false)
  rig.apply({ kind: 'removeMember', id: 'a1' })
  expect(rig.store.members.list()).toEqual([])
  expect(rig.store.members.isRemoved('a1')).toBe(true)
  rig.apply(put('a1', { name: 'again' }))
  rig.apply({ kind: 'removeMember', id: 'a1' })
  expect(rig.store.members.get('a1')).toBeUndefined()
  expect(rig.store.storeIndex).toBe(2)
})

test('a cluster is founded with the same members on each, before any entry', () => {
  const rig = new StoreRig()
  rig.store.found([
    { kind: 'putMember', id: 'b', peerUrls: ['http://b'], name: 'b', clientUrls: undefined },
    { kind: 'putMember', id: 'a', peerUrls: ['http://a'], name: 'a', clientUrls: undefined },
  ])
  expect(rig.store.members.list().map((member) => member.name)).toEqual(['a', 'b'])
  expect([rig.store.appliedIndex, rig.store.storeIndex]).toEqual([0, 2])
})
