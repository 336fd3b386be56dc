/** Members that find each other, as real processes: through a token that another musterd hosts, and not when they come too late. */
import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Child, NODE, ROOT } from '../support/child.ts'
import { curl } from '../support/curl.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { MemberProcess, MUSTERD, planMembers } from '../support/member-process.ts'
import { scratchDir, startChild } from '../support/scratch.ts'

interface Started {
  readonly child: Child
  readonly url: string
  readonly words: readonly string[]
  readonly folder: string
}

/** A musterd that is given no more than etcd's guide to discovery gives. */
async function startAt(name: string, folder: string, ...args: readonly string[]): Promise<Started> {
  const [client, peer] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`]
  const words = [
    ...['--name', name, '--data-dir', `${name}.etcd`],
    ...['--listen-client-urls', client, '--advertise-client-urls', client],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
    ...args,
  ]
  return { child: musterd(words, folder), url: client, words, folder }
}

function musterd(words: readonly string[], cwd: string): Child {
  return startChild(NODE, [MUSTERD, ...words], { cwd })
}

/** A member of one that hosts the token, and the token's URL. */
async function hostToken(folder: string, size: number): Promise<string> {
  const [spec] = await planMembers(['host'], folder)
  if (spec === undefined) throw new Error('one name gives one member')
  const host = new MemberProcess(spec)
  onTestFinished(async () => {
    await host.child.end()
  })
  await host.start()
  const token = `${host.url}/v2/keys/_etcd/registry/6c007a14875d53d9bf0ef5a6fc0257c8`
  await curl('-X', 'PUT', `${token}/_config/size`, '-d', `value=${size}`)
  return token
}

const READY = /^musterd is ready: .*$/m

describe('--discovery', () => {
  test('three find each other through a fourth, a fourth becomes a proxy for them, and restarts ask nobody', async () => {
    const folder = await scratchDir()
    const token = await hostToken(folder, 3)
    const members = [
      await startAt('infra0', folder, '--discovery', token),
      await startAt('infra1', folder, '--discovery', token),
      await startAt('infra2', folder, '--discovery', token),
    ]
    for (const { child } of members) await child.untilOutput(READY)
    const [first, second, third] = members as [Started, Started, Started]
    expect(await curl('-X', 'PUT', `${first.url}/v2/keys/k`, '-d', 'value=v')).toContain('"value":"v"')
    expect(await curl(`${third.url}/v2/keys/k?quorum=true`)).toContain('"value":"v"')
    await eventually('all names to be known', async () => {
      const listed = JSON.parse(await curl(`${second.url}/v2/members`)) as { members: { name: string }[] }
      const names = listed.members.map(({ name }) => name).toSorted()
      return names.join() === 'infra0,infra1,infra2'
    })

    const late = await startAt('late', folder, '--discovery', token)
    await late.child.untilOutput(READY)
    expect(late.child.stdout).toMatch(/^musterd is ready: proxy "late" serves clients at /)
    expect(late.child.stderr).toContain('the cluster of the discovery token is full: falling back to a proxy for it')
    await eventually('the proxy to know the members', async () => {
      return (await curl(`${late.url}/v2/keys/k`)).includes('"value":"v"')
    })

    first.child.kill('SIGTERM')
    await first.child.exited
    const again = musterd(first.words, folder)
    await again.untilOutput(READY)
    expect(again.stderr).toContain('discovery is ignored')
    late.child.kill('SIGTERM')
    await late.child.exited
    const lateAgain = musterd(late.words, folder)
    await lateAgain.untilOutput(/^musterd is ready: proxy "late" /m)
  })

  test('who comes too late ends with status 1 if told to, and so does one whose data were lost', async () => {
    const folder = await scratchDir()
    const token = await hostToken(folder, 2)
    const [first, second] = [
      await startAt('one', folder, '--discovery', token),
      await startAt('two', folder, '--discovery', token),
    ]
    await first.child.untilOutput(READY)
    await second.child.untilOutput(READY)
    const late = await startAt('late', folder, '--discovery', token, '--discovery-fallback', 'exit')
    expect(await late.child.exited).toEqual({ code: 1, signal: null })
    expect(late.child.stderr).toContain('musterd: failed to join discovery cluster (discovery: cluster is full)\n')

    await first.child.end()
    const lost = musterd([...first.words, '--data-dir', 'elsewhere'], folder)
    expect(await lost.exited).toEqual({ code: 1, signal: null })
    expect(lost.stderr).toContain('member "one" has previously registered with discovery service token')
  })
})

const hasNamespaces = spawnSync('unshare', ['-rnm', 'ip', 'link', 'set', 'lo', 'up']).status === 0

describe('--discovery-srv', () => {
  test.skipIf(!hasNamespaces)(
    'two find each other by the DNS of their machine (skipped without unshare and ip)',
    async () => {
      const folder = await scratchDir()
      const resolvConf = join(folder, 'resolv.conf')
      await writeFile(resolvConf, 'nameserver 127.0.0.1\n')
      const zone = {
        '_etcd-server._tcp.example.test': [
          { host: 'm1.example.test', port: 2380 },
          { host: 'm2.example.test', port: 2380 },
        ],
        'm1.example.test': [{ address: '127.0.0.1' }],
        'm2.example.test': [{ address: '127.0.0.2' }],
      }
      const member = (at: number): string => {
        const words = [
          ...['--name', `m${at}`, '--discovery-srv', 'example.test', '--initial-cluster-token', 'srv'],
          ...['--initial-advertise-peer-urls', `http://m${at}.example.test:2380`],
          ...['--listen-peer-urls', `http://127.0.0.${at}:2380`, '--listen-client-urls', `http://127.0.0.${at}:2379`],
          ...['--advertise-client-urls', `http://m${at}.example.test:2379`],
        ]
        return `${NODE} ${MUSTERD} ${words.join(' ')} & m${at}=$!`
      }
      const ask = 'curl -sS --retry 40 --retry-delay 1 --retry-connrefused --max-time 40'
      const script = [
        'ip link set lo up',
        `mount --bind ${resolvConf} /etc/resolv.conf`,
        `${NODE} ${join(ROOT, 'tests/support/dns-process.ts')} '${JSON.stringify(zone)}' & dns=$!`,
        'for i in $(seq 100); do getent hosts m1.example.test >/dev/null && break; sleep 0.1; done',
        member(1),
        member(2),
        `${ask} http://m1.example.test:2379/v2/keys/k -XPUT -d value=v`,
        `${ask} http://m2.example.test:2379/v2/keys/k?quorum=true`,
        `${ask} http://m2.example.test:2379/v2/machines`,
        'kill $m1 $m2 $dns; wait $m1 $m2',
      ]
      const child = startChild('unshare', ['-rnm', 'sh', '-c', script.join('\n')], { cwd: folder, group: true })
      await child.exited
      expect(child.stdout.match(/"value":"v"/g), child.stderr).toHaveLength(2)
      expect(child.stdout).toContain('http://m1.example.test:2379, http://m2.example.test:2379')
      expect(child.stderr).toContain('DNS names a member url=http://m2.example.test:2380')
    },
  )
})
