/**
 * Auth with real processes: every command of etcdctl on one member; on three, what one is told all enforce, after restarts and
 * snapshots too.
 */
import { execFile, execFileSync } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Cluster, startCluster } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'

const run = promisify(execFile)

/** Why etcdctl cannot be run with the v2 API; undefined when it can. */
function whyNoEtcdctl(): string | undefined {
  try {
    const version = execFileSync('etcdctl', ['--version'], {
      encoding: 'utf8',
      env: { ...process.env, ETCDCTL_API: '2' },
    })
    return version.includes('API version: 2') ? undefined : 'this etcdctl does not speak the v2 API'
  } catch {
    return 'there is no program etcdctl here'
  }
}

const missing = whyNoEtcdctl()

/** What it printed, errors included, and the status where it is not 0. */
async function etcdctl(url: string, ...words: readonly string[]): Promise<string> {
  const env = { PATH: process.env['PATH'], ETCDCTL_API: '2' }
  const args = ['--no-sync', '--endpoints', url, '--timeout', '10s', '--total-timeout', '20s', ...words]
  try {
    const { stdout, stderr } = await run('etcdctl', args, { env, timeout: 30_000 })
    return `${stdout}${stderr}`.trim()
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
    return `${`${stdout}${stderr}`.trim()} (${code})`
  }
}

const basic = (user: string, password = user) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

/** Status and body of a request to a member. */
async function ask(url: string, method: string, path: string, user?: string, body?: string): Promise<string> {
  const answer = await fetch(url + path, {
    method,
    headers: user === undefined ? {} : { authorization: basic(user) },
    ...(body === undefined ? {} : { body }),
  })
  return `${answer.status} ${(await answer.text()).trim()}`
}

