/** No flag of etcd is unknown: those of the versions whose users this is for, and those of the etcd that is installed. */
import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { obsoleteFlag } from '../../src/config/obsolete.ts'
import { variableOf } from '../../src/config/option.ts'
import { OPTION_ROWS } from '../../src/config/options.ts'

const FLAGS_0_4 = [
  ...[
    'addr',
    'bind-addr',
    'ca-file',
    'cert-file',
    'cluster-active-size',
    'cluster-remove-delay',
    'cluster-sync-interval',
  ],
  ...['config', 'cors', 'cpuprofile', 'data-dir', 'discovery', 'f', 'force', 'graphite-host', 'http-read-timeout'],
  ...[
    'http-write-timeout',
    'key-file',
    'max-result-buffer',
    'max-retry-attempts',
    'name',
    'peer-addr',
    'peer-bind-addr',
  ],
  ...['peer-ca-file', 'peer-cert-file', 'peer-election-timeout', 'peer-heartbeat-interval', 'peer-key-file', 'peers'],
  ...['peers-file', 'retry-interval', 'snapshot', 'snapshot-count', 'trace', 'v', 'vv', 'vvv'],
]
const FLAGS_2_3 = [
  ...['advertise-client-urls', 'ca-file', 'cert-file', 'client-cert-auth', 'cors', 'data-dir', 'debug', 'discovery'],
  ...['discovery-fallback', 'discovery-proxy', 'discovery-srv', 'election-timeout', 'enable-pprof'],
  ...['experimental-auto-compaction-retention', 'experimental-grpc-addr', 'experimental-v3demo', 'force-new-cluster'],
  ...['heartbeat-interval', 'initial-advertise-peer-urls', 'initial-cluster', 'initial-cluster-state'],
  ...[
    'initial-cluster-token',
    'key-file',
    'listen-client-urls',
    'listen-peer-urls',
    'log-package-levels',
    'max-snapshots',
  ],
  ...['max-wals', 'name', 'peer-ca-file', 'peer-cert-file', 'peer-client-cert-auth', 'peer-key-file'],
  ...['peer-trusted-ca-file', 'proxy', 'proxy-dial-timeout', 'proxy-failure-wait', 'proxy-read-timeout'],
  ...[
    'proxy-refresh-interval',
    'proxy-write-timeout',
    'snapshot-count',
    'strict-reconfig-check',
    'trusted-ca-file',
    'wal-dir',
  ],
]

const help = spawnSync('etcd', ['--help'], { encoding: 'utf8' })
const helpText = help.error === undefined ? help.stdout + help.stderr : ''
const FLAGS_INSTALLED = [...helpText.matchAll(/^ {2}--([a-z0-9-]+) /gm)].map((match) => match[1] ?? '')

function isKnown(flag: string): boolean {
  return obsoleteFlag(flag) !== undefined || OPTION_ROWS.some(([, option]) => option.flag === flag)
}

describe('the flags', () => {
  test('of 0.4.6 are all known', () => {
    expect(FLAGS_0_4.filter((flag) => !isKnown(flag))).toEqual([])
  })

  test('of 2.3 are all known', () => {
    expect(FLAGS_2_3.filter((flag) => !isKnown(flag))).toEqual([])
  })

  test.skipIf(helpText === '')('of the etcd on this machine are all known (skipped where there is none)', () => {
    expect(FLAGS_INSTALLED.length).toBeGreaterThan(50)
    expect(FLAGS_INSTALLED.filter((flag) => !isKnown(flag))).toEqual([])
  })

  test('have variables, which nobody reports as unknown', () => {
    for (const flag of new Set([...FLAGS_0_4, ...FLAGS_2_3, ...FLAGS_INSTALLED])) {
      const loaded = loadConfig([], { [variableOf(flag, 'ETCD_')]: 'x' })
      const said = 'exit' in loaded ? (loaded.exit.stderr ?? '') : loaded.warnings.join('\n')
      expect(said, flag).not.toContain('unrecognized')
    }
  })
})
