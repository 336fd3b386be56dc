/** First members by the SRV records of a domain, from a fake resolver and from a name server on loopback. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { parseEndpoint } from '../../src/config/urls.ts'
import { resolveInitialCluster, resolvePeers } from '../../src/discovery/resolve.ts'
import { type Resolver, srvCluster, srvPeers } from '../../src/discovery/srv.ts'
import { systemResolver } from '../../src/discovery/system-resolver.ts'
import { startDns } from '../support/dns-server.ts'

const log = { info() {}, warn() {} }
const PLAIN = '_etcd-server._tcp.example.com'
const SECURE = '_etcd-server-ssl._tcp.example.com'

type Zone = Readonly<Record<string, readonly (string | readonly [string, number])[]>>

/** Answers from a list; what is not on it does not exist. */
function fake(zone: Zone): Resolver {
  const answer = (name: string) => {
    const found = zone[name]
    if (found === undefined) throw new Error(`queryX ENOTFOUND ${name}`)
    return found
  }
  return {
    srv: async (service) => answer(service).map(([host, port]) => ({ host: String(host), port: Number(port) })),
    addresses: async (host) => answer(host).map(String),
  }
}

function options(zone: Zone, suffix = '') {
  return { domain: 'example.com', suffix, resolver: fake(zone), log }
}

const HOSTS: Zone = {
  'a.example.com': ['10.0.0.1'],
  'b.example.com': ['10.0.0.2', 'fd00::2'],
  '10.0.0.2': ['10.0.0.2'],
}

describe('the members that SRV records name', () => {
  test('the one at an address and port of ours is this member, the others are numbered', async () => {
    const zone = { ...HOSTS, [PLAIN]: [['a.example.com', 2380] as const, ['b.example.com', 2380] as const] }
    const cluster = await srvCluster(options(zone), 'two', [parseEndpoint('http://10.0.0.2:2380')])
    expect(cluster.map(({ name, peerUrls }) => [name, peerUrls.map(({ href }) => href)])).toEqual([
      ['0', ['http://a.example.com:2380']],
      ['two', ['http://b.example.com:2380']],
    ])
  })

  test('both services count, and one of them is enough', async () => {
    const both = { ...HOSTS, [SECURE]: [['a.example.com', 1] as const], [PLAIN]: [['b.example.com', 2] as const] }
    const hrefs = async (zone: Zone) => (await srvPeers(options(zone))).map(({ href }) => href)
    expect(await hrefs(both)).toEqual(['https://a.example.com:1', 'http://b.example.com:2'])
    expect(await hrefs({ [SECURE]: both[SECURE] })).toEqual(['https://a.example.com:1'])
  })

  test('a suffix is appended to the names of the services', async () => {
    const zone = { '_etcd-server-blue._tcp.example.com': [['a.example.com', 2380] as const] }
    expect(await srvPeers(options(zone, 'blue'))).toHaveLength(1)
    await expect(srvPeers(options(zone))).rejects.toMatchObject({ code: 'MUSTER_DISCOVERY_SRV' })
  })

  test.each([
    ['another port', 'http://10.0.0.2:2381'],
    ['another scheme', 'https://10.0.0.2:2380'],
    ['another machine', 'http://10.0.0.3:2380'],
  ])('%s is not this member', async (_, advertised) => {
    const zone = { ...HOSTS, '10.0.0.3': ['10.0.0.3'], [PLAIN]: [['b.example.com', 2380] as const] }
    await expect(srvCluster(options(zone), 'two', [parseEndpoint(advertised)])).rejects.toMatchObject({
      code: 'MUSTER_DISCOVERY_SRV',
      message: 'cannot find local etcd member "two" in SRV records',
    })
  })

  test('a name that cannot be resolved is somebody else, and a name equal to ours is us all the same', async () => {
    const zone = { [PLAIN]: [['x.example.com', 2380] as const, ['y.example.com', 2380] as const] }
    const cluster = await srvCluster(options(zone), 'y', [parseEndpoint('http://y.example.com:2380')])
    expect(cluster.map(({ name }) => name)).toEqual(['0', 'y'])
  })

  test('no records, or too many, are an error that names what was asked', async () => {
    await expect(srvPeers(options({}))).rejects.toMatchObject({
      message: expect.stringMatching(
        /^error querying DNS SRV records \(_etcd-server-ssl\._tcp\.example\.com: .*; _etcd-server\._tcp\.example\.com: .*\)$/,
      ),
    })
    const many = Array.from({ length: 101 }, (_, at) => ['a.example.com', at + 1] as const)
    await expect(srvPeers(options({ [PLAIN]: many }))).rejects.toThrow('there are more than 100 SRV records')
  })
})

describe('--discovery-srv', () => {
  test('asks a name server, and members see the names of DNS also where this one advertises an address', async () => {
    const dns = await startDns({
      [PLAIN]: [
        { host: 'a.example.com', port: 2380 },
        { host: 'b.example.com', port: 2380 },
      ],
      'a.example.com': [{ address: '10.0.0.1' }],
      'b.example.com': [{ address: '10.0.0.2' }],
    })
    onTestFinished(() => dns.close())
    const words = ['--name=a', '--discovery-srv=example.com', '--initial-advertise-peer-urls=http://10.0.0.1:2380']
    const loaded = loadConfig(words, {})
    if ('exit' in loaded) throw new Error(loaded.exit.stderr)
    const parts = { log, resolver: systemResolver([dns.server]) }
    const config = await resolveInitialCluster(loaded.config, () => 'unused', parts)
    expect(config.initialCluster.map(({ name, peerUrls }) => `${name}=${peerUrls[0]?.href}`)).toEqual([
      '0=http://b.example.com:2380',
      'a=http://a.example.com:2380',
    ])
    expect(config.initialAdvertisePeerUrls.map(({ href }) => href)).toEqual(['http://a.example.com:2380'])
    expect(await resolvePeers(loaded.config, parts)).toEqual(['http://a.example.com:2380', 'http://b.example.com:2380'])
  })
})
