/**
 * Names in client certificates as users, with a real process: musterd, and etcd where it is installed, which answers alike.
 */
import { join } from 'node:path'
import { describe, expect, onTestFailed, test } from 'vitest'
import { TestAuthority } from '../support/certificates.ts'
import { NODE } from '../support/child.ts'
import { curl } from '../support/curl.ts'
import { isEtcdInstalled } from '../support/etcd.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { MUSTERD } from '../support/member-process.ts'
import { scratchDir, startChild } from '../support/scratch.ts'

const PROGRAMS = [
  { name: 'musterd', command: NODE, words: [MUSTERD], installed: true },
  { name: 'etcd', command: 'etcd', words: ['--enable-v2=true'], installed: isEtcdInstalled() },
] as const

/** Asks as the one named in a certificate, with more words for curl; the status and the body. */
type Ask = (cn: string, path: string, ...words: readonly string[]) => Promise<string>

/** A member of one that serves clients over https only. */
async function start(program: (typeof PROGRAMS)[number], args: readonly string[]): Promise<Ask> {
  const folder = await scratchDir()
  const authority = new TestAuthority('authority')
  const { certFile, keyFile, trustedCaFile } = await authority.writeSide(folder)
  const url = `https://127.0.0.1:${await freePort()}`
  const peer = `http://127.0.0.1:${await freePort()}`
  const child = startChild(program.command, [
    ...program.words,
    ...['--name', 'm', '--data-dir', join(folder, 'data'), '--initial-cluster', `m=${peer}`],
    ...['--listen-client-urls', url, '--advertise-client-urls', url],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
    ...['--cert-file', certFile, '--key-file', keyFile, '--trusted-ca-file', trustedCaFile, ...args],
  ])
  onTestFailed(() => console.error(child.stdout + child.stderr))
  const files = new Map<string, readonly string[]>()
  const ask: Ask = async (cn, path, ...words) => {
    let shown = files.get(cn)
    if (shown === undefined) {
      const own = await scratchDir()
      const side = await authority.writeSide(own, { cn })
      shown = ['--cert', side.certFile, '--key', side.keyFile]
      files.set(cn, shown)
    }
    return curl('--cacert', trustedCaFile, ...shown, '-w', ' %{http_code}', ...words, `${url}${path}`)
  }
  await eventually('it to serve', async () => (await ask('anybody', '/health')).endsWith(' 200'))
  await ask('anybody', '/v2/auth/users/root', '-XPUT', '-d', '{"user":"root","password":"r"}')
  await ask('anybody', '/v2/auth/users/al', '-XPUT', '-d', '{"user":"al","password":"a","roles":["al"]}')
  const kv = '{"kv":{"read":["/al"],"write":["/al"]}}'
  await ask('anybody', '/v2/auth/roles/al', '-XPUT', '-d', `{"role":"al","permissions":${kv}}`)
  const open = '{"kv":{"read":["/open"],"write":[]}}'
  await ask('anybody', '/v2/auth/roles/guest', '-XPUT', '-d', `{"role":"guest","permissions":${open}}`)
  expect(await ask('anybody', '/v2/auth/enable', '-XPUT')).toBe(' 200')
  return ask
}

describe.each(PROGRAMS)('$name', (program) => {
  describe.skipIf(!program.installed)(
    `is told by certificates (skipped where ${program.name} is not installed)`,
    () => {
      test('who asks, with --client-cert-auth', async () => {
        const ask = await start(program, ['--client-cert-auth'])
        expect(await ask('al', '/v2/keys/al', '-XPUT', '-d', 'value=1')).toMatch(/ 201$/)
        expect(await ask('al', '/v2/keys/open')).toMatch(/ 401$/)
        expect(await ask('stranger', '/v2/keys/al')).toMatch(/ 401$/)
        expect(await ask('stranger', '/v2/keys/open')).toMatch(/ 404$/)
        expect(await ask('al', '/v2/auth/users')).toMatch(/ 401$/)
        expect(await ask('stranger', '/v2/members/1', '-XDELETE')).toMatch(/ 401$/)
        expect(await ask('root', '/v2/auth/users')).toMatch(/ 200$/)
        expect(await ask('root', '/v2/members/1', '-XDELETE')).toMatch(/ 404$/)
        expect(await ask('stranger', '/v2/keys/al', '-u', 'al:a')).toMatch(/ 200$/)
        expect(await ask('al', '/v2/keys/al', '-u', 'al:wrong')).toMatch(/ 401$/)
      })

      test('no more than that they are good, with --trusted-ca-file alone', async () => {
        const ask = await start(program, [])
        expect(await ask('al', '/v2/keys/al')).toMatch(/ 401$/)
        expect(await ask('al', '/v2/keys/open')).toMatch(/ 404$/)
        expect(await ask('root', '/v2/auth/users')).toMatch(/ 401$/)
        expect(await ask('stranger', '/v2/auth/users', '-u', 'root:r')).toMatch(/ 200$/)
      })
    },
  )
})

