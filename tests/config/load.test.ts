/** From words and variables to settings, or to one clear sentence. */
import { describe, expect, test } from 'vitest'
import { type Exit, loadConfig } from '../../src/config/load.ts'
import { OBSOLETE_FLAGS } from '../../src/config/obsolete.ts'
import { OPTION_ROWS } from '../../src/config/options.ts'

type Env = Readonly<Record<string, string>>

function load(argv: readonly string[], env: Env = {}) {
  const loaded = loadConfig(argv, env)
  if ('exit' in loaded) throw new Error(`ended with ${JSON.stringify(loaded.exit)}`)
  return loaded
}

function config(argv: readonly string[], env: Env = {}) {
  return load(argv, env).config
}

/** How it ends: the status, and the first line of standard error. */
function failure(argv: readonly string[], env: Env = {}): readonly [number, string] {
  const { code, stderr = '' } = exitOf(argv, env)
  return [code, stderr.split('\n')[0] ?? '']
}

function exitOf(argv: readonly string[], env: Env = {}): Exit {
  const loaded = loadConfig(argv, env)
  if (!('exit' in loaded)) throw new Error('it did not end')
  return loaded.exit
}

function hrefs(endpoints: readonly { readonly href: string }[]): readonly string[] {
  return endpoints.map(({ href }) => href)
}

describe('defaults', () => {
  test('one member on localhost that keeps its data beside the caller', () => {
    const { config, warnings } = load([])
    expect(warnings).toEqual([])
    expect(config).toMatchObject({
      name: 'default',
      dataDir: 'default.etcd',
      cors: [],
      initialClusterState: 'new',
      initialClusterToken: 'etcd-cluster',
      heartbeatIntervalMs: 100,
      electionTimeoutMs: 1000,
      snapshotCount: 10_000,
      eventHistory: 100_000,
      maxRequestBytes: 10 * 1024 * 1024,
      logLevel: 'info',
      logFormat: 'pretty',
    })
    expect(hrefs(config.advertiseClientUrls)).toEqual(['http://localhost:2379'])
    expect(hrefs(config.initialAdvertisePeerUrls)).toEqual(['http://localhost:2380'])
  })

  test('the ports of etcd before 2.0 and IPv6 are optional listeners', () => {
    const listeners = config([]).listenClientUrls.map(({ href, optional }) => [href, optional])
    expect(listeners).toEqual([
      ['http://127.0.0.1:2379', false],
      ['http://[::1]:2379', true],
      ['http://127.0.0.1:4001', true],
      ['http://[::1]:4001', true],
    ])
    expect(hrefs(config([]).listenPeerUrls.filter(({ optional }) => !optional))).toEqual(['http://127.0.0.1:2380'])
  })

  test('data directory and initial cluster follow the name and the advertised peer URLs', () => {
    const named = config(['-name', 'n1', '-initial-advertise-peer-urls', 'http://10.0.0.1:2380,http://10.0.0.1:7001'])
    expect(named.dataDir).toBe('n1.etcd')
    expect(named.initialCluster.map(({ name, peerUrls }) => [name, hrefs(peerUrls)])).toEqual([
      ['n1', ['http://10.0.0.1:2380', 'http://10.0.0.1:7001']],
    ])
  })

  test('every default lies within the bounds of its row', () => {
    const defaults = config([]) as unknown as Readonly<Record<string, unknown>>
    for (const [key, { min, max }] of OPTION_ROWS) {
      const value = defaults[key]
      if (typeof value !== 'number') continue
      expect(value, key).toBeGreaterThanOrEqual(min ?? Number.NaN)
      expect(value, key).toBeLessThanOrEqual(max ?? Number.NaN)
    }
  })

  test('the settings are frozen, also inside', () => {
    const { listenClientUrls, initialCluster } = config([])
    expect(Object.isFrozen(config([]))).toBe(true)
    expect(Object.isFrozen(listenClientUrls[0])).toBe(true)
    expect(Object.isFrozen(initialCluster[0]?.peerUrls)).toBe(true)
  })
})

