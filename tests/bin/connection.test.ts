/** Which cluster a command talks to, and as whom: words, then variables, then DNS, then this machine. */
import dns from 'node:dns/promises'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, expect, test, vi } from 'vitest'
import { connectionOf, otherConnectionOf } from '../../bin/muster/connection.ts'
import { durationMs } from '../../bin/muster/go-values.ts'
import { startDns } from '../support/dns-server.ts'
import { scratchDir } from '../support/scratch.ts'

beforeEach(() => {
  for (const name of Object.keys(process.env)) if (/^(MUSTER|ETCD)/.test(name)) vi.stubEnv(name, undefined)
  return () => {
    vi.unstubAllEnvs()
  }
})

async function endpoints(words: Parameters<typeof connectionOf>[0] = {}): Promise<string> {
  return (await connectionOf(words)).endpoints.join()
}

test('endpoints: each source is asked only where those before it say nothing', async () => {
  expect(await endpoints()).toBe('http://127.0.0.1:2379,http://127.0.0.1:4001')
  const variables = ['ETCD_HOST', 'ETCD_MACHINES', 'ETCDCTL_PEERS', 'ETCDCTL_ENDPOINT', 'ETCDCTL_ENDPOINTS']
  for (const name of [...variables, 'MUSTER_ENDPOINTS']) {
    vi.stubEnv(name, `http://${name}:1`)
    expect(await endpoints()).toBe(`http://${name}:1`)
  }
  expect(await endpoints({ peers: 'p:1' })).toBe('p:1')
  expect(await endpoints({ peers: 'p:1', endpoint: 'e:1' })).toBe('e:1')
  expect(await endpoints({ peers: 'p:1', endpoint: 'e:1', endpoints: 'a:1, b:2' })).toBe('a:1,b:2')
})

test('empty words and variables count as not given', async () => {
  vi.stubEnv('MUSTER_ENDPOINTS', '')
  expect(await endpoints({ endpoints: '' })).toBe('http://127.0.0.1:2379,http://127.0.0.1:4001')
})

test('users and files come from words, then MUSTER_, then ETCDCTL_, and never from what a member reads', async () => {
  const folder = await scratchDir()
  for (const name of ['ca', 'cert', 'key', 'other']) await writeFile(join(folder, name), name)
  vi.stubEnv('ETCDCTL_USERNAME', 'old:1')
  vi.stubEnv('ETCDCTL_CA_FILE', join(folder, 'other'))
  vi.stubEnv('MUSTER_CA_FILE', '/no/such/file')
  vi.stubEnv('MUSTER_CERT_FILE', '/no/such/file')
  vi.stubEnv('MUSTER_KEY_FILE', '/no/such/file')
  expect(await connectionOf({})).toMatchObject({ auth: 'old:1', tls: { ca: 'other' } })
  vi.stubEnv('MUSTER_USERNAME', 'ann:2')
  vi.stubEnv('MUSTER_CACERT', join(folder, 'ca'))
  vi.stubEnv('MUSTER_CERT', join(folder, 'cert'))
  vi.stubEnv('MUSTER_KEY', join(folder, 'key'))
  expect(await connectionOf({})).toMatchObject({ auth: 'ann:2', tls: { ca: 'ca', cert: 'cert', key: 'key' } })
  expect(await connectionOf({ username: 'bob:3', caFile: join(folder, 'other') })).toMatchObject({
    auth: 'bob:3',
    tls: { ca: 'other', cert: 'cert' },
  })
})

test('the variables of the later etcdctl are known: a user and a password apart', async () => {
  vi.stubEnv('ETCDCTL_USER', 'ann')
  vi.stubEnv('ETCDCTL_PASSWORD', 'secret')
  expect(await connectionOf({})).toMatchObject({ auth: 'ann:secret' })
})

test('a certificate without its key is refused, and a file that is missing is named', async () => {
  await expect(connectionOf({ certFile: '/c' })).rejects.toThrow('[key: , cert: /c]')
  await expect(connectionOf({ caFile: '/no/such/ca.pem' })).rejects.toThrow('/no/such/ca.pem')
})

test('a limit of time is whole milliseconds, and no more than a timer can run for', async () => {
  const timeoutMs = async (text: string) => (await connectionOf({ timeout: durationMs(text) })).timeoutMs
  expect(await Promise.all(['0', '2s', '1.001s', '1us', '1000h'].map(timeoutMs))).toEqual([
    ...[undefined, 2_000, 1_001, 1, 2 ** 31 - 1],
  ])
})

test('variables say nothing of a second cluster', async () => {
  vi.stubEnv('MUSTER_ENDPOINTS', 'http://h:1')
  vi.stubEnv('MUSTER_USERNAME', 'ann:2')
  expect(await otherConnectionOf({}, 'a:1,b:1')).toEqual({ endpoints: ['a:1', 'b:1'], tls: {} })
})

test('DNS tells the servers of a domain; insecure ones count only when asked for', async () => {
  const server = await startDns({
    '_etcd-client-ssl._tcp.test': [{ host: 'one.test', port: 2379 }],
    '_etcd-client._tcp.test': [{ host: 'two.test', port: 4001 }],
  })
  const before = dns.getServers()
  dns.setServers([server.server])
  const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  try {
    expect(await connectionOf({ discoverySrv: 'test' })).toEqual({
      endpoints: ['https://one.test:2379'],
      tls: { servername: 'test' },
    })
    expect(stderr.mock.calls.flat()).toEqual(['ignoring discovered insecure endpoint "http://two.test:4001"\n'])
    expect(await connectionOf({ discoverySrv: 'test', insecureDiscovery: true })).toEqual({
      endpoints: ['https://one.test:2379', 'http://two.test:4001'],
      tls: {},
    })
    await expect(connectionOf({ discoverySrv: 'nowhere' })).rejects.toThrow(/^dns lookup errors: .*ENOTFOUND.* and /)
  } finally {
    stderr.mockRestore()
    dns.setServers(before)
    server.close()
  }
})