test('three members tell users by certificates, whoever of them was told of the users', async () => {
  const folder = await scratchDir()
  const authority = new TestAuthority('authority')
  const side = await authority.writeSide(folder)
  const names = ['a', 'b', 'c'] as const
  const urls = await Promise.all(names.map(async () => `https://127.0.0.1:${await freePort()}`))
  const peers = await Promise.all(names.map(async () => `https://127.0.0.1:${await freePort()}`))
  const initialCluster = names.map((name, at) => `${name}=${peers[at]}`).join(',')
  const files = (prefix: string): readonly string[] => [
    ...[`--${prefix}cert-file`, side.certFile, `--${prefix}key-file`, side.keyFile],
    ...[`--${prefix}trusted-ca-file`, side.trustedCaFile, `--${prefix}client-cert-auth`],
  ]
  const members = names.map((name, at) => {
    const [url = '', peer = ''] = [urls[at], peers[at]]
    return startChild(NODE, [
      ...[MUSTERD, '--name', name, '--data-dir', join(folder, name), '--initial-cluster', initialCluster],
      ...['--listen-client-urls', url, '--advertise-client-urls', url, ...files('')],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, ...files('peer-')],
    ])
  })
  onTestFailed(() => console.error(members.map(({ stdout, stderr }) => stdout + stderr).join('\n')))
  for (const member of members) await member.untilOutput(/^musterd is ready: /m)
  const shown = new Map<string, readonly string[]>()
  for (const cn of ['root', 'al', 'stranger']) {
    const own = await authority.writeSide(await scratchDir(), { cn })
    shown.set(cn, ['--cacert', side.trustedCaFile, '--cert', own.certFile, '--key', own.keyFile])
  }
  const ask = (at: number, cn: string, path: string, ...words: readonly string[]): Promise<string> =>
    curl(...(shown.get(cn) ?? []), '-w', ' %{http_code}', ...words, `${urls[at]}${path}`)
  await ask(0, 'stranger', '/v2/auth/users/root', '-XPUT', '-d', '{"user":"root","password":"r"}')
  await ask(1, 'stranger', '/v2/auth/users/al', '-XPUT', '-d', '{"user":"al","password":"a","roles":["al"]}')
  const kv = '{"kv":{"read":["/al"],"write":["/al"]}}'
  await ask(2, 'stranger', '/v2/auth/roles/al', '-XPUT', '-d', `{"role":"al","permissions":${kv}}`)
  await ask(0, 'stranger', '/v2/auth/roles/guest', '-XPUT', '-d', '{"role":"guest"}')
  expect(await ask(1, 'stranger', '/v2/auth/enable', '-XPUT')).toBe(' 200')
  for (const at of [0, 1, 2]) {
    await eventually('the member to know', async () => (await ask(at, 'stranger', '/v2/keys/al')).endsWith(' 401'))
    expect(await ask(at, 'al', '/v2/keys/al', '-XPUT', '-d', `value=${at}`)).toMatch(/ 20[01]$/)
    expect(await ask(at, 'al', '/v2/keys/other', '-XPUT', '-d', 'value=1')).toMatch(/ 401$/)
    expect(await ask(at, 'al', '/v2/auth/users')).toMatch(/ 401$/)
    expect(await ask(at, 'root', '/v2/auth/users')).toMatch(/ 200$/)
  }
})
