/** `muster register` where members speak TLS and ask who somebody is. */
import { join } from 'node:path'
import { expect, onTestFailed, test } from 'vitest'
import { startMuster } from '../support/agent-process.ts'
import { TestAuthority } from '../support/certificates.ts'
import { NODE } from '../support/child.ts'
import { curl } from '../support/curl.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { MUSTERD } from '../support/member-process.ts'
import { scratchDir, startChild } from '../support/scratch.ts'

const USER = '{"user":"agent","password":"a","roles":["agent"]}'
const KV = '{"kv":{"read":["/services/*"],"write":["/services/*"]}}'

test('over TLS an agent announces what its user may, tells what it may not, and takes it all back', async () => {
  const folder = await scratchDir()
  const { certFile, keyFile, trustedCaFile } = await new TestAuthority('authority').writeSide(folder)
  const url = `https://127.0.0.1:${await freePort()}`
  const peer = `http://127.0.0.1:${await freePort()}`
  const member = startChild(NODE, [
    ...[MUSTERD, '--name', 'm', '--data-dir', join(folder, 'data'), '--initial-cluster', `m=${peer}`],
    ...['--listen-client-urls', url, '--advertise-client-urls', url],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
    ...['--cert-file', certFile, '--key-file', keyFile],
  ])
  onTestFailed(() => console.error(member.stderr))
  const ask = (path: string, ...words: readonly string[]) =>
    curl('--cacert', trustedCaFile, '-w', ' %{http_code}', ...words, `${url}${path}`)
  await eventually('it to serve', async () => (await ask('/health')).endsWith(' 200'))
  await ask('/v2/auth/users/root', '-XPUT', '-d', '{"user":"root","password":"r"}')
  await ask('/v2/auth/roles/agent', '-XPUT', '-d', `{"role":"agent","permissions":${KV}}`)
  await ask('/v2/auth/users/agent', '-XPUT', '-d', USER)
  await ask('/v2/auth/roles/guest', '-XPUT', '-d', '{"role":"guest","revoke":{"kv":{"read":["/*"],"write":["/*"]}}}')
  expect(await ask('/v2/auth/enable', '-XPUT')).toBe(' 200')

  const words = [
    'register',
    'web',
    '--port',
    '80',
    '--host',
    '10.0.0.5',
    '--id',
    'a',
    '--layout',
    'skydns2,registrator',
  ]
  const agent = startMuster(
    folder,
    [url],
    [...words, '--cacert', trustedCaFile, '--user', 'agent:a', '--log-format', 'json'],
  )
  onTestFailed(() => console.error(agent.stderr))
  const stands = async () => ask('/v2/keys/services/web/a', '-u', 'root:r')
  await eventually('the address', async () => (await stands()).includes('10.0.0.5:80'))
  await agent.untilOutput(/refuses this key/)
  expect(agent.stderr).toMatch(/skydns.*110/)
  expect(agent.stderr).not.toContain('cannot be asked')
  agent.kill('SIGTERM')
  expect((await agent.exited).code).toBe(0)
  expect(await stands()).toMatch(/"errorCode":100.* 404$/s)
})
