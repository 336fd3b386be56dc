/**
 * Random sequences of changes to users, roles and auth itself, with requests to keys in between, by all sorts of callers.
 *
 * Owns: which requests, with which odds, and undoing all of it. User `root` has one of two passwords, so that whoever cleans up can get in.
 */
import fc from 'fast-check'
import type { Side } from './pair.ts'
import { type Ask, FORM, type Step } from './steps.ts'

/** Passwords that users have. */
const PASSWORDS: readonly string[] = ['p', 'q']

const CALLERS: readonly string[] = [
  ...[
    'root:p',
    'root:p',
    'root:p',
    'root:q',
    'u1:p',
    'u1:p',
    'u1:q',
    'u2:p',
    'u2:wrong',
    'nobody:p',
    'u1:',
    ':p',
    'u1',
    'guest:p',
  ],
]

/** Headers that say who asks; mostly somebody who may. */
const caller: fc.Arbitrary<readonly string[]> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<readonly string[]>([]) },
  { weight: 8, arbitrary: fc.constantFrom(...CALLERS).map((text) => [authorization(text)]) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<readonly string[]>(
      ...[
        ['Authorization: Bearer x'],
        ['Authorization: Basic ###'],
        ['Authorization: '],
        ['Authorization: Basic'],
        ['Authorization: basic cm9vdDpw'],
      ],
    ),
  },
)

/** The header of a caller. */
function authorization(text: string): string {
  return `Authorization: Basic ${Buffer.from(text).toString('base64')}`
}

const userName = fc.constantFrom('u1', 'u1', 'u2', 'root', 'guest')
const roleName = fc.constantFrom('r1', 'r1', 'r2', 'guest', 'root')
const roleNames = fc.uniqueArray(fc.constantFrom('r1', 'r2', 'root', 'none'), { maxLength: 2 })
const pattern = fc.constantFrom('/{p}/a', '/{p}/a*', '/{p}/*', '/{p}/b', '/{p}', '/*', '*', '/{p}*', '/{p}/a*b', '/')
const patterns = fc.uniqueArray(pattern, { maxLength: 2 })
const password = fc.constantFrom(...PASSWORDS)

/** A user's body: to be created, given another password, granted to, revoked from; or none of these. */
const userBody = (name: string): fc.Arbitrary<object> => {
  return fc.oneof(
    { weight: 4, arbitrary: password.map((text) => ({ user: name, password: text })) },
    {
      weight: 2,
      arbitrary: fc.tuple(password, roleNames).map(([text, roles]) => ({ user: name, password: text, roles })),
    },
    { weight: 3, arbitrary: roleNames.map((grant) => ({ user: name, grant })) },
    { weight: 2, arbitrary: roleNames.map((revoke) => ({ user: name, revoke })) },
    { weight: 1, arbitrary: fc.tuple(roleNames, roleNames).map(([grant, revoke]) => ({ user: name, grant, revoke })) },
    { weight: 1, arbitrary: fc.tuple(roleNames, roleNames).map(([roles, grant]) => ({ user: name, roles, grant })) },
    { weight: 1, arbitrary: fc.constantFrom<object>({ user: name }, { user: 'x' }, {}, { user: name, password: '' }) },
  )
}

const rights = fc.record({ kv: fc.record({ read: patterns, write: patterns }) })

const roleBody = (name: string): fc.Arbitrary<object> => {
  return fc.oneof(
    { weight: 3, arbitrary: rights.map((permissions) => ({ role: name, permissions })) },
    { weight: 3, arbitrary: rights.map((grant) => ({ role: name, grant })) },
    { weight: 2, arbitrary: rights.map((revoke) => ({ role: name, revoke })) },
    { weight: 1, arbitrary: fc.tuple(rights, rights).map(([grant, revoke]) => ({ role: name, grant, revoke })) },
    {
      weight: 1,
      arbitrary: fc.tuple(rights, rights).map(([permissions, grant]) => ({ role: name, permissions, grant })),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom<object>({ role: name }, { role: 'x' }, { role: name, permissions: { kv: {} } }),
    },
  )
}

interface Request {
  readonly method: string
  readonly target: string
  readonly body: string | undefined
  readonly contentType: string
}

function bare(method: string, target: string): Request {
  return { method, target, body: undefined, contentType: '' }
}

function json(target: string, body: object): Request {
  return { method: 'PUT', target, body: JSON.stringify(body), contentType: 'application/json' }
}