describe.skipIf(missing !== undefined)(
  `etcdctl on one member${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    test('manages users, roles and auth as with etcd', async () => {
      const cluster = await startCluster({ members: 1 })
      const url = cluster.urls[0] as string
      const ctl = (...words: string[]) => etcdctl(url, ...words)
      const root = (...words: string[]) => etcdctl(url, '--username', 'root:r', ...words)
      const al = (...words: string[]) => etcdctl(url, '--username', 'al:a', ...words)

      expect(await ctl('user', 'list')).toBe('')
      expect(await ctl('auth', 'enable')).toBe('auth: No root user available, please create one (1)')
      expect(await ctl('user', 'add', 'root:r')).toBe('User root created')
      expect(await ctl('user', 'add', 'al:old')).toBe('User al created')
      expect(await ctl('role', 'list')).toBe('root')
      expect(await ctl('role', 'add', 'app')).toBe('Role app created')
      expect(await ctl('role', 'add', 'app')).toMatch(/^Role app already exists/)
      expect(await ctl('role', 'grant', 'app', '--path', '/app/*', '--readwrite')).toBe('Role app updated')
      expect(await ctl('role', 'grant', 'app', '--path', '/seen', '--read')).toBe('Role app updated')
      expect(await ctl('role', 'grant', 'app', '--path', '/seen', '--read')).toMatch(
        /Granting duplicate read permission/,
      )
      expect(await ctl('role', 'get', 'app')).toBe('Role: app\nKV Read:\n\t/app/*\n\t/seen\nKV Write:\n\t/app/*')
      expect(await ctl('user', 'grant', 'al', '--roles', 'app')).toBe('User al updated')
      expect(await ctl('user', 'get', 'al')).toBe('User: al\nRoles:  app')
      expect(await ctl('user', 'list')).toBe('al\nroot')

      expect(await ctl('auth', 'enable')).toBe('Authentication Enabled')
      expect(await ctl('auth', 'enable')).toMatch(/^Insufficient credentials/)
      expect(await root('role', 'revoke', 'guest', '--path', '/*', '--readwrite')).toBe('Role guest updated')
      expect(await ctl('set', '/app/k', 'v')).toMatch(/^Error: {2}110: The request requires user authentication/)
      expect(await al('set', '/app/k', 'v')).toMatch(/110/)
      expect(await root('user', 'add', 'al:a')).toBe('User al created')
      expect(await al('set', '/app/k', 'v')).toBe('v')
      expect(await al('get', '/app/k')).toBe('v')
      expect(await al('ls', '--recursive', '/app/')).toBe('/app/k')
      expect(await al('set', '/seen', 'v')).toMatch(/110/)
      expect(await al('user', 'list')).toMatch(/^Insufficient credentials/)
      expect(await root('user', 'revoke', 'al', '--roles', 'app')).toBe('User al updated')
      expect(await al('get', '/app/k')).toMatch(/110/)
      expect(await root('user', 'remove', 'al')).toBe('User al removed')
      expect(await root('role', 'remove', 'app')).toBe('Role app removed')
      expect(await root('user', 'remove', 'root')).toMatch(/Cannot delete root user while auth is enabled/)
      expect(await root('auth', 'disable')).toBe('Authentication Disabled')
      expect(await ctl('get', '/app/k')).toBe('v')
    })
  },
)

describe('three members', () => {
  /** root and al; al may /al/*, guests nothing. Told to the first member; auth is on at the second. */
  async function startGuarded(args: readonly string[] = []): Promise<Cluster> {
    const cluster = await startCluster({ args })
    const [first, second, third] = cluster.urls as [string, string, string]
    expect(await ask(first, 'PUT', '/v2/auth/users/root', undefined, '{"user":"root","password":"root"}')).toMatch(
      /^201/,
    )
    const al = '{"user":"al","password":"al","roles":["al"]}'
    expect(await ask(second, 'PUT', '/v2/auth/users/al', undefined, al)).toMatch(/^200/)
    const kv = '{"kv":{"read":["/al/*"],"write":["/al/*"]}}'
    expect(await ask(third, 'PUT', '/v2/auth/roles/al', undefined, `{"role":"al","permissions":${kv}}`)).toMatch(/^201/)
    expect(await ask(second, 'PUT', '/v2/auth/roles/guest', undefined, '{"role":"guest"}')).toMatch(/^201/)
    expect(await ask(second, 'PUT', '/v2/auth/enable')).toBe('200 ')
    return cluster
  }

  /** Waits until a member knows that auth is on, and sees what it lets through. */
  async function expectEnforced(url: string): Promise<void> {
    await eventually('auth to be on', async () => (await ask(url, 'GET', '/v2/auth/enable')) === '200 {"enabled":true}')
    expect(await ask(url, 'GET', '/v2/keys/')).toMatch(/^401 \{"errorCode":110/)
    expect(await ask(url, 'PUT', '/v2/keys/al/k?value=1', 'al')).toMatch(/^20[01]/)
    expect(await ask(url, 'PUT', '/v2/keys/other?value=1', 'al')).toMatch(/^401/)
    expect(await ask(url, 'GET', '/v2/auth/users', 'al')).toMatch(/^401/)
    expect(await ask(url, 'GET', '/v2/auth/users', 'root')).toMatch(/^200/)
    expect(await ask(url, 'DELETE', '/v2/members/1', 'al')).toMatch(/^401/)
    expect(await ask(url, 'GET', '/v2/members')).toMatch(/^200/)
  }

  test('enforce what one was told, and still do after all were killed', async () => {
    const cluster = await startGuarded()
    for (const url of cluster.urls) await expectEnforced(url)
    await cluster.untilEqual()
    await Promise.all(cluster.members.map((member) => member.kill()))
    await cluster.start()
    for (const url of cluster.urls) await expectEnforced(url)
  })

  test('one that was down while auth was set up learns of it by a snapshot', async () => {
    const cluster = await startCluster({ args: ['--snapshot-count', '200'] })
    const [late] = await cluster.followers()
    if (late === undefined) throw new Error('there are three members')
    await late.kill()
    const url = (cluster.running[0] as { readonly url: string }).url
    for (const name of ['root', 'al']) {
      const body = `{"user":"${name}","password":"${name}"${name === 'al' ? ',"roles":["al"]' : ''}}`
      await ask(url, 'PUT', `/v2/auth/users/${name}`, undefined, body)
    }
    const kv = '{"kv":{"read":["/al/*"],"write":["/al/*"]}}'
    await ask(url, 'PUT', '/v2/auth/roles/al', undefined, `{"role":"al","permissions":${kv}}`)
    await ask(url, 'PUT', '/v2/auth/roles/guest', undefined, '{"role":"guest"}')
    await ask(url, 'PUT', '/v2/auth/enable')
    const write = async (): Promise<void> => {
      for (let count = 0; count < 200; count += 1) await ask(url, 'PUT', `/v2/keys/al/${count % 10}?value=1`, 'al')
    }
    await Promise.all(Array.from({ length: 8 }, write))
    await late.start()
    await late.child.untilOutput(/installed a snapshot/)
    await expectEnforced(late.url)
    await cluster.untilEqual()
  })

  test('lose no grant of many that are made through all of them at once', async () => {
    const cluster = await startGuarded()
    const roles = Array.from({ length: 12 }, (_, at) => `r${at}`)
    const answers = await Promise.all(
      roles.map((role, at) => {
        const url = cluster.urls[at % 3] as string
        return ask(url, 'PUT', '/v2/auth/users/al', 'root', `{"user":"al","grant":["${role}"]}`)
      }),
    )
    const granted = roles.filter((_, at) => answers[at]?.startsWith('200'))
    await cluster.untilEqual()
    for (const role of roles) {
      const body = `{"role":"${role}"}`
      await ask(cluster.urls[0] as string, 'PUT', `/v2/auth/roles/${role}`, 'root', body)
    }
    const shown = await ask(cluster.urls[0] as string, 'GET', '/v2/auth/users/al', 'root')
    const held = [...shown.matchAll(/"role":"(r\d+)"/g)].map((match) => match[1])
    expect(held.toSorted()).toEqual(granted.toSorted())
    expect(answers.filter((answer) => !answer?.startsWith('200'))).toEqual([])
  })

  test('judge local reads without a majority, and change nothing', async () => {
    const cluster = await startGuarded()
    await cluster.untilEqual()
    const [kept, ...others] = cluster.members
    for (const member of others) await member.kill()
    const url = kept?.url as string
    expect(await ask(url, 'GET', '/v2/keys/al/none', 'al')).toMatch(/^404/)
    expect(await ask(url, 'GET', '/v2/keys/al/none', 'root')).toMatch(/^404/)
    expect(await ask(url, 'GET', '/v2/keys/al/none')).toMatch(/^401/)
    expect(await ask(url, 'GET', '/v2/auth/users', 'root')).toMatch(/^200/)
    const change = ask(url, 'PUT', '/v2/auth/roles/r', 'root', '{"role":"r"}')
    onTestFinished(() => change.then(() => {}))
    expect(await change).toBe('500 {"message":"Internal Server Error"}')
  })
})
