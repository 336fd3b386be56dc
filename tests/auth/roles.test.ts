/** What PUT and DELETE make of a role: every line of the tables. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decideRoleDelete, decideRolePut, type RoleInput } from '../../src/auth/roles.ts'
import { AuthRig, rights, roleInput } from '../support/auth-rig.ts'

function put(rig: AuthRig, name: string, more: Partial<RoleInput> = {}, role = name): string {
  return rig.do(decideRolePut(rig.records, name, roleInput(role, more)))
}

test('the name in the body must be that of the URL', () => {
  expect(put(new AuthRig(), 'r', {}, 's')).toBe('400 Role JSON name does not match the name in the URL')
})

test('a role is made as it is given, once', () => {
  const rig = new AuthRig()
  expect(put(rig, 'r', { permissions: rights(['/b', '/a', '/b'], null) })).toBe('201')
  expect(rig.records.role('r')).toEqual({ role: 'r', permissions: rights(['/b', '/a', '/b'], null) })
  expect(put(rig, 'r')).toBe('409 auth: Role r already exists.')
})

test('empty grants and revokes do not make it a change, and are kept', () => {
  const rig = new AuthRig()
  expect(put(rig, 'r', { grant: rights(null), revoke: rights([], []) })).toBe('201')
  expect(rig.records.role('r')).toEqual({
    role: 'r',
    permissions: rights(null),
    grant: rights(null),
    revoke: rights([], []),
  })
})

test('root can be neither made nor changed nor deleted', () => {
  const rig = new AuthRig()
  const refused = '403 auth: Cannot modify role root: is root role.'
  expect(put(rig, 'root')).toBe(refused)
  expect(put(rig, 'root', { grant: rights(['/x']) })).toBe(refused)
  expect(put(rig, 'root', { grant: rights(['/x']), permissions: rights(['/y']) })).toMatch(
    /^400 Role JSON contains both/,
  )
  expect(rig.do(decideRoleDelete(rig.records, 'root'))).toBe(refused)
})

test('permissions are either given or changed', () => {
  const rig = new AuthRig()
  rig.role('r', rights([]))
  for (const more of [{ grant: rights(['/x']) }, { revoke: rights(null, ['/x']) }]) {
    expect(put(rig, 'r', { ...more, permissions: rights(['/y']) })).toBe(
      '400 Role JSON contains both permissions and grant/revoke',
    )
  }
})

test('a role that does not exist is not changed', () => {
  expect(put(new AuthRig(), 'r', { grant: rights(['/x']) })).toBe('404 auth: Role r does not exist.')
})

test.each([
  [{ grant: rights(['/a']) }, '409 auth: Granting duplicate read permission /a'],
  [{ grant: rights(['/n'], ['/b']) }, '409 auth: Granting duplicate write permission /b'],
  [{ grant: rights(['/n', '/n']) }, '409 auth: Granting duplicate read permission /n'],
  [{ revoke: rights(['/none'], ['/none']) }, '400 auth: Role not updated. Use grant/revoke to update the role.'],
  [
    { grant: rights(['/n']), revoke: rights(['/n']) },
    '400 auth: Role not updated. Use grant/revoke to update the role.',
  ],
])('%j changes nothing of one that may read /a and write /b', (more, answer) => {
  const rig = new AuthRig()
  rig.role('r', rights(['/a'], ['/b']))
  expect(put(rig, 'r', more)).toBe(answer)
  expect(rig.records.role('r')?.permissions).toEqual(rights(['/a'], ['/b']))
})

test('the first change turns missing lists into empty ones, and drops what creation left behind', () => {
  const rig = new AuthRig()
  put(rig, 'r', { grant: rights(null) })
  expect(put(rig, 'r', { revoke: rights(['/none']) })).toBe('200')
  expect(rig.records.role('r')).toEqual({ role: 'r', permissions: rights([], []) })
})

test('any grants and revokes leave a sorted set of what was granted and not revoked', () => {
  const some = fc.uniqueArray(fc.constantFrom('/a', '/b*', '/c', '*', ''), { maxLength: 3 })
  const step = fc.record({ grant: some, revoke: some, write: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const rig = new AuthRig()
      rig.role('r', rights([], []))
      const model = { read: new Set<string>(), write: new Set<string>() }
      for (const { grant, revoke, write } of steps) {
        const set = write ? model.write : model.read
        const of = (list: string[]) => (write ? rights(null, list) : rights(list))
        const duplicate = grant.find((pattern) => set.has(pattern))
        const answer = put(rig, 'r', { grant: of(grant), revoke: of(revoke) })
        if (grant.length + revoke.length === 0) expect(answer).toBe('409 auth: Role r already exists.')
        else if (duplicate !== undefined)
          expect(answer).toBe(`409 auth: Granting duplicate ${write ? 'write' : 'read'} permission ${duplicate}`)
        else {
          for (const pattern of grant) set.add(pattern)
          for (const pattern of revoke) set.delete(pattern)
          expect(answer).toMatch(/^(200|400 auth: Role not updated)/)
        }
        expect(rig.records.role('r')?.permissions).toEqual(rights([...model.read].sort(), [...model.write].sort()))
      }
    }),
    { numRuns: 200 },
  )
})

test('a role is deleted; one that is not there is not, in other words than elsewhere', () => {
  const rig = new AuthRig()
  rig.role('r', rights([]))
  expect(rig.do(decideRoleDelete(rig.records, 'r'))).toBe('200')
  expect(rig.do(decideRoleDelete(rig.records, 'r'))).toBe("404 auth: Role r doesn't exist.")
  expect(rig.records.roleNames()).toEqual(['root'])
})
