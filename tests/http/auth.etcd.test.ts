/**
 * A real etcd, where one is installed, answers the transcripts of users, roles and auth as we do, byte for byte, and any requests
 * that are made up from few names, patterns and passwords.
 *
 * What differs on purpose is in DIFFERS, and in COMPATIBILITY.md.
 */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isEtcdInstalled, maskAnswer, type RunningEtcd, startEtcd } from '../support/etcd.ts'
import { type HttpMember, requestText, startHttp } from '../support/http-member.ts'
import { exchange, parseAnswer } from '../support/raw-http.ts'
import { parseScript } from '../support/script.ts'

/** In this order: what one leaves behind the next one meets, on both sides. */
const FILES = ['auth-users.txt', 'auth-roles.txt', 'auth-enabled.txt'] as const

/** Requests that are answered otherwise, and why. */
const DIFFERS: Readonly<Record<string, string>> = {
  'GET /v2/machines': 'shows the URLs of each',
  'GET /version': 'muster says 2.3.8',
}

const folder = fileURLToPath(new URL('transcripts/', import.meta.url))

describe.skipIf(!isEtcdInstalled())('etcd 3.4 and muster answer alike (skipped where there is no etcd 3.4)', () => {
  let etcd: RunningEtcd
  let ours: HttpMember
  let bases: { readonly etcd: number; readonly ours: number }

  beforeAll(async () => {
    etcd = await startEtcd()
    ours = await startHttp()
    // The index is in the names that POST makes.
    const ahead = await indexOf(etcd.port)
    while ((await indexOf(ours.port)) < ahead) {
      await exchange(ours.port, requestText('PUT', '/v2/keys/_level'))
    }
    bases = { etcd: await indexOf(etcd.port), ours: await indexOf(ours.port) }
  }, 60_000)

  afterAll(async () => {
    await etcd.end()
    await ours.close()
  })

  test.each(FILES)('%s', { timeout: 60_000 }, async (file) => {
    const { blocks } = parseScript(await readFile(folder + file, 'utf8'))
    for (const { commands } of blocks) {
      const [first = '', ...rest] = commands
      const [method = '', target = ''] = first.split(' ')
      if (DIFFERS[first] !== undefined) continue
      const body = rest.find((line) => line.startsWith('body: '))?.slice(6)
      const headers = rest.filter((line) => !line.startsWith('body: '))
      const request = requestText(method, target, body, headers)
      const theirs = maskAnswer(await exchange(etcd.port, request), bases.etcd)
      expect.soft(maskAnswer(await exchange(ours.port, request), bases.ours), commands.join('\n')).toBe(theirs)
    }
  })

  test('any requests, one after the other, whatever the last ones left behind', { timeout: 300_000 }, async () => {
    const sequence = fc.array(someRequest(), { minLength: 5, maxLength: REQUESTS_MAX })
    const property = fc.asyncProperty(sequence, async (requests) => {
      for (const request of requests) {
        const theirs = sortNodes(maskAnswer(await exchange(etcd.port, request), bases.etcd))
        expect(sortNodes(maskAnswer(await exchange(ours.port, request), bases.ours)), request).toBe(theirs)
      }
    })
    // What a run leaves behind is part of the next, so a failure is not made smaller: its last request is the one that differs.
    await fc.assert(property, { numRuns: RUNS, endOnFailure: true })
  })
})

/** Runs of made-up requests, and requests in one. etcd takes long over each password. */
const RUNS = 20
const REQUESTS_MAX = 25

const basic = (user: string, password: string) =>
  `Authorization: Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

/** Requests that meet each other's users and roles. The password of root is r, others have a or b. */
function someRequest(): fc.Arbitrary<string> {
  const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 3 })
  const userName = fc.constantFrom('root', 'al', 'bo')
  const roleName = fc.constantFrom('root', 'guest', 'x', 'y')
  const roleNames = fc.array(roleName, { maxLength: 2 })
  const patterns = fc.option(fc.array(fc.constantFrom('/x', '/x*', '/y/*', '/*', '*'), { maxLength: 2 }), { nil: null })
  const permissions = fc.record({ kv: fc.record({ read: patterns, write: patterns }) })
  const user = fc
    .record({
      user: userName,
      password: maybe(fc.constantFrom('a', 'b')),
      roles: maybe(roleNames),
      grant: maybe(roleNames),
      revoke: maybe(roleNames),
    })
    .map((body) => ({ ...body, ...(body.user === 'root' && body.password !== undefined ? { password: 'r' } : {}) }))
  const role = fc.record({
    role: roleName,
    permissions: maybe(permissions),
    grant: maybe(permissions),
    revoke: maybe(permissions),
  })
  const credentials = fc.oneof(
    { weight: 4, arbitrary: fc.constant(basic('root', 'r')) },
    { weight: 2, arbitrary: fc.constant(undefined) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(basic('al', 'a'), basic('bo', 'a'), basic('root', 'a'), 'Authorization: x'),
    },
  )
  const request = fc.oneof(
    { weight: 6, arbitrary: user.map((body) => ['PUT', `/v2/auth/users/${body.user}`, JSON.stringify(body)] as const) },
    { weight: 6, arbitrary: role.map((body) => ['PUT', `/v2/auth/roles/${body.role}`, JSON.stringify(body)] as const) },
    {
      weight: 3,
      arbitrary: fc.tuple(
        fc.constantFrom('GET', 'DELETE'),
        userName.map((name) => `/v2/auth/users/${name}`),
      ),
    },
    {
      weight: 3,
      arbitrary: fc.tuple(
        fc.constantFrom('GET', 'DELETE'),
        roleName.map((name) => `/v2/auth/roles/${name}`),
      ),
    },
    { weight: 2, arbitrary: fc.constantFrom(['GET', '/v2/auth/users'] as const, ['GET', '/v2/auth/roles'] as const) },
    { weight: 2, arbitrary: fc.tuple(fc.constantFrom('GET', 'PUT', 'PUT', 'DELETE'), fc.constant('/v2/auth/enable')) },
    {
      weight: 6,
      arbitrary: fc.tuple(
        fc.constantFrom('GET', 'HEAD', 'PUT', 'DELETE', 'POST'),
        fc
          .tuple(
            fc.constantFrom('', '/', '/x', '/xy', '/y', '/y/', '/y/z'),
            fc.constantFrom('', '?recursive=true', '?dir=true&recursive=true&sorted=true'),
          )
          .map(([key, query]) => `/v2/keys${key}${query}`),
      ),
    },
  )
  return fc.tuple(request, credentials).map(([[method, target, body], header]) => {
    return requestText(method, target, body, header === undefined ? [] : [header])
  })
}

/** etcd lists in any order when it is not asked to sort: characters in order are compared instead. */
function sortNodes(raw: string): string {
  return raw.includes('"nodes":[') ? [...raw].sort().join('') : raw
}

async function indexOf(port: number): Promise<number> {
  return Number(parseAnswer(await exchange(port, requestText('GET', '/v2/keys/none'))).headers['x-etcd-index'])
}
