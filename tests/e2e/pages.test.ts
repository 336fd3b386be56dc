/**
 * The pages in docs/ are true: their `sh` blocks run, in order, and come to what the page says.
 *
 * Addresses become free ports of this machine. What stays is started as it stands, with flags that keep it off the fixed ports.
 * The README has a test of its own.
 */
import { chmod, mkdir, readdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { TestAuthority } from '../support/certificates.ts'
import { ChangingCluster } from '../support/changing-cluster.ts'
import { type Child, NODE, ROOT } from '../support/child.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { MemberProcess, planMembers } from '../support/member-process.ts'
import { commandBlocks, Places } from '../support/page-blocks.ts'
import { scratchDir, startChild } from '../support/scratch.ts'

const READY = /^musterd is ready: /m

/** Its blocks; fails when there are more or fewer than a test runs. */
function blocksOf(page: string, count: number): readonly string[] {
  const blocks = commandBlocks(`docs/${page}`).map(({ commands }) => commands)
  expect(blocks, `${page}: run the new block here, or say in its fence why it cannot be run`).toHaveLength(count)
  return blocks
}

/** A folder to work in, and a shell in which the commands of this repository are those of its sources. */
async function workplace() {
  const folder = await scratchDir()
  await mkdir(join(folder, 'bin'))
  for (const name of ['musterd', 'muster']) {
    const path = join(folder, 'bin', name)
    await writeFile(path, `#!/bin/sh\nexec ${NODE} ${join(ROOT, 'bin', `${name}.ts`)} "$@"\n`)
    await chmod(path, 0o755)
  }
  const env = { PATH: `${join(folder, 'bin')}:${process.env['PATH']}` }
  const start = (commands: string): Child => {
    return startChild('bash', ['-e', '-o', 'pipefail', '-c', commands], { cwd: folder, env, group: true })
  }
  const run = async (commands: string): Promise<string> => {
    const child = start(commands)
    const { code } = await child.exited
    expect({ commands, code, stderr: code === 0 ? '' : child.stderr }).toEqual({ commands, code: 0, stderr: '' })
    return child.stdout
  }
  return { folder, start, run }
}

/** Words that keep a member off the ports that it would take by default. */
async function onFreePorts(side: 'client' | 'peer'): Promise<string> {
  const url = `http://127.0.0.1:${await freePort()}`
  if (side === 'client') return ` --listen-client-urls ${url} --advertise-client-urls ${url}`
  return ` --listen-peer-urls ${url} --initial-advertise-peer-urls ${url} --initial-cluster m1=${url}`
}

/** Pages whose blocks another test runs, by its path. */
const RUN_ELSEWHERE: Readonly<Record<string, string>> = { 'tool.md': 'tests/e2e/tool-page.test.ts' }

test('every page whose commands can be run is run', async () => {
  const names = await readdir(join(ROOT, 'docs'))
  const pages = names.filter((name) => name.endsWith('.md') && commandBlocks(`docs/${name}`).length > 0)
  const here = ['discovery.md', 'members.md', 'migration.md', 'tls.md']
  const unknown = pages.filter((name) => !here.includes(name) && RUN_ELSEWHERE[name] === undefined)
  expect(unknown, 'run them here, or say above which test does').toEqual([])
})

test('members.md: a member is added, started and removed', async () => {
  const [add = '', begin = '', remove = ''] = blocksOf('members.md', 3)
  const cluster = await ChangingCluster.start(['a', 'b', 'c'])
  const places = new Places()
  for (const [at, { spec }] of cluster.members.entries()) {
    places.set(`10.0.0.${at + 1}:2379`, spec.clientPort)
    places.set(`10.0.0.${at + 1}:2380`, spec.peerPort)
  }
  const { start, run } = await workplace()
  const adding = await places.map(add)
  // It is refused as long as the members have not been connected for a while.
  const { id } = await eventually('it to be added', async () => {
    const answer = JSON.parse(await run(adding)) as { readonly id?: string }
    return answer.id === undefined ? false : { id: answer.id }
  })
  const child = start(await places.map(begin))
  await child.untilOutput(READY)
  await run((await places.map(remove)).replace(/[0-9a-f]{16}/, id))
  expect(await child.exited).toEqual({ code: 0, signal: null })
})

test('discovery.md: members find each other by a token that another one hosts, and a proxy finds them', async () => {
  const [token = '', proxy = ''] = blocksOf('discovery.md', 2)
  const { folder, start } = await workplace()
  const [spec] = await planMembers(['host'], folder)
  const host = new MemberProcess(spec as NonNullable<typeof spec>)
  onTestFinished(async () => {
    await host.child.end()
  })
  await host.start()
  const places = new Places()
  places.set('10.0.0.9:2379', host.spec.clientPort)
  const members = [start(await places.map(token))]
  const joining = token.slice(token.indexOf('musterd '))
  const url = await eventually('the token', async () => {
    const { node } = JSON.parse((await (await fetch(`${host.url}/v2/keys/_etcd/registry`)).text()) || '{}') as {
      readonly node?: { readonly nodes?: readonly { readonly key: string }[] }
    }
    const key = node?.nodes?.[0]?.key
    return key === undefined ? false : `${host.url}/v2/keys${key}`
  })
  for (const at of [1, 2]) {
    const other = await places.map(
      joining.replaceAll('infra0', `infra${at}`).replaceAll('10.0.0.1', `10.0.0.${at + 1}`),
    )
    members.push(start(`TOKEN=${url}\n${other}`))
  }
  for (const member of members) await member.untilOutput(READY)
  const through = start(await places.map(proxy))
  await through.untilOutput(/^musterd is ready: proxy/m)
  const address = await places.map('http://127.0.0.1:2379')
  await eventually('a write through the proxy', async () => {
    const answer = await fetch(`${address}/v2/keys/k`, { method: 'PUT', body: new URLSearchParams({ value: 'v' }) })
    return answer.ok
  })
})

test('tls.md: clients are served with a certificate, and members trust each other by one', async () => {
  const [serve = '', ask = '', peers = ''] = blocksOf('tls.md', 3)
  const { folder, start, run } = await workplace()
  const authority = new TestAuthority()
  for (const name of ['m1', 'm2', 'm3']) {
    const side = await authority.writeSide(folder)
    await rename(side.certFile, join(folder, `${name}.pem`))
    await rename(side.keyFile, join(folder, `${name}-key.pem`))
  }
  await writeFile(join(folder, 'members-ca.pem'), authority.cert)
  const places = new Places()
  const member = start((await places.map(serve)) + (await onFreePorts('peer')))
  await member.untilOutput(READY)
  expect(await run(await places.map(ask))).toContain('"etcdserver"')
  member.kill('SIGTERM')
  await member.exited

  const members: Child[] = []
  for (const at of [1, 2, 3]) {
    const [name, ...list] = peers.split('--initial-cluster ')
    const own = `${name}`.replaceAll('m1', `m${at}`).replaceAll('10.0.0.1', `10.0.0.${at}`)
    const words = ` --data-dir three-${at}${await onFreePorts('client')}`
    members.push(start((await places.map([own, ...list].join('--initial-cluster '))) + words))
  }
  for (const each of members) await each.untilOutput(READY)
})

test('migration.md: keys are copied and followed until the cut-over, and go through a file', async () => {
  const [live = '', file = ''] = blocksOf('migration.md', 2)
  const { folder, start, run } = await workplace()
  const places = new Places()
  const specs = [...(await planMembers(['old'], folder)), ...(await planMembers(['new'], folder))]
  const [source, target] = specs.map((spec) => new MemberProcess(spec)) as [MemberProcess, MemberProcess]
  for (const member of [source, target]) {
    onTestFinished(async () => {
      await member.child.end()
    })
    await member.start()
  }
  places.set('10.0.0.5:2379', source.spec.clientPort)
  places.set('10.0.0.5:12379', target.spec.clientPort)
  const put = (member: MemberProcess, key: string) =>
    fetch(`${member.url}/v2/keys${key}`, { method: 'PUT', body: new URLSearchParams({ value: 'v' }) })
  await put(source, '/before')
  const copying = start(await places.map(live))
  await copying.untilOutput(/^following/m)
  await put(source, '/meanwhile')
  copying.kill('SIGUSR1')
  expect(await copying.exited).toEqual({ code: 0, signal: null })
  expect(copying.stdout).toMatch(/^equal$/m)
  expect((await fetch(`${target.url}/v2/keys/meanwhile`)).status).toBe(200)

  await fetch(`${target.url}/v2/keys/before`, { method: 'DELETE' })
  await run(await places.map(file))
  expect((await fetch(`${target.url}/v2/keys/before`)).status).toBe(200)
})
