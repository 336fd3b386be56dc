/** Turning auth on and off. */
import { expect, test } from 'vitest'
import { decideDisable, decideEnable } from '../../src/auth/flag.ts'
import { AuthRig, rights } from '../support/auth-rig.ts'

test('auth needs a user root, and makes the role guest in the same step', () => {
  const rig = new AuthRig()
  expect(rig.do(decideEnable(rig.records))).toBe('409 auth: No root user available, please create one')
  rig.user('root')
  expect(rig.do(decideEnable(rig.records))).toBe('200')
  expect([rig.records.enabled, rig.records.role('guest')]).toEqual([
    true,
    { role: 'guest', permissions: rights(['/*'], ['/*']) },
  ])
  expect(rig.do(decideEnable(rig.records))).toBe('409 auth: already enabled')
})

test('a role guest that is there stays as it is', () => {
  const rig = new AuthRig()
  rig.user('root')
  rig.role('guest', rights([]))
  rig.do(decideEnable(rig.records))
  expect(rig.records.role('guest')?.permissions).toEqual(rights([]))
})

test('auth is turned off once', () => {
  const rig = new AuthRig()
  expect(rig.do(decideDisable(rig.records))).toBe('409 auth: already disabled')
  rig.enable()
  expect(rig.do(decideDisable(rig.records))).toBe('200')
  expect(rig.records.enabled).toBe(false)
})