describe('precedence', () => {
  test('a flag comes before MUSTER_, that before ETCD_, that before the default', () => {
    const env = { MUSTER_NAME: 'muster', ETCD_NAME: 'etcd' }
    expect(config(['--name=flag'], env).name).toBe('flag')
    expect(config([], env).name).toBe('muster')
    expect(config([], { ETCD_NAME: 'etcd' }).name).toBe('etcd')
    expect(config([], { MUSTER_NAME: '', ETCD_NAME: 'etcd' }).name).toBe('etcd')
    expect(config([], { ETCD_NAME: '' }).name).toBe('default')
  })

  test('of a flag given twice the last one counts', () => {
    expect(config(['--name=a', '-name', 'b']).name).toBe('b')
  })

  test('a name may have blanks, as in etcd, but for its ends', () => {
    const { name, dataDir, initialCluster } = config(['--name', ' my etcd '])
    expect([name, dataDir, initialCluster[0]?.name]).toEqual(['my etcd', 'my etcd.etcd', 'my etcd'])
    const listed = config(['--name=my etcd', '--initial-cluster=b=http://h:1, my etcd=http://localhost:2380'])
    expect(listed.initialCluster.map((member) => member.name)).toEqual(['b', 'my etcd'])
  })

  test('variables that nobody knows are reported without their values', () => {
    const { warnings } = load([], { ETCD_FOO: 'secret', MUSTER_BAR: '1', ETCDCTL_API: '2', PATH: '/bin' })
    expect(warnings).toEqual([
      'unrecognized environment variable ETCD_FOO',
      'unrecognized environment variable MUSTER_BAR',
    ])
  })

  test('variables of the tool and of old clients are not ours to report, and turn nothing on', () => {
    const tool = { MUSTER_ENDPOINTS: 'http://h:1', MUSTER_USERNAME: 'a:b', MUSTER_CACERT: 'ca', MUSTER_CERT: 'c' }
    const more = { MUSTER_KEY: 'k', MUSTER_LOCK_FENCE: '1', ETCD_MACHINES: 'http://h:1', ETCD_WATCH_KEY: '/a' }
    const { warnings } = load([], { ...tool, ...more })
    expect(warnings).toEqual([])
    expect(config([], { ...tool, ...more })).toEqual(config([]))
  })
})

describe('a static cluster', () => {
  const CLUSTER = 'a=http://10.0.0.1:2380,b=http://10.0.0.2:2380,a=http://10.0.1.1:2380'

  test('URLs of a repeated name are gathered', () => {
    const { initialCluster } = config(['-initial-cluster', CLUSTER])
    expect(initialCluster.map(({ name, peerUrls }) => [name, hrefs(peerUrls)])).toEqual([
      ['a', ['http://10.0.0.1:2380', 'http://10.0.1.1:2380']],
      ['b', ['http://10.0.0.2:2380']],
    ])
  })

  test('who names URLs to listen on gets those and no more', () => {
    const urls = [
      '--listen-client-urls=http://0.0.0.0:2379,http://[::1]:4001',
      '--advertise-client-urls=http://a.example:2379',
    ]
    const { listenClientUrls, advertiseClientUrls } = config(urls)
    expect(listenClientUrls.map(({ host, port, optional }) => [host, port, optional])).toEqual([
      ['0.0.0.0', 2379, false],
      ['::1', 4001, false],
    ])
    expect(advertiseClientUrls).toEqual([
      { href: 'http://a.example:2379', protocol: 'http', host: 'a.example', port: 2379 },
    ])
  })
})

test('what scripts leave empty is not given, and lists may end with a comma', () => {
  const empty = config(['--initial-cluster=', '--cors=', '--listen-metrics-urls=', '--log-level='])
  expect(empty).toEqual(config([]))
  expect(load(['--initial-cluster=', '--discovery=http://d.example/t'])).toHaveProperty('config')
  const members = config(['--name=a', '--initial-cluster=a=http://localhost:2380,']).initialCluster
  expect(members.map(({ name }) => name)).toEqual(['a'])
})

