/** Files of options, in the two forms of etcd's history. */
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'

/** Loads with one file in the world. */
function load(path: string, text: string, argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return loadConfig(argv, env, (asked) => {
    if (asked !== path) throw new Error(`ENOENT: no such file, open '${asked}'`)
    return text
  })
}

function loaded(...given: Parameters<typeof load>) {
  const result = load(...given)
  if ('exit' in result) throw new Error(result.exit.stderr)
  return result
}

function failure(...given: Parameters<typeof load>) {
  const result = load(...given)
  if (!('exit' in result)) throw new Error('it did not end')
  return [result.exit.code, result.exit.stderr?.split('\n')[0]]
}

const YAML = `
# This is the configuration file for the etcd server.
name: 'node1'
data-dir: /var/lib/etcd
wal-dir:
heartbeat-interval: 150
election-timeout: 1500
listen-client-urls: http://10.0.0.1:2379,http://127.0.0.1:2379
advertise-client-urls: http://10.0.0.1:2379
initial-cluster-state: 'new'
strict-reconfig-check: false
enable-v2: true
proxy: off
cors:
client-transport-security:
  cert-file: /etc/c.pem
  key-file: /etc/k.pem
  client-cert-auth: true
  trusted-ca-file: /etc/ca.pem
  auto-tls: false
peer-transport-security:
  cert-file: /etc/pc.pem
  key-file: /etc/pk.pem
  allowed-cn: member
log-outputs: [stderr]
debug: false
`

describe('--config-file', () => {
  test('is YAML whose keys are flags; sections are those of TLS', () => {
    const { config, warnings } = loaded('/c', YAML, ['--config-file', '/c'])
    expect(config).toMatchObject({
      name: 'node1',
      dataDir: '/var/lib/etcd',
      heartbeatIntervalMs: 150,
      strictReconfigCheck: false,
      proxy: 'off',
      cors: [],
      logOutput: 'stderr',
      logLevel: 'info',
    })
    expect(config.listenClientUrls).toHaveLength(2)
    expect(config.clientTls).toMatchObject({
      certFile: '/etc/c.pem',
      clientCertAuth: true,
      trustedCaFile: '/etc/ca.pem',
    })
    expect(config.peerTls).toMatchObject({ keyFile: '/etc/pk.pem', allowedCn: 'member' })
    expect(warnings).toEqual([
      'enable-v2 in /c is ignored: v2 is always served',
      'debug in /c is obsolete: it is taken as --log-level debug',
    ])
  })

  test('stands alone: flags and variables beside it are reported and ignored', () => {
    const env = { ETCD_CONFIG_FILE: '/c', ETCD_HEARTBEAT_INTERVAL: '10' }
    const { config, warnings } = loaded('/c', 'name: a', ['--name=b'], env)
    expect([config.name, config.heartbeatIntervalMs]).toEqual(['a', 100])
    expect(warnings.toSorted()).toEqual([
      'ETCD_HEARTBEAT_INTERVAL is ignored: /c says everything',
      'flag --name is ignored: /c says everything',
    ])
  })

  test('keys that nobody knows are reported', () => {
    expect(loaded('/c', 'nane: a', ['--config-file=/c']).warnings).toEqual(['unrecognized key nane in /c'])
    expect(loaded('/c', '', ['--config-file=/c']).warnings).toEqual([])
  })

  test.each([
    [
      'heartbeat-interval: abc',
      'invalid value "abc" for heartbeat-interval in /c: want a whole number of milliseconds',
    ],
    ['name: {a: b}', 'cannot read /c: name must be a value or a list of values'],
    ['- a', 'cannot read /c: want keys and values'],
    ['a: [', expect.stringMatching(/^musterd: cannot read \/c: ./)],
    ['peers: 10.0.0.1:7001', expect.stringMatching(/^musterd: peers in \/c cannot be honoured: /)],
  ])('%j ends with status 1 and one sentence', (text, sentence) => {
    const wanted = typeof sentence === 'string' ? `musterd: ${sentence}` : sentence
    expect(failure('/c', text, ['--config-file=/c'])).toEqual([1, wanted])
  })

  test('a file that is not there ends with status 1', () => {
    expect(failure('/c', '', ['--config-file=/d'])).toEqual([
      1,
      "musterd: cannot read the file of flag --config-file: ENOENT: no such file, open '/d'",
    ])
  })
})

describe('-config', () => {
  const TOML = `
addr = "10.0.0.1:4001"
bind_addr = "0.0.0.0:4001"
cors = ["http://a.example"]
data_dir = "/var/lib/etcd"
name = "machine0"
snapshot = true
very_verbose = true
max_retry_attempts = 3

[peer]
addr = "10.0.0.1:7001"
bind_addr = "0.0.0.0"

[cluster]
active_size = 9
`

  test('is the TOML of etcd 0.4, and comes after flags and variables', () => {
    const { config, warnings } = loaded('/t', TOML, ['-config', '/t'], { ETCD_NAME: 'other' })
    expect(config).toMatchObject({ name: 'other', dataDir: '/var/lib/etcd', cors: ['http://a.example'] })
    expect(config.listenPeerUrls.map(({ href }) => href)).toEqual(['http://0.0.0.0:7001'])
    expect(config.initialAdvertisePeerUrls.map(({ href }) => href)).toEqual(['http://10.0.0.1:7001'])
    expect(warnings).toContain('cluster-active-size in /t is ignored: muster has no standby members')
  })

  test('a file that is no TOML ends with status 1', () => {
    expect(failure('/t', 'ETCD_NAME=a b', ['-config=/t'])).toEqual([1, expect.stringMatching(/cannot read \/t: /)])
  })
})
