/**
 * Command lines, unit files and environments that real deployments of etcd used, given to musterd as they stand but for ports
 * and folders: each starts, serves a write, and warns of what it does not follow.
 */
import { spawnSync } from 'node:child_process'
import { lookup } from 'node:dns/promises'
import { writeFile } from 'node:fs/promises'
import { hostname, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Child, NODE } from '../support/child.ts'
import { curl } from '../support/curl.ts'
import { freePort } from '../support/free-port.ts'
import { MemberProcess, MUSTERD, planMembers } from '../support/member-process.ts'
import { scratchDir, startChild } from '../support/scratch.ts'

/** Ports in the texts below, each replaced by a free one. */
const PORTS = ['12379', '12380', '14001', '17001'] as const

interface Deployment {
  readonly what: string
  /** Words after the name of the program, in one line, as a shell splits them. */
  readonly words?: string
  /** Lines `NAME=value`, with or without `Environment=` or `export`, quotes and comments. */
  readonly environment?: string
  /** A file in the folder where it starts. */
  readonly file?: readonly [name: string, text: string]
  /** The one of PORTS at which clients are served. */
  readonly client: (typeof PORTS)[number]
  /** All warnings, each by a part of it. */
  readonly warnings: readonly string[]
}

const OWN_URLS =
  '--listen-client-urls http://127.0.0.1:12379 --advertise-client-urls http://127.0.0.1:12379 ' +
  '--listen-peer-urls http://127.0.0.1:12380'

