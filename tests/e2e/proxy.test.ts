/** `--proxy`, as real processes: in front of three members, while they come and go. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type SideFiles, TestAuthority } from '../support/certificates.ts'
import { type Child, NODE } from '../support/child.ts'
import { startCluster } from '../support/cluster.ts'
import { curl } from '../support/curl.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { MUSTERD } from '../support/member-process.ts'
import { scratchDir, startChild } from '../support/scratch.ts'

async function startProxy(folder: string, initialCluster: string, mode = 'on') {
  const url = `http://127.0.0.1:${await freePort()}`
  const words = ['--proxy', mode, '--data-dir', 'proxy.etcd', '--listen-client-urls', url]
  const start = (...more: readonly string[]): Child => startChild(NODE, [MUSTERD, ...words, ...more], { cwd: folder })
  const child = start('--initial-cluster', initialCluster)
  await child.untilOutput(/^musterd is ready: .*proxy/m)
  return { url, child, start }
}

describe('a proxy', () => {
  test('survives its members one after the other, loses no write, and remembers where they are', async () => {
    const cluster = await startCluster()
    const folder = await scratchDir()
    const initialCluster = cluster.members[0]?.spec.initialCluster ?? ''
    const { url, child, start } = await startProxy(folder, initialCluster)
    await eventually('the proxy to know three members', async () => {
      const { endpoints } = JSON.parse(await curl(`${url}/v2/config/local/proxy`)) as { endpoints: string[] }
      return endpoints.length === 3
    })
    const remembered = JSON.parse(await readFile(join(folder, 'proxy.etcd/proxy/cluster'), 'utf8')) as {
      PeerURLs: string[]
    }
    expect(remembered.PeerURLs).toHaveLength(3)

    let written = 0
    for (const member of cluster.members) {
      expect(await curl('-X', 'PUT', `${url}/v2/keys/n`, '-d', `value=${++written}`)).toContain(`"value":"${written}"`)
      await member.terminate()
      await eventually('a write through those that are left', async () => {
        const answer = await curl('-X', 'PUT', `${url}/v2/keys/n`, '-d', `value=${written + 1}`)
        return answer.includes(`"value":"${written + 1}"`)
      })
      written += 1
      member.spawn()
      await member.untilReady()
    }
    await cluster.leader()
    expect(await curl(`${url}/v2/keys/n?quorum=true`)).toContain(`"value":"${written}"`)

    child.kill('SIGTERM')
    expect(await child.exited).toEqual({ code: 0, signal: null })
    const again = start('--proxy=off', '--advertise-client-urls', url)
    await again.untilOutput(/^musterd is ready: proxy/m)
    expect(again.stderr).toContain('the data directory is that of a proxy')
    await eventually('it to serve again', async () => (await curl(`${url}/v2/keys/n`)).includes(`"value":"${written}"`))
  })

  test('that is read-only lets reads and watches through', async () => {
    const cluster = await startCluster({ members: 1 })
    const initialCluster = cluster.members[0]?.spec.initialCluster ?? ''
    const { url } = await startProxy(await scratchDir(), initialCluster, 'readonly')
    const [memberUrl = ''] = cluster.urls
    await curl('-X', 'PUT', `${memberUrl}/v2/keys/k`, '-d', 'value=v')
    await eventually('the proxy to serve', async () => (await curl(`${url}/v2/keys/k`)).includes('"value":"v"'))
    const refused = await curl('-s', '-o', '/dev/null', '-w', '%{http_code}', '-X', 'DELETE', `${url}/v2/keys/k`)
    expect(refused).toBe('501')
    const watch = curl(`${url}/v2/keys/k?wait=true&waitIndex=1`)
    expect(await watch).toContain('"action":"set"')
  })

  test('over the data of a member is a member, with a warning', async () => {
    const cluster = await startCluster({ members: 1 })
    const [member] = cluster.members
    await member?.terminate()
    const words = ['--proxy=on', '--name', 'm1', '--data-dir', member?.spec.dataDir ?? '']
    const [client, peer] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`]
    const urls = [`--listen-client-urls=${client}`, `--advertise-client-urls=${client}`, `--listen-peer-urls=${peer}`]
    const again = startChild(NODE, [MUSTERD, ...words, ...urls])
    await again.untilOutput(/^musterd is ready: member "m1"/m)
    expect(again.stderr).toContain('--proxy is ignored: the data directory is that of a member')
  })

  test('and a member in one directory are refused, whatever is asked for', async () => {
    const cluster = await startCluster({ members: 1 })
    const [member] = cluster.members
    await member?.terminate()
    const dataDir = member?.spec.dataDir ?? ''
    await mkdir(join(dataDir, 'proxy'))
    for (const mode of ['on', 'off']) {
      const child = startChild(NODE, [MUSTERD, '--proxy', mode, '--data-dir', dataDir])
      expect((await child.exited).code).toBe(1)
      expect(child.stderr).toMatch(
        /^musterd: cannot use ".*" as data directory: it holds data of a member and of a proxy/m,
      )
    }
    await rm(join(dataDir, 'proxy'), { recursive: true })
    member?.spawn()
    await member?.untilReady()
  })

  test('starts where the first start of a member failed', async () => {
    const cluster = await startCluster({ members: 1 })
    const folder = await scratchDir()
    const dataDir = join(folder, 'proxy.etcd')
    const failed = startChild(NODE, [
      ...[MUSTERD, '--name=q', '--data-dir', dataDir, '--initial-cluster=a=http://127.0.0.1:1'],
    ])
    expect((await failed.exited).code).toBe(1)
    const { url } = await startProxy(folder, cluster.members[0]?.spec.initialCluster ?? '', 'on')
    await eventually('the proxy to serve', async () =>
      (await curl('-X', 'PUT', `${url}/v2/keys/k`, '-d', 'value=v')).includes('"value":"v"'),
    )
  })

  test('refuses the data of an etcd, and a place where it may not write, with one sentence', async () => {
    const folder = await scratchDir()
    await mkdir(join(folder, 'etcd/member/wal'), { recursive: true })
    await writeFile(join(folder, 'file'), '')
    for (const [dataDir, sentence] of [
      ['etcd', /^musterd: cannot use ".*etcd" as data directory: .*looks like a data directory of etcd$/m],
      ['file', /^musterd: cannot use ".*file" as data directory: ENOTDIR/m],
    ] as const) {
      const child = startChild(NODE, [MUSTERD, '--proxy=on', '--data-dir', dataDir], { cwd: folder })
      expect((await child.exited).code).toBe(1)
      expect(child.stderr).toMatch(sentence)
      expect(child.stderr).not.toMatch(/^ {4}at /m)
    }
  })

  test('reaches members that demand certificates, and serves clients with and without TLS', async () => {
    const folder = await scratchDir()
    const authority = new TestAuthority()
    for (const name of ['member', 'proxy']) await mkdir(join(folder, name))
    const [client, peer] = [`https://127.0.0.1:${await freePort()}`, `https://127.0.0.1:${await freePort()}`]
    const member = await authority.writeSide(join(folder, 'member'), { cn: 'member' })
    const memberUrls = ['--listen-client-urls', client, '--advertise-client-urls', client, '--listen-peer-urls', peer]
    const served = startChild(
      NODE,
      [MUSTERD, ...memberUrls, '--initial-advertise-peer-urls', peer, ...side('', member), ...side('peer-', member)],
      { cwd: folder },
    )
    await served.untilOutput(/^musterd is ready: member/m)

    const own = await authority.writeSide(join(folder, 'proxy'), { cn: 'proxy' })
    const [plain, secure] = [`http://127.0.0.1:${await freePort()}`, `https://127.0.0.1:${await freePort()}`]
    const words = ['--proxy=on', '--data-dir=p', '--listen-client-urls', `${plain},${secure}`]
    const cluster = ['--initial-cluster', `default=${peer}`]
    const proxy = startChild(NODE, [MUSTERD, ...words, ...cluster, ...side('', own), ...side('peer-', own)], {
      cwd: folder,
    })
    await proxy.untilOutput(/^musterd is ready: proxy/m)
    await eventually('a write through the proxy', async () => {
      return (await curl('-X', 'PUT', `${plain}/v2/keys/k`, '-d', 'value=v')).includes('"value":"v"')
    })
    const shown = ['--cacert', own.trustedCaFile, '--cert', own.certFile, '--key', own.keyFile]
    expect(await curl(...shown, `${secure}/v2/keys/k`)).toContain('"value":"v"')
    await expect(curl('--cacert', own.trustedCaFile, `${secure}/v2/keys/k`)).rejects.toThrow()
  })
})

function side(prefix: '' | 'peer-', files: SideFiles): readonly string[] {
  return [
    ...[`--${prefix}cert-file`, files.certFile, `--${prefix}key-file`, files.keyFile],
    ...[`--${prefix}trusted-ca-file`, files.trustedCaFile, `--${prefix}client-cert-auth`],
  ]
}