test('origins are whatever etcd 2.3 takes for one, and are left as they stand', () => {
  expect(config(['--cors=app.example.com, http://b.example:80/ ,,null,*,']).cors).toEqual([
    ...['app.example.com', 'http://b.example:80/', 'null', '*'],
  ])
  expect(config(['--cors=,']).cors).toEqual([])
})

test('a name to listen at is left to the system', () => {
  const { listenClientUrls, listenPeerUrls } = config([
    '--listen-client-urls=http://my_etcd.example:2379',
    '--advertise-client-urls=http://my_etcd.example:2379',
    '--listen-peer-urls=http://etcd1:2380',
  ])
  expect([...listenClientUrls, ...listenPeerUrls].map(({ host, port, optional }) => [host, port, optional])).toEqual([
    ['my_etcd.example', 2379, false],
    ['etcd1', 2380, false],
  ])
})

describe('mistakes', () => {
  const CLIENTS = '--advertise-client-urls=http://localhost:2379'

  test.each<[readonly string[], number, string]>([
    [['--nane=x'], 2, "unknown option '--nane' (Did you mean --name?)"],
    [['-name'], 2, 'flag needs an argument: --name'],
    [['extra'], 1, "'extra' is not a valid flag"],
    [
      ['--heartbeat-interval=abc'],
      2,
      'invalid value "abc" for flag --heartbeat-interval: want a whole number of milliseconds',
    ],
    [
      ['--heartbeat-interval=1e2'],
      2,
      'invalid value "1e2" for flag --heartbeat-interval: want a whole number of milliseconds',
    ],
    [['--heartbeat-interval=0'], 1, '--heartbeat-interval must be >0 (set to 0ms)'],
    [['--election-timeout=-1'], 1, '--election-timeout must be >0 (set to -1ms)'],
    [
      ['--election-timeout=400'],
      1,
      '--election-timeout[400ms] should be at least as 5 times as --heartbeat-interval[100ms]',
    ],
    [['--election-timeout=60000'], 1, '--election-timeout[60000ms] is too long, and should be set less than 50000ms'],
    [['--snapshot-count=0'], 1, '--snapshot-count is 0, and should be 1 to 10000000 entries'],
    [
      ['--name='],
      2,
      'invalid value "" for flag --name: want a name of 1 to 256 characters without "=", "," or control characters',
    ],
    [
      ['--name=a=b'],
      2,
      'invalid value "a=b" for flag --name: want a name of 1 to 256 characters without "=", "," or control characters',
    ],
    [['--log-level=loud'], 2, 'invalid value "loud" for flag --log-level: want one of debug, info, warn, error, fatal'],
    [
      ['--initial-cluster-state=old'],
      2,
      'invalid value "old" for flag --initial-cluster-state: want one of new, existing',
    ],
    [
      ['--listen-client-urls=http://localhost:2379'],
      1,
      '--advertise-client-urls is required when --listen-client-urls is set explicitly',
    ],
    [
      ['--listen-client-urls=https://127.0.0.1:2379', CLIENTS],
      1,
      'TLS key/cert (--cert-file, --key-file) must be provided for client url https://127.0.0.1:2379 with HTTPS scheme',
    ],
    [
      ['--listen-peer-urls=https://127.0.0.1:2380', '--auto-tls'],
      1,
      'TLS key/cert (--peer-cert-file, --peer-key-file) must be provided for peer url https://127.0.0.1:2380 with HTTPS scheme',
    ],
    [['--key-file=k.pem'], 1, '--cert-file and --key-file must both be present: the one is useless without the other'],
    [
      ['--initial-cluster=a=http://10.0.0.1:2380', '--discovery-srv=example.com'],
      1,
      'multiple discovery or bootstrap flags are set. Choose one of "initial-cluster", "discovery" or "discovery-srv"',
    ],
    [
      ['--listen-client-urls=http://127.0.0.1:2380', CLIENTS],
      1,
      '--listen-client-urls and --listen-peer-urls both name http://127.0.0.1:2380',
    ],
    [
      ['--listen-peer-urls=http://127.0.0.1:1,http://127.0.0.1:1'],
      1,
      '--listen-peer-urls names http://127.0.0.1:1 twice',
    ],
    [['--initial-cluster=a'], 2, 'invalid value "a" for flag --initial-cluster: want a list of NAME=URL, found "a"'],
  ])('%j ends with status %i and one sentence', (argv, code, sentence) => {
    expect(failure(argv)).toEqual([code, `musterd: ${sentence}`])
  })

  test.each([
    ['2379', 'URL scheme must be http or https: 2379'],
    ['ftp://a:1', 'URL scheme must be http or https: ftp://a:1'],
    ['unix://a:1', 'unix sockets are not supported: unix://a:1'],
    ['http://a', 'URL address does not have the form "host:port": http://a'],
    ['http://a:99999', 'URL address does not have the form "host:port": http://a:99999'],
    ['http://:2379', 'URL address does not have the form "host:port": http://:2379'],
    ['http://u:p@a:1', 'URL address does not have the form "host:port": http://u:p@a:1'],
    ['http://a:1/v2', 'URL must not contain a path: http://a:1/v2'],
    ['http://a:1?x', 'URL must not contain a path: http://a:1?x'],
    ['http://a:1,', 'URL scheme must be http or https: '],
  ])('the URL %s is refused', (text, sentence) => {
    const [code, line] = failure([`--advertise-client-urls=${text}`])
    expect([code, line]).toEqual([2, `musterd: invalid value "${text}" for flag --advertise-client-urls: ${sentence}`])
  })

  test('a bad value in a variable names the variable and ends with status 1', () => {
    expect(failure([], { ETCD_HEARTBEAT_INTERVAL: 'abc' })).toEqual([
      1,
      'musterd: invalid value "abc" for ETCD_HEARTBEAT_INTERVAL: want a whole number of milliseconds',
    ])
  })

  test('a trailing slash of a URL is dropped', () => {
    expect(hrefs(config(['--advertise-client-urls=http://A:1/']).advertiseClientUrls)).toEqual(['http://A:1'])
  })
})