const DEPLOYMENTS: readonly Deployment[] = [
  {
    what: 'two machines on one host, of the guide to clustering of etcd 0.4',
    words: '-peer-addr 127.0.0.1:17001 -addr 127.0.0.1:14001 -data-dir machines/machine1 -name machine1',
    client: '14001',
    warnings: ['flag --addr is obsolete', 'flag --peer-addr is obsolete'],
  },
  {
    what: 'a container of etcd 0.4 behind the address of its host',
    words:
      '-name machine0 -data-dir machine0 -addr 172.17.42.1:14001 -peer-addr 172.17.42.1:17001 ' +
      '-bind-addr 0.0.0.0:14001 -peer-bind-addr 0.0.0.0 -snapshot=true -vv -max-result-buffer 1024',
    client: '14001',
    warnings: [
      'flag --addr is obsolete',
      'flag --peer-addr is obsolete',
      'flag --bind-addr is obsolete',
      'flag --peer-bind-addr is obsolete',
      'flag --snapshot is ignored',
      'flag --vv is ignored',
      'flag --max-result-buffer is ignored',
    ],
  },
  {
    what: 'the drop-in of systemd that cloud-config of CoreOS wrote for etcd 0.4',
    environment: `
[Service]
Environment="ETCD_ADDR=127.0.0.1:14001"
Environment="ETCD_PEER_ADDR=127.0.0.1:17001"
Environment="ETCD_NAME=core-01"
Environment="ETCD_DATA_DIR=var/lib/etcd"
Environment="ETCD_PEER_ELECTION_TIMEOUT=1200"
Environment="ETCD_PEER_HEARTBEAT_INTERVAL=200"
`,
    client: '14001',
    warnings: [
      'ETCD_ADDR is obsolete',
      'ETCD_PEER_ADDR is obsolete',
      'ETCD_PEER_ELECTION_TIMEOUT is ignored: use --election-timeout',
      'ETCD_PEER_HEARTBEAT_INTERVAL is ignored: use --heartbeat-interval',
    ],
  },
  {
    what: 'the drop-in of systemd that cloud-config of CoreOS wrote for etcd 2',
    environment: `
[Service]
Environment="ETCD_ADVERTISE_CLIENT_URLS=http://127.0.0.1:12379"
Environment="ETCD_INITIAL_ADVERTISE_PEER_URLS=http://127.0.0.1:12380"
Environment="ETCD_LISTEN_CLIENT_URLS=http://0.0.0.0:12379,http://0.0.0.0:14001"
Environment="ETCD_LISTEN_PEER_URLS=http://127.0.0.1:12380"
Environment="ETCD_DATA_DIR=var/lib/etcd2"
Environment="ETCD_NAME=%m"
`,
    client: '14001',
    warnings: [],
  },
  {
    what: 'the command of a container of etcd 2, in compose files of that time',
    words:
      '-name etcd0 -advertise-client-urls http://127.0.0.1:12379,http://127.0.0.1:14001 ' +
      '-listen-client-urls http://0.0.0.0:12379,http://0.0.0.0:14001 ' +
      '-initial-advertise-peer-urls http://127.0.0.1:12380 -listen-peer-urls http://0.0.0.0:12380 ' +
      '-initial-cluster-token etcd-cluster-1 -initial-cluster etcd0=http://127.0.0.1:12380 -initial-cluster-state new',
    client: '14001',
    warnings: [],
  },
  {
    what: 'the manifest of Kubernetes 1.2',
    words:
      '--listen-client-urls http://127.0.0.1:12379 --advertise-client-urls http://127.0.0.1:12379 ' +
      '--listen-peer-urls http://127.0.0.1:12380 --initial-advertise-peer-urls http://127.0.0.1:12380 ' +
      '--initial-cluster default=http://127.0.0.1:12380 --data-dir var/etcd/data',
    environment: `
ETCD_PORT=tcp://10.0.0.10:2379
ETCD_SERVICE_HOST=10.0.0.10
`,
    client: '12379',
    warnings: ['unrecognized environment variable ETCD_PORT', 'unrecognized environment variable ETCD_SERVICE_HOST'],
  },
  {
    what: 'a container of Bitnami, by its environment',
    words: '',
    environment: `
ALLOW_NONE_AUTHENTICATION=yes
ETCD_ENABLE_V2=true
ETCD_NAME=etcd-0
ETCD_ADVERTISE_CLIENT_URLS=http://127.0.0.1:12379
ETCD_LISTEN_CLIENT_URLS=http://0.0.0.0:12379
ETCD_LISTEN_PEER_URLS=http://0.0.0.0:12380
ETCD_INITIAL_ADVERTISE_PEER_URLS=http://127.0.0.1:12380
ETCD_LOG_LEVEL=info
ETCD_AUTH_TOKEN=simple
ETCD_ROOT_PASSWORD=
`,
    client: '12379',
    warnings: ['ETCD_ENABLE_V2 is ignored: v2 is always served', 'ETCD_AUTH_TOKEN is ignored'],
  },
  {
    what: 'the defaults file of Debian for etcd 3.4, with what one would uncomment',
    environment: `
## etcd(1) daemon options
ETCD_NAME="hostname"
ETCD_DATA_DIR="var/lib/etcd/default"
# ETCD_WAL_DIR
ETCD_SNAPSHOT_COUNT="100000"
ETCD_HEARTBEAT_INTERVAL="100"
ETCD_ELECTION_TIMEOUT="1000"
ETCD_LISTEN_PEER_URLS="http://localhost:12380"
ETCD_LISTEN_CLIENT_URLS="http://localhost:12379"
ETCD_ADVERTISE_CLIENT_URLS="http://localhost:12379"
ETCD_INITIAL_ADVERTISE_PEER_URLS="http://localhost:12380"
ETCD_MAX_SNAPSHOTS="5"
ETCD_MAX_WALS="5"
ETCD_CORS="*"
ETCD_ENABLE_V2="true"
ETCD_STRICT_RECONFIG_CHECK="true"
ETCD_PROXY="off"
ETCD_DEBUG
`,
    client: '12379',
    warnings: ['ETCD_MAX_SNAPSHOTS is ignored', 'ETCD_MAX_WALS is ignored', 'ETCD_ENABLE_V2 is ignored'],
  },
  {
    what: 'a file of options for etcd 3.4',
    words: '--config-file etcd.conf.yml',
    file: [
      'etcd.conf.yml',
      `# This is the configuration file for the etcd server.
name: 'default'
data-dir:
snapshot-count: 10000
heartbeat-interval: 100
election-timeout: 1000
quota-backend-bytes: 0
listen-peer-urls: http://localhost:12380
listen-client-urls: http://localhost:12379
initial-advertise-peer-urls: http://localhost:12380
advertise-client-urls: http://localhost:12379
discovery-fallback: 'proxy'
initial-cluster:
initial-cluster-token: 'etcd-cluster'
initial-cluster-state: 'new'
strict-reconfig-check: false
enable-v2: true
proxy: 'off'
proxy-failure-wait: 5000
client-transport-security:
  cert-file:
  client-cert-auth: false
  auto-tls: false
logger: zap
log-outputs: [stderr]
force-new-cluster: false
`,
    ],
    client: '12379',
    warnings: ['quota-backend-bytes in etcd.conf.yml', 'enable-v2 in etcd.conf.yml', 'logger in etcd.conf.yml'],
  },
  {
    what: 'a file of options for etcd 0.4',
    words: '-config etcd.conf -name other',
    file: [
      'etcd.conf',
      'addr = "127.0.0.1:14001"\nbind_addr = "127.0.0.1:14001"\ndata_dir = "d"\nname = "n"\n\n[peer]\naddr = "127.0.0.1:17001"\n',
    ],
    client: '14001',
    warnings: [
      'addr in etcd.conf is obsolete',
      'bind-addr in etcd.conf is obsolete',
      'peer-addr in etcd.conf is obsolete',
    ],
  },
  {
    what: 'tuning of a large etcd 3.5',
    words: `${OWN_URLS} --max-request-bytes=33554432 --quota-backend-bytes=8589934592 --auto-compaction-retention=8 --logger=zap --log-format=console --socket-reuse-port --experimental-initial-corrupt-check=true`,
    client: '12379',
    warnings: [
      'flag --max-request-bytes is 33554432, and is taken as 16777216',
      'flag --quota-backend-bytes is ignored',
      'flag --auto-compaction-retention is ignored',
      'flag --logger is ignored',
      'flag --socket-reuse-port is ignored',
      'flag --experimental-initial-corrupt-check is ignored',
    ],
  },
]