const keyPath = fc.constantFrom(
  '/v2/keys/{p}',
  '/v2/keys/{p}/',
  '/v2/keys/{p}/a',
  '/v2/keys/{p}/a',
  '/v2/keys/{p}/ab',
  '/v2/keys/{p}/a/b',
  '/v2/keys/{p}/b',
  '/v2/keys',
  '/v2/keys/',
)

const request: fc.Arbitrary<Request> = fc.oneof(
  {
    weight: 5,
    arbitrary: userName.chain((name) => userBody(name).map((body) => json(`/v2/auth/users/${name}`, body))),
  },
  {
    weight: 5,
    arbitrary: roleName.chain((name) => roleBody(name).map((body) => json(`/v2/auth/roles/${name}`, body))),
  },
  { weight: 1, arbitrary: userName.map((name) => bare('DELETE', `/v2/auth/users/${name}`)) },
  { weight: 1, arbitrary: roleName.map((name) => bare('DELETE', `/v2/auth/roles/${name}`)) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(userName, roleName)
      .chain(([user, role]) =>
        fc.constantFrom(bare('GET', `/v2/auth/users/${user}`), bare('GET', `/v2/auth/roles/${role}`)),
      ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      bare('GET', '/v2/auth/users'),
      bare('GET', '/v2/auth/roles'),
      bare('GET', '/v2/auth/enable'),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      bare('PUT', '/v2/auth/enable'),
      bare('PUT', '/v2/auth/enable'),
      bare('DELETE', '/v2/auth/enable'),
    ),
  },
  {
    weight: 5,
    arbitrary: fc
      .tuple(keyPath, fc.constantFrom('', '?recursive=true&sorted=true', '?sorted=true', '?recursive=bad'))
      .map(([path, query]) => bare('GET', path + query)),
  },
  {
    weight: 5,
    arbitrary: fc
      .tuple(fc.constantFrom('PUT', 'PUT', 'POST'), keyPath)
      .map(([method, path]) => ({ method, target: path, body: 'value=x', contentType: FORM })),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(keyPath, fc.constantFrom('', '?recursive=true'))
      .map(([path, query]) => bare('DELETE', path + query)),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      bare('HEAD', '/v2/keys/{p}/a'),
      bare('DELETE', '/v2/members/x'),
      bare('GET', '/v2/stats/self'),
      bare('GET', '/v2/members'),
    ),
  },
)

const ask: fc.Arbitrary<Ask> = fc
  .tuple(request, caller)
  .map(([asked, headers]) => ({ kind: 'ask', ...asked, headers, chunkBytes: 0 }))

/** With users and auth on from the start as often as not, since it takes luck to get there. */
export const anyAuthSequence: fc.Arbitrary<readonly Step[]> = fc
  .tuple(fc.boolean(), fc.array(ask, { minLength: 4, maxLength: 14, size: 'max' }))
  .map(([isOn, steps]) => (isOn ? [...TURNED_ON, ...steps] : steps))

const TURNED_ON: readonly Ask[] = [
  json('/v2/auth/users/root', { user: 'root', password: 'p' }),
  json('/v2/auth/users/u1', { user: 'u1', password: 'p', roles: ['r1'] }),
  json('/v2/auth/roles/r1', { role: 'r1', permissions: { kv: { read: ['/{p}/a*'], write: ['/{p}/a'] } } }),
  bare('PUT', '/v2/auth/enable'),
].map((asked) => ({ kind: 'ask', ...asked, headers: [], chunkBytes: 0 }))

/** Turns auth off, whoever root is, and takes all users and roles away. */
export async function forgetUsers(side: Side): Promise<void> {
  for (const password of PASSWORDS) {
    const header = authorization(`root:${password}`)
    await side.ask(`DELETE /v2/auth/enable HTTP/1.1\r\nHost: a\r\n${header}\r\n\r\n`)
  }
  for (const [kind, name] of [
    ['users', 'user'],
    ['roles', 'role'],
  ] as const) {
    const listed = await side.ask(`GET /v2/auth/${kind} HTTP/1.1\r\nHost: a\r\n\r\n`)
    const body = listed.kind === 'answer' ? listed.body : ''
    // Of a user the roles are shown in full; what is deleted twice is gone all the same.
    for (const [, one = ''] of body.matchAll(new RegExp(`"${name}":"(\\w+)"`, 'g'))) {
      await side.ask(`DELETE /v2/auth/${kind}/${one} HTTP/1.1\r\nHost: a\r\n\r\n`)
    }
  }
}