describe('flags of etcd that are not ours', () => {
  test('none of them has the name of an option', () => {
    const flags = [...OPTION_ROWS.map(([, { flag }]) => flag), ...OBSOLETE_FLAGS.map(({ flag }) => flag)]
    expect(flags.filter((flag, at) => flags.indexOf(flag) !== at)).toEqual([])
  })

  test('an old command line goes on, with one warning for each of them', () => {
    const { warnings } = load(
      ['-enable-v2', '--logger=zap', '--pre-vote=false', '-wal-dir', '/x', '--quota-backend-bytes', '1'],
      { ETCD_AUTO_COMPACTION_RETENTION: '1' },
    )
    expect(warnings.toSorted()).toEqual([
      'ETCD_AUTO_COMPACTION_RETENTION is ignored: it concerns the v3 API, which muster does not have',
      'flag --enable-v2 is ignored: v2 is always served',
      'flag --logger is ignored: use --log-format',
      'flag --pre-vote is ignored: members always ask before they stand for election',
      'flag --quota-backend-bytes is ignored: it concerns a database that muster does not have',
      'flag --wal-dir is ignored: all data is in --data-dir',
    ])
  })

  test('every ignored flag is accepted', () => {
    for (const { flag, fate, boolean } of OBSOLETE_FLAGS) {
      if (fate === 'ignored') expect(load([`-${flag}${boolean ? '' : '=1'}`]).warnings, flag).toHaveLength(1)
    }
  })

  test('a CA file alone demands certificates, as before 2.1', () => {
    const { clientTls, peerTls } = config(['-ca-file=ca.pem', '--peer-ca-file', 'peers.pem'])
    expect(clientTls).toMatchObject({ trustedCaFile: 'ca.pem', clientCertAuth: true })
    expect(peerTls).toMatchObject({ trustedCaFile: 'peers.pem', clientCertAuth: true })
  })

  test('--debug is the level of the log, unless that is given', () => {
    expect(config([], { ETCD_DEBUG: '1' }).logLevel).toBe('debug')
    expect(config(['--debug=false']).logLevel).toBe('info')
    expect(config(['--debug', '--log-level=error']).logLevel).toBe('error')
  })

  test('places for the log: the first of several, and the journal by way of standard error', () => {
    const of = (text: string) => config([`--log-outputs=${text}`]).logOutput
    expect([of('default'), of('stdout,/var/log/x'), of('systemd/journal'), of('/var/log/x')]).toEqual([
      ...['stderr', 'stdout', 'stderr', '/var/log/x'],
    ])
    expect(config(['--log-output=stdout', '--log-format=console'])).toMatchObject({
      logOutput: 'stdout',
      logFormat: 'pretty',
    })
  })

  test.each([
    ['33554432', 16_777_216, 'the most there can be'],
    ['1572864', 10_485_760, 'the least that clients of the v2 API may send'],
  ])('a limit of %s bytes, beyond our own, is taken as %d', (text, taken, why) => {
    const { config, warnings } = load([], { ETCD_MAX_REQUEST_BYTES: text })
    expect(config.maxRequestBytes).toBe(taken)
    expect(warnings).toEqual([`ETCD_MAX_REQUEST_BYTES is ${text}, and is taken as ${taken} bytes, ${why}`])
  })

  test('one that asks for something else than we do is refused, unless it asks for nothing', () => {
    expect(failure(['--peers=10.0.0.1:7001'])).toEqual([
      1,
      'musterd: flag --peers cannot be honoured: going on would found a second cluster beside theirs: name all members with --initial-cluster',
    ])
    expect(failure([], { ETCD_PEERS: '10.0.0.1:7001' })[1]).toMatch(/^musterd: ETCD_PEERS cannot be honoured: /)
    expect(load(['--peers=', '--tls-min-version', 'TLS1.2']).warnings).toHaveLength(2)
  })
})

