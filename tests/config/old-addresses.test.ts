/** `-addr` and its kin, as etcd before 2.0 took them. */
import { expect, test } from 'vitest'
import type { Endpoint } from '../../src/config/config.ts'
import { loadConfig } from '../../src/config/load.ts'

function hrefs(endpoints: readonly Endpoint[]): string {
  return endpoints.map(({ href }) => href).join()
}

/** What is advertised and listened at, for clients and for members. */
function addresses(argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const loaded = loadConfig(argv, env)
  if ('exit' in loaded) throw new Error(loaded.exit.stderr)
  const { config, warnings } = loaded
  const client = [hrefs(config.advertiseClientUrls), hrefs(config.listenClientUrls)]
  const peer = [hrefs(config.initialAdvertisePeerUrls), hrefs(config.listenPeerUrls)]
  return { client, peer, warnings, own: hrefs(config.initialCluster[0]?.peerUrls ?? []) }
}

test('an address to be reached at is listened at on all addresses: in a container it is another machine', () => {
  const { client, peer, own, warnings } = addresses(['-addr', '10.0.0.1:4002', '-peer-addr=10.0.0.1:7002'])
  expect(client).toEqual(['http://10.0.0.1:4002', 'http://0.0.0.0:4002'])
  expect(peer).toEqual(['http://10.0.0.1:7002', 'http://0.0.0.0:7002'])
  expect(own).toBe('http://10.0.0.1:7002')
  expect(warnings).toEqual([
    'flag --addr is obsolete: it is taken as --advertise-client-urls, and --listen-client-urls with that port on all addresses',
    'flag --peer-addr is obsolete: it is taken as --initial-advertise-peer-urls, and --listen-peer-urls with that port on all addresses',
  ])
})

test('an address of loopback stays there', () => {
  expect(addresses(['-addr=127.0.0.1:4003']).client).toEqual(['http://127.0.0.1:4003', 'http://127.0.0.1:4003'])
})

test('an address to bind to has a port of its own, or that of the other', () => {
  expect(addresses(['-addr=a.example:4001', '-bind-addr=0.0.0.0']).client).toEqual([
    'http://a.example:4001',
    'http://0.0.0.0:4001',
  ])
  expect(addresses(['-peer-addr=10.0.0.1:7002', '-peer-bind-addr=10.0.0.2:7003']).peer).toEqual([
    'http://10.0.0.1:7002',
    'http://10.0.0.2:7003',
  ])
})

test('an address to bind to, alone, is where it is reached', () => {
  expect(addresses(['-bind-addr=10.0.0.2:4005']).client).toEqual(['http://10.0.0.2:4005', 'http://10.0.0.2:4005'])
  expect(addresses(['-bind-addr=0.0.0.0:4005']).client).toEqual(['http://localhost:4005', 'http://0.0.0.0:4005'])
})

test('the variables of CoreOS mean the same, and the newer options come before them', () => {
  const env = { ETCD_ADDR: '10.0.0.1:4001', ETCD_PEER_ADDR: 'http://10.0.0.1:7001/' }
  expect(addresses([], env).peer).toEqual(['http://10.0.0.1:7001', 'http://0.0.0.0:7001'])
  const newer = ['--advertise-client-urls=http://10.0.0.9:2379', '--listen-client-urls=http://10.0.0.8:2379']
  expect(addresses(newer, env).client).toEqual(['http://10.0.0.9:2379', 'http://10.0.0.8:2379'])
})

test('an empty one asks for nothing', () => {
  expect(addresses(['-addr=', '-bind-addr=']).client).toEqual(addresses([]).client)
})

test('with a certificate they are addresses of TLS', () => {
  const { client } = addresses(['-addr=10.0.0.1:4001', '-cert-file=c', '-key-file=k'])
  expect(client).toEqual(['https://10.0.0.1:4001', 'https://0.0.0.0:4001'])
})
