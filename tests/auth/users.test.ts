/** What PUT and DELETE make of a user: every line of the tables. */
import { expect, test } from 'vitest'
import { RECORD_LENGTH_MAX, RECORDS_MAX } from '../../src/auth/decision.ts'
import { AuthRecords } from '../../src/auth/records.ts'
import { decideUserDelete, decideUserPut, type UserInput } from '../../src/auth/users.ts'
import { AuthRig, userInput } from '../support/auth-rig.ts'

function put(rig: AuthRig, name: string, more: Partial<UserInput> = {}, user = name): string {
  return rig.do(decideUserPut(rig.records, name, userInput(user, more), 'new hash'))
}

const roles = (rig: AuthRig, name: string) => rig.records.user(name)?.roles

test('the name in the body must be that of the URL', () => {
  expect(put(new AuthRig(), 'a', { password: 'p' }, 'b')).toBe('400 User JSON name does not match the name in the URL')
})

test('a password alone makes a user, and later changes the password', () => {
  const rig = new AuthRig()
  expect(put(rig, 'a', { password: 'p' })).toBe('201')
  expect(rig.records.user('a')).toEqual({ user: 'a', hash: 'new hash', roles: null })
  rig.user('a', ['r'], 'old hash')
  expect(put(rig, 'a', { password: 'q' })).toBe('200')
  expect(rig.records.user('a')).toEqual({ user: 'a', hash: 'new hash', roles: ['r'] })
})

test('roles make a user and never change one; their order and repetitions stay', () => {
  const rig = new AuthRig()
  expect(put(rig, 'a', { password: 'p', roles: ['b', 'a', 'b'] })).toBe('200')
  expect(roles(rig, 'a')).toEqual(['b', 'a', 'b'])
  expect(put(rig, 'a', { password: 'p', roles: ['c'] })).toBe('409 auth: User a already exists.')
  expect(roles(rig, 'a')).toEqual(['b', 'a', 'b'])
})

test('an empty list of roles is a list, and makes a user like none', () => {
  const rig = new AuthRig()
  expect(put(rig, 'a', { password: 'p', roles: [] })).toBe('201')
  expect(roles(rig, 'a')).toEqual([])
})

test.each([[null], [[]], [['r']]])('nobody is made without a password (roles %j)', (given) => {
  const rig = new AuthRig()
  expect(put(rig, 'a', { roles: given })).toBe('400 auth: Cannot create user a with an empty password')
  expect(rig.records.user('a')).toBeUndefined()
})

test('the user root gets the role root, once', () => {
  const rig = new AuthRig()
  put(rig, 'root', { password: 'p', roles: ['x', 'root'] })
  expect(roles(rig, 'root')).toEqual(['x', 'root'])
  const other = new AuthRig()
  put(other, 'root', { password: 'p' })
  expect(roles(other, 'root')).toEqual(['root'])
})

test('the user root has the role root, also when it was taken away', () => {
  const rig = new AuthRig()
  rig.user('root', ['root'])
  expect(put(rig, 'root', { revoke: ['root'] })).toBe('200')
  expect(roles(rig, 'root')).toEqual(['root'])
})

test('roles are either given or changed', () => {
  const rig = new AuthRig()
  rig.user('a')
  for (const more of [{ grant: ['x'] }, { revoke: ['x'] }]) {
    expect(put(rig, 'a', { ...more, roles: ['y'] })).toBe('400 User JSON contains both roles and grant/revoke')
  }
})

test('grants come before revokes, and the result is sorted by bytes', () => {
  const rig = new AuthRig()
  rig.user('a', ['z', 'b'])
  expect(put(rig, 'a', { grant: ['a', '\u{1f600}', '\ufffd'], revoke: ['b', 'a'] })).toBe('200')
  expect(roles(rig, 'a')).toEqual(['z', '\ufffd', '\u{1f600}'])
})

test.each([
  [{ grant: ['r'] }, '409 auth: Granting duplicate role r for user a'],
  [{ grant: ['x', 'x'] }, '409 auth: Granting duplicate role x for user a'],
  [{ revoke: ['x'] }, '409 auth: Revoking ungranted role x for user a'],
  [{ grant: ['x'], revoke: ['y'] }, '409 auth: Revoking ungranted role y for user a'],
  [{ grant: ['x'], revoke: ['x'] }, '400 auth: User not updated. Use grant/revoke/password to update the user.'],
  [{}, '400 auth: User not updated. Use grant/revoke/password to update the user.'],
])('%j changes nothing of one who holds r', (more, answer) => {
  const rig = new AuthRig()
  rig.user('a', ['r'])
  expect(put(rig, 'a', more)).toBe(answer)
  expect(roles(rig, 'a')).toEqual(['r'])
})

test('a grant comes with a password, or the password is as it was', () => {
  const rig = new AuthRig()
  rig.user('a', [])
  expect(put(rig, 'a', { grant: ['r'] })).toBe('200')
  expect(rig.records.user('a')?.hash).toBe('hash of a')
  expect(put(rig, 'a', { grant: ['s'], password: 'p' })).toBe('200')
  expect(rig.records.user('a')).toEqual({ user: 'a', hash: 'new hash', roles: ['r', 's'] })
})

test('a user that never had a list of roles gets an empty one by a PUT that asks for nothing, once', () => {
  const rig = new AuthRig()
  rig.user('a')
  expect(put(rig, 'a')).toBe('200')
  expect(roles(rig, 'a')).toEqual([])
  expect(put(rig, 'a')).toMatch(/^400 auth: User not updated/)
})

test('nobody who does not exist is changed', () => {
  for (const more of [{ grant: ['r'] }, { revoke: ['r'], password: 'p' }]) {
    expect(put(new AuthRig(), 'a', more)).toBe('404 auth: User a does not exist.')
  }
})

test('a user is deleted; one that is not there is not, in other words than elsewhere', () => {
  const rig = new AuthRig()
  rig.user('a')
  expect(rig.do(decideUserDelete(rig.records, 'a'))).toBe('200')
  expect(rig.records.user('a')).toBeUndefined()
  expect(rig.do(decideUserDelete(rig.records, 'a'))).toBe('404 auth: User a does not exist')
})

test('root stays while auth is on', () => {
  const rig = new AuthRig()
  rig.user('root')
  rig.enable()
  expect(rig.do(decideUserDelete(rig.records, 'root'))).toBe('403 auth: Cannot delete root user while auth is enabled.')
  rig.put({ key: 'enabled', value: 'false' })
  expect(rig.do(decideUserDelete(rig.records, 'root'))).toBe('200')
})

test('a record does not grow beyond its bound', () => {
  const rig = new AuthRig()
  rig.user('a', [])
  expect(put(rig, 'a', { grant: ['x'.repeat(RECORD_LENGTH_MAX)] })).toBe('413 auth: The record is too large')
  expect(roles(rig, 'a')).toEqual([])
})

test('one user too many is refused, and one that is there is still changed', () => {
  const rig = new AuthRig()
  rig.user('a')
  const { auth } = rig.rig.store
  const records = new AuthRecords(() => ({
    enabled: false,
    index: auth.index,
    get: (section, name) => auth.get(section, name),
    names: (section) => auth.names(section),
    count: () => RECORDS_MAX,
  }))
  expect(rig.do(decideUserPut(records, 'b', userInput('b', { password: 'p' }), 'h'))).toMatch(
    /^403 auth: There are as many/,
  )
  expect(rig.do(decideUserPut(records, 'a', userInput('a', { grant: ['r'] }), 'h'))).toBe('200')
})
