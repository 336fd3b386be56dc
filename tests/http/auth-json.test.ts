/** Bodies of users and roles, as Go reads and writes them. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeRole,
  decodeUser,
  renderRole,
  renderUser,
  rolesPieces,
  userPieces,
  usersPieces,
} from '../../src/http/auth-json.ts'
import type { Pieces } from '../../src/http/keys/pieces.ts'
import { AuthRig, rights, roleInput, userInput } from '../support/auth-rig.ts'

function whole(pieces: Pieces): string {
  let text = ''
  for (;;) {
    const next = pieces.next()
    text += next.value
    if (next.done === true) return text
  }
}

describe('a body', () => {
  test.each([
    ['{"user":"a"}', userInput('a')],
    [' \t\r\n{"user":"a"}', userInput('a')],
    ['{"user":"a"}{"user":"b"}', userInput('a')],
    ['{"user":"}\\"{"} ]', userInput('}"{')],
    ['{"x":[{"y":{}}],"user":"a"}', userInput('a')],
    ['{"USER":"a","Password":"p","gRant":["r"]}', userInput('a', { password: 'p', grant: ['r'] })],
    ['{"user":"a","roles":null,"grant":[],"revoke":[null,"r"]}', userInput('a', { grant: [], revoke: ['', 'r'] })],
    ['{"user":"\\ud800a"}', userInput('\ufffda')],
    ['null', userInput('')],
    ['null and more', userInput('')],
    ['{}', userInput('')],
    ['{"user":null,"__proto__":1,"constructor":{}}', userInput('')],
  ])('%s is read', (text, expected) => {
    expect(decodeUser(text)).toEqual(expected)
  })

  test.each([
    '',
    ' ',
    'nul',
    '{',
    '{"user":"a"',
    '{"user":"a",}',
    "{'user':'a'}",
    '[]',
    '"a"',
    '1',
    'true',
    '\ufeff{}',
    '\u00a0{}',
    '{"user":1}',
    '{"user":["a"]}',
    '{"roles":"r"}',
    '{"roles":[1]}',
    '{"roles":{}}',
    '{"password":{}}',
    '{"user":"a\n"}',
  ])('%j is not', (text) => {
    expect(decodeUser(text)).toBeUndefined()
  })

  test.each([
    ['{"role":"r"}', roleInput('r')],
    ['{"role":"r","permissions":{"kv":{"read":["/a"]}}}', roleInput('r', { permissions: rights(['/a']) })],
    ['{"role":"r","permissions":null,"grant":null}', roleInput('r')],
    [
      '{"role":"r","grant":{},"revoke":{"KV":{"Write":[]}}}',
      roleInput('r', { grant: rights(null), revoke: rights(null, []) }),
    ],
    ['{"role":"r","grant":{"kv":null}}', roleInput('r', { grant: rights(null) })],
  ])('of a role, %s is read', (text, expected) => {
    expect(decodeRole(text)).toEqual(expected)
  })

  test.each(['{"permissions":[]}', '{"grant":{"kv":[]}}', '{"revoke":{"kv":{"read":"/a"}}}', '{"grant":true}'])(
    'of a role, %s is not',
    (text) => {
      expect(decodeRole(text)).toBeUndefined()
    },
  )

  test('of any text is read or refused, and never breaks', () => {
    const piece = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '"',
      '\\',
      ',',
      ':',
      'user',
      'null',
      'grant',
      ' ',
      '\n',
      '1',
      'kv',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const text = pieces.join('')
        expect([typeof decodeUser(text), typeof decodeRole(text)].every((type) => /object|undefined/.test(type))).toBe(
          true,
        )
      }),
      { numRuns: 1000 },
    )
  })

  test('nested as deep as a body is long is refused or read without harm', () => {
    const depth = 300_000
    expect(decodeUser(`{"x":${'['.repeat(depth)}${']'.repeat(depth)},"user":"a"}`)?.user ?? 'a').toBe('a')
    expect(decodeUser('{"x":'.repeat(depth))).toBeUndefined()
  })
})

describe('an answer', () => {
  test('tells a list that was never given from an empty one', () => {
    expect(renderUser({ user: 'a', hash: 'secret', roles: null })).toBe('{"user":"a","roles":null}')
    expect(renderUser({ user: 'a', hash: 'secret', roles: [] })).toBe('{"user":"a","roles":[]}')
    expect(renderRole({ role: 'r', permissions: rights(null, []) })).toBe(
      '{"role":"r","permissions":{"kv":{"read":null,"write":[]}}}',
    )
  })

  test('never shows a hash', () => {
    const user = { user: 'a', hash: 'secret', roles: ['r'] }
    const texts = [
      renderUser(user),
      whole(userPieces(user, [])),
      whole(userPieces(user, [{ role: 'r', permissions: rights([]) }])),
    ]
    expect(texts.join('')).not.toContain('secret')
    expect(texts[1]).toBe('{"user":"a"}')
  })

  test('is read as what it was', () => {
    const list = fc.option(fc.array(fc.string({ unit: 'grapheme', maxLength: 5 }), { maxLength: 3 }), { nil: null })
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), list, list, (role, read, write) => {
        const permissions = rights(read, write)
        expect(decodeRole(renderRole({ role, permissions, grant: permissions }))).toEqual(
          roleInput(role, { permissions, grant: permissions }),
        )
      }),
    )
  })
})

test('a user or a role that goes while all are listed is left out', () => {
  const rig = new AuthRig()
  for (const name of ['a', 'b', 'c']) {
    rig.user(name)
    rig.role(name, rights([]))
  }
  const lists = [usersPieces(rig.records), rolesPieces(rig.records)]
  const begun = lists.map((pieces) => pieces.next().value)
  rig.put({ key: 'users/b', value: undefined }, { key: 'roles/b', value: undefined })
  const [users, roles] = lists.map((pieces, at) => JSON.parse(`${begun[at]}${whole(pieces)}`))
  expect(users.users.map(({ user }: { user: string }) => user)).toEqual(['a', 'c'])
  expect(roles.roles.map(({ role }: { role: string }) => role)).toEqual(['a', 'c', 'root'])
})