const addresses = Object.values(networkInterfaces()).flatMap((all = []) => all.map(({ address }) => address))
const isNameOwn = await lookup(hostname()).then(
  ({ address }) => addresses.includes(address),
  () => false,
)

const hasNamespaces = spawnSync('unshare', ['-rn', 'ip', 'link', 'set', 'lo', 'up']).status === 0

/** Replaces the ports of the texts. */
async function freePorts(): Promise<(text: string) => string> {
  const ports = new Map<string, string>()
  for (const port of PORTS) ports.set(port, `${await freePort()}`)
  return (text) => text.replace(/\b1(2379|2380|4001|7001)\b/g, (port) => ports.get(port) ?? port)
}

/** As systemd, a shell and `docker --env-file` read such lines between them. */
function parseEnvironment(text: string): Record<string, string> {
  const lines = text.split('\n').map((line) => line.trim().replace(/^(export |Environment=)/, ''))
  return Object.fromEntries(
    lines.flatMap((line) => {
      const [, name, value] = /^"?([A-Z_0-9]+)=(.*)$/.exec(line) ?? []
      return name === undefined || value === undefined ? [] : [[name, value.replaceAll('"', '')]]
    }),
  )
}

function start(folder: string, words: string, environment: string): Child {
  const argv = words.split(' ').filter((word) => word !== '')
  return startChild(NODE, [MUSTERD, ...argv], { cwd: folder, env: { ...parseEnvironment(environment), NO_COLOR: '1' } })
}

/** What the log says before the data are opened. */
function warningsOf(child: Child): readonly string[] {
  return child.stderr
    .split('\n')
    .flatMap((line) => / warn {2}(.*(?:ignored|obsolete|unrecognized|taken).*)$/.exec(line)?.[1] ?? [])
}

