/** Users, roles and the auth flag as the auth command leaves them. */
import { expect, test } from 'vitest'
import type { AuthPut, Command } from '../../src/store/command.ts'
import { decodeCommand, encodeCommand } from '../../src/store/command-codec.ts'
import { restoreStore } from '../../src/store/restore.ts'
import { currentGenerationRow, FIRST_GENERATION } from '../../src/store/rows.ts'
import { openSnapshot, stageSnapshot } from '../../src/store/snapshot.ts'
import { FakeDisk } from '../support/fake-disk.ts'
import { command, StoreRig } from '../support/store-rig.ts'

function change(prevAuthIndex: number, ...puts: readonly AuthPut[]): Command {
  return { kind: 'auth', prevAuthIndex, puts }
}

const user = (name: string, value: string | undefined): AuthPut => ({ key: `users/${name}`, value })

test('before the first change there is nothing, and auth is off', () => {
  const { store } = new StoreRig()
  expect([store.auth.enabled, store.auth.index, store.auth.names('users'), store.auth.count('roles')]).toEqual([
    false,
    0,
    [],
    0,
  ])
})

test('the first change takes four indexes more than its puts, each later put takes one', () => {
  const rig = new StoreRig()
  expect(rig.apply(change(0, user('a', 'A')))?.ok).toBe(true)
  expect([rig.store.storeIndex, rig.store.auth.index]).toEqual([5, 5])
  rig.apply(change(5, user('b', 'B'), { key: 'roles/r', value: 'R' }))
  expect([rig.store.storeIndex, rig.store.auth.index]).toEqual([7, 7])
  expect([rig.store.auth.get('users', 'b'), rig.store.auth.get('roles', 'r')]).toEqual(['B', 'R'])
})

test('a first change without puts lays the ground and no more', () => {
  const rig = new StoreRig()
  rig.apply(change(0))
  expect([rig.store.storeIndex, rig.store.auth.index, rig.store.auth.enabled]).toEqual([4, 4, false])
  rig.apply(change(4))
  expect([rig.store.storeIndex, rig.store.auth.index]).toEqual([4, 4])
})

test('a change that was computed from an older state changes nothing and is told so', () => {
  const rig = new StoreRig()
  rig.apply(change(0, user('a', 'A')))
  const outcome = rig.apply(change(0, user('a', 'lost')))
  expect(outcome).toEqual({ ok: false, code: 101, cause: 'auth', storeIndex: 5 })
  expect(rig.store.auth.get('users', 'a')).toBe('A')
  expect(rig.store.storeIndex).toBe(5)
})

test('a change of keys in between does not make one of auth old', () => {
  const rig = new StoreRig()
  rig.apply(change(0, user('a', 'A')))
  rig.do(command.set('/k', 'v'))
  expect(rig.apply(change(5, user('a', undefined)))?.ok).toBe(true)
  expect([rig.store.auth.get('users', 'a'), rig.store.auth.names('users')]).toEqual([undefined, []])
  expect(rig.store.auth.index).toBe(7)
})

test('taking away what is not there takes its index all the same', () => {
  const rig = new StoreRig()
  rig.apply(change(0, user('nobody', undefined)))
  expect(rig.store.auth.index).toBe(5)
})

test('no change makes an event, moves a counter or wakes a watcher', () => {
  const rig = new StoreRig()
  let woken = 0
  rig.store.watchers.watch({
    path: '/',
    recursive: true,
    stream: true,
    since: 0,
    deliver: () => {
      woken += 1
      return true
    },
    closed: () => {},
    ready: () => {},
  })
  rig.apply(change(0, user('a', 'A'), { key: 'enabled', value: 'true' }))
  const { watchers: _, ...counters } = rig.store.stats
  expect([woken, rig.store.history.length, Object.values(counters).every((count) => count === 0)]).toEqual([0, 0, true])
})

test('the flag is what it was last set to', () => {
  const rig = new StoreRig()
  rig.apply(change(0, { key: 'enabled', value: 'true' }))
  expect(rig.store.auth.enabled).toBe(true)
  rig.apply(change(5, { key: 'enabled', value: 'false' }))
  expect(rig.store.auth.enabled).toBe(false)
})

test('a name that holds a slash, or none, is nobody', () => {
  const rig = new StoreRig()
  rig.apply(change(0, user('a', 'A')))
  for (const name of ['', 'a/', '/a', 'a/b', '../users/a', '.', '..']) {
    expect(rig.store.auth.get('users', name)).toBeUndefined()
  }
})

test('what is no record of ours is a bug, and stops the member', () => {
  const rig = new StoreRig()
  expect(() => rig.apply(change(0, { key: 'members/1', value: '' }))).toThrow('records and the flag')
})

test('a restart and a snapshot bring users, roles and the flag along', async () => {
  const rig = new StoreRig()
  rig.apply(change(0, user('a', 'A'), user('b', 'B'), { key: 'enabled', value: 'true' }))
  rig.apply(change(7, user('b', undefined)))
  const disk = new FakeDisk()
  await disk.write([...rig.store.drainRows(), currentGenerationRow(FIRST_GENERATION)], true)
  const { stateMachine: restored } = await restoreStore(disk, {})
  expect([restored.auth.enabled, restored.auth.index, restored.auth.names('users')]).toEqual([true, 8, ['a']])
  expect(restored.digest()).toBe(rig.store.digest())

  const snapshot = await openSnapshot(disk.view())
  const other = new StoreRig()
  const staged = await stageSnapshot(new FakeDisk(), FIRST_GENERATION + 1, snapshot.chunks(), {})
  other.store.install(staged.stateMachine)
  expect([other.store.auth.enabled, other.store.auth.index, other.store.auth.get('users', 'a')]).toEqual([true, 8, 'A'])
})

test('its bytes stay as they are, for they stand in logs', () => {
  const sent = change(12, user('a', 'A'), user('b', undefined))
  const bytes = '010a402800000000000000000002010000000775736572732f610000000141000000000775736572732f62'
  expect(Buffer.from(encodeCommand(sent)).toString('hex')).toBe(bytes)
  expect(decodeCommand(Buffer.from(bytes, 'hex'))).toEqual(sent)
})
