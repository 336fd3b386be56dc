/** Who may do what with which key. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isRoot, mayGuest, mayUser } from '../../src/auth/access.ts'
import { AuthRig, rights } from '../support/auth-rig.ts'

describe('a user', () => {
  function ask(rig: AuthRig, name: string, key: string, write = false, recursive = false): boolean {
    const user = rig.records.user(name)
    return user !== undefined && mayUser(rig.records, user, { key, write, recursive })
  }

  test('may what any of its roles allows, reading and writing apart', () => {
    const rig = new AuthRig()
    rig.role('reads', rights(['/a*'], []))
    rig.role('writes', rights(null, ['/b']))
    rig.user('u', ['reads', 'writes'])
    expect([ask(rig, 'u', '/a1'), ask(rig, 'u', '/a1', true)]).toEqual([true, false])
    expect([ask(rig, 'u', '/b'), ask(rig, 'u', '/b', true)]).toEqual([false, true])
  })

  test('is not held up by roles that do not exist, and may nothing without any', () => {
    const rig = new AuthRig()
    rig.role('r', rights(['/a']))
    rig.user('u', ['missing', '', 'r'])
    rig.user('none')
    expect([ask(rig, 'u', '/a'), ask(rig, 'none', '/a'), ask(rig, 'nobody', '/a')]).toEqual([true, false, false])
  })

  test('does not have what guests may', () => {
    const rig = new AuthRig()
    rig.role('guest', rights(['/*'], ['/*']))
    rig.user('u', [])
    expect(ask(rig, 'u', '/a')).toBe(false)
    expect(mayGuest(rig.records, { key: '/a', write: true, recursive: false })).toBe(true)
  })

  test('may recurse only where a prefix allows it, whatever the method', () => {
    const rig = new AuthRig()
    rig.role('r', rights(['/x', '/dd/*'], ['/x', '/dd/*']))
    rig.user('u', ['r'])
    for (const write of [false, true]) {
      expect(['/x', '/dd', '/dd/', '/dd/e'].map((key) => ask(rig, 'u', key, write, true))).toEqual([
        false,
        false,
        true,
        true,
      ])
    }
  })

  test('with the role root may everything, and only such a user administers', () => {
    const rig = new AuthRig()
    rig.user('boss', ['root'])
    rig.user('root', [])
    rig.user('u', ['guest'])
    expect([ask(rig, 'boss', '', true, true), ask(rig, 'root', '', true, true)]).toEqual([true, true])
    const admins = ['boss', 'root', 'u'].map((name) => isRoot(rig.records.user(name) as never))
    expect(admins).toEqual([true, true, false])
  })
})

describe('a guest', () => {
  const question = { key: '/gx', write: false, recursive: true }

  test('may recurse on an exact pattern', () => {
    const rig = new AuthRig()
    rig.role('guest', rights(['/gx']))
    expect(mayGuest(rig.records, question)).toBe(true)
    expect(mayGuest(rig.records, { ...question, write: true })).toBe(false)
  })

  test('may nothing when there is no such role', () => {
    expect(mayGuest(new AuthRig().records, question)).toBe(false)
  })
})

interface Rights {
  readonly read: readonly string[] | null
  readonly write: readonly string[] | null
}

/** The rules again, by regular expressions and sets. */
function naive(patterns: readonly string[], key: string, recursive: boolean): boolean {
  const literally = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return patterns.some((pattern) => {
    if (pattern === '') return false
    if (pattern.endsWith('*')) return new RegExp(`^${literally(pattern.slice(0, -1))}`, 's').test(key)
    return !recursive && new RegExp(`^${literally(pattern)}$`, 's').test(key)
  })
}

test('any user with any roles may exactly what the rules, written down another way, say', () => {
  const text = fc.string({ unit: fc.constantFrom('/', 'a', 'b', '*', '.', 'ä', '\n'), maxLength: 5 })
  const patterns = fc.option(fc.array(text, { maxLength: 3 }), { nil: null })
  const role = fc.record({ name: fc.constantFrom('r', 's', 'guest'), read: patterns, write: patterns })
  const held = fc.option(fc.array(fc.constantFrom('r', 's', 'guest', 'root', 'gone'), { maxLength: 3 }), { nil: null })
  fc.assert(
    fc.property(
      fc.array(role, { maxLength: 4 }),
      held,
      text,
      fc.boolean(),
      fc.boolean(),
      (roles, names, key, write, recursive) => {
        const rig = new AuthRig()
        const made = new Map<string, Rights>(
          roles.map(({ name, read, write: writes }) => [name, { read, write: writes }]),
        )
        for (const [name, kv] of made) rig.role(name, { kv })
        rig.user('u', names)
        const list = (name: string) => made.get(name)?.[write ? 'write' : 'read'] ?? []
        const user = rig.records.user('u')
        const expected = (names ?? []).some((name) => name === 'root' || naive(list(name), key, recursive))
        expect(user !== undefined && mayUser(rig.records, user, { key, write, recursive })).toBe(expected)
        expect(mayGuest(rig.records, { key, write, recursive })).toBe(naive(list('guest'), key, false))
      },
    ),
    { numRuns: 300 },
  )
})