describe('a deployment of etcd', () => {
  test.each(DEPLOYMENTS)('$what', async ({ words = '', environment = '', file, client, warnings }) => {
    const substitute = await freePorts()
    const folder = await scratchDir()
    if (file !== undefined) await writeFile(join(folder, file[0]), substitute(file[1]))
    const child = start(folder, substitute(words), substitute(environment))
    await child.untilOutput(/^musterd is ready: .*$/m)
    const url = `http://127.0.0.1:${substitute(client)}`
    expect(await curl('-X', 'PUT', `${url}/v2/keys/message`, '-d', 'value=Hello')).toContain('"value":"Hello"')
    const said = warningsOf(child)
    for (const warning of warnings)
      expect(
        said.filter((line) => line.startsWith(warning)),
        warning,
      ).toHaveLength(1)
    expect(said).toHaveLength(warnings.length)
  })

  test.skipIf(!hasNamespaces)(
    "the book's first line, etcd -name myetcd, at its own ports (skipped without unshare and ip)",
    async () => {
      // In a network of its own, where the default ports are free whatever else runs on this machine.
      const ask = 'curl -sS --retry 40 --retry-delay 1 --retry-connrefused --max-time 40'
      const script = [
        'ip link set lo up',
        `${NODE} ${MUSTERD} -name myetcd & pid=$!`,
        `${ask} -L http://127.0.0.1:4001/v2/keys/mykey -XPUT -d value="this is awesome"`,
        `${ask} -L http://127.0.0.1:2379/v2/keys/mykey`,
        'kill $pid; wait $pid',
      ]
      const child = startChild('unshare', ['-rn', 'sh', '-c', script.join('\n')], {
        cwd: await scratchDir(),
        group: true,
      })
      expect(await child.exited).toEqual({ code: 0, signal: null })
      expect(child.stdout).toMatch(/^musterd is ready: member "myetcd" /m)
      expect(child.stdout.match(/"value":"this is awesome"/g)).toHaveLength(2)
      expect(warningsOf(child)).toEqual([])
    },
  )

  test('the discovery of cloud-config: ETCD_DISCOVERY, ETCD_ADDR and ETCD_PEER_ADDR', async () => {
    const folder = await scratchDir()
    const [spec] = await planMembers(['host'], folder)
    if (spec === undefined) throw new Error('one name gives one member')
    const host = new MemberProcess(spec)
    onTestFinished(async () => {
      await host.child.end()
    })
    await host.start()
    const token = `${host.url}/v2/keys/_etcd/registry/3445fa65423d8b04df07f59fb40218f8`
    await curl('-X', 'PUT', `${token}/_config/size`, '-d', 'value=2')
    const members = await Promise.all(
      ['core-01', 'core-02'].map(async (name) => {
        const substitute = await freePorts()
        const lines = [`ETCD_NAME=${name}`, 'ETCD_ADDR=127.0.0.1:14001', 'ETCD_PEER_ADDR=127.0.0.1:17001']
        const child = start(folder, '', substitute([...lines, `ETCD_DISCOVERY=${token}`].join('\n')))
        await child.untilOutput(/^musterd is ready: member /m)
        return `http://127.0.0.1:${substitute('14001')}`
      }),
    )
    expect(await curl('-X', 'PUT', `${members[0]}/v2/keys/a`, '-d', 'value=1')).toContain('"value":"1"')
    expect(await curl(`${members[1]}/v2/keys/a?quorum=true`)).toContain('"value":"1"')
  })

  test('a 3.4 with a small --max-request-bytes, which etcd does not apply to v2, takes 2 MiB as it did there', async () => {
    const substitute = await freePorts()
    const child = start(await scratchDir(), substitute(`${OWN_URLS} --max-request-bytes=1572864`), '')
    await child.untilOutput(/^musterd is ready: /m)
    expect(warningsOf(child)).toEqual([expect.stringContaining('is 1572864, and is taken as 10485760')])
    const body = new URLSearchParams({ value: 'x'.repeat(2 * 1024 * 1024) })
    const put = await fetch(`http://127.0.0.1:${substitute('12379')}/v2/keys/large`, { method: 'PUT', body })
    expect(put.status).toBe(201)
  })

  test.skipIf(!isNameOwn)('a name to listen at (skipped where that of this machine has no address of it)', async () => {
    const substitute = await freePorts()
    const urls = OWN_URLS.replaceAll('127.0.0.1', hostname())
    const child = start(await scratchDir(), substitute(urls), '')
    await child.untilOutput(/^musterd is ready: /m)
    expect(await curl(`http://${hostname()}:${substitute('12379')}/health`)).toBe('{"health":"true"}')
  })

  test('a name to listen at that has no address is told in a sentence', async () => {
    const substitute = await freePorts()
    const urls = OWN_URLS.replace('127.0.0.1', 'none.invalid')
    const child = start(await scratchDir(), substitute(urls), '')
    expect((await child.exited).code).toBe(1)
    expect(child.stderr).toMatch(/cannot listen at http:\/\/none\.invalid:\d+: the name cannot be resolved/)
  })

  test('one that would found a second cluster is refused with the reason', async () => {
    const child = start(await scratchDir(), '-name machine2 -peers 127.0.0.1:7001,127.0.0.1:7003', '')
    expect(await child.exited).toEqual({ code: 1, signal: null })
    expect(child.stderr).toMatch(/^musterd: flag --peers cannot be honoured: going on would found a second cluster/)
  })

  test('metrics and health apart from the keys: --listen-metrics-urls', async () => {
    const substitute = await freePorts()
    const words = substitute(`${OWN_URLS} --listen-metrics-urls http://127.0.0.1:14001 --log-outputs=etcd.log`)
    const child = start(await scratchDir(), words, '')
    await child.untilOutput(/^musterd is ready: /m)
    const url = substitute('http://127.0.0.1:14001')
    expect(await curl(`${url}/health`)).toContain('"health":"true"')
    expect(await curl(`${url}/metrics`)).toContain('etcd_server_has_leader 1')
    expect(await curl(`${url}/v2/keys/`)).toBe('404 page not found\n')
    expect(child.stderr).toBe('')
  })
})