describe('a proxy', () => {
  const LISTEN = '--listen-client-urls=http://127.0.0.1:2379'

  test('advertises nothing, and so need not say what; neither need a member that may become one', () => {
    expect(config(['--proxy=on', LISTEN]).proxy).toBe('on')
    expect(config(['--discovery=http://10.0.0.1/t', LISTEN]).discoveryFallback).toBe('proxy')
    expect(failure(['--discovery=http://10.0.0.1/t', '--discovery-fallback=exit', LISTEN])[0]).toBe(1)
  })
})

describe('TLS', () => {
  test('options of both sides are gathered', () => {
    const sides = ['--cert-file=c', '--key-file=k', '--client-cert-auth', '--peer-auto-tls', '--peer-cert-allowed-cn=m']
    const { clientTls, peerTls } = config([...sides, '--cipher-suites=A, B'])
    expect(clientTls).toEqual({
      certFile: 'c',
      keyFile: 'k',
      trustedCaFile: '',
      clientCertAuth: true,
      crlFile: '',
      allowedCn: '',
      allowedHostname: '',
      auto: false,
      cipherSuites: ['A', 'B'],
    })
    expect(peerTls).toMatchObject({ certFile: '', auto: true, allowedCn: 'm', cipherSuites: ['A', 'B'] })
  })
})

describe('--help and --version', () => {
  test.each([['-h'], ['-help'], ['--help']])('%s prints every option and ends with status 0', (word) => {
    const { code, stdout = '', stderr } = exitOf(['--name=x', word])
    expect([code, stderr]).toEqual([0, undefined])
    for (const [, { flag }] of OPTION_ROWS) expect(stdout).toContain(`--${flag} `)
    expect(stdout).not.toContain('--enable-v2')
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(110)
  })

  test('--version prints the version and ends with status 0', () => {
    expect(exitOf(['-version'])).toEqual({ code: 0, stdout: expect.stringMatching(/^musterd \d+\.\d+\.\d+\S*\n$/) })
  })

  test('a mistake is followed by a hint', () => {
    expect(exitOf(['--nane']).stderr).toMatch(/\nRun 'musterd --help' for the options\.\n$/)
  })
})
